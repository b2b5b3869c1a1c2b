// How an invalidation is carried out, if the caller says so: its pace, its tiers, and whether the CDN is included.
import { counted } from 'millpond/options'
import { z } from 'zod'
import { may, type Principal } from '../access/roles.ts'
import type { AskedCriteria } from '../agent/requests.ts'
import { type CdnTarget, type ControlCdn, cdnOf, problemOf } from '../cdn/part.ts'
import type { Control } from '../control.ts'
import { invalid, Problem } from '../http/problem.ts'

/** The most seconds of a paced invalidation; each has receipts of its own. */
const MOST_SLICES = 600

/** What the CDN is sent, and how long it takes. */
export interface CdnPlan {
  readonly targets: readonly CdnTarget[]
  readonly takes_ms: number
}

const described = z.object({ tiers: z.array(z.object({ name: z.string() })) })

export const isByKeysAlone = ({ keys: named, ...others }: AskedCriteria): boolean =>
  named !== undefined && Object.values(others).every((value) => value === undefined)

/** Tags and patterns are one number that entries are compared with: there is nothing to pace. */
export function checkPace(pace: number | undefined, criteria: AskedCriteria): void {
  if (pace === undefined) return
  if (!isByKeysAlone(criteria))
    throw invalid([
      {
        pointer: '/pace_per_s',
        code: 'not_by_key',
        detail:
          'a pace applies only to keys or urls: tags, patterns and models take effect at once. To spare the source, use "mode": "soft"',
      },
    ])
  const slices = Math.ceil((criteria.keys?.length ?? 0) / pace)
  if (slices > MOST_SLICES)
    throw invalid([
      {
        pointer: '/pace_per_s',
        code: 'too_slow',
        detail: `${counted(criteria.keys?.length ?? 0, 'key')} at ${pace} a second take ${slices} s: ${MOST_SLICES} s is the maximum, so name fewer keys or a higher pace`,
      },
    ])
}

/**
 * An invalidation is a position that every tier compares its entries with: a tier that is left out would return the old
 * value to those above it.
 */
export async function checkTiers(
  control: Control,
  caches: readonly string[],
  tiers: readonly string[] | undefined,
): Promise<void> {
  if (tiers === undefined) return
  for (const cache of caches) {
    const names = described.parse(await control.fleet.one(cache, 'describe', null)).tiers.map(({ name }) => name)
    const [unknown] = tiers.filter((name) => !names.includes(name))
    if (unknown !== undefined)
      throw invalid([
        {
          pointer: '/tiers',
          code: 'unknown_tier',
          detail: `${cache} has no tier ${JSON.stringify(unknown)}: it has ${names.join(', ')}`,
        },
      ])
    const missing = names.filter((name) => !tiers.includes(name))
    if (missing.length > 0)
      throw invalid([
        {
          pointer: '/tiers',
          code: 'tier_left_out',
          detail: `${missing.join(', ')} would bring the old value back into the tiers above: leave tiers out, or name all of them`,
        },
      ])
  }
}

export function cdnPlan(
  control: Control,
  principal: Principal,
  { tags = [], all }: AskedCriteria,
  urls: readonly string[] = [],
): CdnPlan {
  const cdn = refuseCdn(control, principal)
  const targets: CdnTarget[] =
    all === true ? [{ kind: 'everything' }] : [...urls, ...tags.map((tag): CdnTarget => ({ kind: 'tag', tag }))]
  if (targets.length === 0)
    throw invalid([
      {
        pointer: '/propagate_cdn',
        code: 'no_cdn_target',
        detail: 'a CDN does not know keys, patterns or models: name urls or tags',
      },
    ])
  try {
    return { targets, takes_ms: cdn.forecast(targets) }
  } catch (error) {
    throw problemOf(error)
  }
}

/** @throws Problem 422 without a CDN, 403 if the caller may not purge it */
export function refuseCdn(control: Control, principal: Principal): ControlCdn {
  const cdn = cdnOf(control.cdn, 422)
  if (!may(principal, 'cdn:purge'))
    throw new Problem(403, 'forbidden', 'purging the CDN needs the permission cdn:purge')
  if (principal.namespaces !== undefined)
    throw new Problem(403, 'forbidden', `a CDN belongs to all namespaces: ${principal.name} is limited to some of them`)
  return cdn
}
