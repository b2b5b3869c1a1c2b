// The one error class: what failed, the value, the remedy.

/** What a `MillpondError`'s `code` may be: stable, so that programs can tell errors apart. */
export type ErrorCode =
  /** An option, an argument or a variable is not what it may be. */
  | 'OPTION_INVALID'
  /** It is not a key: empty, too long, an object, a lone surrogate. */
  | 'KEY_INVALID'
  /** It is not a tag, or there are too many of them. */
  | 'TAG_INVALID'
  /** It is not a pattern, or one that could not be matched in bounded time. */
  | 'PATTERN_INVALID'
  /** It is not a time: a number of milliseconds, or a text with its unit, such as `'5m'`. */
  | 'DURATION_INVALID'
  /** Something in the value cannot be kept; the message has the path to it. */
  | 'VALUE_UNSUPPORTED'
  /** The value, or its key and tags, is larger than the codec, the tier or the store takes. */
  | 'VALUE_TOO_LARGE'
  /** The loader took longer than `timeout.hard`, and was given up. */
  | 'LOAD_TIMEOUT'
  /** A loader waits for the key that it loads. */
  | 'LOAD_CYCLE'
  /** A tier could not do what nothing else can do in its place. */
  | 'TIER_FAILED'
  /**
   * The shared tier could not be told, so that nobody can promise that it holds everywhere; it holds in this process.
   */
  | 'LEDGER_UNREACHABLE'
  /** The table of jobs did not answer, or refused. */
  | 'JOB_STORE_FAILED'
  /** Keys of encryption cannot be read, or are not keys. */
  | 'KEYRING_INVALID'
  /** Where keys of encryption are kept does not answer. */
  | 'KEYRING_UNREACHABLE'
  /** The tenant's keys were destroyed: nothing is kept for it until `revive`. */
  | 'KEY_SHREDDED'
  /** The place where the processes of a cache meet does not answer, or has too many questions waiting. */
  | 'NODES_UNREACHABLE'
  /** The last region that serves would stop serving. */
  | 'LAST_REGION'
  /** The file behind a write-behind queue cannot be written, or belongs to another process by now. */
  | 'JOURNAL_FAILED'
  /** A write-behind queue takes no more until its source has taken some. */
  | 'QUEUE_FULL'
  /** A source took longer than its guard permits. */
  | 'SOURCE_TIMEOUT'
  /** A source has failed so often that its guard does not ask it for a while. */
  | 'SOURCE_OPEN'
  /** A source answered that it failed. */
  | 'SOURCE_FAILED'
  /** As many calls of a source are under way and waiting as its guard permits. */
  | 'SOURCE_BUSY'
  /** It was closed before. */
  | 'CLOSED'
  /** What is stored was written by a newer version, which has to be installed first. */
  | 'SCHEMA_NEWER'
  /** The caller's signal said so, or a job's time was over. */
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
 * Is it an error, of whichever realm? A test runner that gives each file its own globals (Jest) leaves Node's modules
 * outside: what they throw is no instance of the `Error` that is seen here. A driver whose native part is loaded once
 * for all of them (libsql) throws what only carries a message and a stack.
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
