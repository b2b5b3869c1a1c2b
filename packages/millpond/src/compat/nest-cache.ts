// Under which token Nest finds the cache.

/** The token under which the module provides the cache. */
export const MILLPOND_CACHE: unique symbol = Symbol.for('millpond.cache')
