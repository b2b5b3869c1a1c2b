// How many more loads other settings would cause, estimated from how often the entries in memory are read.
import type { Cache } from 'millpond'
import { chosen } from './spaces.ts'
import { entriesOf, goOn, type Walk } from './walks.ts'

const WALK_MS = 1000
/** Above this many, every second entry stands for two: sorting them must not block the process. */
const MOST = 20_000
/** Actual TTLs are scattered around the configured one. */
const NEAR = 0.11

interface Seen {
  readonly bytes: number
  /** Reads a second. */
  readonly reads: number
  /** Loads a second under the current settings. */
  readonly now: number
  readonly hasDefault: boolean
}

interface Changed {
  /** No tier serves reads any more. */
  readonly isOff: boolean
  /** Bytes that no tier holds any more. */
  readonly over: number
  /** The TTL, in seconds, of entries that have none of their own. */
  readonly ttl: { readonly from: number; readonly to: number } | undefined
}

/**
 * Loads a second, at least; negative: fewer. An entry that is read is loaded once per TTL; one that is evicted, at each
 * read: the least read are evicted first. Read counts saturate: where nothing is kept any more, the rate is taken from
 * all hits since the process started. Very large caches are sampled.
 */
export async function addedLoads(cache: Cache, { isOff, over, ttl }: Changed): Promise<number> {
  if (!isOff && over === 0 && ttl === undefined) return 0
  let entries: Seen[] = []
  let stride = 1
  const walk: Walk = { entries: entriesOf(cache, chosen(cache, undefined)), scanned: 0 }
  const isWhole = await goOn(walk, WALK_MS, ({ bytes, hits, ageMs, ttlMs }) => {
    if (walk.scanned % stride !== 0) return true
    const whole = ttlMs === undefined ? Number.POSITIVE_INFINITY : Math.max(0, ttlMs + ageMs) / 1000
    const reads = hits / Math.max(1, ageMs / 1000)
    const hasDefault = ttl !== undefined && Math.abs(whole - ttl.from) <= ttl.from * NEAR
    entries.push({ bytes, reads, hasDefault, now: Math.min(reads, 1 / whole) })
    if (entries.length === MOST) {
      stride *= 2
      entries = entries.filter((_, at) => at % 2 === 1)
    }
    return true
  })
  const all = isWhole ? walk.scanned : Math.max(walk.scanned, cache.info().memory?.entries ?? 0)
  const scale = entries.length === 0 ? 1 : all / entries.length
  const { hits } = cache.stats()
  const added = isOff
    ? Math.max(scale * sumOf(entries, 'reads'), hits / process.uptime()) - scale * sumOf(entries, 'now')
    : scale * addedBy(entries, over / scale, ttl)
  return Math.round(added * 100) / 100
}

function addedBy(entries: Seen[], over: number, ttl: Changed['ttl']): number {
  let [added, left] = [0, over]
  for (const { bytes, reads, hasDefault, now } of entries.sort((a, b) => a.reads - b.reads)) {
    if (left > 0) added += reads - now
    else if (hasDefault && ttl !== undefined) added += Math.min(reads, 1 / ttl.to) - now
    left -= bytes
  }
  return added
}

const sumOf = (entries: readonly Seen[], what: 'reads' | 'now'): number =>
  entries.reduce((sum, entry) => sum + entry[what], 0)
