// Finds expired entries without a timer, link or list node per entry.
//
// A timer wheel (Varghese and Lauck, 1987) needs two links for each entry. Here each block of slots has a lower bound
// of its deadlines: one number for 256 entries. A block is scanned only when its bound has passed; reading 256 adjacent
// deadlines costs less than a cache miss or two, and at least one entry is due, unless the entry that set the bound has
// already left: then the bound is corrected.
import type { Clock } from '../core/contracts.ts'
import type { Slots } from './slots.ts'

const BLOCK_BITS = 8
const BLOCK = 1 << BLOCK_BITS
/** Blocks scanned in one turn of the timer: some 50 us, then the event loop is released. */
const BLOCKS_A_TURN = 64
/** The pause between two turns while more is due, and the least time between two sweeps. */
const TURN_MS = 5
const SWEEP_MS = 250

export class Expiry {
  readonly #slots: Slots
  readonly #clock: Clock
  readonly #expire: (slot: number) => void
  /** Lower bounds of the deadlines in each block, and of all of them. */
  #bounds = new Float64Array(0)
  #earliest = Infinity
  #hand = 0
  #cancel: (() => void) | undefined
  #armedFor = Infinity
  #closed = false

  /** `expire` must release the slot. */
  constructor(slots: Slots, clock: Clock, expire: (slot: number) => void) {
    this.#slots = slots
    this.#clock = clock
    this.#expire = expire
  }

  grow(capacity: number): void {
    const bounds = new Float64Array(Math.ceil(capacity / BLOCK)).fill(Infinity)
    bounds.set(this.#bounds)
    this.#bounds = bounds
  }

  /** The entry in the slot expires at `deadAt`, epoch milliseconds. */
  watch(slot: number, deadAt: number): void {
    if (deadAt === Infinity) return
    const block = slot >>> BLOCK_BITS
    if (deadAt < (this.#bounds[block] as number)) this.#bounds[block] = deadAt
    if (deadAt < this.#earliest) this.#earliest = deadAt
    if (deadAt + SWEEP_MS < this.#armedFor) this.#arm(deadAt)
  }

  /**
   * Expires the entries of one due block; `false` if none was due. Called when room is needed, so that expired entries
   * leave before live ones.
   */
  reclaim(now: number): boolean {
    while (this.#earliest <= now) {
      const block = this.#dueBlock(now)
      if (block < 0) return false
      if (this.#read(block, now) > 0) return true
    }
    return false
  }

  #dueBlock(now: number): number {
    const bounds = this.#bounds
    let earliest = Infinity
    for (let i = 0; i < bounds.length; i++) {
      const bound = bounds[this.#hand] as number
      if (bound <= now) return this.#hand
      if (bound < earliest) earliest = bound
      this.#hand = this.#hand + 1 < bounds.length ? this.#hand + 1 : 0
    }
    this.#earliest = earliest
    return -1
  }

  #read(block: number, now: number): number {
    const slots = this.#slots
    const end = Math.min((block + 1) << BLOCK_BITS, slots.end)
    let bound = Infinity
    let expired = 0
    for (let slot = block << BLOCK_BITS; slot < end; slot++) {
      const deadAt = slots.deadAt(slot)
      if (deadAt <= now) {
        this.#expire(slot)
        expired++
      } else if (deadAt < bound) bound = deadAt
    }
    this.#bounds[block] = bound
    return expired
  }

  #arm(deadAt: number): void {
    if (this.#closed) return
    this.#cancel?.()
    const wait = Math.max(SWEEP_MS, deadAt - this.#clock.now())
    this.#armedFor = this.#clock.now() + wait
    this.#cancel = this.#clock.after(wait, () => this.#turn())
  }

  #turn(): void {
    this.#cancel = undefined
    this.#armedFor = Infinity
    const now = this.#clock.now()
    for (let turns = 0; turns < BLOCKS_A_TURN; turns++) {
      const block = this.#earliest <= now ? this.#dueBlock(now) : -1
      if (block < 0) {
        if (this.#earliest < Infinity) this.#arm(this.#earliest)
        return
      }
      this.#read(block, now)
    }
    this.#armedFor = now + TURN_MS
    this.#cancel = this.#clock.after(TURN_MS, () => this.#turn())
  }

  /** All deadlines were moved back; the timers are unaffected. */
  setBack(ms: number): void {
    const bounds = this.#bounds
    for (let block = 0; block < bounds.length; block++) bounds[block] = (bounds[block] as number) - ms
    this.#earliest -= ms
    this.#armedFor -= ms
  }

  clear(): void {
    this.#bounds.fill(Infinity)
    this.#earliest = Infinity
    this.#cancel?.()
    this.#cancel = undefined
    this.#armedFor = Infinity
  }

  close(): void {
    this.clear()
    this.#closed = true
  }
}
