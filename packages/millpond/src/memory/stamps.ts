// A column of times at four bytes each: milliseconds after a base that advances over the years.

const NEVER = 0xffffffff
const LAST = NEVER - 1
/** Half the range is before now, half after: 24.8 days each. */
const HALF = 2 ** 31

/**
 * Epoch milliseconds by slot, integers, rounded down; `Infinity` until set. Takes no memory before the first finite
 * time, then four bytes per slot, and eight as soon as a time does not fit (more than some 24 days from now).
 */
export class Stamps {
  #base: number
  #narrow = new Uint32Array(0)
  #wide: Float64Array | null = null
  #slots: number
  readonly #clampPast: boolean

  /** `clampPast`: times long past need not be distinguished (deadlines); they read as some 24 days ago or earlier. */
  constructor(now: number, slots: number, clampPast: boolean) {
    this.#base = Math.floor(now) - HALF
    this.#slots = slots
    this.#clampPast = clampPast
  }

  get(slot: number): number {
    if (this.#wide !== null) return this.#wide[slot] as number
    if (slot >= this.#narrow.length) return Infinity
    const offset = this.#narrow[slot] as number
    return offset === NEVER ? Infinity : this.#base + offset
  }

  /** `get(slot) > now`, without allocating a number. */
  isAfter(slot: number, now: number): boolean {
    const narrow = this.#narrow
    if (slot >= narrow.length) return this.#wide === null || (this.#wide[slot] as number) > now
    const offset = narrow[slot] as number
    return offset > now - this.#base || offset === NEVER
  }

  set(slot: number, time: number, now: number): void {
    const offset = time - this.#base
    // The typed array rounds down by itself. It is empty while no time is known, and when times are wide.
    if (offset >= 0 && offset <= LAST && slot < this.#narrow.length) this.#narrow[slot] = offset
    else this.#setSlowly(slot, time, now)
  }

  #setSlowly(slot: number, time: number, now: number): void {
    if (time === Infinity) this.unset(slot)
    else if (this.#wide !== null) this.#wide[slot] = Math.floor(time)
    else this.#setNarrow(slot, Math.floor(time), now)
  }

  /** Sets it back to `Infinity`. */
  unset(slot: number): void {
    if (this.#wide !== null) this.#wide[slot] = Infinity
    else if (this.#narrow.length > 0) this.#narrow[slot] = NEVER
  }

  #setNarrow(slot: number, time: number, now: number): void {
    if (this.#narrow.length === 0) this.#narrow = new Uint32Array(this.#slots).fill(NEVER)
    let offset = time - this.#base
    if (offset > LAST && now - this.#base > HALF * 1.25) {
      this.#moveBase(now)
      offset = time - this.#base
    }
    if (offset < 0 && this.#clampPast) offset = 0
    if (offset >= 0 && offset <= LAST) this.#narrow[slot] = offset
    else this.#widen()[slot] = time
  }

  #moveBase(now: number): void {
    const step = Math.floor(now) - HALF - this.#base
    const narrow = this.#narrow
    if (!this.#clampPast && narrow.some((offset) => offset < step)) return
    this.#base += step
    for (let i = 0; i < narrow.length; i++) {
      const offset = narrow[i] as number
      if (offset !== NEVER) narrow[i] = Math.max(0, offset - step)
    }
  }

  #widen(): Float64Array {
    const wide = new Float64Array(this.#slots)
    for (let i = 0; i < wide.length; i++) wide[i] = this.get(i)
    this.#narrow = new Uint32Array(0)
    this.#wide = wide
    return wide
  }

  grow(slots: number): void {
    const old = this.#slots
    this.#slots = slots
    if (this.#wide !== null) {
      const wide = new Float64Array(slots).fill(Infinity, old)
      wide.set(this.#wide)
      this.#wide = wide
    } else if (this.#narrow.length > 0) {
      const narrow = new Uint32Array(slots).fill(NEVER, old)
      narrow.set(this.#narrow)
      this.#narrow = narrow
    }
  }

  /** Moves all times back. */
  setBack(ms: number): void {
    this.#base -= ms
    const wide = this.#wide
    if (wide !== null) for (let slot = 0; slot < wide.length; slot++) wide[slot] = (wide[slot] as number) - ms
  }

  /** Copies another column's times into this one, if this one is still unused. */
  copyFrom(other: Stamps, now: number): void {
    for (let slot = 0; slot < this.#slots; slot++) this.set(slot, other.get(slot), now)
  }
}
