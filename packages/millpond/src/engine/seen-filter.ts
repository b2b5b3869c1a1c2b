// A filter of keys that were here: two alternating Bloom filters (Bloom 1970), so that old keys are forgotten together.

const BITS = 21
const WORDS = 2 ** (BITS - 5)
const SHIFT = 32 - BITS
/**
 * With three bits per key a sixth of the bits is set by then: one key in 200 is mistaken for another in each of the
 * two.
 */
const MOST_KEYS = 131_072
const TURN_MS = 7_200_000

/**
 * Remembers hashes for two to four hours, or 131,072 to 262,144 of them. Takes 512 KB at most, and nothing before the
 * first.
 */
export class SeenFilter {
  #now = new Uint32Array(0)
  #before = new Uint32Array(0)
  #keys = 0
  #since = 0

  add(hash: number, at: number): void {
    if (this.#now.length === 0 || this.#keys === MOST_KEYS || at - this.#since > TURN_MS) this.#turn(at)
    this.#keys++
    for (let bit = 0, mixed = hash; bit < 3; bit++) {
      mixed = next(mixed)
      this.#now[mixed >>> (SHIFT + 5)]! |= 1 << (mixed >>> SHIFT)
    }
  }

  has(hash: number): boolean {
    return isIn(this.#now, hash) || isIn(this.#before, hash)
  }

  #turn(at: number): void {
    this.#before = this.#now
    this.#now = new Uint32Array(WORDS)
    this.#keys = 0
    this.#since = at
  }
}

function isIn(words: Uint32Array, hash: number): boolean {
  if (words.length === 0) return false
  for (let bit = 0, mixed = hash; bit < 3; bit++) {
    mixed = next(mixed)
    if (((words[mixed >>> (SHIFT + 5)] as number) & (1 << (mixed >>> SHIFT))) === 0) return false
  }
  return true
}

/** The top bits are used: multiplication mixes these best. */
function next(mixed: number): number {
  const turned = mixed ^ (mixed >>> 15)
  return Math.imul(turned, 0x9e3779b1)
}
