// Releases memory when the heap or the machine's memory nears its limit, and grows again when there is room.
import { totalmem } from 'node:os'
import { getHeapStatistics, type HeapInfo } from 'node:v8'
import type { Clock } from '../core/contracts.ts'

/** Bytes in use, garbage included, and the limit. */
export interface Heap {
  readonly used: number
  readonly limit: number
  /** The most that values may take, on the heap and outside it; `limit` if absent. */
  readonly most?: number
}

const CHECK_MS = 1000
/**
 * Bytes written between two checks of the heap, as a share of its limit, so that loops that never yield are noticed
 * too.
 */
const CHECK_SHARE = 1 / 64
const SHRINK = 0.85
const GROW = 1.25
/** The room must exceed the shrinking threshold by this much before the tier grows again. */
const SLACK = 0.1

/**
 * V8 counts its young generation into the limit, but the process ends when the old one is full. The young generation's
 * size in Node 20 and 22, and from Node 24 on.
 */
const YOUNG = 48 * 2 ** 20
const YOUNG_FROM_24 = 192 * 2 ** 20

export function readHeap(): Heap {
  return heapOf(getHeapStatistics(), machineBytes())
}

/**
 * Two things can run short: the heap, and the machine's memory, where bytes (Buffers, typed arrays) lie outside the
 * heap. The one nearer to its limit counts, in bytes of the smaller of the two.
 */
export function heapOf(
  {
    used_heap_size,
    heap_size_limit,
    external_memory,
  }: Pick<HeapInfo, 'used_heap_size' | 'heap_size_limit' | 'external_memory'>,
  machine: number,
  node = process.versions.node,
): Heap {
  const isLarge = Number.parseInt(node, 10) >= 24
  const heap = Math.max(heap_size_limit - (isLarge ? YOUNG_FROM_24 : YOUNG), heap_size_limit / (isLarge ? 3 : 2))
  const share = Math.max(used_heap_size / heap, (used_heap_size + external_memory) / machine)
  const limit = Math.min(heap, machine)
  return { used: share * limit, limit, most: Math.max(heap, machine) }
}

/** The container's limit, or the machine's memory. */
function machineBytes(): number {
  const allowed = process.constrainedMemory()
  return allowed > 0 ? Math.min(allowed, totalmem()) : totalmem()
}

/**
 * Shrinks the budget by a seventh of what is held each time the heap exceeds `share` of its limit, but not again before
 * a garbage collection (which shows the effect) or a second has passed. Grows it by a quarter each second in which
 * there is room.
 */
export class Pressure {
  readonly #share: number
  readonly #heap: () => Heap
  readonly #clock: Clock
  readonly #onTime: () => void
  #limit = Infinity
  #most = Infinity
  #written = 0
  #checkAfter = 0
  #lowest = Infinity
  #shrunkAt = -Infinity
  #cancel: (() => void) | undefined

  /** `onTime` is called each second while watching; it should ask for a verdict. */
  constructor(share: number, clock: Clock, onTime: () => void, heap: () => Heap = readHeap) {
    this.#share = share
    this.#clock = clock
    this.#onTime = onTime
    this.#heap = heap
  }

  /** Checks every second from now on, until `rest`. */
  watch(): void {
    this.#cancel ??= this.#clock.after(CHECK_MS, () => {
      this.#cancel = undefined
      this.#onTime()
    })
  }

  rest(): void {
    this.#cancel?.()
    this.#cancel = undefined
  }

  /** Releasing less than a 32nd of the heap's limit would not help. */
  isWorthWatching(bytes: number): boolean {
    return bytes > this.#limit / 32
  }

  /** No process could hold so much: such a limit is no limit. */
  isBeyond(bytes: number): boolean {
    return bytes > this.#most
  }

  /** Counts written bytes; `true` when a verdict is due. */
  wrote(bytes: number): boolean {
    this.#written += bytes
    return this.#written >= this.#checkAfter
  }

  /** The factor for the budget; 1 to leave it unchanged. */
  verdict(): number {
    const { used, limit, most = limit } = this.#heap()
    const now = this.#clock.monotonic()
    this.#written = 0
    this.#limit = limit
    this.#most = most
    this.#checkAfter = limit * CHECK_SHARE
    const collected = used < this.#lowest
    this.#lowest = Math.min(this.#lowest, used)
    const waited = now - this.#shrunkAt >= CHECK_MS
    if (used > limit * this.#share) {
      if (!collected && !waited) return 1
      this.#shrunkAt = now
      this.#lowest = used
      return SHRINK
    }
    return used < limit * (this.#share - SLACK) && waited ? GROW : 1
  }
}
