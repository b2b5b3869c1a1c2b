// Generated traffic of the kinds that caches meet, each from a seed.
import type { Trace } from '../../src/hit-ratio/trace.ts'

type Random = () => number

/** Mulberry32 (public domain, Tommy Ettinger). */
function seeded(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

function zipfRanks(keys: number, exponent: number, random: Random): () => number {
  const sums = new Float64Array(keys)
  let sum = 0
  for (let rank = 0; rank < keys; rank++) {
    sum += 1 / (rank + 1) ** exponent
    sums[rank] = sum
  }
  return () => {
    const drawn = random() * sum
    let low = 0
    let high = keys - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((sums[middle] ?? 0) < drawn) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** Keys numbered anew from 0. */
export function asTrace(name: string, keys: readonly number[]): Trace {
  const ids = new Map<number, number>()
  const dense = keys.map((key) => {
    const id = ids.get(key) ?? ids.size
    ids.set(key, id)
    return id
  })
  return { name, keys: Uint32Array.from(dense), unique: ids.size }
}

export function loop(requests: number, length: number): number[] {
  return Array.from({ length: requests }, (_, at) => at % length)
}

export function zipf(requests: number, keys: number, exponent: number, seed: number): number[] {
  const rank = zipfRanks(keys, exponent, seeded(seed))
  return Array.from({ length: requests }, rank)
}

/** Between scans of keys that never come again, `pause` requests by Zipf. */
export function scans(requests: number, keys: number, scan: number, pause: number, seed: number): number[] {
  const rank = zipfRanks(keys, 0.9, seeded(seed))
  let stranger = keys
  return Array.from({ length: requests }, (_, at) => (at % (scan + pause) < pause ? rank() : stranger++))
}

/** Each key comes `again` times more, `gap` requests apart in the mean, and then never. */
export function recency(requests: number, gap: number, again: number, seed: number): number[] {
  const random = seeded(seed)
  const due = new Map<number, [key: number, left: number][]>()
  const keys: number[] = []
  let fresh = 0
  const plan = (key: number, left: number, at: number): void => {
    const when = at + 1 + Math.floor(-Math.log(1 - random()) * gap)
    const list = due.get(when)
    if (list === undefined) due.set(when, [[key, left]])
    else list.push([key, left])
  }
  for (let at = 0; keys.length < requests; at++) {
    const now = due.get(at)
    due.delete(at)
    if (now === undefined) {
      keys.push(fresh)
      plan(fresh++, again, at)
    }
    for (const [key, left] of now ?? []) {
      keys.push(key)
      if (left > 1) plan(key, left - 1, at)
    }
  }
  return keys
}

/** Zipf over keys that are renamed, a tenth of them at each `step`. */
export function shifting(requests: number, keys: number, step: number, seed: number): number[] {
  const rank = zipfRanks(keys, 0.9, seeded(seed))
  return Array.from({ length: requests }, (_, at) => rank() + Math.floor(at / step) * Math.floor(keys / 10))
}

/** One kind of traffic after another, with keys of their own. */
export function phases(...parts: readonly (readonly number[])[]): number[] {
  return parts.flatMap((part, at) => part.map((key) => key + at * 10_000_000))
}
