// What a write-behind collection was told of its queue, checked once.
import { checkOptions, duration, flag, oneOf, type Shape, text, whole } from '../../core/checks.ts'
import { parseDuration } from '../../core/duration.ts'
import { MillpondError } from '../../core/errors.ts'
import type { WriteBehindOptions } from '../../engine/collection.ts'

export const WRITE_BEHIND: Shape<WriteBehindOptions> = {
  durability: oneOf('journal', 'journal-sync', 'memory', 'stream'),
  journal: text,
  maxDelay: duration,
  maxBatch: whole(1),
  maxQueued: whole(1),
  maxWait: duration,
  timeout: duration,
  maxAttempts: whole(1),
  drainTimeout: duration,
  drainOnSigterm: flag,
}

export interface QueueSettings {
  /** The folder; undefined: in this process's memory. */
  readonly journal: string | undefined
  readonly sync: boolean
  readonly maxDelayMs: number
  readonly maxBatch: number
  readonly maxQueued: number
  readonly maxWaitMs: number
  readonly timeoutMs: number
  readonly maxAttempts: number
  readonly drainMs: number
  readonly drainOnSigterm: boolean
}

/** @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`. */
export function settingsOf(name: string, options: WriteBehindOptions = {}): QueueSettings {
  const what = `collection ${name}: writeBehind`
  checkOptions<WriteBehindOptions>(options, WRITE_BEHIND, what)
  const { durability = 'journal', journal, drainOnSigterm = true } = options
  if (durability === 'stream')
    throw new MillpondError(
      'OPTION_INVALID',
      `${what}.durability: 'stream' is not there yet: use 'journal' or 'journal-sync', on a disk that outlives the process`,
    )
  if (durability === 'memory' && journal !== undefined)
    throw new MillpondError(
      'OPTION_INVALID',
      `${what}: durability 'memory' keeps no journal: leave journal away, or use durability 'journal'`,
    )
  if (durability !== 'memory' && journal === undefined)
    throw new MillpondError(
      'OPTION_INVALID',
      `${what}.journal: undefined is not a path: name a folder of its own (made where it does not exist), or say durability: 'memory' for writes that may be lost`,
    )
  return {
    journal: durability === 'memory' ? undefined : journal,
    sync: durability === 'journal-sync',
    maxDelayMs: parseDuration(options.maxDelay ?? '1s', `${what}.maxDelay`),
    maxBatch: options.maxBatch ?? 100,
    maxQueued: options.maxQueued ?? 10_000,
    maxWaitMs: parseDuration(options.maxWait ?? '5s', `${what}.maxWait`),
    timeoutMs: parseDuration(options.timeout ?? '30s', `${what}.timeout`),
    maxAttempts: options.maxAttempts ?? 8,
    drainMs: parseDuration(options.drainTimeout ?? '10s', `${what}.drainTimeout`),
    drainOnSigterm,
  }
}
