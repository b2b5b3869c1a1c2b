// The measured libraries: each used as its own documentation recommends, behind two functions.
import { SieveCache } from '@neophi/sieve-cache'
import { CacheableMemory } from 'cacheable'
import { createLRU } from 'lru.min'
import { LRUCache } from 'lru-cache'
import { createCache, memory } from 'millpond'
import { createMemoryStore } from 'millpond/memory'
import { LRUMap } from 'mnemonist'
import QuickLRU from 'quick-lru'
import { lru as tinyLru } from 'tiny-lru'
import { newCache } from 'transitory'
import { benchClock } from './clock.ts'
import { flru } from './flru.ts'

/** The interface that the loops call. `get` returns undefined (or null) for a miss. */
export interface ContenderCache {
  get(key: string): unknown
  set(key: string, value: unknown): unknown
  /** Ends timers, so that the process can end. */
  close?(): void
}

export interface Contender {
  /** As shown in the table. */
  readonly name: string
  /** Ours are compared with the others, never with each other. */
  readonly ours?: true
  /** Only these rows; a library whose `set` is asynchronous has no place in the others. */
  readonly rows?: 'reads'
  /** Whether it supports TTLs. */
  readonly ttl: boolean
  /** A remark that readers need to judge its figures. */
  readonly note?: string
  make(capacity: number, ttlMs: number | undefined): ContenderCache
}

export const TTL_MS = 300_000

export const contenders: readonly Contender[] = [
  {
    name: 'Map (floor)',
    ttl: false,
    note: 'first in, first out; no recency, no TTL, no bytes',
    make(capacity) {
      const map = new Map<string, unknown>()
      return {
        get: (key) => map.get(key),
        set(key, value) {
          if (map.size >= capacity && !map.has(key)) map.delete(map.keys().next().value as string)
          map.set(key, value)
        },
      }
    },
  },
  {
    name: 'millpond',
    ours: true,
    ttl: true,
    rows: 'reads',
    note: 'cache.peek(key) of createCache({ tiers: [memory({ maxEntries })] })',
    make(capacity, ttlMs) {
      const cache = createCache({ tiers: [memory({ maxEntries: capacity })], defaults: { ttl: ttlMs ?? Infinity } })
      return { get: (key) => cache.peek(key), set: (key, value) => cache.set(key, value) }
    },
  },
  {
    name: 'millpond store',
    ours: true,
    ttl: true,
    note: 'the memory tier alone, with every check that the engine makes on a hit',
    make(capacity, ttlMs) {
      const clock = benchClock()
      const store = createMemoryStore({ maxEntries: capacity }, { clock })
      const near = store.space('')
      const none: readonly string[] = []
      const seq = 0
      return {
        get(key) {
          const slot = near.find(key)
          if (slot < 0) return undefined
          if (!near.isCurrent(slot, clock.coarse, seq)) return undefined
          near.hit(slot)
          return near.value(slot)
        },
        set(key, value) {
          const now = clock.coarse
          const until = ttlMs === undefined ? Infinity : now + ttlMs
          near.set(key, { value, createdAt: now, freshUntil: until, staleUntil: until, tags: none, asOf: seq })
        },
        close() {
          store.close()
        },
      }
    },
  },
  {
    name: 'lru-cache',
    ttl: true,
    make(capacity, ttlMs) {
      const cache = new LRUCache<string, object>(
        ttlMs === undefined ? { max: capacity } : { max: capacity, ttl: ttlMs },
      )
      return { get: (key) => cache.get(key), set: (key, value) => cache.set(key, value as object) }
    },
  },
  {
    name: 'quick-lru',
    ttl: true,
    note: 'holds up to twice its size',
    make(capacity, ttlMs) {
      const cache = new QuickLRU<string, unknown>(
        ttlMs === undefined ? { maxSize: capacity } : { maxSize: capacity, maxAge: ttlMs },
      )
      return { get: (key) => cache.get(key), set: (key, value) => cache.set(key, value) }
    },
  },
  {
    name: 'mnemonist LRUMap',
    ttl: false,
    make(capacity) {
      const cache = new LRUMap<string, unknown>(capacity)
      return { get: (key) => cache.get(key), set: (key, value) => cache.set(key, value) }
    },
  },
  {
    name: 'lru.min',
    ttl: false,
    make(capacity) {
      const cache = createLRU<string, unknown>({ max: capacity })
      return { get: (key) => cache.get(key), set: (key, value) => cache.set(key, value) }
    },
  },
  {
    name: 'flru',
    ttl: false,
    note: 'two plain objects; holds up to twice its size',
    make(capacity) {
      const cache = flru<unknown>(capacity)
      return { get: (key) => cache.get(key), set: (key, value) => cache.set(key, value) }
    },
  },
  {
    name: '@neophi/sieve-cache',
    ttl: false,
    make(capacity) {
      const cache = new SieveCache<string, unknown>(capacity)
      return { get: (key) => cache.get(key), set: (key, value) => cache.set(key, value) }
    },
  },
  {
    name: 'tiny-lru',
    ttl: true,
    make(capacity, ttlMs) {
      const cache = tinyLru<unknown>(capacity, ttlMs ?? 0)
      return { get: (key) => cache.get(key), set: (key, value) => cache.set(key, value) }
    },
  },
  {
    name: 'transitory',
    ttl: true,
    note: 'W-TinyLFU; loses a little below its size while it admits',
    make(capacity, ttlMs) {
      const sized = newCache<string, unknown>().maxSize(capacity)
      const cache = ttlMs === undefined ? sized.build() : sized.expireAfterWrite(ttlMs).build()
      return { get: (key) => cache.getIfPresent(key), set: (key, value) => cache.set(key, value) }
    },
  },
  {
    name: 'CacheableMemory',
    ttl: true,
    note: 'cacheable; cloning switched off',
    make(capacity, ttlMs) {
      const cache = new CacheableMemory({
        lruSize: capacity,
        useClone: false,
        ...(ttlMs === undefined ? {} : { ttl: ttlMs }),
      })
      return { get: (key) => cache.get(key), set: (key, value) => cache.set(key, value) }
    },
  },
]

export function contenderByName(name: string): Contender {
  const found = contenders.find((contender) => contender.name === name)
  if (found === undefined)
    throw new Error(`no contender ${name}; there are ${contenders.map((contender) => contender.name).join(', ')}`)
  return found
}
