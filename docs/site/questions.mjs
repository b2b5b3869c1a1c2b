// What strangers ask, in the words that they type: each finds its page among the first results of the search, and its
// option within two clicks from the front page.
// @ts-check

/**
 * `option`: of the page of Options, as `Type.name`.
 * @type {readonly { readonly words: string, readonly page: string, readonly option?: string }[]}
 */
export const QUESTIONS = [
  { words: 'redis key prefix', page: 'guide/redis', option: 'RedisTierOptions.keyPrefix' },
  { words: 'sentinel', page: 'guide/redis', option: 'RedisTierOptions.sentinels' },
  { words: 'redis command timeout', page: 'guide/redis', option: 'RedisTierOptions.commandTimeout' },
  { words: 'limit memory bytes', page: 'guide/tiers', option: 'MemoryOptions.maxBytes' },
  { words: 'eviction policy', page: 'guide/tiers', option: 'MemoryOptions.policy' },
  { words: 'default ttl', page: 'guide/getting-started', option: 'LoadOptions.ttl' },
  { words: 'cache null', page: 'guide/questions', option: 'LoadOptions.negativeTtl' },
  { words: 'serve stale if error', page: 'guide/resilience', option: 'LoadOptions.staleIfError' },
  { words: 'refresh ahead', page: 'guide/refresh-ahead', option: 'LoadOptions.refreshAhead' },
  { words: 'loader timeout', page: 'guide/getting-started', option: 'LoadOptions.timeout' },
  { words: 'encrypt values', page: 'guide/encryption', option: 'CacheOptions.codec' },
  { words: 'several tenants', page: 'guide/keys' },
  { words: 'why did this miss', page: 'guide/operations' },
  { words: 'prometheus metrics', page: 'reference/metrics' },
  { words: 'fake clock in tests', page: 'guide/testing', option: 'CacheOptions.clock' },
  { words: 'invalidate after commit', page: 'guide/invalidation' },
  { words: 'redis is down', page: 'guide/tiers' },
  { words: 'moving from cache-manager', page: 'guide/moving' },
  { words: 'express middleware', page: 'guide/http' },
  { words: 'configure from environment', page: 'guide/settings' },
  { words: 'shut down', page: 'guide/shutdown' },
  { words: 'class instances', page: 'guide/class-instances' },
  { words: 'nest decorator', page: 'guide/drop-ins' },
  { words: 'hit rate fell', page: 'guide/troubleshooting' },
]
