// Keys: strings or tuples, encoded so that different keys never collide.
//
// A plain string is its own encoding, so that a hit costs nothing. A tuple is written as a canonical JSON array
// (`["user",7]`). A plain string that begins with `[` or `\` would look like one, so it gets a `\` in front. Tags and
// names use the same rule of well-formedness.
import { isInner } from './dependency.ts'
import { MillpondError, reasonOf, show } from './errors.ts'

/** A part of a tuple: strings are well-formed, numbers finite. */
export type KeyPart = string | number | boolean | bigint | null
/** `'user:7'` or `['user', 7]`. `['user', 7]` and `['user', '7']` are different keys. */
export type Key = string | readonly KeyPart[]

/** The longest key, in UTF-16 units. Hash longer ones. */
export const MAX_KEY_LENGTH = 65_536
const BRACKET = 91
const BACKSLASH = 92

/** The encoding of a key without validation: all that a memory hit needs. */
export function encodeKey(key: Key): string {
  if (typeof key !== 'string') return encodeTuple(key)
  const first = key.charCodeAt(0)
  return first === BRACKET || first === BACKSLASH ? `\\${key}` : key
}

/**
 * Refuses keys that must not reach a tier.
 * @throws MillpondError `KEY_INVALID` for empty keys, lone surrogates, and keys over `MAX_KEY_LENGTH`.
 */
export function checkKey(encoded: string): string {
  if (encoded.length === 0) throw new MillpondError('KEY_INVALID', 'the key is empty: give at least one character')
  if (encoded.length > MAX_KEY_LENGTH) {
    throw new MillpondError(
      'KEY_INVALID',
      `the key has ${encoded.length} characters: at most ${MAX_KEY_LENGTH} are allowed; hash long parameters (buildKey does)`,
    )
  }
  if (!encoded.isWellFormed())
    throw new MillpondError(
      'KEY_INVALID',
      `the key ${show(encoded)} has a lone surrogate: tiers that store UTF-8 could not distinguish it from others; encode it first`,
    )
  return encoded
}

/** An encoded key. @param at its name in messages: `prefix`. @throws MillpondError `KEY_INVALID`. */
export function encodeKeyAt(key: Key, at: string): string {
  try {
    return checkKey(encodeKey(key))
  } catch (cause) {
    throw new MillpondError('KEY_INVALID', `${at}: ${reasonOf(cause)}`, { cause })
  }
}

/** Keys as passed to a verb. @throws MillpondError `OPTION_INVALID` for a value that is not a list. */
export function keyList(given: unknown, verb: string): readonly Key[] {
  if (Array.isArray(given)) return given
  throw new MillpondError('OPTION_INVALID', `${verb}: ${show(given)} is not a list: give an array of keys`)
}

/**
 * Encoded keys of a list.
 * @param at the list's name in messages: `dependsOn`.
 * @throws MillpondError `OPTION_INVALID`, `KEY_INVALID`.
 */
export function encodeKeys(given: unknown, at: string): string[] {
  if (!Array.isArray(given))
    throw new MillpondError('OPTION_INVALID', `${at}: ${show(given)} is not a list: give an array of keys`)
  return given.map((key: Key, index) => encodeKeyAt(key, `${at}[${index}]`))
}

/**
 * The original key of an encoded key, as events, receipts and `entries()` name it.
 *
 * The encoding: a string is itself, with a `\` in front if it begins with `[` or `\`; a tuple is a JSON array without
 * spaces (`["user",7]`), in which a bigint is written `{"n":"7"}`.
 * @throws SyntaxError for a text that is not an encoded key.
 */
export function decodeKey(encoded: string): Key {
  const first = encoded.charCodeAt(0)
  if (first === BACKSLASH) return encoded.slice(1)
  if (first !== BRACKET) return encoded
  return (JSON.parse(encoded) as unknown[]).map(reviveTuplePart)
}

/** A key as a pattern sees it: a string unchanged, a tuple as its canonical JSON. */
export function writtenKey(encoded: string): string {
  return encoded.charCodeAt(0) === BACKSLASH ? encoded.slice(1) : encoded
}

function encodeTuple(parts: readonly KeyPart[]): string {
  if (!Array.isArray(parts) || parts.length === 0) {
    throw new MillpondError('KEY_INVALID', `${show(parts)} is not a key: give a string or a tuple such as ['user', 7]`)
  }
  // By index: a hole is invalid, and `map` would skip it.
  let text = '['
  for (let at = 0; at < parts.length; at++) text += at === 0 ? encodePart(parts[at]) : `,${encodePart(parts[at])}`
  return `${text}]`
}

function encodePart(part: unknown): string {
  if (typeof part === 'string') {
    if (!part.isWellFormed())
      throw new MillpondError('KEY_INVALID', `the key part ${show(part)} has a lone surrogate: encode it first`)
    return JSON.stringify(part)
  }
  if (typeof part === 'bigint') return `{"n":"${part}"}`
  if (part === null || typeof part === 'boolean') return String(part)
  if (typeof part === 'number' && Number.isFinite(part)) return Object.is(part, -0) ? '0' : String(part)
  throw new MillpondError(
    'KEY_INVALID',
    `the key part ${show(part)} is not allowed: use strings, finite numbers, booleans, bigints or null`,
  )
}

function reviveTuplePart(part: unknown): KeyPart {
  if (typeof part === 'object' && part !== null && 'n' in part) return BigInt(String(part.n))
  return part as KeyPart
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/

export const isName = (name: string): boolean => NAME.test(name)

/** A cache's or namespace's name: it becomes part of storage keys and metric labels. */
export function checkName(name: unknown, what: string): string {
  if (typeof name === 'string' && NAME.test(name)) return name
  throw new MillpondError(
    'OPTION_INVALID',
    `${what}: ${show(name)} is not a name: use 1 to 128 letters, digits, '_', '.' or '-', beginning with a letter or digit`,
  )
}

/** The longest tag, in UTF-16 units. */
export const MAX_TAG_LENGTH = 1024
/** The most tags one entry carries. */
export const MAX_TAGS = 128

/** @throws MillpondError `TAG_INVALID` for tags that are empty, too long, too many, not strings, or not well-formed. */
export function checkTags(given: Iterable<unknown>, most = MAX_TAGS): readonly string[] {
  if (typeof given !== 'object' || given === null || !(Symbol.iterator in given))
    throw new MillpondError(
      'TAG_INVALID',
      `tags: ${show(given)} is not a list: give an array (or a Set) of strings, such as ['users']`,
    )
  const tags: readonly unknown[] = Array.isArray(given) ? given : [...given]
  if (tags.length > most)
    throw new MillpondError(
      'TAG_INVALID',
      `${tags.length} tags: at most ${most} are allowed ${most === MAX_TAGS ? 'on an entry' : 'in one call'}; use a broader tag`,
    )
  for (const tag of tags) {
    if (
      typeof tag !== 'string' ||
      tag.length === 0 ||
      tag.length > MAX_TAG_LENGTH ||
      isInner(tag) ||
      !tag.isWellFormed()
    ) {
      throw new MillpondError(
        'TAG_INVALID',
        `the tag ${show(tag)} is not allowed: use 1 to ${MAX_TAG_LENGTH} well-formed characters, not beginning with U+0001, U+0002 or U+0003`,
      )
    }
  }
  return tags as readonly string[]
}
