// The last lines of a ledger as this process has seen them: which invalidation removed an entry, and when.
import type { Line } from '../core/ledger.ts'

const LINES = 1024

export interface SeenLine {
  readonly line: Line
  /** When this process saw it, epoch milliseconds. */
  readonly at: number
}

/** Indexed by their numbers, which are consecutive: of two with the same index the newest is kept. */
export class LineHistory {
  readonly #lines: (SeenLine | undefined)[] = []

  /** `false`: it has been seen before. */
  add(line: Line, at: number): boolean {
    if (this.find(line.seq)?.line.id === line.id) return false
    this.#lines[line.seq % LINES] = { line, at }
    return true
  }

  /** Lines of other epochs than the current one are not requested. */
  find(seq: number): SeenLine | undefined {
    const seen = this.#lines[seq % LINES]
    return seen?.line.seq === seq ? seen : undefined
  }

  clear(): void {
    this.#lines.length = 0
  }
}
