// The dependencies of a write queue, and what it reports.
import type { Clock } from '../../core/contracts.ts'

/** An operation on a key in the source. `id`: the owner's name of the key, if it differs from the key. */
export type Operation =
  | { readonly kind: 'set'; readonly id?: unknown; readonly value: unknown }
  | { readonly kind: 'remove'; readonly id?: unknown }

/** One write of a batch, as `store` gets it. */
export interface QueuedWrite {
  readonly key: string
  readonly operation: Operation
  /** Increases with each write of a key, across restarts: a source that stores it can refuse older ones. */
  readonly number: number
  /** Failed attempts so far, while the source was otherwise answering. */
  readonly attempts: number
}

/**
 * Writes a batch to the source; no key is in two batches at a time. Resolves with nothing (or an empty list) if all are
 * stored, or with one result per write, in their order: `undefined` for stored, else its error. A rejection means that
 * the result is unknown: all are retried, in smaller batches. An error whose `permanent` is true is not retried.
 */
export type StoreBatch = (
  writes: readonly QueuedWrite[],
  context: { readonly signal: AbortSignal },
) => Promise<readonly unknown[] | undefined>

/** Where acknowledged writes are kept until they are stored: a journal, a stream, or this process's memory. */
export interface WriteLog {
  /** Keeps bodies; resolves with their numbers, in order, once they are as durable as the log promises. */
  append(entries: readonly { readonly key: string; readonly body: Uint8Array }[]): Promise<readonly number[]>
  /** The key has reached the source up to this number. */
  settle(key: string, number: number): void
  /** The leftovers of other processes, oldest first, one per key; they belong to this process from now on. */
  recover(): Promise<{
    readonly records: readonly { readonly key: string; readonly number: number; readonly body: Uint8Array }[]
    readonly lostBytes: number
  }>
  /**
   * Called when another process has died, and its leftovers can be taken over. Absent if only a start can find that.
   */
  watch?(found: () => void): void
  /** Leaves no byte of settled records. Absent if nothing outlives them. */
  scrub?(): Promise<void>
  close(): Promise<void>
}

/** A write that was dropped permanently. */
export interface ForgottenWrite {
  readonly key: string
  readonly kind: Operation['kind'] | undefined
  /** It was being sent to the source, and may have reached it. */
  readonly wasSent: boolean
  /** It was a dead letter. */
  readonly wasDead: boolean
}

/** A write that the source refuses: a dead letter. */
export interface DeadLetter {
  readonly key: string
  readonly number: number
  /**
   * Absent if the bytes of the log cannot be read any more (with a retired key, for example); they are kept all the
   * same.
   */
  readonly operation?: Operation
  /** Why it is here. */
  readonly error: string
}

export interface QueueEvents {
  stored(count: number, ms: number): void
  /** An attempt failed; it is retried in `retryMs`. */
  failed(key: string, error: unknown, attempts: number, retryMs: number): void
  dead(letter: DeadLetter): void
}

export interface QueueOptions {
  readonly log: WriteLog
  readonly store: StoreBatch
  readonly clock: Clock
  readonly random: () => number
  readonly encode: (key: string, operation: Operation) => Uint8Array | Promise<Uint8Array>
  /** `undefined` for unreadable bytes. Throws if the contents must not be used. */
  readonly decode: (key: string, body: Uint8Array) => Operation | undefined | Promise<Operation | undefined>
  /** Called before a write counts as stored: other copies of the keys are invalid. It reports its own failures. */
  readonly afterStore: (keys: readonly string[]) => Promise<void>
  readonly events: QueueEvents
  readonly maxDelayMs: number
  readonly maxBatch: number
  /** Concurrent batches. */
  readonly concurrency: number
  /** The most waiting keys. */
  readonly maxQueued: number
  /** How long a write waits for room before it is refused, in milliseconds. */
  readonly maxWaitMs: number
  readonly timeoutMs: number
  readonly maxAttempts: number
}

/** The result of a flush or a close. */
export interface Drained {
  /** Writes that have not reached the source; they are in the log. */
  readonly left: number
  readonly dead: number
}
