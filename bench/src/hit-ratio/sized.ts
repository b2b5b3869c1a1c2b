// Traces that tell sizes, against a budget of bytes: large entries take the room of many small ones.
import type { EvictionFactory } from 'millpond/memory'
import { hashOf } from './simulate.ts'
import type { Trace } from './trace.ts'

export interface SizedResult {
  /** Hits in percent of all requests. */
  readonly hits: number
  /** Bytes of the hits in percent of all bytes asked for. */
  readonly bytes: number
  /** Load time of the hits in percent of all load time; 0 without costs. */
  readonly cost: number
}

/** The sum of the sizes of all keys, each as it was first seen. */
export function uniqueBytes({ keys, sizes }: Trace): number {
  const first = new Map<number, number>()
  keys.forEach((key, at) => {
    if (!first.has(key)) first.set(key, sizes?.[at] ?? 0)
  })
  return [...first.values()].reduce((sum, size) => sum + size, 0)
}

/** Plays a trace with at most `capacity` bytes held. A key that comes with another size is stored anew with it. */
export function playSized(
  factory: EvictionFactory,
  trace: Trace,
  capacity: number,
  costOf: (key: number) => number = () => 0,
): SizedResult {
  const policy = factory({ capacity, unit: 'bytes' })
  const limit = policy.markLimit ?? 0
  const slotOf = new Int32Array(trace.unique).fill(-1)
  const keyIn: number[] = []
  const weights: number[] = []
  const free: number[] = []
  const sums = { held: 0, hits: 0, hitBytes: 0, bytes: 0, hitCost: 0, cost: 0 }
  let hashes = new Int32Array(64)
  policy.grow(hashes.length, hashes)

  function take(key: number): number {
    const slot = free.pop() ?? keyIn.length
    if (slot >= hashes.length) {
      const grown = new Int32Array(hashes.length * 2)
      grown.set(hashes)
      hashes = grown
      policy.grow(hashes.length, hashes)
    }
    hashes[slot] = hashOf(key)
    slotOf[key] = slot
    keyIn[slot] = key
    return slot
  }

  function hit(slot: number, size: number): void {
    const mark = policy.marks?.[slot]
    if (weights[slot] !== size) {
      sums.held += size - (weights[slot] ?? 0)
      weights[slot] = size
      policy.reweigh(slot, size, 0)
    } else if (policy.marks === undefined || mark === undefined || mark > limit) policy.hit(slot)
    else if (mark < limit) policy.marks[slot] = mark + 1
  }

  trace.keys.forEach((key, at) => {
    const size = trace.sizes?.[at] ?? 1
    const cost = costOf(key)
    sums.bytes += size
    sums.cost += cost
    const slot = slotOf[key] ?? -1
    if (slot >= 0) {
      sums.hits++
      sums.hitBytes += size
      sums.hitCost += cost
      hit(slot, size)
    } else if (size <= capacity) {
      const taken = take(key)
      weights[taken] = size
      sums.held += size
      policy.add(taken, hashes[taken] as number, size, cost)
    }
    while (sums.held > capacity) {
      const victim = policy.victim()
      slotOf[keyIn[victim] ?? 0] = -1
      sums.held -= weights[victim] ?? 0
      free.push(victim)
    }
  })
  const percent = (part: number, whole: number): number => (whole === 0 ? 0 : (part / whole) * 100)
  return {
    hits: percent(sums.hits, trace.keys.length),
    bytes: percent(sums.hitBytes, sums.bytes),
    cost: percent(sums.hitCost, sums.cost),
  }
}
