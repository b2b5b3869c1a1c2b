// The distributed tier: many independent stores as one, each entry on several of them, under a ledger stored elsewhere.
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

/** The tier of `distributed()`, with operations on the running ring. */
export interface DistributedTier extends Tier {
  readonly name: 'distributed'
  readonly ledger: LedgerStore
  /** What this process had to work around since its start. */
  readonly counts: Readonly<DistributedCounts>
  members(): readonly DistributedMember[]
  /** The names of the nodes that hold a storage key, best first. */
  ownersOf(key: string): readonly string[]
  /**
   * Adds a node to the ring of this process, and moves to it the entries that it now owns. Call it in every process:
   * the first one moves, the others resolve with `elsewhere`.
   * @throws MillpondError `OPTION_INVALID`.
   */
  add(node: DistributedNode): Promise<MoveReport>
  /**
   * Removes a node from the ring of this process, moves entries that only it holds, and closes its tier.
   * @throws MillpondError `OPTION_INVALID` for an unknown name, or if fewer nodes than copies would be left.
   */
  remove(name: string): Promise<MoveReport>
  /** Changes a node's weight, and moves the affected entries. @throws MillpondError `OPTION_INVALID`. */
  reweigh(name: string, weight: number): Promise<MoveReport>
  /**
   * Checks every entry of every node: after processes were started with a different list of nodes, or after long
   * outages.
   */
  repair(): Promise<MoveReport>
}

/**
 * Many stores as one tier: each entry is stored on `replicas` of the nodes, chosen by weighted rendezvous hashing, and
 * read from another one if a node does not answer. The numbers that decide validity are in the tier given as `ledger`:
 * while that does not answer, no entry of the ring is accepted.
 *
 * Writes and invalidations that a node misses cause no wrong reads: its older copy is invalid by its position.
 *
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`.
 * @example
 * const cache = createCache({
 *   tiers: [memory(), distributed({
 *     nodes: [
 *       { name: 'a', tier: memcached({ servers: '10.0.0.1' }) },
 *       { name: 'b', tier: memcached({ servers: '10.0.0.2' }), weight: 2 },
 *     ],
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
