// How many more loads other settings would bring, by how the entries in memory are read.
import type { Cache } from 'millpond'
import { chosen } from './spaces.ts'
import { entriesOf, goOn, type Walk } from './walks.ts'

const WALK_MS = 1000
/** Of more, every second one stands for two: to sort them holds up nobody. */
const MOST = 20_000
/** A time to live is scattered around the one that is set. */
const NEAR = 0.11

interface Seen {
  readonly bytes: number
  /** Reads a second. */
  readonly reads: number
  /** Loads a second, as things are. */
  readonly now: number
  readonly hasDefault: boolean
}

interface Changed {
  /** No tier answers any more. */
  readonly isOff: boolean
  /** Bytes that no tier holds any more. */
  readonly over: number
  /** The time to live of whatever has none of its own, in seconds. */
  readonly ttl: { readonly from: number; readonly to: number } | undefined
}

/**
 * Loads a second, at least; below 0: fewer. An entry that is read is loaded once in its time to live; one that is let
 * go, at each read: the least read go first. Counts of reads saturate: where nothing is held any more, all hits since
 * the process began tell the rate. Of very many entries a part stands for the whole.
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
