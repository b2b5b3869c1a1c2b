// Ours in the place of Apollo's cache of memory.
import { createCache } from 'millpond'
import { type ApolloCache, apolloCache } from 'millpond/apollo'

export class InMemoryLRUCache {
  readonly #cache: ApolloCache = apolloCache(createCache())
  get: ApolloCache['get'] = (...args) => this.#cache.get(...args)
  set: ApolloCache['set'] = (...args) => this.#cache.set(...args)
  delete: ApolloCache['delete'] = (...args) => this.#cache.delete(...args)
}
