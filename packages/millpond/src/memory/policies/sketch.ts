// Recent request frequencies: 4-bit counters behind a doorkeeper, halved as they age.
//
// TinyLFU (Einziger, Friedman, Manes, ACM Transactions on Storage 2017): a count-min sketch whose counters are halved
// after each sample of requests, so that it follows the traffic; a Bloom filter, the doorkeeper, keeps keys that are
// requested once out of the counters. The four counters of a key share one 64-byte block, hence one cache line.
const BLOCK_WORDS = 16
const WORDS_PER_DOOR_WORD = 2

export interface SketchOptions {
  /** 32-bit words of eight counters each, per entry. */
  readonly wordsPerEntry: number
  /** The least number of words: precision is cheap while the cache is small. */
  readonly leastWords: number
  /** Requests per entry until all counts are halved. */
  readonly samplePerEntry: number
  /** The least number of requests until then. */
  readonly leastSample: number
}

/** Counts up to 16. 6 bytes per entry and word of `wordsPerEntry`. */
export class FrequencySketch {
  readonly #options: SketchOptions
  #words = new Int32Array(0)
  #door = new Int32Array(0)
  #blocks = 0
  /** The factor from hash to block. */
  #scale = 0
  #sample = 0
  #seen = 0
  /** How often all counts were halved. */
  halvings = 0

  constructor(options: SketchOptions) {
    this.#options = options
  }

  /**
   * Makes room for the statistics of that many entries. Counts are kept: all if the table doubles, otherwise most.
   * Never shrinks.
   */
  grow(entries: number): void {
    const { wordsPerEntry, leastWords, samplePerEntry, leastSample } = this.#options
    const blocks = Math.ceil(Math.max(entries * wordsPerEntry, leastWords, 1) / BLOCK_WORDS)
    this.#sample = Math.max(entries * samplePerEntry, leastSample)
    if (blocks <= this.#blocks) return
    this.#words = stretched(this.#words, blocks, BLOCK_WORDS)
    this.#door = stretched(this.#door, blocks, BLOCK_WORDS / WORDS_PER_DOOR_WORD)
    this.#blocks = blocks
    this.#scale = blocks / 0x1_0000_0000
  }

  clear(): void {
    this.#words.fill(0)
    this.#door.fill(0)
    this.#seen = 0
  }

  /** Counts one request. Halves all counts when the sample is full. Uses the 32 bits of the hash, whatever its sign. */
  count(hash: number): void {
    if (this.#blocks === 0) return
    const block = ((hash >>> 0) * this.#scale) | 0
    const rest = spread(hash)
    if (this.#entersDoor(block, rest)) this.#bump(block * BLOCK_WORDS, rest)
    if (++this.#seen >= this.#sample) this.#age()
  }

  #bump(first: number, rest: number): void {
    this.#increment(first + (rest & 3), rest & 0x1c)
    this.#increment(first + 4 + ((rest >>> 5) & 3), (rest >>> 5) & 0x1c)
    this.#increment(first + 8 + ((rest >>> 10) & 3), (rest >>> 10) & 0x1c)
    this.#increment(first + 12 + ((rest >>> 15) & 3), (rest >>> 15) & 0x1c)
  }

  #increment(at: number, shift: number): void {
    const word = this.#words[at] as number
    if (((word >>> shift) & 15) < 15) this.#words[at] = (word + (1 << shift)) | 0
  }

  /** The estimated count; before the next halving never below the true one, up to 16. */
  frequency(hash: number): number {
    if (this.#blocks === 0) return 0
    const block = ((hash >>> 0) * this.#scale) | 0
    const rest = spread(hash)
    const first = block * BLOCK_WORDS
    const words = this.#words
    const bits = doorBits(rest)
    const door = ((this.#door[doorWord(block, rest)] as number) & bits) === bits ? 1 : 0
    const a = ((words[first + (rest & 3)] as number) >>> (rest & 0x1c)) & 15
    // Most keys are requested once: their first counter suffices.
    if (a === 0) return door
    const b = ((words[first + 4 + ((rest >>> 5) & 3)] as number) >>> ((rest >>> 5) & 0x1c)) & 15
    const c = ((words[first + 8 + ((rest >>> 10) & 3)] as number) >>> ((rest >>> 10) & 0x1c)) & 15
    const d = ((words[first + 12 + ((rest >>> 15) & 3)] as number) >>> ((rest >>> 15) & 0x1c)) & 15
    const ab = a < b ? a : b
    const cd = c < d ? c : d
    return (ab < cd ? ab : cd) + door
  }

  /** Whether the key was in the doorkeeper already. */
  #entersDoor(block: number, rest: number): boolean {
    const at = doorWord(block, rest)
    const bits = doorBits(rest)
    const word = this.#door[at] as number
    if ((word & bits) === bits) return true
    this.#door[at] = word | bits
    return false
  }

  #age(): void {
    for (let i = 0; i < this.#words.length; i++) this.#words[i] = ((this.#words[i] ?? 0) >>> 1) & 0x77777777
    this.#door.fill(0)
    this.#seen >>>= 1
    this.halvings++
  }
}

/** Bits independent of the block's number: 20 choose the counters, 12 the bits in the doorkeeper. */
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

/**
 * A block's place is proportional to the hash: each new block starts as a copy of the old one that covered its hashes.
 */
function stretched(old: Int32Array<ArrayBuffer>, blocks: number, width: number): Int32Array<ArrayBuffer> {
  const grown = new Int32Array(blocks * width)
  const before = old.length / width
  for (let block = 0; before > 0 && block < blocks; block++) {
    const from = Math.floor((block / blocks) * before) * width
    for (let word = 0; word < width; word++) grown[block * width + word] = old[from + word] as number
  }
  return grown
}
