// Which queries are answered from the cache if an ORM accepts no foreign options for a query: those that run within a
// function, by the asynchronous context.
import { AsyncLocalStorage } from 'node:async_hooks'
import { MillpondError, show } from '../../core/errors.ts'
import { type QueryOptions, queryOptions } from './options.ts'

/** Runs functions whose queries are to be answered from the cache. */
export class Wishes {
  readonly #all = new AsyncLocalStorage<QueryOptions>()

  /** The options by which the current query is to be cached. `undefined`: it is not. */
  current(): QueryOptions | undefined {
    return this.#all.getStore()
  }

  /** @throws what the function throws; MillpondError `OPTION_INVALID`, `DURATION_INVALID`, `TAG_INVALID`. */
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
