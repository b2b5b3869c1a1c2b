// The reasons that callers gave in their own words for the last invalidations, by receipt: `explain` shows them.
const MOST = 1000

/** Covers all namespaces of a cache. */
export class InvalidationNotes {
  readonly #notes = new Map<string, string>()

  add(receipt: string, note: string): void {
    this.#notes.set(receipt, note)
    if (this.#notes.size <= MOST) return
    const [oldest] = this.#notes.keys()
    if (oldest !== undefined) this.#notes.delete(oldest)
  }

  of(receipt: string | undefined): string | undefined {
    return receipt === undefined ? undefined : this.#notes.get(receipt)
  }
}
