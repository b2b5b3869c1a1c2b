// How often a key was asked for lately: 4-bit counters behind a doorkeeper, halved as they age.
//
// TinyLFU (Einziger, Friedman, Manes, ACM Transactions on Storage 2017): a count-min sketch whose counters are halved after each sample
// of requests, so that it follows the traffic; a Bloom filter at the door keeps keys that come once out of the counters. The four
// counters of a key share one 64-byte block, hence one cache line.
const BLOCK_WORDS = 16
const WORDS_PER_DOOR_WORD = 2

export interface SketchOptions {
  /** 32-bit words of eight counters for each entry. */
  readonly wordsPerEntry: number
  /** Words that are granted in any case: precision is cheap while the cache is small. */
  readonly leastWords: number
  /** Requests for each entry until all counts are halved. */
  readonly samplePerEntry: number
  /** Requests until then in any case. */
  readonly leastSample: number
}

/** Counts up to 16. 6 bytes per entry and word of `wordsPerEntry`. */
export class FrequencySketch {
  readonly #options: SketchOptions
  #words = new Uint32Array(0)
  #door = new Uint32Array(0)
  #blocks = 0
  #sample = 0
  #seen = 0

  constructor(options: SketchOptions) {
    this.#options = options
  }

  /** Makes room for the statistics of so many entries; what was counted is kept. Never shrinks. */
  grow(entries: number): void {
    const { wordsPerEntry, leastWords, samplePerEntry, leastSample } = this.#options
    const blocks = Math.ceil(Math.max(entries * wordsPerEntry, leastWords, 1) / BLOCK_WORDS)
    this.#sample = Math.max(entries * samplePerEntry, leastSample)
    if (blocks <= this.#blocks) return
    this.#words = stretched(this.#words, blocks, BLOCK_WORDS)
    this.#door = stretched(this.#door, blocks, BLOCK_WORDS / WORDS_PER_DOOR_WORD)
    this.#blocks = blocks
  }

  clear(): void {
    this.#words.fill(0)
    this.#door.fill(0)
    this.#seen = 0
  }

  /** Counts one request. Halves everything when the sample is full. */
  count(hash: number): void {
    if (this.#blocks === 0) return
    const block = this.#block(hash)
    const rest = spread(hash)
    if (this.#entersDoor(block, rest)) this.#increment(block, rest)
    if (++this.#seen >= this.#sample) this.#age()
  }

  /** The estimated count; before the next halving never below the true one, up to 16. */
  frequency(hash: number): number {
    if (this.#blocks === 0) return 0
    const block = this.#block(hash)
    const rest = spread(hash)
    let least = 15
    for (let row = 0; row < 4; row++) {
      const bits = rest >>> (row * 5)
      const word = this.#words[block * BLOCK_WORDS + row * 4 + (bits & 3)] ?? 0
      const counter = (word >>> (bits & 0x1c)) & 15
      if (counter < least) least = counter
    }
    const bits = doorBits(rest)
    return ((this.#door[doorWord(block, rest)] ?? 0) & bits) === bits ? least + 1 : least
  }

  #block(hash: number): number {
    return Math.floor((hash / 0x1_0000_0000) * this.#blocks)
  }

  #increment(block: number, rest: number): void {
    for (let row = 0; row < 4; row++) {
      const bits = rest >>> (row * 5)
      const at = block * BLOCK_WORDS + row * 4 + (bits & 3)
      const word = this.#words[at] ?? 0
      const shift = bits & 0x1c
      if (((word >>> shift) & 15) < 15) this.#words[at] = word + (1 << shift)
    }
  }

  /** Whether the key has passed the door before. */
  #entersDoor(block: number, rest: number): boolean {
    const at = doorWord(block, rest)
    const bits = doorBits(rest)
    const word = this.#door[at] ?? 0
    if ((word & bits) === bits) return true
    this.#door[at] = word | bits
    return false
  }

  #age(): void {
    for (let i = 0; i < this.#words.length; i++) this.#words[i] = ((this.#words[i] ?? 0) >>> 1) & 0x77777777
    this.#door.fill(0)
    this.#seen >>>= 1
  }
}

/** Bits that do not follow from the block's number: 20 choose the counters, 12 the place at the door. */
function spread(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x7feb352d)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b)
  return mixed ^ (mixed >>> 16)
}

function doorWord(block: number, rest: number): number {
  return block * (BLOCK_WORDS / WORDS_PER_DOOR_WORD) + (rest >>> 29)
}

/** Two bits of one word. */
function doorBits(rest: number): number {
  return (1 << ((rest >>> 20) & 31)) | (1 << ((rest >>> 24) & 31))
}

/** A block's place is proportional to the hash: each new block answers as before when it begins as the old one that covered its hashes. */
function stretched(old: Uint32Array<ArrayBuffer>, blocks: number, width: number): Uint32Array<ArrayBuffer> {
  const grown = new Uint32Array(blocks * width)
  const before = old.length / width
  for (let block = 0; before > 0 && block < blocks; block++) {
    const from = Math.floor((block / blocks) * before) * width
    grown.set(old.subarray(from, from + width), block * width)
  }
  return grown
}
