// The queue options of a write-behind collection, validated once.
import {
  check,
  checkOptions,
  duration,
  flag,
  oneOf,
  options as optionsOf,
  type Shape,
  text,
  whole,
  withMethods,
} from '../../core/checks.ts'
import { parseDuration } from '../../core/duration.ts'
import { MillpondError, show } from '../../core/errors.ts'
import type { WriteBehindOptions, WriteStreamClient, WriteStreamOptions } from '../../engine/collection.ts'

const STREAM: Shape<WriteStreamOptions> = {
  url: text,
  client: withMethods<WriteStreamClient>('a client of ioredis', 'call', 'callBuffer'),
  allowLossMs: check((value): value is number => typeof value === 'number' && value >= 0, 'a number of milliseconds'),
  assumeDurable: flag,
  replicas: whole(0),
}

export const WRITE_BEHIND: Shape<WriteBehindOptions> = {
  durability: oneOf('journal', 'journal-sync', 'memory', 'stream'),
  journal: text,
  stream: optionsOf(STREAM),
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
  readonly stream: WriteStreamOptions | undefined
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
  const { journal, stream, drainOnSigterm = true } = options
  const { durability = stream === undefined ? 'journal' : 'stream' } = options
  if ((durability === 'stream') !== (stream !== undefined))
    throw new MillpondError(
      'OPTION_INVALID',
      `${what}: durability '${durability}' ${stream === undefined ? 'needs a server' : 'uses no stream'}: give stream: { url: 'redis://…' } only with durability 'stream'`,
    )
  if (stream !== undefined && (stream.url === undefined) === (stream.client === undefined))
    throw new MillpondError('OPTION_INVALID', `${what}.stream: give either a url or a client`)
  if (durability === 'stream' && journal !== undefined)
    throw new MillpondError(
      'OPTION_INVALID',
      `${what}: durability 'stream' uses no journal: leave journal out, or use durability 'journal'`,
    )
  if (durability === 'memory' && journal !== undefined)
    throw new MillpondError(
      'OPTION_INVALID',
      `${what}: durability 'memory' uses no journal: leave journal out, or use durability 'journal'`,
    )
  if (durability !== 'memory' && durability !== 'stream' && journal === undefined)
    throw new MillpondError(
      'OPTION_INVALID',
      `${what}.journal: undefined is not a path: name a separate folder (created if it does not exist), or use durability: 'memory' for writes that may be lost`,
    )
  const timeoutMs = parseDuration(options.timeout ?? '30s', `${what}.timeout`)
  if (timeoutMs < 1)
    throw new MillpondError(
      'OPTION_INVALID',
      `${what}.timeout: ${show(options.timeout)} is not allowed: give at least 1 ms`,
    )
  return {
    journal: durability === 'memory' ? undefined : journal,
    stream,
    sync: durability === 'journal-sync',
    maxDelayMs: parseDuration(options.maxDelay ?? '2s', `${what}.maxDelay`),
    maxBatch: options.maxBatch ?? 100,
    maxQueued: options.maxQueued ?? 10_000,
    maxWaitMs: parseDuration(options.maxWait ?? '5s', `${what}.maxWait`),
    timeoutMs,
    maxAttempts: options.maxAttempts ?? 8,
    drainMs: parseDuration(options.drainTimeout ?? '10s', `${what}.drainTimeout`),
    drainOnSigterm,
  }
}
