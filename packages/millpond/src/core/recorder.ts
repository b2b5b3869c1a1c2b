// The interface of parts that learn from a cache's traffic: miss-ratio curves, hot keys, key statistics, predictors. It
// costs nothing without recorders.
import type { MissCause } from './causes.ts'
import { MillpondError, show } from './errors.ts'
import type { Target } from './ledger.ts'
import { BATCHED, type Batched } from './read-log.ts'

/**
 * Events of a key: `hash` is `hashOf(key, hashOf(namespace, 0))`, the same in every process; `key` is the encoded key.
 * Called within the read or write, so it must be fast; longer work belongs to a later turn. A recorder that throws is
 * removed, with a warning; a read is never affected.
 */
export interface Recorder {
  /**
   * A tier answered a read, or a stale value was served. `bytes`: the entry's weight in memory, or its size in a tier
   * below.
   */
  hit?(hash: number, bytes: number, key: string, namespace: string, tier: string): void
  /** A read that no tier could answer, with the cause. */
  miss?(hash: number, cause: MissCause, key: string, namespace: string): void
  /**
   * A loader returned a value within `ms`. `valueHash` differs from the last one if the value has changed. `ttlMs`: how
   * long it is fresh from now on; 0 if it is not to be stored.
   */
  load?(hash: number, ms: number, bytes: number, valueHash: number, key: string, namespace: string, ttlMs: number): void
  /** An entry was written. `bytes`: its weight in memory. `ttlMs`: how long it is fresh from now on. */
  set?(hash: number, bytes: number, key: string, namespace: string, ttlMs: number): void
  /** A reader with a session (`cache.for({ session })`) is about to read the key: `session` is its number. */
  context?(hash: number, session: number, key: string, namespace: string): void
  /** An invalidation, in this process or in another one; a `set` is not an invalidation. */
  invalidate?(targets: readonly Target[], mode: 'delete' | 'expire', namespace: string): void
}

interface Known extends Recorder {
  readonly [BATCHED]?: Batched
}

const METHODS = ['hit', 'miss', 'load', 'set', 'context', 'invalidate'] as const

/**
 * @throws MillpondError `OPTION_INVALID` for an object without any of the methods, or with one that is not a function.
 */
export function checkRecorder(recorder: Recorder): Recorder {
  const told =
    typeof recorder === 'object' && recorder !== null ? METHODS.filter((method) => recorder[method] !== undefined) : []
  if (told.length > 0 && told.every((method) => typeof recorder[method] === 'function')) return recorder
  throw new MillpondError(
    'OPTION_INVALID',
    `record: ${show(recorder)} is not a recorder: give an object with one or more of the methods ${METHODS.join(', ')}`,
  )
}

/** Takes memory's reads in batches; undefined for recorders that get each one at once. */
export const batchedOf = (recorder: Known): Batched | undefined => recorder[BATCHED]

export interface Heard {
  /** Recorders that threw, or rejected later. */
  failed(recorder: Recorder, error: unknown): void
  /** Other events than memory reads are reported after these. */
  flush(): void
}

/** One interface for all recorders; undefined for none. */
export function portOf(recorders: readonly Recorder[], heard: Heard): Required<Recorder> | undefined {
  const [first, ...more] = recorders
  if (first === undefined) return undefined
  return more.reduce<Required<Recorder>>(
    (port, recorder) => both(port, guarded(recorder, heard)),
    guarded(first, heard),
  )
}

/** A recorder that takes batches, and is removed if it fails. */
export function readerOf(recorder: Recorder, batched: Batched, { failed }: Heard): Pick<Batched, 'begun' | 'reads'> {
  return {
    begun() {
      try {
        batched.begun()
      } catch (error) {
        failed(recorder, error)
      }
    },
    reads(batch) {
      try {
        batched.reads(batch)
      } catch (error) {
        failed(recorder, error)
      }
    },
  }
}

/** Without a closure or a list for each call: this is on the hit path. */
function guarded(recorder: Known, { failed, flush }: Heard): Required<Recorder> {
  const isBatched = batchedOf(recorder) !== undefined
  const failedNow = (error: unknown): void => failed(recorder, error)
  const later = (answer: unknown): void => {
    if (answer instanceof Promise) answer.catch(failedNow)
  }
  return {
    hit(hash, bytes, key, namespace, tier) {
      if (isBatched) flush()
      try {
        const answer: unknown = recorder.hit?.(hash, bytes, key, namespace, tier)
        if (answer !== undefined) later(answer)
      } catch (error) {
        failedNow(error)
      }
    },
    miss(hash, cause, key, namespace) {
      if (isBatched) flush()
      try {
        const answer: unknown = recorder.miss?.(hash, cause, key, namespace)
        if (answer !== undefined) later(answer)
      } catch (error) {
        failedNow(error)
      }
    },
    load(hash, ms, bytes, valueHash, key, namespace, ttlMs) {
      if (isBatched) flush()
      try {
        const answer: unknown = recorder.load?.(hash, ms, bytes, valueHash, key, namespace, ttlMs)
        if (answer !== undefined) later(answer)
      } catch (error) {
        failedNow(error)
      }
    },
    set(hash, bytes, key, namespace, ttlMs) {
      if (isBatched) flush()
      try {
        const answer: unknown = recorder.set?.(hash, bytes, key, namespace, ttlMs)
        if (answer !== undefined) later(answer)
      } catch (error) {
        failedNow(error)
      }
    },
    context(hash, session, key, namespace) {
      if (isBatched) flush()
      try {
        const answer: unknown = recorder.context?.(hash, session, key, namespace)
        if (answer !== undefined) later(answer)
      } catch (error) {
        failedNow(error)
      }
    },
    invalidate(targets, mode, namespace) {
      if (isBatched) flush()
      try {
        const answer: unknown = recorder.invalidate?.(targets, mode, namespace)
        if (answer !== undefined) later(answer)
      } catch (error) {
        failedNow(error)
      }
    },
  }
}

function both(one: Required<Recorder>, other: Required<Recorder>): Required<Recorder> {
  return {
    hit(hash, bytes, key, namespace, tier) {
      one.hit(hash, bytes, key, namespace, tier)
      other.hit(hash, bytes, key, namespace, tier)
    },
    miss(hash, cause, key, namespace) {
      one.miss(hash, cause, key, namespace)
      other.miss(hash, cause, key, namespace)
    },
    load(hash, ms, bytes, valueHash, key, namespace, ttlMs) {
      one.load(hash, ms, bytes, valueHash, key, namespace, ttlMs)
      other.load(hash, ms, bytes, valueHash, key, namespace, ttlMs)
    },
    set(hash, bytes, key, namespace, ttlMs) {
      one.set(hash, bytes, key, namespace, ttlMs)
      other.set(hash, bytes, key, namespace, ttlMs)
    },
    context(hash, session, key, namespace) {
      one.context(hash, session, key, namespace)
      other.context(hash, session, key, namespace)
    },
    invalidate(targets, mode, namespace) {
      one.invalidate(targets, mode, namespace)
      other.invalidate(targets, mode, namespace)
    },
  }
}
