// The distributed tier: many independent stores as one, each entry on several of them, under a ledger that lies
// elsewhere.
import type { LedgerStore, Tier } from '../../core/contracts.ts'
import { boundsOf, canBeListed, limitsOf, placesOf } from './abilities.ts'
import type { DistributedCounts } from './counts.ts'
import { type DistributedNode, type DistributedOptions, resolveDistributed } from './options.ts'
import { type DistributedMember, Ring } from './ring.ts'
import type { MoveReport } from './walk.ts'

export type { DistributedCounts } from './counts.ts'
export type { DistributedNode, DistributedOptions, DistributedWarning, HintOptions } from './options.ts'
export type { DistributedMember } from './ring.ts'
export type { MoveReport } from './walk.ts'

/** The tier of `distributed()`: a tier, and what may be done to the ring while it runs. */
export interface DistributedTier extends Tier {
  readonly name: 'distributed'
  readonly ledger: LedgerStore
  readonly counts: Readonly<DistributedCounts>
  members(): readonly DistributedMember[]
  /** The names of the nodes that keep a storage key, the best first. */
  ownersOf(key: string): readonly string[]
  /**
   * Takes a node into the ring of this process, and moves to it what it keeps from now on. Tell every process: the
   * first one moves, the others resolve with `elsewhere`.
   * @throws MillpondError `OPTION_INVALID`.
   */
  add(node: DistributedNode): Promise<MoveReport>
  /**
   * Takes a node out of the ring of this process, moves what it alone still has, and closes its tier.
   * @throws MillpondError `OPTION_INVALID` for a name that is not there, or where fewer nodes than copies would be
   * left.
   */
  remove(name: string): Promise<MoveReport>
  /** Gives a node another share, and moves what that changes. @throws MillpondError `OPTION_INVALID`. */
  reweigh(name: string, weight: number): Promise<MoveReport>
  /**
   * Looks at every entry of every node: after processes were started with another list of nodes, or after long outages.
   */
  repair(): Promise<MoveReport>
}

/**
 * Many stores as one tier: each entry lies on `replicas` of the nodes, chosen by weighted rendezvous hashing, and is
 * read from another one where a node does not answer. The numbers that decide what is valid lie in the tier that
 * `ledger` names: while it does not answer, nothing of the ring is accepted.
 *
 * A node that misses something is never accepted for it: what it holds from before is invalid by its position.
 *
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`.
 * @example
 * const cache = createCache({
 *   tiers: [memory(), distributed({
 *     nodes: [{ name: 'a', tier: memcached({ servers: '10.0.0.1' }) }, { name: 'b', tier: memcached({ servers: '10.0.0.2' }), weight: 2 }],
 *     ledger: redis({ url }),
 *   })],
 * })
 */
export function distributed(options: DistributedOptions): DistributedTier {
  const settings = resolveDistributed(options)
  const { members, ledgerTier, copies } = settings
  const ring = new Ring(settings)
  const tiers = members.map(({ tier }) => tier)
  const bounds = boundsOf(members, copies)
  return {
    name: 'distributed',
    scope: members[0]?.tier.scope ?? 'shared',
    durable: tiers.every(({ durable }) => durable),
    limits: limitsOf(tiers),
    places: placesOf(tiers),
    ledger: ring.ledger,
    counts: ring.counts,
    read: (keys) => ring.read(keys),
    write: (items) => ring.write(items),
    drop: (keys) => ring.drop(keys),
    clear: (prefix) => ring.clear(prefix),
    examine: () => ring.examine(),
    close: () => ring.close(),
    members: () => ring.members(),
    ownersOf: (key) => ring.ownersOf(key),
    add: async (node) => ring.add(node),
    remove: async (name) => ring.remove(name),
    reweigh: async (name, weight) => ring.reweigh(name, weight),
    repair: async () => ring.move(true),
    ...(bounds !== undefined && { bounds }),
    ...(canBeListed(tiers) && { scan: (prefix: string) => ring.scan(prefix) }),
    ...(tiers.some(({ scanMayMiss }) => scanMayMiss === true) && { scanMayMiss: true }),
    ...(tiers.every(({ usage }) => usage !== undefined) && { usage: () => ring.usage() }),
    ...(tiers.some(({ scrub }) => scrub !== undefined) && { scrub: () => ring.scrub() }),
    ...(ledgerTier.nodes !== undefined && { nodes: ledgerTier.nodes }),
  }
}
