// The order of writes to one key in this process, while a value is still being encoded: a large value that was set
// first must not overwrite a small one that was set after it, only because it took longer to compress.
export class WriteOrder {
  readonly #last = new Map<string, Promise<unknown>>()

  /** Settles when all earlier writes to the keys have ended; undefined if there are none. */
  before(keys: readonly string[]): Promise<unknown> | undefined {
    if (this.#last.size === 0) return undefined
    const under = keys.flatMap((key) => this.#last.get(key) ?? [])
    return under.length === 0 ? undefined : Promise.allSettled(under)
  }

  /** Later writes to these keys wait for this one. */
  hold<T>(keys: readonly string[], work: Promise<T>): Promise<T> {
    for (const key of keys) this.#last.set(key, work)
    const end = (): void => {
      for (const key of keys) if (this.#last.get(key) === work) this.#last.delete(key)
    }
    work.then(end, end)
    return work
  }
}
