// Which queries are answered from the cache, where an ORM lets a query carry no options of others: those that run
// within a work, by the asynchronous context.
import { AsyncLocalStorage } from 'node:async_hooks'
import { MillpondError, show } from '../../core/errors.ts'
import { type QueryOptions, queryOptions } from './options.ts'

/** Runs works whose queries are to be answered from the cache. */
export class Wishes {
  readonly #all = new AsyncLocalStorage<QueryOptions>()

  /** What the query that is being sent is to be cached with. `undefined`: it is not. */
  current(): QueryOptions | undefined {
    return this.#all.getStore()
  }

  /** @throws what the work throws; MillpondError `OPTION_INVALID`, `DURATION_INVALID`, `TAG_INVALID`. */
  async cached<T>(given: QueryOptions, work: () => PromiseLike<T>): Promise<T> {
    const wish = queryOptions(given)
    if (typeof work !== 'function')
      throw new MillpondError(
        'OPTION_INVALID',
        `cached: ${show(work)} is not a function: give the work whose queries are to be cached`,
      )
    return this.#all.run(wish, async () => work())
  }
}
