// Stores many entries with their own TTLs, in one step for each distinct TTL.
import type { Key } from '../core/key.ts'
import type { Cache } from '../engine/cache.ts'

/** An entry to store. */
export interface Item {
  readonly key: Key
  readonly value: unknown
  /** `Infinity`: unlimited. 0 or less: expired already, and the previous value must not be returned any more. */
  readonly ttl: number
  readonly tags?: readonly string[]
}

/** `undefined` means that there is no entry. */
export async function setEach(cache: Cache, items: Iterable<Item>): Promise<void> {
  const groups = new Map<
    string,
    { readonly ttl: number; readonly tags: readonly string[]; readonly entries: [Key, unknown][] }
  >()
  const gone: Key[] = []
  for (const { key, value, ttl, tags = [] } of items) {
    if (value === undefined || ttl <= 0) {
      gone.push(key)
      continue
    }
    const name = JSON.stringify([String(ttl), tags])
    const group = groups.get(name) ?? { ttl, tags, entries: [] }
    group.entries.push([key, value])
    groups.set(name, group)
  }
  const stored = [...groups.values()].map(({ ttl, tags, entries }) => cache.setMany(entries, { ttl, tags }))
  await Promise.all(gone.length === 0 ? stored : [...stored, cache.deleteMany(gone)])
}
