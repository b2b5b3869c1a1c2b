// What a write-behind collection was told of its queue, checked once.
import { parseDuration } from '../../core/duration.ts'
import { MillpondError, show } from '../../core/errors.ts'
import { checkNames } from '../../core/options.ts'
import type { WriteBehindOptions } from '../../engine/collection.ts'

const NAMES = new Set([
  'durability',
  'journal',
  'maxDelay',
  'maxBatch',
  'maxQueued',
  'maxWait',
  'timeout',
  'maxAttempts',
  'drainTimeout',
  'drainOnSigterm',
])

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
  checkNames(options, NAMES, `option of writeBehind`)
  const { durability = 'journal', journal, drainOnSigterm = true } = options
  if (durability === 'stream')
    throw new MillpondError(
      'OPTION_INVALID',
      `${what}.durability: 'stream' is not there yet: use 'journal' or 'journal-sync', on a disk that outlives the process`,
    )
  if (durability !== 'journal' && durability !== 'journal-sync' && durability !== 'memory')
    throw new MillpondError(
      'OPTION_INVALID',
      `${what}.durability: ${show(durability)} is not known: use 'journal', 'journal-sync' or 'memory'`,
    )
  if (durability === 'memory' && journal !== undefined)
    throw new MillpondError(
      'OPTION_INVALID',
      `${what}: durability 'memory' keeps no journal: leave journal away, or use durability 'journal'`,
    )
  if (durability !== 'memory' && (typeof journal !== 'string' || journal === ''))
    throw new MillpondError(
      'OPTION_INVALID',
      `${what}.journal: ${show(journal)} is not a path: name a folder of its own (made where it does not exist), or say durability: 'memory' for writes that may be lost`,
    )
  if (typeof drainOnSigterm !== 'boolean')
    throw new MillpondError('OPTION_INVALID', `${what}.drainOnSigterm: ${show(drainOnSigterm)} is not allowed: use true or false`)
  return {
    journal: durability === 'memory' ? undefined : journal,
    sync: durability === 'journal-sync',
    maxDelayMs: parseDuration(options.maxDelay ?? '1s', `${what}.maxDelay`),
    maxBatch: whole(options.maxBatch ?? 100, `${what}.maxBatch`),
    maxQueued: whole(options.maxQueued ?? 10_000, `${what}.maxQueued`),
    maxWaitMs: parseDuration(options.maxWait ?? '5s', `${what}.maxWait`),
    timeoutMs: parseDuration(options.timeout ?? '30s', `${what}.timeout`),
    maxAttempts: whole(options.maxAttempts ?? 8, `${what}.maxAttempts`),
    drainMs: parseDuration(options.drainTimeout ?? '10s', `${what}.drainTimeout`),
    drainOnSigterm,
  }
}

function whole(value: unknown, what: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1) return value
  throw new MillpondError('OPTION_INVALID', `${what}: ${show(value)} is not allowed: give a whole number from 1`)
}
