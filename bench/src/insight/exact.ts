// What a whole cache does, read by read: the yardstick for estimates from a sample. It evicts the least recently used;
// what has expired takes no room. As memory does, it refuses what is larger than itself, and evicts nothing for that.
import type { Traffic } from './traffic.ts'

/**
 * Misses per read of a cache of `capacity` entries, or bytes where `weights` are given. Every miss loads a value that
 * lives for `ttlMs`.
 */
export function exactMissRatio(
  { keys, times, unique }: Traffic,
  capacity: number,
  ttlMs: number,
  weights?: Uint32Array,
): number {
  const used = new Order(unique)
  const loaded = new Order(unique)
  const loadedAt = new Float64Array(unique)
  const held = new Float64Array(unique)
  let room = capacity
  let misses = 0
  let now = Number.NEGATIVE_INFINITY
  const leave = (key: number): void => {
    used.remove(key)
    loaded.remove(key)
    room += held[key] as number
    held[key] = 0
  }
  for (let at = 0; at < keys.length; at++) {
    const key = keys[at] as number
    now = Math.max(now, times[at] as number)
    for (let oldest = loaded.first; oldest >= 0 && now - (loadedAt[oldest] as number) >= ttlMs; oldest = loaded.first)
      leave(oldest)
    const weight = weights === undefined ? 1 : (weights[at] as number)
    if (weight > capacity) {
      misses++
      if (used.has(key)) leave(key)
      continue
    }
    if (used.has(key)) {
      used.remove(key)
      room += (held[key] as number) - weight
    } else {
      misses++
      loaded.append(key)
      loadedAt[key] = now
      room -= weight
    }
    held[key] = weight
    used.append(key)
    while (room < 0) leave(used.first)
  }
  return misses / keys.length
}

/** A list of numbers in the order they were appended. */
class Order {
  readonly #next: Int32Array
  readonly #before: Int32Array
  readonly #end: number

  constructor(most: number) {
    this.#end = most
    this.#next = new Int32Array(most + 1).fill(-1)
    this.#before = new Int32Array(most + 1).fill(-1)
    this.#next[most] = most
    this.#before[most] = most
  }

  /** -1: none. */
  get first(): number {
    const first = this.#next[this.#end] as number
    return first === this.#end ? -1 : first
  }

  has(one: number): boolean {
    return this.#next[one] !== -1
  }

  append(one: number): void {
    const last = this.#before[this.#end] as number
    this.#next[last] = one
    this.#before[one] = last
    this.#next[one] = this.#end
    this.#before[this.#end] = one
  }

  remove(one: number): void {
    const next = this.#next[one] as number
    const before = this.#before[one] as number
    this.#next[before] = next
    this.#before[next] = before
    this.#next[one] = -1
    this.#before[one] = -1
  }
}
