// Predictive warming: a plan of the recently most read keys, which outlives the process in the cache's own tiers.
import { check, checkOptions, type Shape, text, whole } from '../../core/checks.ts'
import { decodeKey, type Key } from '../../core/key.ts'
import type { WarmKeys } from '../../core/warm.ts'

/** Which keys a plan contains. */
export interface WarmPlanOfOptions {
  /** The share of all known keys, above 0 to 1. Default 0.2: beyond a third, few of the warmed keys are read. */
  readonly share?: number | undefined
  /** At most this many keys, up to 65,536. Default 10,000. */
  readonly top?: number | undefined
  /** Default `default`. */
  readonly namespace?: string | undefined
}

/** A namespace that stores its list. */
export interface WarmPlanCache {
  /** Reads the stored list, uncounted. */
  get(key: Key, options: { readonly quiet: true }): Promise<unknown>
  /** Stores the list. */
  set(key: Key, value: unknown, options: { readonly ttl: '30d' }): Promise<unknown>
}

export interface WarmPlanSpaces {
  /** Opens the namespace whose keys are warmed. */
  namespace(name: string): WarmPlanCache
}

const RECORD: Key = ['millpond.predicted']
const OPTIONS: Shape<WarmPlanOfOptions> = {
  share: check(
    (value): value is number => typeof value === 'number' && value > 0 && value <= 1,
    'a share above 0 and up to 1',
  ),
  top: whole(1, 65_536),
  namespace: text,
}

interface Hottest {
  hottest(namespace: string, share: number, most: number): string[]
}

/** @throws MillpondError `OPTION_INVALID` */
export function planOf(predicting: Hottest, cache: WarmPlanSpaces, options: WarmPlanOfOptions): WarmKeys {
  checkOptions<WarmPlanOfOptions>(options, OPTIONS, 'warmPlan')
  const { share = 0.2, top = 10_000, namespace = 'default' } = options
  return {
    name: 'predicted',
    async keys() {
      const space = cache.namespace(namespace)
      const now = predicting.hottest(namespace, share, top)
      const before = await space.get(RECORD, { quiet: true })
      const kept = Array.isArray(before) ? before.filter((key): key is string => typeof key === 'string') : []
      const all = [...new Set([...now, ...kept])].slice(0, Math.max(now.length, Math.min(kept.length, top)))
      if (all.length > 0) await space.set(RECORD, all, { ttl: '30d' })
      return all.map(decodeKey)
    },
  }
}
