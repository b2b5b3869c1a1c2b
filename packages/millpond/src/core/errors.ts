// The only error class: what failed, the value, the remedy.
import { readable } from './readable.ts'
import { isSecretName, withoutLoginIn, withoutSecrets } from './without-secrets.ts'

/** The possible values of a `MillpondError`'s `code`: stable, so that programs can tell errors apart. */
export type ErrorCode =
  /** An option, an argument or a variable is invalid. */
  | 'OPTION_INVALID'
  /** Not a key: empty, too long, an object, a lone surrogate. */
  | 'KEY_INVALID'
  /** Not a tag, or too many of them. */
  | 'TAG_INVALID'
  /** Not a pattern, or one that cannot be matched in bounded time. */
  | 'PATTERN_INVALID'
  /** Not a duration: a number of milliseconds, or a string with its unit, such as `'5m'`. */
  | 'DURATION_INVALID'
  /** Something in the value cannot be stored; the message has the path to it. */
  | 'VALUE_UNSUPPORTED'
  /** The value, or its key and tags, is larger than the codec, the tier or the store accepts. */
  | 'VALUE_TOO_LARGE'
  /** The loader took longer than `timeout.hard`, and was given up. */
  | 'LOAD_TIMEOUT'
  /** A loader waits for the key that it loads. */
  | 'LOAD_CYCLE'
  /** A tier failed, and nothing else can do its part. */
  | 'TIER_FAILED'
  /** The shared tier did not confirm: in force in this process, and not known to be in force in others. */
  | 'LEDGER_UNREACHABLE'
  /** The job table did not answer, or refused. */
  | 'JOB_STORE_FAILED'
  /** Encryption keys cannot be read, or are invalid. */
  | 'KEYRING_INVALID'
  /** The store of encryption keys does not answer. */
  | 'KEYRING_UNREACHABLE'
  /** The tenant's keys were destroyed: nothing is stored for it until `revive`. */
  | 'KEY_SHREDDED'
  /** The place where a cache's processes meet does not answer, or has too many questions waiting. */
  | 'NODES_UNREACHABLE'
  /** The last serving region would stop serving. */
  | 'LAST_REGION'
  /** The file behind a write-behind queue cannot be written, or now belongs to another process. */
  | 'JOURNAL_FAILED'
  /** A write-behind queue is full until its source has accepted some writes. */
  | 'QUEUE_FULL'
  /** A source took longer than its guard permits. */
  | 'SOURCE_TIMEOUT'
  /** A source has failed so often that its guard does not call it for a while. */
  | 'SOURCE_OPEN'
  /** A source reported a failure. */
  | 'SOURCE_FAILED'
  /** A source has as many running and waiting calls as its guard permits. */
  | 'SOURCE_BUSY'
  /** It is already closed. */
  | 'CLOSED'
  /** The stored data was written by a newer version, which has to be installed first. */
  | 'SCHEMA_NEWER'
  /** The caller's signal was aborted, or a job's time was over. */
  | 'ABORTED'

/** Every error that Millpond itself raises. `code` is stable; the message shows the value and the remedy. */
export class MillpondError extends Error {
  /** What went wrong; for programs. */
  readonly code: ErrorCode
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(`[millpond] ${readable(message)}`, options)
    this.name = 'MillpondError'
    this.code = code
  }
}

/**
 * Whether it is an error, of any realm. A test runner that gives each file its own globals (Jest) does not wrap Node's
 * modules: what they throw is not an instance of the `Error` seen here. A driver whose native part is loaded once for
 * all of them (libsql) throws objects with only a message and a stack.
 */
export function isError(value: unknown): value is Error {
  if (value instanceof Error) return true
  return typeof value === 'object' && value !== null && isText(value, 'message') && isText(value, 'stack')
}

const isText = (value: object, name: string): boolean => typeof Reflect.get(value, name) === 'string'

/** The reason of a failure, to be embedded in another message: without our own prefix, which that message has. */
export function reasonOf(error: unknown): string {
  return isError(error) ? error.message.replace(/^\[millpond\] /, '') : String(error)
}

const MAX_SHOWN = 80
/** Longer values are searched for credentials only so far: the rest is not shown. */
const MAX_SEARCHED = 2000

/** A value as an error message shows it: short, on one line, without the credentials in it. */
export function show(value: unknown): string {
  let text: string
  try {
    text =
      typeof value === 'string'
        ? JSON.stringify(withoutLoginIn(value))
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
  const safe = withoutSecrets(text.slice(0, MAX_SEARCHED))
  return safe.length > MAX_SHOWN ? `${safe.slice(0, MAX_SHOWN)}… (${text.length} characters)` : safe
}

/** Objects without a named class, such as a generator. */
const tagOf = (value: object): string => Object.prototype.toString.call(value).slice(8, -1)

/** A class instance may hide its contents from JSON: then it is shown by its class. */
function describe(value: object): string {
  if (value instanceof Date && Number.isNaN(value.getTime())) return String(value)
  if (ArrayBuffer.isView(value)) return bytesOf(value)
  const json = JSON.stringify(value, withoutContents)
  const name = value.constructor?.name || tagOf(value)
  if (json === undefined) return name
  return json === '{}' && name !== 'Object' ? `an instance of ${name}` : json
}

/** A password may have been given as a number or a list; whether there is one is no secret. */
const isContent = (item: unknown): boolean => item !== undefined && item !== null && typeof item !== 'boolean'

/** For `JSON.stringify`: bytes may be a key, so only their number is shown. */
function withoutContents(this: unknown, name: string, item: unknown): unknown {
  if (isSecretName(name) && isContent(item)) return '***'
  if (typeof item === 'bigint') return `${item}n`
  if (typeof item === 'string') return withoutLoginIn(item)
  const raw: unknown = typeof this === 'object' && this !== null ? Reflect.get(this, name) : item
  return ArrayBuffer.isView(raw) ? bytesOf(raw) : item
}

const bytesOf = (view: ArrayBufferView): string => `${view.constructor.name} of ${view.byteLength} bytes`
