// The abilities of a ring: those that all its nodes share.
import type { Tier, TierBounds, TierLimits, TierStep, TierUsage } from '../../core/contracts.ts'
import type { Member } from './options.ts'

export const canBeListed = (tiers: readonly Tier[]): boolean => tiers.every(({ scan }) => scan !== undefined)

/** The places of all tiers that declare them. */
export const placesOf = (tiers: readonly Tier[]): readonly string[] => tiers.flatMap(({ places = [] }) => places)

type OfOne = Pick<TierLimits, 'keyBytes' | 'itemBytes' | 'entryBytes'>

/** Limits on a single entry; how much is sent to a node at a time is up to its own guard. */
export function limitsOf(tiers: readonly Tier[]): OfOne {
  const least = (name: keyof OfOne): OfOne => {
    const limits = tiers.flatMap((tier) => tier.limits?.[name] ?? [])
    return limits.length === 0 ? {} : { [name]: Math.min(...limits) }
  }
  return { ...least('keyBytes'), ...least('itemBytes'), ...least('entryBytes') }
}

/** Limits in entries, each counted once. Absent if a node has none. */
export function boundsOf(members: readonly Member[], copies: number): TierBounds | undefined {
  const sum = (name: 'maxEntries' | 'maxBytes'): TierBounds => {
    const bounds = members.flatMap(({ tier }) => tier.bounds?.[name] ?? [])
    return bounds.length < members.length
      ? {}
      : { [name]: Math.floor(bounds.reduce((all, one) => all + one, 0) / copies) }
  }
  const bounds = { ...sum('maxEntries'), ...sum('maxBytes') }
  return Object.keys(bounds).length === 0 ? undefined : bounds
}

/** Each entry counted once, assuming that all its copies exist. */
export async function usageOf(members: readonly Member[], copies: number): Promise<TierUsage> {
  const usages = await Promise.all(members.map(async ({ tier }) => (await tier.usage?.()) ?? {}))
  const sum = (name: keyof TierUsage): TierUsage => {
    const told = usages.flatMap((usage) => usage[name] ?? [])
    return told.length < members.length ? {} : { [name]: Math.ceil(told.reduce((all, one) => all + one, 0) / copies) }
  }
  return { ...sum('entries'), ...sum('bytes'), ...sum('evicted') }
}

/** The steps of each node and of the ledger's tier, under their names. */
export async function examineAll(members: readonly Pick<Member, 'name' | 'tier'>[]): Promise<readonly TierStep[]> {
  const examined = await Promise.all(
    members.map(async ({ name, tier }) =>
      ((await tier.examine?.()) ?? []).map((step) => ({ ...step, at: `${name} (${step.at})` })),
    ),
  )
  return examined.flat()
}

/** Why a node cannot join the existing nodes, whose abilities the ring has declared; undefined: it can. */
export function unfit(tier: Tier, others: readonly Tier[]): string | undefined {
  const ring = limitsOf(others)
  const own = limitsOf([tier])
  for (const name of ['keyBytes', 'itemBytes'] as const)
    if ((own[name] ?? Number.POSITIVE_INFINITY) < (ring[name] ?? Number.POSITIVE_INFINITY))
      return `accepts smaller batches (${name}) than the other nodes`
  if (tier.scan === undefined && canBeListed(others)) return 'cannot be listed, as the other nodes can'
  if (!tier.durable && others.every(({ durable }) => durable))
    return 'does not outlive its process, as the other nodes do'
  return undefined
}
