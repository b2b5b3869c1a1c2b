// Messages of the channel: JSON of bounded length and depth. The store's contents are untrusted input (G26).
import { isError, MillpondError, show } from '../core/errors.ts'
import { MAX_NODE_TEXT } from '../core/nodes.ts'

const MAX_DEPTH = 64
const QUOTE = 34
const BACKSLASH = 92

/**
 * JSON of a document. Numbers that JSON does not know are sent as the strings `Infinity`, `-Infinity` and `NaN`, a
 * bigint as its digits, `undefined` as `null`.
 * @throws MillpondError `VALUE_TOO_LARGE` above 262,144 characters, `VALUE_UNSUPPORTED` for what cannot be written.
 */
export function encodeMessage(what: string, value: unknown): string {
  let text: string
  try {
    text = JSON.stringify(value ?? null, inWords)
  } catch (cause) {
    throw new MillpondError('VALUE_UNSUPPORTED', `${what} cannot be written as JSON: ${reasonOf(cause)}`, { cause })
  }
  if (text === undefined)
    throw new MillpondError('VALUE_UNSUPPORTED', `${what} cannot be written as JSON: it is a ${typeof value}`)
  if (text.length > MAX_NODE_TEXT)
    throw new MillpondError(
      'VALUE_TOO_LARGE',
      `${what} has ${text.length} characters of JSON: at most ${MAX_NODE_TEXT} are allowed; send less at once`,
    )
  return text
}

/** The document, or `undefined` for a text that is too long, too deep, or not JSON. */
export function decodeMessage(text: unknown): unknown {
  if (typeof text !== 'string' || text.length > MAX_NODE_TEXT || !isShallow(text)) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return value
  } catch {
    return undefined
  }
}

/** A field of a decoded document; own properties only. */
export function fieldOf(message: unknown, name: string): unknown {
  return typeof message === 'object' && message !== null && Object.hasOwn(message, name)
    ? Reflect.get(message, name)
    : undefined
}

const WORD = /^[\x21-\x7e]{1,128}$/

/** An id, a boot, a topic or a name: short and visible. */
export function isNodeWord(word: unknown): word is string {
  return typeof word === 'string' && WORD.test(word)
}

export function checkNodeWord(word: unknown, what: string): string {
  if (isNodeWord(word)) return word
  throw new MillpondError(
    'OPTION_INVALID',
    `${what}: ${show(word)} is not allowed: use 1 to 128 visible ASCII characters`,
  )
}

export function reasonOf(error: unknown): string {
  return (isError(error) ? error.message : String(error)).slice(0, 1000)
}

function inWords(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value
}

/** Counted before parsing. */
function isShallow(text: string): boolean {
  let depth = 0
  let isText = false
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) isText = !isText
    else if (isText) {
      if (code === BACKSLASH) at++
    } else if (code === 91 || code === 123) {
      if (++depth > MAX_DEPTH) return false
    } else if (code === 93 || code === 125) depth--
  }
  return true
}
