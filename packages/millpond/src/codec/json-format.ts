// JSON as a value format: lossless; plain JSON where it suffices, an escape form for the rest.
import type { Isolated } from '../core/contracts.ts'
import { MillpondError, show } from '../core/errors.ts'
import { escapeValue } from './escape.ts'
import type { Read, ValueFormat, Written } from './format.ts'
import { parse } from './frame.ts'
import { type CodecLimits, escapedLimits, excessOf, surelyShallow, valueWithin } from './limits.ts'
import { isPlain } from './plain.ts'
import { reviveRead } from './revive.ts'

const NUMBER = { json: 0, escaped: 1, buffer: 2, bytes: 3, absent: 4 } as const

// Parsing this much takes at most some 20 ms, whatever it contains, so it is not scanned beforehand.
const SMALL = 128 * 1024

/**
 * Keeps: null, booleans, numbers (NaN, infinities, -0), bigint, strings (lone surrogates too), `undefined`, Date
 * (invalid too), Map, Set, Buffer, typed arrays, ArrayBuffer, DataView, arrays, plain objects with or without
 * prototype, a field named `__proto__`. A value that occurs twice is stored twice. A getter is read once and its result
 * kept; non-enumerable fields are not kept.
 *
 * Rejects with `VALUE_UNSUPPORTED` and the path: functions, symbols, fields named by symbols, instances of classes,
 * errors, promises, regular expressions, holes in arrays, named properties of arrays, cycles, `toJSON` functions.
 * Beyond its limits: `VALUE_TOO_LARGE`, or `VALUE_UNSUPPORTED` for depth. Decoding creates only the types above.
 */
export const jsonFormat: ValueFormat = { name: 'json', numbers: Object.values(NUMBER), write, read }

function write(value: unknown, key: string, limits: CodecLimits, isolated?: Isolated): Written {
  if (value === undefined) return { number: NUMBER.absent, bytes: '' }
  if (value instanceof Uint8Array) {
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype === Buffer.prototype) return { number: NUMBER.buffer, bytes: value }
    if (prototype === Uint8Array.prototype) return { number: NUMBER.bytes, bytes: value }
  }
  if (isKnownPlain(value, limits, isolated) || isPlain(value, limits))
    return { number: NUMBER.json, bytes: stringify(value, key) }
  return { number: NUMBER.escaped, bytes: stringify(escapeValue(value, limits), key) }
}

/** How deep `Isolated.jsonItems` says that a value may be. */
const ISOLATED_DEPTH = 500

/** Isolating it asked all that `isPlain` would ask once more. A text weighs at least a byte for each character. */
function isKnownPlain(value: unknown, limits: CodecLimits, isolated: Isolated | undefined): boolean {
  return (
    isolated?.jsonItems !== undefined &&
    isolated.value === value &&
    isolated.jsonItems <= limits.maxItems &&
    isolated.bytes <= limits.maxBytes &&
    limits.maxDepth >= ISOLATED_DEPTH &&
    !('toJSON' in Array.prototype)
  )
}

function stringify(value: unknown, key: string): string {
  try {
    return JSON.stringify(value)
  } catch (cause) {
    throw new MillpondError(
      'VALUE_TOO_LARGE',
      `the value of ${show(key)} cannot be written as one string: store less under one key`,
      {
        cause,
      },
    )
  }
}

function read(number: number, bytes: Buffer, from: number, to: number, limits: CodecLimits): Read {
  switch (number) {
    case NUMBER.json:
      return readJson(bytes, from, to, limits)
    case NUMBER.escaped:
      return readEscaped(bytes, from, to, limits)
    case NUMBER.buffer:
      return { value: Buffer.from(copy(bytes, from, to)) }
    case NUMBER.bytes:
      return { value: new Uint8Array(copy(bytes, from, to)) }
    case NUMBER.absent:
      return from === to ? { value: undefined } : { rejected: 'malformed' }
    default:
      return { rejected: 'format' }
  }
}

/** A copy, since the input may be a slice of a socket's buffer. */
function copy(body: Buffer, from: number, to: number): ArrayBuffer {
  const memory = new ArrayBuffer(to - from)
  body.copy(new Uint8Array(memory), 0, from, to)
  return memory
}

function readJson(body: Buffer, from: number, to: number, limits: CodecLimits): Read {
  const isSmall = to - from <= Math.min(SMALL, limits.maxItems)
  const excess = isSmall ? undefined : excessOf(body, from, to, limits)
  if (excess !== undefined) return { rejected: excess }
  const text = body.toString('utf8', from, to)
  const value = parse(text)
  if (value === undefined) return { rejected: 'malformed' }
  if (isSmall && !surelyShallow(text, limits.maxDepth) && !valueWithin(value, limits.maxDepth))
    return { rejected: 'too_deep' }
  return { value, isNarrow: isNarrow(text, to - from) }
}

/** Whether there are as many bytes as characters (all ASCII), and no escape, which may stand for a wider character. */
const isNarrow = (text: string, bytes: number): boolean => text.length === bytes && !text.includes('\\u')

function readEscaped(body: Buffer, from: number, to: number, limits: CodecLimits): Read {
  const excess =
    to - from <= Math.min(SMALL, limits.maxItems) ? undefined : excessOf(body, from, to, escapedLimits(limits))
  if (excess !== undefined) return { rejected: excess }
  const value = parse(body.toString('utf8', from, to))
  return reviveRead(value === undefined ? { rejected: 'malformed' } : { value }, limits)
}
