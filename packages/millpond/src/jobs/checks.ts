// Validation and errors that all job tables share.
import { checkOptions, duration, listOf, oneOf, type Resolved, type Shape, text, whole } from '../core/checks.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { isError, MillpondError, show } from '../core/errors.ts'
import { DEFAULT_RETENTION, type JobRetention, LISTED, type ListOptions, MAX_LISTED } from '../core/jobs.ts'
import { checkName } from '../core/key.ts'
import { unheld } from '../core/unheld.ts'

export interface RetentionOptions {
  /** How long a done job's id is kept. Default `'1h'`. */
  readonly keepDone?: Duration | undefined
  /** How long a failed job is kept. Default `'7d'`. */
  readonly keepFailed?: Duration | undefined
}

export interface ServerOptions extends QueueOptions {
  /** The timeout of a step. Default `'10s'`. */
  readonly timeout?: Duration | undefined
}

export interface QueueOptions extends RetentionOptions {
  /** Jobs of another queue are not visible. Default `jobs`. */
  readonly queue?: string | undefined
}

export const RETENTION: Shape<RetentionOptions> = { keepDone: duration, keepFailed: duration }
export const QUEUE: Shape<QueueOptions> = { ...RETENTION, queue: (value, at) => checkName(value, at) }
export const SERVER: Shape<ServerOptions> = { ...QUEUE, timeout: duration }
const LIST: Shape<ListOptions> = {
  states: listOf(oneOf(...LISTED), `a list of states: ${LISTED.join(', ')}`),
  kind: text,
  limit: whole(1),
  offset: whole(0),
}

const MAX_KEEP_MS = 3_155_760_000_000

export function resolveRetention(options: RetentionOptions): JobRetention {
  const keep = (value: Duration | undefined, name: string, fallback: number): number =>
    value === undefined ? fallback : Math.min(MAX_KEEP_MS, Math.ceil(parseDuration(value, name)))
  return {
    keepDoneMs: keep(options.keepDone, 'keepDone', DEFAULT_RETENTION.keepDoneMs),
    keepFailedMs: keep(options.keepFailed, 'keepFailed', DEFAULT_RETENTION.keepFailedMs),
  }
}

export const stepMs = (options: ServerOptions): number =>
  Math.min(2 ** 31 - 1, options.timeout === undefined ? STEP_MS : parseDuration(options.timeout, 'timeout'))

export const queueName = (options: QueueOptions): string => checkName(options.queue ?? 'jobs', 'queue')

/** @throws MillpondError `OPTION_INVALID`. */
export function resolveList(
  options: ListOptions = {},
): Resolved<Omit<ListOptions, 'kind'>> & { readonly kind: string | undefined } {
  checkOptions<ListOptions>(options, LIST, 'list')
  const { states, kind, limit = 100, offset = 0 } = options
  return { states: states ?? LISTED, kind, limit: Math.min(limit, MAX_LISTED), offset }
}

const VISIBLE = /^[\x21-\x7e]{1,200}$/

/** An id or a kind. */
export function checkJobWord(word: unknown, what: string): string {
  if (typeof word === 'string' && VISIBLE.test(word)) return word
  throw new MillpondError(
    'OPTION_INVALID',
    `job ${what}: ${show(word)} is not allowed: use 1 to 200 visible ASCII characters`,
  )
}

/** An error as stored in the table: short, and text that every store accepts. */
export function errorText(error: unknown): string {
  const text = isError(error) ? `${error.name}: ${error.message}` : String(error)
  return text.slice(0, 1000).toWellFormed().replaceAll('\u0000', '\ufffd')
}

/** The timeout of a step on the server, in milliseconds. A frozen server must not hold its callers for ever. */
const STEP_MS = 10_000

/** The work's result, or `JOB_STORE_FAILED` if it takes too long. A later result is ignored. */
export function inTime<T>(store: string, what: string, ms: number, work: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const late = (): void =>
      reject(new MillpondError('JOB_STORE_FAILED', `[${store}] job ${what}: no answer within ${ms} ms`))
    const timer = setTimeout(late, ms)
    unheld(timer)
    work.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

export function storeFailed(store: string, what: string, cause: unknown): MillpondError {
  if (cause instanceof MillpondError) return cause
  return new MillpondError(
    'JOB_STORE_FAILED',
    `[${store}] job ${what}: ${isError(cause) ? cause.message : String(cause)}`,
    {
      cause,
    },
  )
}
