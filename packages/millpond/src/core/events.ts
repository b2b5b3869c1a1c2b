// Events cost nothing without listeners: a field per event, undefined until the first listener.
import type { MissCause } from './causes.ts'
import type { Refusal, Rejection, RemovalReason } from './contracts.ts'
import { MillpondError, show } from './errors.ts'
import type { Target } from './ledger.ts'

/** The events, with the argument of each listener. Keys are encoded keys; `namespace` is the value of `cache.name`. */
export interface CacheEvents {
  /** A read found a fresh entry. `tier`: `memory`, or the name of a tier below. */
  hit: { key: string; namespace: string; tier: string }
  /**
   * Once for each key and call that no tier could answer; not for a call that joins a running load. `at`, `receipt`:
   * when the entry went, and by which invalidation, if that is remembered. `detail`: for `unknown`, why it is not
   * known.
   */
  miss: { key: string; namespace: string; cause: MissCause; at?: number; receipt?: string; detail?: string }
  /** A read was answered with a stale value. */
  stale: { key: string; namespace: string; tier: string }
  /** A loader returned a value after `ms`. */
  load: { key: string; namespace: string; ms: number }
  /** A loader failed; the error reaches its callers unchanged. */
  loadError: { key: string; namespace: string; error: unknown }
  /** An entry was written. */
  set: { key: string; namespace: string }
  /** An entry was deleted by its key. */
  delete: { key: string; namespace: string }
  /**
   * An entry has left memory. Called after the step that removed it; not for a value that a new one replaces, nor for a
   * cache that closes.
   */
  removal: { key: string; namespace: string; reason: RemovalReason }
  /**
   * An invalidation, once in every process that uses the ledger: `isOwn` if it was requested in this one, when it has
   * taken effect. Not called for writes, nor for what a process has missed (`ledger`: `epoch`, `gap`). Elsewhere,
   * invalidations of one turn may share the `id` of the first.
   */
  invalidate: {
    id: string
    namespace: string
    reason: RemovalReason
    /** The caller's own words, if it gave a reason in them. */
    note?: string
    mode: 'delete' | 'expire'
    targets: readonly Target[]
    isOwn: boolean
  }
  /** A call to a tier failed. `verb`: the tier's method. */
  tierError: { tier: string; verb: string; error: unknown }
  /** A healthy tier did not store an entry: it is too large for it, for example. `key` is the storage key. */
  tierRefused: { tier: string; key: string; why: Refusal }
  /**
   * The bytes of a tier were not accepted, and count as a miss: `checksum`, `foreign`, `truncated` and the like for
   * damaged ones; `moved` for another key's entry; for encrypted entries `unsealed` (in plain), `unknown_key` (not in
   * the ring), `tampered` (changed, or another key's, namespace's or cache's), `shredded` (of a tenant whose key was
   * destroyed), `no_answer` (of its key store), `replayed` (older than its place).
   */
  rejected: { key: string; namespace: string; tier: string; why: Rejection }
  /** The breaker of a tier has changed state. */
  breaker: { tier: string; state: 'closed' | 'open' | 'half-open' }
  /**
   * The ledger stopped or began to answer (`down`, `up`; a ledger that takes no heartbeat of this process counts as
   * `down`), or its history was lost (`epoch`, `gap`): everything held in this process is then invalid.
   */
  ledger: { state: 'up' | 'down' | 'epoch' | 'gap'; namespace: string; epoch: string }
  /** Settings were changed at runtime. `namespace` is the one whose `configure` was called. */
  settings: { namespace: string; changes: readonly { setting: string; from: unknown; to: unknown }[] }
  /**
   * A write queue: `stored` in the source (`count`, `ms`), an attempt `failed` and is retried (`key`, `error`,
   * `attempts`, `retryMs`), a write is set aside as a `dead` letter (`key`, `error`), `recovered` from the journal
   * (`count`, `lostBytes`), or `left` in it by `close` (`count`).
   */
  writeBehind: {
    namespace: string
    collection: string
    state: 'stored' | 'failed' | 'dead' | 'recovered' | 'left'
    count?: number
    ms?: number
    key?: string
    error?: unknown
    attempts?: number
    retryMs?: number
    lostBytes?: number
  }
  /**
   * An erasure (`cache.erase`), once this process has done its part: memory, restart file, journals. `writes`: queued
   * writes that it has dropped. `isOwn` if it was requested in this process. `id`: of the invalidation that announced
   * it in this namespace, the same everywhere (`Erased.receipts`).
   */
  erased: {
    id: string
    namespace: string
    writes: readonly {
      collection: string
      key: string
      kind: 'set' | 'remove' | undefined
      wasSent: boolean
      wasDead: boolean
    }[]
    isOwn: boolean
  }
  /** The progress of a warming plan: at its start, about once a second, and at its end. */
  warm: {
    namespace: string
    plan: string
    state: 'began' | 'progress' | 'ended'
    warmed: number
    fresh: number
    empty: number
    failed: number
    /** The total, if the plan's list tells. */
    total?: number
    ms: number
  }
  /** A guard's breaker has changed, or so many calls in a row have failed that its error threshold is reached. */
  guard: { guard: string; state: 'closed' | 'open' | 'half-open' | 'error_threshold'; error?: unknown }
  /** A run of `cache.jobs`: see `JobEvent` of `millpond/jobs`. */
  job: {
    id: string
    job: string
    state: 'late' | 'began' | 'done' | 'retried' | 'failed' | 'lost'
    attempt: number
    lateMs?: number
    ms?: number
    retryMs?: number
    error?: unknown
  }
  /** A problem that affects no caller: of a listener, a recorder, an option. */
  warning: { message: string; error?: unknown }
}
/** The names of the events that `cache.on` takes. */
export type EventName = keyof CacheEvents
/** Its result is not awaited; a rejected promise is reported like a thrown error. */
export type Listener<E extends EventName> = (detail: CacheEvents[E]) => unknown

