// A bounded memory of what left and why: rings that cost a few stores per event, searched only when somebody asks.
import type { Reason } from '../core/contracts.ts'
import type { Line } from '../core/ledger.ts'

export interface Tombstone {
  readonly key: string
  readonly reason: Reason
  /** Epoch milliseconds. */
  readonly at: number
}

const GRAVES = 4096
const LINES = 1024

/** Entries that left this process's memory, newest last, over all namespaces of a cache. */
export class Tombstones {
  readonly #spaces: string[] = []
  readonly #keys: string[] = []
  readonly #reasons: Reason[] = []
  readonly #times = new Float64Array(GRAVES)
  #next = 0
  #buried = 0

  /** More has left than is remembered. */
  get isForgetful(): boolean {
    return this.#buried > GRAVES
  }

  bury(space: string, key: string, reason: Reason, at: number): void {
    const index = this.#next
    this.#spaces[index] = space
    this.#keys[index] = key
    this.#reasons[index] = reason
    this.#times[index] = at
    this.#next = (index + 1) % GRAVES
    this.#buried++
  }

  /** The last time the key left, or undefined when that was too long ago to be remembered. */
  find(space: string, key: string): Tombstone | undefined {
    for (let back = 1; back <= this.#keys.length; back++) {
      const index = (this.#next - back + GRAVES) % GRAVES
      const reason = this.#reasons[index]
      if (this.#keys[index] === key && this.#spaces[index] === space && reason !== undefined)
        return { key, reason, at: this.#times[index] ?? 0 }
    }
    return undefined
  }
}

/** The last lines of a ledger as this process has seen them, with the moment it did. */
export class LineHistory {
  readonly #lines: { readonly line: Line; readonly at: number }[] = []
  #next = 0
  #added = 0

  get isForgetful(): boolean {
    return this.#added > LINES
  }

  add(line: Line, at: number): void {
    this.#lines[this.#next] = { line, at }
    this.#next = (this.#next + 1) % LINES
    this.#added++
  }

  find(seq: number): { readonly line: Line; readonly at: number } | undefined {
    return this.#lines.find((held) => held.line.seq === seq)
  }

  /** The newest line that names the key. */
  findKey(key: string): { readonly line: Line; readonly at: number } | undefined {
    return this.#lines
      .filter(({ line }) => line.targets.some((target) => target.kind === 'key' && target.key === key))
      .sort((a, b) => b.line.seq - a.line.seq)[0]
  }
}
