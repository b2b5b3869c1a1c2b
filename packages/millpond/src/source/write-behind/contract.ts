// What a write queue needs around it, and what it tells.
import type { Clock } from '../../core/contracts.ts'

/** What is to be done to a key in the source. `id`: what its owner calls the key, where that is not the key itself. */
export type Operation =
  | { readonly kind: 'set'; readonly id?: unknown; readonly value: unknown }
  | { readonly kind: 'remove'; readonly id?: unknown }

/** One write of a batch, as `store` is given it. */
export interface QueuedWrite {
  readonly key: string
  readonly operation: Operation
  /** Grows with each write of a key, over restarts: a source that keeps it can refuse what is older. */
  readonly number: number
  /** Failed attempts so far, while the source was otherwise answering. */
  readonly attempts: number
}

/**
 * Writes a batch to the source; no key is in two batches at a time. Resolves with nothing (or an empty list) when all
 * are stored, or with one verdict per write, in their order: `undefined` for stored, else its error. A rejection says
 * that nobody knows: all are tried again, in smaller batches. An error whose `permanent` is true is not tried again.
 */
export type StoreBatch = (
  writes: readonly QueuedWrite[],
  context: { readonly signal: AbortSignal },
) => Promise<readonly unknown[] | undefined>

/** Where acknowledged writes are kept until they are stored: a journal, a stream, or this process's memory. */
export interface WriteLog {
  /** Keeps bodies; resolves with their numbers, in order, once they survive what the log is to survive. */
  append(entries: readonly { readonly key: string; readonly body: Uint8Array }[]): Promise<readonly number[]>
  /** The key has reached the source up to this number. */
  settle(key: string, number: number): void
  /** What others have left here, oldest first, one of each key; it is this process's from now on. */
  recover(): Promise<{
    readonly records: readonly { readonly key: string; readonly number: number; readonly body: Uint8Array }[]
    readonly lostBytes: number
  }>
  /**
   * Told when another process has died, and what it has left waits to be taken over. Absent where only a start can find
   * that.
   */
  watch?(found: () => void): void
  /** Leaves no byte of what was settled. Absent where nothing outlives it. */
  scrub?(): Promise<void>
  close(): Promise<void>
}

/** A write that was forgotten for good. */
export interface ForgottenWrite {
  readonly key: string
  readonly kind: Operation['kind'] | undefined
  /** It was on its way to the source, and may have reached it. */
  readonly wasSent: boolean
  /** It had been set aside. */
  readonly wasDead: boolean
}

/** A write that the source refuses. */
export interface DeadLetter {
  readonly key: string
  readonly number: number
  /**
   * Absent where the bytes of the log cannot be read any more (a key that was retired, say); they are kept all the
   * same.
   */
  readonly operation?: Operation
  /** Why it is here. */
  readonly error: string
}

export interface QueueEvents {
  stored(count: number, ms: number): void
  /** An attempt failed; it is tried again in `retryMs`. */
  failed(key: string, error: unknown, attempts: number, retryMs: number): void
  dead(letter: DeadLetter): void
}

export interface QueueOptions {
  readonly log: WriteLog
  readonly store: StoreBatch
  readonly clock: Clock
  readonly random: () => number
  readonly encode: (key: string, operation: Operation) => Uint8Array | Promise<Uint8Array>
  /** `undefined` for bytes that cannot be read. Throws where what was read is not to be used. */
  readonly decode: (key: string, body: Uint8Array) => Operation | undefined | Promise<Operation | undefined>
  /** Told before a write counts as stored: other copies of the keys are invalid. Its failure is its own to tell. */
  readonly afterStore: (keys: readonly string[]) => Promise<void>
  readonly events: QueueEvents
  readonly maxDelayMs: number
  readonly maxBatch: number
  /** Batches on their way at a time. */
  readonly concurrency: number
  /** Keys that may wait. */
  readonly maxQueued: number
  /** How long a write waits for room before it is refused, in milliseconds. */
  readonly maxWaitMs: number
  readonly timeoutMs: number
  readonly maxAttempts: number
}

/** What a flush or a close came to. */
export interface Drained {
  /** Writes that have not reached the source; they are in the log. */
  readonly left: number
  readonly dead: number
}
