// One of the two layers: a cache namespace that answers read-through, and reports the source of each answer.
import { buildKey, type Cache } from 'millpond'
import { wrappers } from 'millpond/http/wrappers'
import type { Versions } from '../db/versions.ts'
import { groupTag, KINDS, type Kind, type KindName, ttlBounds } from './kinds.ts'

export type LayerName = 'strategic' | 'response'

/** The source of an answer. */
export interface Outcome {
  /** `collapsed`: waited for a running load. `bypass`: the cache is off. */
  readonly result: 'hit' | 'miss' | 'collapsed' | 'bypass'
  /** The tier that had it; absent if it was loaded. */
  readonly tier?: string
}

export interface Fetched<T> {
  readonly value: T
  /** How long such an answer is kept. */
  readonly ttlMs: number
  readonly outcome: Outcome
}

/** The identity of a question. Its key is `v1:{kind}:{parts}`. */
export interface Question {
  readonly kind: KindName
  readonly key: string
  /** The organisation that it belongs to; null if it spans all. */
  readonly organizationId: number | null
}

/** A loaded value of a layer: the versions of its data determine what invalidates it. */
export interface Held {
  readonly versions: Versions
}

/** A question's answer, through the cache. */
export interface Method<A extends readonly unknown[], T> {
  (...args: A): Promise<Fetched<T>>
  /** Loads and stores it, whatever is cached. */
  renew(...args: A): Promise<Fetched<T>>
}

export interface Layer {
  readonly name: LayerName
  /** Undefined when the cache is off. */
  readonly cache: Cache | undefined
  /** Puts the cache in front of what computes an answer. */
  method<A extends readonly unknown[], T>(
    kind: KindName,
    ask: (...args: A) => Question,
    load: (...args: A) => Promise<T & Held>,
  ): Method<A, T>
  /** The same, with nothing older than the token's bearer has seen. */
  after(token: string): Layer
}

/** Called for every answer of a layer. */
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
  return {
    kind,
    organizationId,
    key: buildKey({ prefix: String(first), identifier: identifier ?? 'all', parameters: others }),
  }
}

export interface LayerOptions {
  readonly name: LayerName
  /** Undefined: off. */
  readonly cache: Cache | undefined
  /** Milliseconds, for kinds without a time of their own. */
  readonly defaultTtlMs: number
  readonly observe: Observe
  /** For reads without a user, such as warming's: they are not counted. Default false. */
  readonly isQuiet?: boolean
  /** The current session, for prediction. Default: sessions are not distinguished. */
  readonly session?: (() => string | undefined) | undefined
  /**
   * Adaptive TTLs for kinds without a TTL of their own, from how often data is unchanged. Finished bodies contain their
   * creation time, so they always differ. Default false.
   */
  readonly isChoosingTtl?: boolean
}

export function createLayer(options: LayerOptions): Layer {
  return layerFor(options, undefined)
}

function layerFor(options: LayerOptions, token: string | undefined): Layer {
  const { name, cache, defaultTtlMs, observe, isQuiet = false, session, isChoosingTtl = false } = options
  function method<A extends readonly unknown[], T>(
    kind: KindName,
    ask: (...args: A) => Question,
    load: (...args: A) => Promise<T & Held>,
  ): Method<A, T> {
    const ttlMs = cache === undefined ? 0 : (KINDS[kind].ttlMs ?? defaultTtlMs)
    const watched = async (args: A, read: () => Promise<Omit<Fetched<T>, 'ttlMs'>>): Promise<Fetched<T>> => {
      const from = performance.now()
      const { value, outcome } = await read()
      observe(name, ask(...args), outcome, performance.now() - from)
      return { value, outcome, ttlMs }
    }
    if (cache === undefined) {
      const pass = (...args: A): Promise<Fetched<T>> =>
        watched(args, async () => ({ value: await load(...args), outcome: BYPASS }))
      return Object.assign(pass, { renew: pass })
    }
    const { refreshAhead }: Kind = KINDS[kind]
    const options = {
      keyPrefix: false as const,
      key: (args: A) => ask(...args).key,
      tags: ([args]: readonly [A], { versions }: Held) => [...groupTags(ask(...args)), ...Object.keys(versions)],
      quiet: isQuiet,
      session,
      // Also for responses: while one is fresh, what it is made from is not read.
      ...(refreshAhead !== undefined && { refreshAhead }),
      ...(token !== undefined && { after: () => token }),
    }
    const { minTtl, ttl: baseTtl, maxTtl } = ttlBounds(defaultTtlMs)
    const wrapper =
      isChoosingTtl && KINDS[kind].ttlMs === null
        ? wrappers(cache).smartCache({ ...options, minTtl, baseTtl, maxTtl })
        : wrappers(cache).cachedMethod({ ...options, ttl: ttlMs })
    const held = wrapper((args: A) => load(...args))
    const get = (...args: A): Promise<Fetched<T>> =>
      watched(args, async () => {
        const { value, tier, isJoined } = await held.entry(args)
        return {
          value,
          outcome: tier !== 'loader' ? { result: 'hit', tier } : { result: isJoined ? 'collapsed' : 'miss' },
        }
      })
    // Deleting first and loading afterwards is safe with concurrent writes; storing a value that was read before is
    // not.
    const renew = async (...args: A): Promise<Fetched<T>> => {
      await held.invalidate(args)
      return get(...args)
    }
    return Object.assign(get, { renew })
  }
  return { name, cache, method, after: (given) => layerFor(options, given) }
}

const BYPASS: Outcome = { result: 'bypass' }

/** What invalidates an answer in addition to the versions of its data. */
export function groupTags({ kind, organizationId }: Question): string[] {
  return organizationId === null
    ? [groupTag.kind(kind)]
    : [groupTag.kind(kind), groupTag.organization(organizationId), groupTag.both(kind, organizationId)]
}