const NAMES: { readonly [E in EventName]: true } = {
  hit: true,
  miss: true,
  stale: true,
  load: true,
  loadError: true,
  set: true,
  delete: true,
  removal: true,
  invalidate: true,
  tierError: true,
  tierRefused: true,
  rejected: true,
  breaker: true,
  ledger: true,
  settings: true,
  writeBehind: true,
  erased: true,
  warm: true,
  job: true,
  guard: true,
  warning: true,
}

/** A listener that throws or rejects is reported through `warning`, and never disturbs the cache. */
export class Events {
  readonly #listeners: { [E in EventName]?: Listener<E>[] } = {}
  /** Whether `hit` has listeners: a separate field, since every hit checks it. */
  hearsHits = false
  /** The same for `removal`, which each set of a full store checks. */
  hearsRemovals = false

  has(event: EventName): boolean {
    return this.#listeners[event] !== undefined
  }

  /**
   * Returns a function that unsubscribes.
   * @throws MillpondError `OPTION_INVALID` for an unknown event, and for a listener that is not a function.
   */
  on<E extends EventName>(event: E, listener: Listener<E>): () => void {
    if (!Object.hasOwn(NAMES, event))
      throw new MillpondError(
        'OPTION_INVALID',
        `there is no event ${show(event)}: listen to one of ${Object.keys(NAMES).join(', ')}`,
      )
    if (typeof listener !== 'function')
      throw new MillpondError('OPTION_INVALID', `the listener of '${event}' is ${show(listener)}: give a function`)
    const listeners: Listener<E>[] = [...(this.#listeners[event] ?? []), listener]
    this.#put(event, listeners)
    let isListening = true
    return () => {
      if (!isListening) return
      isListening = false
      const left: Listener<E>[] = [...(this.#listeners[event] ?? [])]
      left.splice(left.lastIndexOf(listener), 1)
      this.#put(event, left.length > 0 ? left : undefined)
    }
  }

  emit<E extends EventName>(event: E, detail: CacheEvents[E]): void {
    const listeners = this.#listeners[event]
    if (listeners === undefined) return
    for (const listener of listeners) {
      try {
        const answer = listener(detail)
        if (isThenable(answer))
          Promise.resolve(answer).catch((error: unknown) => this.#report(event, 'rejected', error))
      } catch (error) {
        this.#report(event, 'threw', error)
      }
    }
  }

  /** Errors of a listener of warnings are not reported: there would be no end. */
  #report(event: EventName, how: string, error: unknown): void {
    if (event !== 'warning') this.emit('warning', { message: `a listener of '${event}' ${how}`, error })
  }

  #put<E extends EventName>(event: E, listeners: Listener<E>[] | undefined): void {
    const map: { [K in EventName]?: Listener<K>[] | undefined } = this.#listeners
    Object.assign(map, { [event]: listeners })
    this.hearsHits = this.has('hit')
    this.hearsRemovals = this.has('removal')
  }
}

const isThenable = (answer: unknown): answer is PromiseLike<unknown> =>
  typeof answer === 'object' && answer !== null && 'then' in answer && typeof answer.then === 'function'
