// Recognizes the log lines of this process's own steps: they come back among those of others, and must not be reported
// twice.
import type { Advanced, Change, LedgerStore } from '../core/contracts.ts'
import type { Line } from '../core/ledger.ts'

export class OwnSteps {
  /** Numbers of steps that are applied here but whose lines have not been read yet. */
  readonly #ahead = new Set<number>()
  /** Steps in flight, by their ids: their lines may be read, or pushed, before their replies. */
  readonly #onTheirWay = new Map<string, Change>()

  /** The answer to a step of this process is awaited. */
  get isOnItsWay(): boolean {
    return this.#onTheirWay.size > 0
  }

  async send(store: LedgerStore, namespace: string, change: Change): Promise<Advanced> {
    this.#onTheirWay.set(change.id, change)
    try {
      return await store.advance(namespace, change)
    } finally {
      this.#onTheirWay.delete(change.id)
    }
  }

  /** Of pushed keys those that no step in flight names: of the others the reply tells, perhaps with a new entry. */
  notOnTheirWay(keys: readonly string[]): readonly string[] {
    if (!this.isOnItsWay) return keys
    const left = new Set(keys)
    for (const { targets } of this.#onTheirWay.values())
      for (const target of targets) if (target.kind === 'key') left.delete(target.key)
    return [...left]
  }

  /** Notes a step that was applied before earlier lines of others. */
  isAhead(seq: number): void {
    this.#ahead.add(seq)
  }

  /** The lines after `last` made by others. */
  without(lines: readonly Line[], last: number): Line[] {
    return lines.filter(({ seq, id }) => seq > last && !this.#ahead.delete(seq) && !this.#onTheirWay.has(id))
  }

  /** After a new epoch or a gap, numbers are meaningless. */
  clear(): void {
    this.#ahead.clear()
  }
}
