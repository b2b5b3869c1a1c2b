// Which lines of the log tell of this process's own steps: they come back with those of others, and must not be told
// twice.
import type { Advanced, Change, LedgerStore } from '../core/contracts.ts'
import type { Line } from '../core/ledger.ts'

export class OwnSteps {
  /** Numbers of steps that are applied here, and whose lines have not come with those of others yet. */
  readonly #ahead = new Set<number>()
  /** Ids of steps that were sent: their lines may be read before they are answered. */
  readonly #onTheirWay = new Set<string>()

  async send(store: LedgerStore, namespace: string, change: Change): Promise<Advanced> {
    this.#onTheirWay.add(change.id)
    try {
      return await store.advance(namespace, change)
    } finally {
      this.#onTheirWay.delete(change.id)
    }
  }

  /** Applied before the lines of others that came first. */
  isAhead(seq: number): void {
    this.#ahead.add(seq)
  }

  /** The lines after `last` that others have made. */
  without(lines: readonly Line[], last: number): Line[] {
    return lines.filter(({ seq, id }) => seq > last && !this.#ahead.delete(seq) && !this.#onTheirWay.has(id))
  }

  /** A new epoch, or a gap: numbers say nothing any more. */
  clear(): void {
    this.#ahead.clear()
  }
}
