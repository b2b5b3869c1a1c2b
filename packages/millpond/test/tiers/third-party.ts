// A tier as somebody else would write one: entries in a table of rows over HTTP-like calls, here in this process. All
// it needs comes from `millpond/tier`.
import { MillpondError, type Refusal, type Stored, type Tier, type TierCall, type TierItem } from 'millpond/tier'

/** A service with rows, as any remote table has them. */
export class RowService {
  readonly rows = new Map<string, TierItem>()
}

export function rowTier(service: RowService): Tier {
  let isClosed = false

  /** Every verb: is the tier open, does anybody still wait, what did the service say. */
  async function ask<T>(what: string, call: TierCall | undefined, work: () => T): Promise<T> {
    if (isClosed) throw new MillpondError('CLOSED', `[rows] ${what}: the tier is closed`)
    await new Promise((resolve) => setImmediate(resolve))
    if (call?.signal.aborted) throw new MillpondError('TIER_FAILED', `[rows] ${what}: given up`)
    return work()
  }

  const held = (key: string): Stored | undefined => {
    const row = service.rows.get(key)
    if (row === undefined || row.expiresAt <= Date.now()) return undefined
    return { asOf: row.asOf, expiresAt: row.expiresAt, body: Uint8Array.from(row.body) }
  }
  const put = (item: TierItem): Refusal | undefined => {
    if (item.body.length > 2_000_000) return 'too_large'
    service.rows.set(item.key, { ...item, body: Uint8Array.from(item.body) })
    return undefined
  }
  const under = (prefix: string): string[] => [...service.rows.keys()].filter((key) => key.startsWith(prefix))
  const remove = (keys: readonly string[]): number => keys.filter((key) => service.rows.delete(key)).length

  return {
    name: 'rows',
    scope: 'host',
    durable: true,
    limits: { keyBytes: 600, itemBytes: 2_000_000, items: 100, calls: 4 },
    read: (keys, call) => ask('read', call, () => keys.map(held)),
    write: (items, call) => {
      // The caller may change its bytes as soon as the call has returned.
      const own = items.map((item) => ({ ...item, body: Uint8Array.from(item.body) }))
      return ask('write', call, () => own.map(put))
    },
    drop: (keys, call) => ask('drop', call, () => remove(keys)),
    clear: (prefix, call) => ask('clear', call, () => remove(under(prefix))),
    async *scan(prefix) {
      yield await ask('scan', undefined, () => under(prefix))
    },
    usage: () => ask('usage', undefined, () => ({ entries: service.rows.size })),
    close: async () => {
      isClosed = true
    },
  }
}
