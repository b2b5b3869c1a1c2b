// Which entries were removed and why, by the hash of the key: a ring of the last removals, chained by hash, and beyond
// it a filter that only knows that a key was here. Keys are not stored.
//
// A miss costs a hash, a step or two along a chain, and three bits of the filter. So a chain is never longer than
// `LONGEST`, whatever keys are chosen, and no entry is ever unlinked: links are record numbers, and one that the ring
// has passed ends its chain.
import { MISS_CAUSES, type MissCause } from '../core/causes.ts'
import { SeenFilter } from './seen-filter.ts'

const FIRST = 1024
const MOST = 65_536
/** The ring grows while it would forget removals younger than this, in milliseconds. */
const WORTH_KEEPING_MS = 3_600_000
const LONGEST = 32
/** In the column of causes: the key has been stored again since. */
const SETTLED = 0xff
const YOUNG = 0x80
const CODES: ReadonlyMap<MissCause, number> = new Map(MISS_CAUSES.map((cause, code) => [cause, code]))

/** What is known about the removal of an entry. */
export interface Removal {
  readonly cause: MissCause
  /** Epoch milliseconds. */
  readonly at: number
  /** When it would have expired; `Infinity` for never. */
  readonly until: number
  /** The invalidation that removed it. */
  readonly receipt?: string
  /** The tag or pattern by which it was removed. */
  readonly detail?: string
  /** It was removed before half of its lifetime. */
  readonly isYoung: boolean
}

/** Covers all namespaces of a cache. Takes 40 KB at first, 3 MB at most, and nothing before the first removal. */
export class RemovalHistory {
  /** The receipt for removals noted without their own: set during the step that removes, and reset after it. */
  receipt: string | undefined
  /** Like `receipt`: the tag or pattern. */
  detail: string | undefined
  /**
   * The time of the youngest forgotten removal: later ones are remembered. Epoch milliseconds, `-Infinity` while all
   * are.
   */
  forgottenAt = Number.NEGATIVE_INFINITY
  #size = 0
  /** Record numbers, wrapping at 32 bits; 0 names no record yet. */
  #next = 0
  #count = 0
  #heads = new Int32Array(0)
  #links = new Int32Array(0)
  #hashes = new Int32Array(0)
  #causes = new Uint8Array(0)
  #at = new Float64Array(0)
  #until = new Float64Array(0)
  #receipts: (string | undefined)[] = []
  #details: (string | undefined)[] = []
  readonly #seen = new SeenFilter()

  note(hash: number, cause: MissCause, at: number, until: number, isYoung = false): void {
    const slot = this.#take(at)
    this.#causes[slot] = (CODES.get(cause) ?? 0) | (isYoung ? YOUNG : 0)
    this.#at[slot] = at
    this.#until[slot] = until
    if (this.receipt !== undefined || this.#receipts.length > 0) this.#receipts[slot] = this.receipt
    if (this.detail !== undefined || this.#details.length > 0) this.#details[slot] = this.detail
    this.#link(slot, hash)
  }

  /** The key is stored where only expiry or an invalidation will remove it. */
  expect(hash: number, at: number, until: number): void {
    const slot = this.#find(hash)
    if (slot < 0) this.note(hash, 'expired_ttl', at, until)
    else {
      this.#causes[slot] = CODES.get('expired_ttl') ?? 0
      this.#at[slot] = at
      this.#until[slot] = until
      if (this.#receipts.length > 0) this.#receipts[slot] = undefined
      if (this.#details.length > 0) this.#details[slot] = undefined
    }
  }

  /** The key has been stored since: its remembered removal no longer applies. */
  settle(hash: number): void {
    const slot = this.#find(hash)
    if (slot >= 0) this.#causes[slot] = SETTLED
  }

  /** The last removal of the key; undefined when there was none, or it is forgotten, or the key was stored since. */
  find(hash: number): Removal | undefined {
    const slot = this.#find(hash)
    if (slot < 0) return undefined
    const code = this.#causes[slot] as number
    const cause = code === SETTLED ? undefined : MISS_CAUSES[code & ~YOUNG]
    if (cause === undefined) return undefined
    const receipt = this.#receipts[slot]
    const detail = this.#details[slot]
    return {
      cause,
      at: this.#at[slot] as number,
      until: this.#until[slot] as number,
      isYoung: (code & YOUNG) !== 0,
      ...(receipt === undefined ? {} : { receipt }),
      ...(detail === undefined ? {} : { detail }),
    }
  }

  /**
   * Whether the key was here in the last hours, as far as is still known. One key in a hundred is mistaken for another.
   */
  wasSeen(hash: number): boolean {
    return this.#seen.has(hash) || this.#find(hash) >= 0
  }

  #find(hash: number): number {
    if (this.#size === 0) return -1
    const mask = this.#size - 1
    let number = this.#heads[hash & mask] as number
    for (let step = 0; step < LONGEST && this.#isHeld(number); step++) {
      const slot = number & mask
      if (this.#hashes[slot] === hash) return slot
      number = this.#links[slot] as number
    }
    return -1
  }

  #isHeld(number: number): boolean {
    const age = (this.#next - number) | 0
    return age > 0 && age <= this.#count
  }

  #take(now: number): number {
    if (this.#count === this.#size) {
      const oldest = this.#next & (this.#size - 1)
      if (this.#size === 0 || (this.#size < MOST && now - (this.#at[oldest] as number) < WORTH_KEEPING_MS)) this.#grow()
      else this.#forget(oldest, now)
    }
    if (this.#count < this.#size) this.#count++
    return this.#next & (this.#size - 1)
  }

  #forget(slot: number, now: number): void {
    if (this.#causes[slot] === SETTLED) return
    this.#seen.add(this.#hashes[slot] as number, now)
    this.forgottenAt = Math.max(this.forgottenAt, this.#at[slot] as number)
  }

  #link(slot: number, hash: number): void {
    const bucket = hash & (this.#size - 1)
    this.#hashes[slot] = hash
    this.#links[slot] = this.#heads[bucket] as number
    this.#heads[bucket] = this.#next
    this.#next = (this.#next + 1) | 0
  }

  /** Records keep their numbers, so they move to other slots; chains are rebuilt, oldest first. */
  #grow(): void {
    const size = this.#size === 0 ? FIRST : this.#size * 2
    const old = {
      size: this.#size,
      hashes: this.#hashes,
      causes: this.#causes,
      at: this.#at,
      until: this.#until,
      receipts: this.#receipts,
      details: this.#details,
    }
    const newest = this.#next
    this.#size = size
    this.#heads = new Int32Array(size).fill((newest - size - 1) | 0)
    this.#links = new Int32Array(size)
    this.#hashes = new Int32Array(size)
    this.#causes = new Uint8Array(size)
    this.#at = new Float64Array(size)
    this.#until = new Float64Array(size)
    this.#receipts = []
    this.#details = []
    this.#next = (newest - this.#count) | 0
    for (let left = this.#count; left > 0; left--) {
      const from = this.#next & (old.size - 1)
      const to = this.#next & (size - 1)
      this.#causes[to] = old.causes[from] as number
      this.#at[to] = old.at[from] as number
      this.#until[to] = old.until[from] as number
      if (old.receipts.length > 0) this.#receipts[to] = old.receipts[from]
      if (old.details.length > 0) this.#details[to] = old.details[from]
      this.#link(to, old.hashes[from] as number)
    }
  }
}
