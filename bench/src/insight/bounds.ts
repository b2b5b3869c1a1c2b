// What no choice of times to live can better, given what it knows: bounds for the table of goals.
import type { Traffic } from './traffic.ts'

/** Loads, and stale reads as a share of all. */
export interface Outcome {
  readonly loads: number
  readonly stale: number
}

/** Prices of a stale read, in loads, at which the bound is taken; above 1, so that a read too stale is a load. */
const PRICES = Array.from({ length: 12 }, (_, at) => Math.exp(0.65 * (at + 1)))

/**
 * The fewest loads of somebody who knows each read beforehand, and of each key how often it changes, but not when:
 * shortest paths over the reads of each key, at several prices of a stale read (Lagrange's multipliers of the budget of
 * staleness). Exact where changes are Poisson's. The freshest first.
 */
export function readsKnown(
  { keys, unique }: Pick<Traffic, 'keys' | 'unique'>,
  times: Float64Array,
  versions: Uint32Array,
  rates: Float64Array,
): Outcome[] {
  const reads = readsOf(keys, unique)
  return PRICES.map((price) => {
    let loads = 0
    let stale = 0
    for (const [key, own] of reads.entries()) {
      const from = cheapestPath(own, times, rates[key] as number, price)
      for (let end = own.length; end > 0; end = from[end] as number) {
        loads++
        const begin = from[end] as number
        const held = versions[own[begin] as number]
        for (let at = begin + 1; at < end; at++) if (versions[own[at] as number] !== held) stale++
      }
    }
    return { loads, stale: stale / keys.length }
  }).sort((a, b) => a.stale - b.stale)
}

/** For each read, up to the end: the read whose load answers those before it. */
function cheapestPath(own: Uint32Array, times: Float64Array, rate: number, price: number): Uint32Array {
  const cost = new Float64Array(own.length + 1).fill(Number.POSITIVE_INFINITY)
  const from = new Uint32Array(own.length + 1)
  cost[0] = 0
  for (let begin = 0; begin < own.length; begin++) {
    let path = (cost[begin] as number) + 1
    for (let end = begin + 1; end <= own.length; end++) {
      if (path < (cost[end] as number)) {
        cost[end] = path
        from[end] = begin
      }
      const age = (times[own[end] as number] as number) - (times[own[begin] as number] as number)
      const answered = price * -Math.expm1(-rate * age)
      // From here on a load is cheaper, and makes later reads fresher.
      if (answered > 1) break
      path += answered
    }
  }
  return from
}

function readsOf(keys: Uint32Array, unique: number): Uint32Array[] {
  const counts = new Uint32Array(unique)
  for (const key of keys) counts[key] = (counts[key] as number) + 1
  const reads = Array.from(counts, (count) => new Uint32Array(count))
  counts.fill(0)
  keys.forEach((key, read) => {
    ;(reads[key] as Uint32Array)[counts[key] as number] = read
    counts[key] = (counts[key] as number) + 1
  })
  return reads
}

/**
 * The fewest loads of somebody who knows each read and each change, with this share of stale reads. Between two changes
 * of a key its reads need one load, or are all stale; so those with the fewest reads are left stale. Exact.
 */
export function allKnown(
  { keys, unique }: Pick<Traffic, 'keys' | 'unique'>,
  versions: Uint32Array,
  stale: number,
): number {
  const version = new Int32Array(unique).fill(-1)
  const run = new Uint32Array(unique)
  const later: number[] = []
  let loads = unique
  const isFirst = new Uint8Array(unique).fill(1)
  const end = (key: number): void => {
    if (isFirst[key] === 1) isFirst[key] = 0
    else later.push(run[key] as number)
  }
  keys.forEach((key, read) => {
    if (version[key] === versions[read]) {
      run[key] = (run[key] as number) + 1
      return
    }
    if (version[key] !== -1) end(key)
    version[key] = versions[read] as number
    run[key] = 1
  })
  for (let key = 0; key < unique; key++) end(key)
  loads += later.length
  let room = stale * keys.length
  for (const reads of later.sort((a, b) => a - b)) {
    room -= reads
    if (room < 0) break
    loads--
  }
  return loads
}
