// Events cost nothing while nobody listens: a field per event, undefined until the first listener.
import type { Reason, Refusal } from './contracts.ts'

/** What can be listened to, with what each listener is given. Keys are encoded keys. */
export interface CacheEvents {
  hit: { key: string; tier: string }
  miss: { key: string; cause: string }
  stale: { key: string; tier: string }
  load: { key: string; ms: number }
  loadError: { key: string; error: unknown }
  set: { key: string }
  delete: { key: string }
  /** An entry has left memory. Told after the step that took it; never of a value that a new one replaces, nor of a cache that closes. */
  leave: { key: string; namespace: string; reason: Reason }
  invalidate: { id: string; reason: string; targets: number }
  tierError: { tier: string; verb: string; error: unknown }
  /** A tier that is well did not store an entry: it is too large for it, say. `key` is the storage key. */
  tierRefused: { tier: string; key: string; why: Refusal }
  breaker: { tier: string; state: string }
  ledger: { state: 'up' | 'down' | 'epoch' | 'gap'; epoch: string }
  warning: { message: string; error?: unknown }
}
export type EventName = keyof CacheEvents
export type Listener<E extends EventName> = (detail: CacheEvents[E]) => void

/** A listener that throws is reported through `warning`, once, and never disturbs the cache. */
export class Events {
  readonly #listeners: { [E in EventName]?: Listener<E>[] } = {}
  /** Somebody listens to `hit`: a field of its own, since every hit asks. */
  hearsHits = false
  /** The same of `leave`, which each set of a full store asks. */
  hearsLeaves = false

  has(event: EventName): boolean {
    return this.#listeners[event] !== undefined
  }

  /** Returns how to stop listening. */
  on<E extends EventName>(event: E, listener: Listener<E>): () => void {
    const listeners: Listener<E>[] = [...(this.#listeners[event] ?? []), listener]
    this.#put(event, listeners)
    return () => {
      const left = (this.#listeners[event] ?? []).filter((known) => known !== listener)
      this.#put(event, left.length > 0 ? left : undefined)
    }
  }

  emit<E extends EventName>(event: E, detail: CacheEvents[E]): void {
    const listeners = this.#listeners[event]
    if (listeners === undefined) return
    for (const listener of listeners) {
      try {
        listener(detail)
      } catch (error) {
        if (event !== 'warning') this.emit('warning', { message: `a listener of '${event}' threw`, error })
      }
    }
  }

  #put<E extends EventName>(event: E, listeners: Listener<E>[] | undefined): void {
    const map: { [K in EventName]?: Listener<K>[] | undefined } = this.#listeners
    Object.assign(map, { [event]: listeners })
    this.hearsHits = this.has('hit')
    this.hearsLeaves = this.has('leave')
  }
}
