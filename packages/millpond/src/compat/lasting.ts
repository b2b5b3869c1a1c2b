// Options of calls that differ only by their TTL: created once for each.
import { constantOptions, type EntryOptions } from '../core/options.ts'

/** TTLs that are computed anew for each call must not evict those that are always the same. */
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
