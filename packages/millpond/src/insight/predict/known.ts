// The keys that a predictor knows: a row for each, by hash. When full, a key that was not read recently is evicted.
import { HashDirectory } from '../../memory/policies/hash-directory.ts'

const MOST_COUNT = 255
/** A longer key is tracked without its name, and never loaded. */
const LONGEST = 256
/** The most characters of all names, per row. */
const CHARACTERS_A_ROW = 48

export class Known {
  /** The number of the read at which each key was last read. */
  readonly readAt: Uint32Array
  /** Reads, up to 255. */
  readonly reads: Uint8Array
  /** The number of its pattern. */
  readonly pattern: Uint8Array
  /** How many predecessors by a numeric step were read one after the other. */
  readonly runs: Uint8Array
  /** How often it was proposed recently, and how often it was then read. */
  readonly tried: Uint8Array
  readonly used: Uint8Array
  /** How often its reads proposed another key recently, and how often that one was read. */
  readonly asked: Uint8Array
  readonly right: Uint8Array
  /** `''`: too long. */
  readonly keys: string[]
  readonly #directory: HashDirectory
  readonly #isRecent: Uint8Array
  readonly #forget: (row: number) => void
  #hand = 0
  #characters = 0

  constructor(rows: number, forget: (row: number) => void) {
    this.#directory = new HashDirectory(rows)
    this.readAt = new Uint32Array(rows)
    this.reads = new Uint8Array(rows)
    this.pattern = new Uint8Array(rows)
    this.runs = new Uint8Array(rows)
    this.tried = new Uint8Array(rows)
    this.used = new Uint8Array(rows)
    this.asked = new Uint8Array(rows)
    this.right = new Uint8Array(rows)
    this.keys = new Array<string>(rows).fill('')
    this.#isRecent = new Uint8Array(rows)
    this.#forget = forget
  }

  /** -1: unknown. */
  find(hash: number): number {
    return this.#directory.find(hash)
  }

  hash(row: number): number {
    return this.#directory.hashes[row] as number
  }

  /** Records a read of a known key. */
  read(row: number, now: number): void {
    this.readAt[row] = now
    this.#isRecent[row] = 1
    const reads = this.reads[row] as number
    if (reads < MOST_COUNT) this.reads[row] = reads + 1
  }

  /** A new row. */
  add(hash: number, key: string, pattern: number, now: number): number {
    const rows = this.readAt.length
    while (this.#directory.size === rows || this.#characters > rows * CHARACTERS_A_ROW) this.#evict()
    const row = this.#directory.insert(hash)
    this.keys[row] = key.length > LONGEST ? '' : key
    this.#characters += this.keys[row]?.length ?? 0
    this.pattern[row] = pattern
    this.readAt[row] = now
    this.reads[row] = 1
    this.runs[row] = 0
    this.tried[row] = 0
    this.used[row] = 0
    this.asked[row] = 0
    this.right[row] = 0
    this.#isRecent[row] = 0
    return row
  }

  /** A key was proposed by the read of another, and was read in time or not. -1: no longer known. */
  proposed(row: number, by: number, isUsed: boolean): void {
    if (row >= 0) tell(this.tried, this.used, row, isUsed)
    if (by >= 0) tell(this.asked, this.right, by, isUsed)
  }

  /** Halves the weight of the reads so far. */
  fade(): void {
    for (let row = 0; row < this.reads.length; row++) this.reads[row] = (this.reads[row] as number) >> 1
  }

  /** A share of the keys of some patterns, at most `most`; the most read first. */
  hottest(isWanted: (pattern: number) => boolean, share: number, most: number): string[] {
    const rows: number[] = []
    for (const [row, key] of this.keys.entries())
      if (key !== '' && isWanted(this.pattern[row] as number)) rows.push(row)
    const { reads, readAt } = this
    rows.sort((a, b) => (reads[b] as number) - (reads[a] as number) || (readAt[b] as number) - (readAt[a] as number))
    return rows.slice(0, Math.min(most, Math.ceil(rows.length * share))).map((row) => this.keys[row] as string)
  }

  /** Second chance: a key read since the hand last passed stays for another round. */
  #evict(): void {
    const rows = this.readAt.length
    for (;;) {
      const row = this.#hand
      this.#hand = (row + 1) % rows
      // A row that is free already.
      if (this.#directory.find(this.hash(row)) !== row) continue
      if (this.#isRecent[row] === 1) {
        this.#isRecent[row] = 0
        continue
      }
      this.#characters -= this.keys[row]?.length ?? 0
      this.keys[row] = ''
      this.#directory.delete(row)
      this.#forget(row)
      return
    }
  }
}

/** Earlier ones count less: two 4-bit counters, so that there are few combined values. */
function tell(all: Uint8Array, good: Uint8Array, row: number, isGood: boolean): void {
  if ((all[row] as number) >= 15) {
    all[row] = (all[row] as number) >> 1
    good[row] = (good[row] as number) >> 1
  }
  all[row] = (all[row] as number) + 1
  if (isGood) good[row] = (good[row] as number) + 1
}
