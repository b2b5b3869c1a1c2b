// Decodes packed bytes (`packed.ts` has the layout). They are untrusted: limits, types and lengths are checked.

import { count, cursor, define, float64, malformed, next, release, startAt, uint16, uint32 } from './cursor.ts'
import type { Read } from './format.ts'
import { parse } from './frame.ts'
import { type CodecLimits, excessOf } from './limits.ts'
import { HEAD, MAX_FIELDS, TAG, TEXTS } from './packed-tags.ts'
import { DecodeError } from './revive.ts'

/** The offset of the table's checksum in the header. */
const CHECKSUM = 9
const LAST_TIME = 8.64e15
/**
 * The estimated memory of cached tables: those of a service's queries take a few hundred bytes each, and ten times as
 * much when parsed.
 */
const MAX_WEIGHT = 8 * 1024 * 1024
/** A heavier table would displace many others. */
const MAX_TABLE_WEIGHT = MAX_WEIGHT / 16
const SHAPE_WEIGHT = 100
const NAME_WEIGHT = 50
/**
 * A substring keeps its parent string alive, so it is copied out of longer ones. V8 copies strings shorter than 13
 * characters anyway.
 */
const SMALL_TEXTS = 4096
const COPIED = 13

interface Shape {
  readonly names: readonly string[]
  /** None of the names is on `Object.prototype`, so assigning each creates a field. */
  readonly isAssigned: boolean
}

interface Table {
  readonly bytes: Buffer
  readonly shapes: readonly Shape[]
  readonly isNarrow: boolean
  readonly weight: number
}

/** By the checksum of their bytes; of two with the same checksum, the later one. */
const tables = new Map<number, Table>()
let weight = 0

const NO_SHAPES: readonly Shape[] = []

// State of the value being read; reading is synchronous.
let shapes = NO_SHAPES
let texts = ''
let textAt = 0
let copiesTexts = false
/** The texts take one byte per character, in the input too. */
let isNarrow = false

/** The value in `body[from, to)`, or why it is invalid. */
export function readPacked(body: Buffer, from: number, to: number, limits: CodecLimits): Read {
  try {
    return begin(body, from, to, limits)
  } catch (error) {
    return { rejected: error instanceof DecodeError ? error.rejection : 'malformed' }
  } finally {
    release()
    shapes = NO_SHAPES
    texts = ''
  }
}

function begin(body: Buffer, from: number, to: number, limits: CodecLimits): Read {
  if (to - from < HEAD) throw malformed()
  const data = from + HEAD + body.readUInt32LE(from + 1)
  const textsFrom = data + body.readUInt32LE(from + 5)
  if (data > to || textsFrom > to) throw malformed()
  const table = tableIn(body, body.readUInt32LE(from + CHECKSUM), from + HEAD, data, limits)
  const kind = body[from]
  startAt(body, data, textsFrom, limits.maxItems)
  shapes = table.shapes
  texts = body.toString(encodingOf(kind), textsFrom, to)
  textAt = 0
  copiesTexts = texts.length > SMALL_TEXTS
  isNarrow = kind === TEXTS.narrow
  const value = readItem(limits.maxDepth)
  if (cursor.at !== cursor.end || textAt !== texts.length) throw malformed()
  return { value, isNarrow: isNarrow && table.isNarrow }
}

function encodingOf(kind: number | undefined): BufferEncoding {
  switch (kind) {
    case TEXTS.narrow:
      return 'latin1'
    case TEXTS.utf8:
      return 'utf8'
    case TEXTS.wide:
      return 'utf16le'
    default:
      throw malformed()
  }
}

/** A cached table is used only if every byte is the same, so no other can be mistaken for it. */
function tableIn(body: Buffer, checksum: number, from: number, to: number, limits: CodecLimits): Table {
  const known = tables.get(checksum)
  if (known !== undefined && known.bytes.compare(body, from, to) === 0) return known
  // As many shapes as there may be items, since each object may have a shape of its own.
  const excess = excessOf(body, from, to, { maxDepth: 2, maxItems: 2 * limits.maxItems + 2 })
  if (excess !== undefined) throw new DecodeError(excess, 'a table beyond the limits')
  const text = body.toString('utf8', from, to)
  const isNarrow = text.length === to - from && !text.includes('\\u')
  const shapes = shapesIn(parse(text))
  const table = { bytes: Buffer.from(body.subarray(from, to)), shapes, isNarrow, weight: weightOf(to - from, shapes) }
  if (table.weight <= MAX_TABLE_WEIGHT) remember(checksum, table)
  return table
}

