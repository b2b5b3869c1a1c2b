// The timed loops. One process runs one library only, so that every call site here sees one kind of object, as in a
// service.

import type { Contender, ContenderCache } from './contenders.ts'
import { TTL_MS } from './contenders.ts'
import { randomFrom, shuffledDraws, zipfDraws } from './numbers.ts'

/**
 * Sets that evict are measured twice: after nothing but sets, and after the cache was read. A `Map` that is written to
 * leaves its old tables behind, each of which references the next; once one of them has outlived two minor collections,
 * which it does while the cache is only read, all later ones are copied to the old generation. Everything that keeps
 * its keys in a `Map` then pays two to four times as much in small caches, as in a service that reads between its
 * writes.
 */
export const ROWS = [
  'set + evict',
  'hit prebuilt',
  'hit fresh',
  'miss fresh',
  'set + evict after reads',
  'zipf 90/10',
  'set + evict, TTL',
  'hit prebuilt, TTL',
  'hit fresh, TTL',
  'set + evict after reads, TTL',
] as const
export type Row = (typeof ROWS)[number]

export interface Sample {
  readonly row: Row
  /**
   * CPU nanoseconds per operation, user and system, of the whole process, including the garbage collector's threads.
   */
  readonly ns: number
}

const BATCHES = 5
/** Below this a batch is too short for the resolution of `process.cpuUsage`. */
const BATCH_MS = 60
/**
 * Until V8's last compiler has done its work, which it does beside the loop: much code takes it longer. A service runs
 * for days.
 */
const WARM_MS = 500
const DRAWS = 1 << 20
/** Building keys for them makes enough garbage that everything a cache keeps ends in the old generation. */
const READS_BEFORE = 3_000_000

/** 20 characters for any index below ten million, one byte each. */
function keyOf(index: number): string {
  return `user:profile:${1_000_000 + index}`
}

/** A flat string, as a parser returns it, not a rope of two. */
function flatKey(index: number): string {
  return JSON.parse(`"${keyOf(index)}"`)
}

/** Every row of one library at one size. Throws if a loop did not see what it should have. */
export async function runRows(contender: Contender, capacity: number, rows: readonly Row[]): Promise<Sample[]> {
  const samples: Sample[] = []
  for (const ttl of [false, true]) {
    const wanted = rows.filter((row) => row.endsWith(', TTL') === ttl && (contender.rows === undefined || isRead(row)))
    if (wanted.length === 0 || (ttl && !contender.ttl)) continue
    samples.push(...(await runWith(contender, capacity, ttl, wanted)))
  }
  return samples
}

function isRead(row: Row): boolean {
  return row.startsWith('hit') || row.startsWith('miss')
}

async function runWith(contender: Contender, capacity: number, ttl: boolean, rows: readonly Row[]): Promise<Sample[]> {
  const cache = contender.make(capacity, ttl ? TTL_MS : undefined)
  const random = randomFrom(capacity + 7)
  const draws = shuffledDraws(capacity, Math.max(DRAWS, capacity), random)
  const keys = Array.from({ length: capacity }, (_, i) => flatKey(i))
  const values = Array.from({ length: 1024 }, (_, i) => `value ${i}`)
  let held = await fill(cache, keys, values)
  const samples: Sample[] = []
  let next = 2_000_000
  for (const row of rows) {
    if (row.startsWith('hit')) {
      const fresh = row.startsWith('hit fresh')
      samples.push({
        row,
        ns: measure(draws.length, (count) =>
          expectHits(fresh ? hitFresh(cache, draws, count) : hitPrebuilt(cache, keys, draws, count), count, held),
        ),
      })
    } else if (row === 'miss fresh') {
      samples.push({ row, ns: measure(draws.length, (count) => expectHits(miss(cache, draws, count), 0, 0)) })
    } else if (row === 'zipf 90/10') {
      const zipf = zipfDraws(2 * capacity, DRAWS, 0.99, random)
      samples.push({ row, ns: measure(zipf.length, (count) => mixed(cache, zipf, count, values)) })
    } else {
      if (row.includes('after reads'))
        for (let read = 0; read < READS_BEFORE; read += draws.length)
          expectHits(hitFresh(cache, draws, draws.length), draws.length, held)
      const run = (count: number): void => {
        for (let i = 0; i < count; i++) cache.set(keyOf(next + i), values[i & 1023])
        next += count
        if (next > 8_000_000) next = 2_000_000 + 2 * capacity
      }
      samples.push({ row, ns: measure(draws.length, run) })
    }
    if (!isRead(row)) held = await fill(cache, keys, values)
  }
  cache.close?.()
  return samples
}

/** Stores every key, and returns the share that is held. */
async function fill(cache: ContenderCache, keys: readonly string[], values: readonly string[]): Promise<number> {
  for (let i = 0; i < keys.length; i++) {
    const stored = cache.set(keys[i] as string, values[i & 1023])
    if (stored instanceof Promise) await stored
  }
  let held = 0
  for (const key of keys) if (cache.get(key) != null) held++
  return held / keys.length
}

function expectHits(hits: number, wanted: number, held: number): void {
  if (wanted === 0 ? hits !== 0 : hits < wanted * held * 0.98)
    throw new Error(`${hits} hits where ${wanted} were expected`)
}

function hitPrebuilt(cache: ContenderCache, keys: readonly string[], draws: Uint32Array, count: number): number {
  let hits = 0
  for (let i = 0; i < count; i++) if (cache.get(keys[draws[i] as number] as string) != null) hits++
  return hits
}

function hitFresh(cache: ContenderCache, draws: Uint32Array, count: number): number {
  let hits = 0
  for (let i = 0; i < count; i++) if (cache.get(keyOf(draws[i] as number)) != null) hits++
  return hits
}

function miss(cache: ContenderCache, draws: Uint32Array, count: number): number {
  let hits = 0
  for (let i = 0; i < count; i++) if (cache.get(`user:profile:${9_000_000 + (draws[i] as number)}`) != null) hits++
  return hits
}

/** Reads through: a miss is stored. Every tenth operation is a write. */
function mixed(cache: ContenderCache, draws: Uint32Array, count: number, values: readonly string[]): void {
  for (let i = 0; i < count; i++) {
    const key = keyOf(draws[i] as number)
    if (i % 10 === 9 || cache.get(key) == null) cache.set(key, values[i & 1023])
  }
}

/** CPU nanoseconds per operation: the median over some batches, after warming up. */
export function measure(most: number, run: (count: number) => void): number {
  let count = Math.min(most, 10_000)
  let ns = 0
  // Warming up also finds how many operations fill a batch.
  for (let warm = 0; warm < WARM_MS * 1e6; warm += ns * count) {
    ns = timed(count, run)
    if (ns * count < (BATCH_MS / 4) * 1e6) count = Math.min(most, count * 2)
  }
  const batch = Math.min(most, Math.ceil((BATCH_MS * 1e6) / ns))
  const rounds = Math.ceil((BATCH_MS * 1e6) / (ns * batch))
  const results = Array.from({ length: BATCHES }, () => {
    let sum = 0
    for (let i = 0; i < rounds; i++) sum += timed(batch, run)
    return sum / rounds
  })
  return results.sort((a, b) => a - b)[BATCHES >> 1] as number
}

function timed(count: number, run: (count: number) => void): number {
  const before = process.cpuUsage()
  run(count)
  const { user, system } = process.cpuUsage(before)
  return Math.max(1, (user + system) * 1000) / count
}
