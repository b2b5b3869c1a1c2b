// The one error class: what failed, the value, the remedy.

/** What a `MillpondError`'s `code` may be: stable, so that programs can tell errors apart. */
export type ErrorCode =
  | 'OPTION_INVALID'
  | 'KEY_INVALID'
  | 'TAG_INVALID'
  | 'PATTERN_INVALID'
  | 'DURATION_INVALID'
  | 'VALUE_UNSUPPORTED'
  | 'VALUE_TOO_LARGE'
  | 'LOAD_TIMEOUT'
  | 'LOAD_CYCLE'
  | 'TIER_FAILED'
  | 'LEDGER_UNREACHABLE'
  | 'JOB_STORE_FAILED'
  | 'KEYRING_INVALID'
  | 'KEYRING_UNREACHABLE'
  | 'KEY_SHREDDED'
  | 'NODES_UNREACHABLE'
  | 'LAST_REGION'
  | 'JOURNAL_FAILED'
  | 'QUEUE_FULL'
  | 'SOURCE_TIMEOUT'
  | 'SOURCE_OPEN'
  | 'SOURCE_FAILED'
  | 'SOURCE_BUSY'
  | 'CLOSED'
  | 'SCHEMA_NEWER'
  | 'ABORTED'

/** Every error that Millpond itself raises. `code` is stable; the message shows the value and the remedy. */
export class MillpondError extends Error {
  /** What went wrong; for programs. */
  readonly code: ErrorCode
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(`[millpond] ${message}`, options)
    this.name = 'MillpondError'
    this.code = code
  }
}

/**
 * Is it an error, of whichever realm? A test runner that gives each file its own globals (Jest) leaves Node's modules outside: what they throw is no instance of
 * the `Error` that is seen here. A driver whose native part is loaded once for all of them (libsql) throws what only carries a message and a stack.
 */
export function isError(value: unknown): value is Error {
  if (value instanceof Error) return true
  return typeof value === 'object' && value !== null && isText(value, 'message') && isText(value, 'stack')
}

const isText = (value: object, name: string): boolean => typeof Reflect.get(value, name) === 'string'

/** What failed, for the middle of another message: without our own mark, which that message has in front. */
export function reasonOf(error: unknown): string {
  return isError(error) ? error.message.replace(/^\[millpond\] /, '') : String(error)
}

const MAX_SHOWN = 80

/** A value as an error message shows it: short, one line, never a secret's whole. */
export function show(value: unknown): string {
  let text: string
  try {
    text =
      typeof value === 'string'
        ? JSON.stringify(value)
        : typeof value === 'bigint'
          ? `${value}n`
          : typeof value === 'object' && value !== null
            ? describe(value)
            : typeof value === 'function'
              ? `a function ${value.name}`.trimEnd()
              : String(value)
  } catch {
    text = typeof value
  }
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}… (${text.length} characters)` : text
}

/** What has no class that has a name, such as what a generator hands out. */
const tagOf = (value: object): string => Object.prototype.toString.call(value).slice(8, -1)

/** What an instance of a class holds may be hidden from JSON: then it is shown by its class. */
function describe(value: object): string {
  if (value instanceof Date && Number.isNaN(value.getTime())) return String(value)
  const json = JSON.stringify(value, (_, item: unknown) => (typeof item === 'bigint' ? `${item}n` : item))
  const name = value.constructor?.name || tagOf(value)
  if (json === undefined) return name
  return json === '{}' && name !== 'Object' ? `an instance of ${name}` : json
}