const weightOf = (bytes: number, shapes: readonly Shape[]): number =>
  shapes.reduce((sum, { names }) => sum + SHAPE_WEIGHT + names.length * NAME_WEIGHT, bytes)

function remember(checksum: number, table: Table): void {
  weight += table.weight - (tables.get(checksum)?.weight ?? 0)
  tables.delete(checksum)
  tables.set(checksum, table)
  for (const [oldest, { weight: freed }] of tables) {
    if (weight <= MAX_WEIGHT) return
    tables.delete(oldest)
    weight -= freed
  }
}

function shapesIn(table: unknown): readonly Shape[] {
  if (!Array.isArray(table)) throw malformed()
  return table.map((names: unknown) => {
    if (!isNames(names) || names.length > MAX_FIELDS || new Set(names).size !== names.length) throw malformed()
    return { names, isAssigned: !names.some((name) => name in Object.prototype) }
  })
}

const isNames = (names: unknown): names is readonly string[] =>
  Array.isArray(names) && names.every((name) => typeof name === 'string')

function readItem(levels: number): unknown {
  const tag = next()
  if (tag < TAG.shape) return tag
  if (tag < TAG.list) return readShaped(tag - TAG.shape, levels)
  if (tag < TAG.text) return readList(tag - TAG.list, levels)
  if (tag < TAG.null) return readText(tag - TAG.text)
  switch (tag) {
    case TAG.null:
      return null
    case TAG.undefined:
      return undefined
    case TAG.false:
      return false
    case TAG.true:
      return true
    case TAG.float:
      return float64()
    case TAG.uint16:
      return uint16()
    case TAG.int32:
      return (uint16() << 16) | uint16()
    case TAG.date:
      return readDate()
    case TAG.text16:
      return readText(uint16())
    case TAG.text32:
      return readText(uint32())
    case TAG.list32:
      return readList(uint32(), levels)
    case TAG.shape16:
      return readShaped(uint16(), levels)
    case TAG.named32:
      return readNamed(uint32(), levels)
    default:
      throw malformed()
  }
}

function readText(length: number): string {
  const from = textAt
  textAt += length
  if (textAt > texts.length) throw malformed()
  if (!copiesTexts || length < COPIED) return texts.slice(from, textAt)
  // Decoding as UTF-16 would make a text of a million characters occupy two bytes for each.
  if (isNarrow) return cursor.bytes.toString('latin1', cursor.end + from, cursor.end + textAt)
  return Buffer.from(texts.slice(from, textAt), 'utf16le').toString('utf16le')
}

function readDate(): Date {
  const time = float64()
  if (!Number.isNaN(time) && (!Number.isInteger(time) || Math.abs(time) > LAST_TIME)) throw malformed()
  return new Date(time)
}

function readList(length: number, levels: number): unknown[] {
  count(length, levels)
  const list: unknown[] = []
  for (let i = 0; i < length; i++) list.push(readItem(levels - 1))
  return list
}

function readShaped(number: number, levels: number): Record<string, unknown> {
  const shape = shapes[number]
  if (shape === undefined) throw malformed()
  const { names, isAssigned } = shape
  count(names.length, levels)
  const fields: Record<string, unknown> = {}
  for (let i = 0; i < names.length; i++) {
    const value = readItem(levels - 1)
    if (isAssigned) fields[names[i]!] = value
    else define(fields, names[i]!, value)
  }
  return fields
}

function readNamed(length: number, levels: number): Record<string, unknown> {
  count(length, levels)
  const fields: Record<string, unknown> = {}
  for (let i = 0; i < length; i++) {
    const name = readItem(0)
    if (typeof name !== 'string') throw malformed()
    const value = readItem(levels - 1)
    if (name in Object.prototype) define(fields, name, value)
    else fields[name] = value
  }
  return fields
}
