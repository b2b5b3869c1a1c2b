// The default codec: lossless, JSON for what JSON can say, an escape form for the rest.
import type { Codec, DecodedParts, EncodedParts } from '../core/contracts.ts'
import { MillpondError, show } from '../core/errors.ts'
import { KIND, pack, parse, type Rejection, type Unpacked, unpack } from './envelope.ts'
import { escapeValue } from './escape.ts'
import { type CodecLimits, excessOf, resolveLimits, surelyShallow, valueWithin } from './limits.ts'
import { isPlain } from './plain.ts'
import { revive, Unbelievable } from './revive.ts'

export interface JsonCodecOptions {
  /** Bounds for writing and reading; each has a default. */
  readonly limits?: Partial<CodecLimits>
  /** Called for each body that is not believed and so becomes a miss. Must not throw. */
  readonly onReject?: (reason: Rejection) => void
}

// Parsing this much takes no longer than some 20 ms whatever it holds, so the walk over every byte before it is not needed.
const SMALL = 128 * 1024
// The escape form of one item is at most four items, of one level at most three levels.
const ESCAPED_ITEMS = 4
const ESCAPED_LEVELS = 3

/**
 * Keeps: null, booleans, numbers (NaN, infinities, -0), bigint, strings (lone surrogates too), `undefined`, Date
 * (invalid too), Map, Set, Buffer, typed arrays, ArrayBuffer, DataView, arrays, plain objects with or without prototype, a field named
 * `__proto__`. A value that occurs twice is stored twice. A getter is read once and its result kept; hidden (non-enumerable) fields are not kept.
 *
 * Refuses with `VALUE_UNSUPPORTED` and the path: functions, symbols, fields named by symbols, instances of classes, errors, promises,
 * regular expressions, holes in arrays, named properties of arrays, cycles, `toJSON` functions.
 * Beyond its limits: `VALUE_TOO_LARGE`, or `VALUE_UNSUPPORTED` for depth.
 *
 * `decode` answers `undefined` for bytes that are corrupt, cut, foreign, of another version or beyond the limits. It builds nothing but
 * the types above.
 */
export function jsonCodec(options: JsonCodecOptions = {}): Codec {
  const limits = resolveLimits(options.limits)
  const { onReject } = options
  return {
    maxItems: limits.maxItems,
    encode: (parts) => encode(parts, limits),
    decode: (bytes) => {
      const answer = decode(bytes, limits)
      if (typeof answer !== 'string') return answer
      onReject?.(answer)
      return undefined
    },
  }
}

function encode(parts: EncodedParts, limits: CodecLimits): Uint8Array {
  const { value } = parts
  if (value === undefined) return pack(KIND.absent, parts, '', limits.maxBytes)
  if (value instanceof Uint8Array) {
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype === Buffer.prototype) return pack(KIND.buffer, parts, value, limits.maxBytes)
    if (prototype === Uint8Array.prototype) return pack(KIND.bytes, parts, value, limits.maxBytes)
  }
  if (isPlain(value, limits)) return pack(KIND.json, parts, stringify(value, parts.key), limits.maxBytes)
  return pack(KIND.escaped, parts, stringify(escapeValue(value, limits), parts.key), limits.maxBytes)
}

function stringify(value: unknown, key: string): string {
  try {
    return JSON.stringify(value)
  } catch (cause) {
    throw new MillpondError('VALUE_TOO_LARGE', `the value of ${show(key)} cannot be written as one text: store less under one key`, {
      cause,
    })
  }
}

function decode(bytes: Uint8Array, limits: CodecLimits): DecodedParts | Rejection {
  const unpacked = unpack(bytes, limits.maxBytes)
  if (typeof unpacked === 'string') return unpacked
  const { key, tags, createdAt, freshUntil, staleUntil } = unpacked
  const answer = decodeValue(unpacked, limits)
  if ('rejected' in answer) return answer.rejected
  return { key, value: answer.value, createdAt, freshUntil, staleUntil, tags, isNarrow: answer.isNarrow === true }
}

type Decoded = { readonly value: unknown; readonly isNarrow?: boolean } | { readonly rejected: Rejection }

function decodeValue({ kind, body, from, to }: Unpacked, limits: CodecLimits): Decoded {
  switch (kind) {
    case KIND.json:
      return decodeJson(body, from, to, limits)
    case KIND.escaped:
      return decodeEscaped(body, from, to, limits)
    case KIND.buffer:
      return { value: Buffer.from(copy(body, from, to)) }
    case KIND.bytes:
      return { value: new Uint8Array(copy(body, from, to)) }
    case KIND.absent:
      return from === to ? { value: undefined } : { rejected: 'malformed' }
    default:
      return { rejected: 'malformed' }
  }
}

/** Memory of its own: what arrived may be a slice of a socket's buffer. */
function copy(body: Buffer, from: number, to: number): ArrayBuffer {
  const memory = new ArrayBuffer(to - from)
  body.copy(new Uint8Array(memory), 0, from, to)
  return memory
}

function decodeJson(body: Buffer, from: number, to: number, limits: CodecLimits): Decoded {
  const isSmall = to - from <= Math.min(SMALL, limits.maxItems)
  const excess = isSmall ? undefined : excessOf(body, from, to, limits)
  if (excess !== undefined) return { rejected: excess }
  const text = body.toString('utf8', from, to)
  const value = parse(text)
  if (value === undefined) return { rejected: 'malformed' }
  if (isSmall && !surelyShallow(text, limits.maxDepth) && !valueWithin(value, limits.maxDepth)) return { rejected: 'too_deep' }
  return { value, isNarrow: isNarrow(text, to - from) }
}

/** As many bytes as characters are ASCII; what an escape stands for may be wider. */
const isNarrow = (text: string, bytes: number): boolean => text.length === bytes && !text.includes('\\u')

function decodeEscaped(body: Buffer, from: number, to: number, { maxDepth, maxItems }: CodecLimits): Decoded {
  const raw = { maxDepth: maxDepth * ESCAPED_LEVELS, maxItems: (maxItems + 1) * ESCAPED_ITEMS }
  const excess = to - from <= Math.min(SMALL, maxItems) ? undefined : excessOf(body, from, to, raw)
  if (excess !== undefined) return { rejected: excess }
  const data = parse(body.toString('utf8', from, to))
  if (data === undefined) return { rejected: 'malformed' }
  try {
    return { value: revive(data, maxDepth) }
  } catch (error) {
    return { rejected: error instanceof Unbelievable ? error.rejection : 'malformed' }
  }
}
