// The edge tier: several regions, each with its own stores and ledger; what is invalidated in one is invalidated in
// all.
import type { LedgerRegions, LedgerStore, Tier, TierLimits, TierStep } from '../../core/contracts.ts'
import { limitsOf, placesOf } from '../distributed/abilities.ts'
import { Edge } from './edge.ts'
import { HEAD_BYTES } from './entries.ts'
import { type EdgeOptions, type Region, resolveEdge } from './options.ts'

export type { EdgeOptions, EdgeRegion, EdgeWarning } from './options.ts'

/** The tier of `edge()`: that of the own region, which follows the others. */
export interface EdgeTier extends Tier {
  readonly name: 'edge'
  readonly ledger: LedgerStore & { readonly regions: LedgerRegions }
}

/**
 * The tiers of this process's region, under the region's own ledger, which also receives everything that other regions
 * invalidate. Misses of the region are read from the `origin`, then loaded.
 *
 * While another region cannot be reached, nothing loaded longer than `maxRegionLag` ago is served as fresh.
 *
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`.
 * @example
 * const cache = createCache({
 *   tiers: [memory(), edge({
 *     regions: { 'us-east-1': { ledger: redis({ url: us }) }, 'eu-west-1': { ledger: redis({ url: eu }) } },
 *     region: 'eu-west-1',
 *     origin: 'us-east-1',
 *   })],
 * })
 */
export function edge(options: EdgeOptions): EdgeTier {
  const settings = resolveEdge(options)
  const { own } = settings
  const { tiers, ledgerTier } = own
  const inner = new Edge(settings)
  const [first] = tiers
  const [ring] = tiers.filter(({ members }) => members !== undefined)
  const [listed] = tiers.filter(({ scan }) => scan !== undefined).slice(-1)
  return {
    name: 'edge',
    scope: own.ledger.scope,
    durable: tiers.every(({ durable }) => durable),
    limits: withoutHead(limitsOf(tiers)),
    places: placesOf(tiers),
    ledger: inner.ledger,
    read: (keys) => inner.read(keys),
    write: (items) => inner.write(items),
    drop: (keys) => inner.drop(keys),
    clear: (prefix) => inner.clear(prefix),
    examine: () => examineRegions([settings.own, ...settings.others]),
    close: () => inner.close(),
    ...(tiers.length === 1 && listed?.scan !== undefined && { scan: listed.scan.bind(listed) }),
    ...(tiers.length === 1 && first?.usage !== undefined && { usage: first.usage.bind(first) }),
    ...(ring?.members !== undefined && { members: ring.members.bind(ring) }),
    ...(tiers.length === 1 && first?.bounds !== undefined && { bounds: first.bounds }),
    ...(tiers.some(({ scanMayMiss }) => scanMayMiss === true) && { scanMayMiss: true }),
    ...(tiers.some(({ scrub }) => scrub !== undefined) && {
      scrub: async () => void (await Promise.all(tiers.map(async (tier) => tier.scrub?.()))),
    }),
    ...(ledgerTier.nodes !== undefined && { nodes: ledgerTier.nodes }),
  }
}

/** The limits of an entry, without the head that names its region. */
function withoutHead({ keyBytes, itemBytes, entryBytes }: TierLimits): TierLimits {
  return {
    ...(keyBytes !== undefined && { keyBytes }),
    ...(itemBytes !== undefined && { itemBytes: itemBytes - HEAD_BYTES }),
    ...(entryBytes !== undefined && { entryBytes: Math.max(0, entryBytes - HEAD_BYTES) }),
  }
}

async function examineRegions(regions: readonly Region[]): Promise<readonly TierStep[]> {
  const all = await Promise.all(
    regions.map(async ({ name, tiers, ledgerTier }) => {
      const steps = await Promise.all(
        [...new Set([ledgerTier, ...tiers])].map(async (tier) => (await tier.examine?.()) ?? []),
      )
      return steps.flat().map((step) => ({ ...step, at: `${name} (${step.at})` }))
    }),
  )
  return all.flat()
}
