// The limits of a stored body: checked before a value is written and before bytes from a shared tier are parsed.
import { checkOptions, type Shape, whole } from '../core/checks.ts'
import type { CodecLimits } from '../core/codec-options.ts'

export type { CodecLimits }

// V8 takes up to some 0.1 s to parse 100,000 distinct keys or 8 MB of digits; 500 levels are far from a stack overflow.
const DEFAULTS: CodecLimits = { maxBytes: 8 * 1024 * 1024, maxDepth: 500, maxItems: 100_000 }

// Deeper values could overflow the stack if the caller is deep itself.
const DEEPEST = 1000

const LIMITS: Shape<Partial<CodecLimits>> = { maxBytes: whole(1), maxDepth: whole(1, DEEPEST), maxItems: whole(1) }

/** Fills in the defaults. Throws `OPTION_INVALID` for an unknown name or a limit that is not a positive integer. */
export function resolveLimits(given: Partial<CodecLimits> = {}): CodecLimits {
  checkOptions<Partial<CodecLimits>>(given, LIMITS, 'limits')
  const { maxBytes = DEFAULTS.maxBytes, maxDepth = DEFAULTS.maxDepth, maxItems = DEFAULTS.maxItems } = given
  return Object.freeze({ maxBytes, maxDepth, maxItems })
}

// The escape form turns one item into at most four, and one level into at most three.
const ESCAPED_ITEMS = 4
const ESCAPED_LEVELS = 3

/** The limits on the escape form of a value that is within `limits`. */
export const escapedLimits = ({ maxBytes, maxDepth, maxItems }: CodecLimits): CodecLimits => ({
  maxBytes,
  maxDepth: maxDepth * ESCAPED_LEVELS,
  maxItems: (maxItems + 1) * ESCAPED_ITEMS,
})

const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c
// `[` and `{` differ in one bit, and so do `]` and `}`.
const BRACKET_BIT = 0x20
const OPEN = 0x7b
const CLOSE = 0x7d

/**
 * Which limit a JSON text in `bytes[from, to)` exceeds, if any. One pass over the bytes, whether or not they are valid
 * JSON.
 */
export function excessOf(
  bytes: Uint8Array,
  from: number,
  to: number,
  { maxDepth, maxItems }: Pick<CodecLimits, 'maxDepth' | 'maxItems'>,
): 'too_deep' | 'too_many' | undefined {
  let depth = 0
  let items = 0
  for (let at = from; at < to; at++) {
    const byte = bytes[at]!
    if (byte === QUOTE) {
      at = endOfString(bytes, at + 1, to)
    } else if (byte === COMMA) {
      items++
    } else if ((byte | BRACKET_BIT) === OPEN) {
      items++
      if (++depth > maxDepth) return 'too_deep'
    } else if ((byte | BRACKET_BIT) === CLOSE) {
      depth--
    }
  }
  return items > maxItems ? 'too_many' : undefined
}

function endOfString(bytes: Uint8Array, from: number, to: number): number {
  let at = from
  while (at < to && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1
  return at
}

// The least characters that an object adds around a nested level: `{"":` and `}`.
const OBJECT_LEVEL = 6

/**
 * Whether a JSON text has so few opening brackets that it cannot nest deeper than `maxDepth`. Cheap; `false` means that
 * it must be scanned.
 */
export function surelyShallow(text: string, maxDepth: number): boolean {
  const arrays = occurrences(text, '[', maxDepth)
  // Most texts are too short for that many nested objects, so their braces need not be counted.
  if (arrays + Math.ceil(text.length / OBJECT_LEVEL) <= maxDepth) return true
  return arrays + occurrences(text, '{', maxDepth - arrays) <= maxDepth
}

/** Counts up to one more than `most`. */
function occurrences(text: string, bracket: string, most: number): number {
  let count = 0
  for (let at = text.indexOf(bracket); at !== -1 && count <= most; at = text.indexOf(bracket, at + 1)) count++
  return count
}

/** Whether a parsed JSON value nests no deeper than `levels`. */
export function valueWithin(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return true
  if (levels === 0) return false
  for (const item of Array.isArray(value) ? value : Object.values(value)) {
    if (typeof item === 'object' && item !== null && !valueWithin(item, levels - 1)) return false
  }
  return true
}
