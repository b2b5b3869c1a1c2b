// The clairvoyant optimum: the entry needed furthest in the future is evicted, or not even admitted (Belady, IBM
// Systems Journal 1966).
import type { Trace } from './trace.ts'

const NEVER = 0xffffffff

/** The most hits, in percent, that any policy could have had that sees the future. */
export function optimum(trace: Trace, capacity: number): number {
  const { keys, unique } = trace
  const next = nextUses(trace)
  const held = new Uint8Array(unique)
  const queue = new LatestFirst(keys.length)
  let size = 0
  let hits = 0
  keys.forEach((key, at) => {
    const use = next[at] ?? NEVER
    if (held[key] === 1) {
      hits++
      if (use === NEVER) {
        held[key] = 0
        size--
      }
    } else if (use !== NEVER) {
      held[key] = 1
      size++
    }
    if (use !== NEVER && held[key] === 1) queue.push(use)
    if (size > capacity) {
      held[keys[queue.pop()] ?? 0] = 0
      size--
    }
  })
  return (hits / keys.length) * 100
}

/** For each request, where the same key comes next. */
function nextUses({ keys, unique }: Trace): Uint32Array {
  const next = new Uint32Array(keys.length)
  const seen = new Uint32Array(unique).fill(NEVER)
  for (let at = keys.length - 1; at >= 0; at--) {
    const key = keys[at] ?? 0
    next[at] = seen[key] ?? NEVER
    seen[key] = at
  }
  return next
}

/**
 * A binary heap of positions. A position in the past is never the latest one, so nothing has to be taken out when its
 * time has come.
 */
class LatestFirst {
  readonly #heap: Uint32Array
  #size = 0

  constructor(most: number) {
    this.#heap = new Uint32Array(most + 1)
  }

  push(position: number): void {
    let at = ++this.#size
    while (at > 1) {
      const parent = this.#heap[at >>> 1] ?? 0
      if (parent >= position) break
      this.#heap[at] = parent
      at >>>= 1
    }
    this.#heap[at] = position
  }

  pop(): number {
    const top = this.#heap[1] ?? 0
    const last = this.#heap[this.#size--] ?? 0
    let at = 1
    for (;;) {
      let child = at * 2
      if (child > this.#size) break
      if (child < this.#size && (this.#heap[child + 1] ?? 0) > (this.#heap[child] ?? 0)) child++
      const position = this.#heap[child] ?? 0
      if (position <= last) break
      this.#heap[at] = position
      at = child
    }
    this.#heap[at] = last
    return top
  }
}
