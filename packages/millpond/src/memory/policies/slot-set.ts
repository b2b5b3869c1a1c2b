// A set of slots: one bit each.

export class SlotSet {
  #bits = new Int32Array(0)

  grow(slots: number): void {
    const words = (slots + 31) >>> 5
    if (words <= this.#bits.length) return
    const grown = new Int32Array(words)
    grown.set(this.#bits)
    this.#bits = grown
  }

  has(slot: number): boolean {
    return (((this.#bits[slot >>> 5] as number) >>> (slot & 31)) & 1) === 1
  }

  add(slot: number): void {
    this.#bits[slot >>> 5] = (this.#bits[slot >>> 5] as number) | (1 << (slot & 31))
  }

  delete(slot: number): void {
    this.#bits[slot >>> 5] = (this.#bits[slot >>> 5] as number) & ~(1 << (slot & 31))
  }

  /** The first member from `slot` on, wrapping around; -1 if the set is empty. */
  nextFrom(slot: number): number {
    const length = this.#bits.length
    let word = slot >>> 5
    let bits = (this.#bits[word] as number) & (-1 << (slot & 31))
    for (let turn = 0; turn <= length; turn++) {
      if (bits !== 0) return word * 32 + (31 - Math.clz32(bits & -bits))
      word = word + 1 >= length ? 0 : word + 1
      bits = this.#bits[word] as number
    }
    return -1
  }

  clear(): void {
    this.#bits.fill(0)
  }
}
