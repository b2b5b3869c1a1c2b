// The last lines of a ledger as this process has seen them: who took an entry, and when.
import type { Line } from '../core/ledger.ts'

const LINES = 1024

export interface SeenLine {
  readonly line: Line
  /** When this process saw it, epoch milliseconds. */
  readonly at: number
}

/** Found by their numbers, which follow each other: the newest of two that share a place is kept. */
export class LineHistory {
  readonly #lines: (SeenLine | undefined)[] = []

  /** `false`: it has been seen before. */
  add(line: Line, at: number): boolean {
    if (this.find(line.seq)?.line.id === line.id) return false
    this.#lines[line.seq % LINES] = { line, at }
    return true
  }

  /** Of another epoch than the current one nothing is asked. */
  find(seq: number): SeenLine | undefined {
    const seen = this.#lines[seq % LINES]
    return seen?.line.seq === seq ? seen : undefined
  }

  clear(): void {
    this.#lines.length = 0
  }
}
