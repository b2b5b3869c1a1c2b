// The keys that a predictor knows: a row for each, by hash. Where there is no room, one that was not read lately makes
// it.
import { HashDirectory } from '../../memory/policies/hash-directory.ts'

const MOST_COUNT = 255
/** A key with more characters is known without its name, and never loaded. */
const LONGEST = 256
/** What all names take at most. */
const CHARACTERS_A_ROW = 48

export class Known {
  /** When each was read last, by the number of the read. */
  readonly readAt: Uint32Array
  /** How often, up to 255. */
  readonly reads: Uint8Array
  /** Which pattern it belongs to. */
  readonly pattern: Uint8Array
  /** How many of its forerunners by a step were read one after the other. */
  readonly runs: Uint8Array
  /** How often it was proposed of late, and how often it was read after that. */
  readonly tried: Uint8Array
  readonly used: Uint8Array
  /** When it was read, how often another key was proposed, and how often that one was read. */
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

  /** -1: not known. */
  find(hash: number): number {
    return this.#directory.find(hash)
  }

  hash(row: number): number {
    return this.#directory.hashes[row] as number
  }

  /** Notes a read of what is known. */
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

  /** A key was proposed, by the read of another one, and was read in time or not. -1: not known any more. */
  proposed(row: number, by: number, isUsed: boolean): void {
    if (row >= 0) tell(this.tried, this.used, row, isUsed)
    if (by >= 0) tell(this.asked, this.right, by, isUsed)
  }

  /** Reads until now count half. */
  fade(): void {
    for (let row = 0; row < this.reads.length; row++) this.reads[row] = (this.reads[row] as number) >> 1
  }

  /** A share of the keys of some patterns, at most so many; those that were read most first. */
  hottest(isWanted: (pattern: number) => boolean, share: number, most: number): string[] {
    const rows: number[] = []
    for (const [row, key] of this.keys.entries())
      if (key !== '' && isWanted(this.pattern[row] as number)) rows.push(row)
    const { reads, readAt } = this
    rows.sort((a, b) => (reads[b] as number) - (reads[a] as number) || (readAt[b] as number) - (readAt[a] as number))
    return rows.slice(0, Math.min(most, Math.ceil(rows.length * share))).map((row) => this.keys[row] as string)
  }

  /** Second chance: who was read since the hand came by stays for another round. */
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

/** Older ones count less: nibbles, so that both together are few values. */
function tell(all: Uint8Array, good: Uint8Array, row: number, isGood: boolean): void {
  if ((all[row] as number) >= 15) {
    all[row] = (all[row] as number) >> 1
    good[row] = (good[row] as number) >> 1
  }
  all[row] = (all[row] as number) + 1
  if (isGood) good[row] = (good[row] as number) + 1
}
