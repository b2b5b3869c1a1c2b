// Options of calls that differ by their time to live alone: made once for each, and read once.
import { constantOptions, type EntryOptions } from '../core/options.ts'

/** Times that somebody reckons anew for each call must not crowd out those that are always the same. */
const MOST = 32

export class Lasting {
  readonly #tags: readonly string[] | undefined
  readonly #made = new Map<number, EntryOptions>()

  constructor(tags?: readonly string[]) {
    this.#tags = tags
  }

  /** @param ttl milliseconds, above 0. */
  of(ttl: number): EntryOptions {
    const made = this.#made.get(ttl)
    if (made !== undefined) return made
    const options = { ttl, ...(this.#tags !== undefined && { tags: this.#tags }) }
    if (this.#made.size >= MOST) return options
    const constant = constantOptions(options)
    this.#made.set(ttl, constant)
    return constant
  }
}
