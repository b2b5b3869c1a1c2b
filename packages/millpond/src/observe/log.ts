// Structured log lines: JSON, one per line, with the field names of the Elastic Common Schema, so that an ELK stack
// accepts them unchanged.

import { checkOptions, fn, oneOf, record, type Shape, text } from '../core/checks.ts'
import { isError } from '../core/errors.ts'

/** The levels of log lines, from the lowest to the highest. */
export const LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type Level = (typeof LEVELS)[number]

/**
 * Further fields. Nested objects stay objects; a bigint becomes a string; an error becomes `error.type`,
 * `error.message`, `error.code`, `error.stack_trace`.
 */
export type LogFields = Readonly<Record<string, unknown>>

export interface Log {
  /** The lowest level that is written. */
  readonly level: Level
  /** Details for a developer. Like the others, it writes nothing if its level is below `level`. */
  debug(event: string, message: string, fields?: LogFields): void
  /** Something expected that an operator may want to know. */
  info(event: string, message: string, fields?: LogFields): void
  /** A problem that failed no call. */
  warn(event: string, message: string, fields?: LogFields): void
  /** Something failed. An error given as the field `error` is written with its type, message, code and stack. */
  error(event: string, message: string, fields?: LogFields): void
}

export interface LogOptions {
  /** Takes one line, including its newline. Default: standard output. */
  readonly write?: ((line: string) => void) | undefined
  /** `service.name`. Default `millpond`. */
  readonly service?: string | undefined
  /** The lowest level that is written. Default `info`. */
  readonly level?: Level | undefined
  /** Fields of every line: `{ 'service.node.name': 'web-1' }`. */
  readonly fields?: LogFields | undefined
  /** Epoch milliseconds. Default: the system's clock. */
  readonly now?: (() => number) | undefined
}

export interface LogEntry {
  /** Epoch milliseconds. Becomes `@timestamp`. */
  readonly at: number
  /** Becomes `log.level`. */
  readonly level: Level
  /** The name of the service. Becomes `service.name`. */
  readonly service: string
  /** The event, in a word: `tier.error`. Becomes `event.action`. */
  readonly event: string
  /** A sentence for a reader; cut after 2,000 characters. */
  readonly message: string
  /** Further fields; absent: none. They cannot replace those of the entry itself. */
  readonly fields?: LogFields
}

const OPTIONS: Shape<LogOptions> = {
  write: fn('a function that takes a line'),
  service: text,
  level: oneOf(...LEVELS),
  fields: record<LogFields>('an object of fields'),
  now: fn(),
}

/** Throws `OPTION_INVALID`, for an unknown level too. */
export function createLog(options: LogOptions = {}): Log {
  checkOptions<LogOptions>(options, OPTIONS, 'createLog')
  const {
    write = (line) => void process.stdout.write(line),
    service = 'millpond',
    level = 'info',
    now = Date.now,
    fields: always,
  } = options
  const lowest = LEVELS.indexOf(level)
  const at = (own: Level) => (event: string, message: string, fields?: LogFields) => {
    if (LEVELS.indexOf(own) < lowest) return
    write(logLine({ at: now(), level: own, service, event, message, fields: { ...always, ...fields } }))
  }
  return { level, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

// Longer lines are cut by most shippers, and then are no longer JSON.
const MAX_LINE = 16_000
const MAX_TEXT = 2_000

/**
 * One line of JSON with its newline. Never throws, whatever the fields are; a line that would be too long keeps only
 * its head.
 */
export function logLine({ at, level, service, event, message, fields }: LogEntry): string {
  const head = {
    '@timestamp': timestamp(at),
    'log.level': level,
    message: cut(message),
    'service.name': service,
    'event.action': event,
    'event.dataset': `${service}.cache`,
    'ecs.version': '8.11.0',
  }
  const line = JSON.stringify(head)
  const rest = fieldsText(fields ?? {}, head)
  const whole = rest === '{}' ? line : `${line.slice(0, -1)},${rest.slice(1)}`
  return `${whole.length <= MAX_LINE ? whole : `${line.slice(0, -1)},"labels":{"fields_dropped":"too_long"}}`}\n`
}

function timestamp(at: number): string {
  const date = new Date(at)
  return Number.isNaN(date.getTime()) ? new Date(0).toISOString() : date.toISOString()
}

function fieldsText(fields: LogFields, head: object): string {
  try {
    return JSON.stringify(flatten(fields, head), (_, value: unknown) => plainer(value))
  } catch (error) {
    // A cycle, a getter that throws: the line still has its event, and says that its fields could not be written.
    return JSON.stringify({ labels: { fields_dropped: cut(String(error)) } })
  }
}

/** Errors are mapped to the schema's own fields; nothing overwrites the head. */
function flatten(fields: LogFields, head: object): Record<string, unknown> {
  const flat: Record<string, unknown> = Object.create(null)
  for (const [name, value] of Object.entries(fields)) {
    if (isError(value) && name === 'error') Object.assign(flat, errorFields(value))
    else if (!Object.hasOwn(head, name)) flat[name] = value
  }
  return flat
}

function errorFields(error: Error): Record<string, unknown> {
  const code: unknown = 'code' in error ? error.code : undefined
  return {
    'error.type': error.name,
    'error.message': cut(error.message),
    'error.code': code,
    'error.stack_trace': cut(error.stack ?? ''),
  }
}

function plainer(value: unknown): unknown {
  if (typeof value === 'string') return cut(value)
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  return isError(value) ? errorFields(value) : value
}

function cut(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text
}
