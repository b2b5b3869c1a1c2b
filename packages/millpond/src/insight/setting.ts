// The memory tier under study: its limit, and whether it is still the same.
import type { Recorder } from '../core/recorder.ts'

/** What a study needs of a cache: `Cache` has it. */
export interface WatchedCache {
  readonly name: string
  record(recorder: Recorder): () => void
  info(): {
    readonly name: string
    readonly memory:
      | {
          readonly entries: number
          readonly bytes: number
          readonly maxEntries?: number
          readonly maxBytes?: number
          readonly policy: string
        }
      | undefined
  }
  describe(): { readonly tiers: readonly { readonly name: string; readonly ttl_factor: number }[] }
}

/** The memory tier as it was when its study began. */
export interface Setting {
  readonly capacity: number
  readonly unit: 'entries' | 'bytes'
  readonly policy: string
  readonly entries: number
  readonly ttlFactor: number
}

/** `undefined`: there is no memory tier, or it has no limit. */
export function settingOf(cache: WatchedCache, before: Setting | undefined): Setting | undefined {
  const { memory } = cache.info()
  if (memory === undefined) return undefined
  const { entries, bytes, maxEntries = Number.POSITIVE_INFINITY, maxBytes = Number.POSITIVE_INFINITY, policy } = memory
  const [capacity, unit] = bound({ entries, bytes, maxEntries, maxBytes }, before)
  if (capacity === Number.POSITIVE_INFINITY) return undefined
  const ttlFactor = cache.describe().tiers.find(({ name }) => name === 'memory')?.ttl_factor ?? 1
  // How many entries fit: for a limit in bytes, by the weights of the current entries.
  const held =
    unit === 'entries'
      ? maxEntries
      : Math.min(maxEntries, entries === 0 ? maxBytes / 1024 : (maxBytes * entries) / bytes)
  const known =
    before !== undefined &&
    before.unit === unit &&
    before.capacity === capacity &&
    held < before.entries * 4 &&
    held > before.entries / 4
  return { capacity, unit, policy, entries: known ? before.entries : Math.max(1, Math.round(held)), ttlFactor }
}

/** Of two limits, the one that is reached first; once chosen, until the other is reached. */
function bound(
  { entries, bytes, maxEntries, maxBytes }: { entries: number; bytes: number; maxEntries: number; maxBytes: number },
  before: Setting | undefined,
): readonly [number, 'entries' | 'bytes'] {
  const byBytes = bytes / maxBytes
  const byEntries = entries / maxEntries
  const isKept = before !== undefined && Math.max(byBytes, byEntries) < 0.9
  const unit = isKept
    ? before.unit
    : byBytes > byEntries || maxEntries === Number.POSITIVE_INFINITY
      ? 'bytes'
      : 'entries'
  return [unit === 'bytes' ? maxBytes : maxEntries, unit]
}

export const sameSetting = (one: Setting | undefined, other: Setting | undefined): boolean =>
  sameTier(one, other) && one?.entries === other?.entries

/** The same, however many entries it is expected to hold. */
export const sameTier = (one: Setting | undefined, other: Setting | undefined): boolean =>
  one?.capacity === other?.capacity &&
  one?.unit === other?.unit &&
  one?.policy === other?.policy &&
  one?.ttlFactor === other?.ttlFactor
