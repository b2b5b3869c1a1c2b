// One of the two layers: a cache namespace that answers through itself, and tells where the answer came from.
import { buildKey, type Cache } from 'millpond'
import type { Versions } from '../db/versions.ts'
import { groupTag, KINDS, type KindName } from './kinds.ts'

export type LayerName = 'strategic' | 'response'

/** Where an answer came from. */
export interface Outcome {
  /** `collapsed`: waited for a load that was under way. `bypass`: the cache is off. */
  readonly result: 'hit' | 'miss' | 'collapsed' | 'bypass'
  /** The tier that had it; absent where it was loaded. */
  readonly tier?: string
}

export interface Fetched<T> {
  readonly value: T
  /** How long such an answer is kept. */
  readonly ttlMs: number
  readonly outcome: Outcome
}

/** What is asked for. Its key is `v1:{kind}:{parts}`. */
export interface Question {
  readonly kind: KindName
  readonly key: string
  /** The organisation it belongs to; null where it spans all. */
  readonly organizationId: number | null
}

/** What is loaded for a layer: the versions of the data decide what invalidates it. */
export interface Held {
  readonly versions: Versions
}

export interface Layer {
  readonly name: LayerName
  /** Undefined when the cache is off. */
  readonly cache: Cache | undefined
  /** `after`: a token; the answer is no older than what its bearer has seen. */
  fetch<T>(question: Question, load: () => Promise<T & Held>, after?: string): Promise<Fetched<T>>
  /** Loads anew and stores, whatever is held. */
  renew<T>(question: Question, load: () => Promise<T & Held>): Promise<T>
}

/** Told of every answer of a layer. */
export type Observe = (layer: LayerName, asked: Question, outcome: Outcome, ms: number) => void

/** `question('organization', 'org:data', 7)` has the key `v1:org:data:7`. */
export function question(
  kind: KindName,
  prefix: readonly [string, string?],
  organizationId: number | null,
  ...parameters: (string | number)[]
): Question {
  const [first, ...rest] = [...prefix, ...parameters].filter((part) => part !== undefined)
  const [identifier, ...others] = rest
  return { kind, organizationId, key: buildKey({ prefix: String(first), identifier: identifier ?? 'all', parameters: others }) }
}

export interface LayerOptions {
  readonly name: LayerName
  /** Undefined: off. */
  readonly cache: Cache | undefined
  /** Milliseconds, for kinds without a time of their own. */
  readonly defaultTtlMs: number
  readonly observe: Observe
  /** For reads that are nobody's, as warming's: they count nothing. Default false. */
  readonly isQuiet?: boolean
}

export function createLayer({ name, cache, defaultTtlMs, observe, isQuiet = false }: LayerOptions): Layer {
  const ttlOf = (kind: KindName) => KINDS[kind].ttlMs ?? defaultTtlMs
  if (!cache) {
    const bypass: Outcome = { result: 'bypass' }
    return {
      name,
      cache,
      fetch: async (asked, load) => {
        const from = performance.now()
        const value = await load()
        observe(name, asked, bypass, performance.now() - from)
        return { value, outcome: bypass, ttlMs: 0 }
      },
      renew: (_, load) => load(),
    }
  }
  const lower = followLowerHits(cache)
  const loading = new Set<string>()
  const fetchAbsent = async <T>(asked: Question, load: () => Promise<T & Held>, after?: string): Promise<Fetched<T>> => {
    const ttlMs = ttlOf(asked.kind)
    const isFirst = !loading.has(asked.key)
    let isLoaded = false
    if (isFirst) loading.add(asked.key)
    try {
      const value = await cache.getOrSet<T>(
        asked.key,
        async (context) => {
          isLoaded = true
          const loaded = await load()
          context.addTags(...Object.keys(loaded.versions))
          return loaded
        },
        { ttl: ttlMs, tags: groupTags(asked), quiet: isQuiet, ...(after === undefined ? {} : { after }) },
      )
      const tier = lower.take(asked.key)
      const outcome: Outcome = isLoaded ? { result: 'miss' } : isFirst ? { result: 'hit', tier: tier ?? 'memory' } : { result: 'collapsed' }
      return { value, outcome, ttlMs }
    } finally {
      if (isFirst) loading.delete(asked.key)
    }
  }
  return {
    name,
    cache,
    fetch: async <T>(asked: Question, load: () => Promise<T & Held>, after?: string) => {
      const from = performance.now()
      const near = after === undefined && !isQuiet ? cache.peek<T>(asked.key) : undefined
      const fetched: Fetched<T> =
        near === undefined ? await fetchAbsent(asked, load, after) : { value: near, outcome: IN_MEMORY, ttlMs: ttlOf(asked.kind) }
      observe(name, asked, fetched.outcome, performance.now() - from)
      return fetched
    },
    // Deleting first and loading after is safe beside writes; storing a value that was read before would not be.
    renew: async (asked, load) => {
      await cache.delete(asked.key)
      return (await fetchAbsent(asked, load)).value
    },
  }
}

const IN_MEMORY: Outcome = { result: 'hit', tier: 'memory' }

/** What beside the versions of its data invalidates an answer. */
export function groupTags({ kind, organizationId }: Question): string[] {
  return organizationId === null
    ? [groupTag.kind(kind)]
    : [groupTag.kind(kind), groupTag.organization(organizationId), groupTag.both(kind, organizationId)]
}

/** Remembers which lower tier answered for a key, until the answer is taken. */
function followLowerHits(cache: Cache): { take(key: string): string | undefined } {
  const tiers = new Map<string, string>()
  cache.on('hit', ({ key, tier }) => {
    if (tier !== 'memory') tiers.set(key, tier)
  })
  return {
    take: (key) => {
      const tier = tiers.get(key)
      tiers.delete(key)
      return tier
    },
  }
}
