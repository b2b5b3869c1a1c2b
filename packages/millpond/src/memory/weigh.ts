// Estimates the heap memory of an entry from V8's object layouts (64 bit, no pointer compression).

import { MOST_IN_PLACE } from './fields.ts'

/** Columns, index and policy, at their usual load. */
const ENTRY = 64
const WORD = 8
const STRING = 16
const NUMBER = 16
/** Without its fields, which take a word each while they are in-object (`begin`). */
const OBJECT = 24
/** The in-object slots of `{}`; further fields are in a list of their own, which grows by three. */
const IN_OBJECT = 4
const ARRAY = 32 + 16
/** An object, its hidden class, and the header of its table. */
const TABLE = 24 + 80 + 56
const DATE = 112
/** The view, its buffer, and the allocator's overhead. */
const BYTES = 224
const COLLECTION = 32 + 40
/** V8 answers this at once for a string stored with one byte per character, since none of its characters can match. */
const BEYOND_LATIN_1 = /[\u0100-\uffff]/

/**
 * Bytes of an entry besides its value: key and bookkeeping. Together with the value's weight, a multiple of 8. A short
 * key weighs what its string would take, which is 20 bytes more than it takes (`short-key.ts`).
 */
export function weighKey(length: number, isWide: boolean): number {
  return ENTRY + stringBytes(length, isWide)
}

/**
 * Bytes that an entry takes besides its value, by memory's estimate: the value takes the rest of what `entries()`
 * reports.
 * @param key encoded, as `entries()` reports it
 */
export function entryOverhead(key: string, tags: readonly string[]): number {
  return weighKey(key.length, isWide(key)) + weighTags(tags)
}

/** An entry's tags, as if no other entry had the same strings: V8 does not tell which strings are shared. */
export function weighTags(tags: readonly string[]): number {
  if (tags.length === 0) return 0
  let bytes = WORD + weighList(tags.length)
  for (const tag of tags) bytes += weighString(tag)
  return bytes
}

/** Bytes of a primitive; none if it fits into the word that refers to it. */
export function weighPrimitive(value: unknown): number {
  switch (typeof value) {
    case 'string':
      return weighString(value)
    case 'number':
      return (value | 0) === value ? 0 : NUMBER
    case 'bigint':
      return weighBigint(value)
    default:
      return 0
  }
}

/** An array without its items. */
export function weighList(length: number): number {
  return ARRAY + length * WORD
}

/**
 * A plain object without its field values. The names of a record are shared with others of its shape, and weigh
 * nothing.
 */
export function weighFields(count: number): number {
  if (count <= MOST_IN_PLACE) return OBJECT + count * WORD
  return OBJECT + IN_OBJECT * WORD + 2 * WORD + Math.ceil((count - IN_OBJECT) / 3) * 3 * WORD
}

/**
 * A plain object whose names are data, without its field values: three words per cell, and at least a third of the
 * cells free.
 */
export function weighTable(names: readonly string[]): number {
  let bytes = TABLE + tableCells(names.length + (names.length >> 1)) * 3 * WORD
  for (const name of names) bytes += weighString(name)
  return bytes
}

/** Anything that is neither an array nor a plain object, without its items. */
export function weighShell(value: object): number {
  if (value instanceof Map) return COLLECTION + tableCells(value.size) * 3.5 * WORD
  if (value instanceof Set) return COLLECTION + tableCells(value.size) * 2.5 * WORD
  if (value instanceof Date) return DATE
  return BYTES + Math.ceil((value as ArrayBuffer | ArrayBufferView).byteLength / WORD) * WORD
}

/** Hash tables have room for a power of two, at least four. */
function tableCells(size: number): number {
  return Math.max(4, 2 ** Math.ceil(Math.log2(Math.max(1, size))))
}

function weighString(text: string): number {
  return stringBytes(text.length, isWide(text))
}

/** A string with one byte per character. */
export function weighNarrow(length: number): number {
  return stringBytes(length, false)
}

function stringBytes(length: number, isWide: boolean): number {
  return STRING + (((isWide ? 2 * length : length) + 7) & ~7)
}

/** Two bytes per character as soon as one of them is beyond Latin-1. */
function isWide(text: string): boolean {
  return BEYOND_LATIN_1.test(text)
}

function weighBigint(value: bigint): number {
  if (value === 0n) return STRING
  const digits = BigInt.asIntN(64, value) === value ? 16 : value.toString(16).length
  return STRING + Math.ceil(digits / 16) * WORD
}
