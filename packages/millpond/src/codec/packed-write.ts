// Encodes a value as packed bytes (`packed.ts` has the layout), in one walk that also ensures that nothing is changed
// silently.
//
// The checks of objects and arrays are those of `plain.ts`, where they are explained. The state of a walk is
// module-level, since it is synchronous; a re-entrant call (from a getter of the value) is rejected.
import { types } from 'node:util'
import type { CodecLimits } from './limits.ts'
import { HEAD, TAG, TEXTS } from './packed-tags.ts'
import { isBareList } from './plain.ts'
import { bytesOfTable, emptyShape, emptyTable, type Shape, shapeWith, type Table, tableWith } from './shapes.ts'

const SCRATCH = 64 * 1024
/** The most bytes that one item takes before the next one reserves room. */
const ROOM = 16
/** The offset after the lengths in the header. */
const LENGTHS = 9
const MAX_NUMBER = 65_535

let scratch = Buffer.allocUnsafeSlow(SCRATCH)
let view = new DataView(scratch.buffer)
let full = SCRATCH - ROOM
let at = 0
let texts = ''
let left = 0
let room = 0
let table: Table = emptyTable()
let walk = 0
let isBusy = false
let takesBare = false

/**
 * The bytes; undefined for a value that is not plain enough or exceeds the limits: the caller then finds out why.
 * @param isBare treats objects without a prototype as plain, as in the escape form.
 */
export function writePacked(value: object, limits: CodecLimits, isBare = false): Buffer | undefined {
  if (isBusy || 'toJSON' in Array.prototype) return undefined
  for (const _ in Object.prototype) return undefined
  isBusy = true
  at = 0
  left = limits.maxItems
  room = limits.maxBytes
  table = emptyTable()
  takesBare = isBare
  walk++
  try {
    return writeItem(value, limits.maxDepth) ? finish() : undefined
  } catch {
    // A getter that throws, or lack of memory: the fallback meets the same error and reports it.
    return undefined
  } finally {
    texts = ''
    isBusy = false
    if (scratch.length > SCRATCH) resize(SCRATCH)
  }
}

function finish(): Buffer {
  const size = Buffer.byteLength(texts)
  const [kind, length, encoding] =
    size === texts.length
      ? ([TEXTS.narrow, size, 'latin1'] as const)
      : texts.isWellFormed()
        ? ([TEXTS.utf8, size, 'utf8'] as const)
        : ([TEXTS.wide, texts.length * 2, 'utf16le'] as const)
  const shapes = bytesOfTable(table)
  const data = LENGTHS + shapes.length
  const out = Buffer.allocUnsafe(data + at + length)
  out[0] = kind
  out.writeUInt32LE(data - HEAD, 1)
  out.writeUInt32LE(at, 5)
  shapes.copy(out, LENGTHS)
  scratch.copy(out, data, 0, at)
  out.write(texts, data + at, encoding)
  return out
}

function resize(size: number): void {
  const larger = Buffer.allocUnsafeSlow(size)
  scratch.copy(larger, 0, 0, Math.min(at, size))
  scratch = larger
  view = new DataView(larger.buffer)
  full = size - ROOM
}

/** Whether the whole item could be written. */
function writeItem(item: unknown, levels: number): boolean {
  if (at > full) resize(scratch.length * 2)
  switch (typeof item) {
    case 'string':
      writeText(item)
      return texts.length <= room
    case 'number':
      writeNumber(item)
      return true
    case 'boolean':
      scratch[at++] = item ? TAG.true : TAG.false
      return true
    case 'undefined':
      scratch[at++] = TAG.undefined
      return true
    case 'object':
      if (item !== null) return levels > 0 ? writeObject(item, levels - 1) : false
      scratch[at++] = TAG.null
      return true
    default:
      return false
  }
}

/** Writes only the length here; the characters go to the texts. */
function writeText(text: string): void {
  const { length } = text
  if (length < 32) scratch[at++] = TAG.text | length
  else if (length < 65_536) {
    scratch[at++] = TAG.text16
    scratch[at++] = length >> 8
    scratch[at++] = length
  } else {
    scratch[at++] = TAG.text32
    view.setUint32(at, length)
    at += 4
  }
  texts += text
}

function writeNumber(item: number): void {
  if ((item | 0) !== item || (item === 0 && 1 / item < 0)) {
    scratch[at++] = TAG.float
    view.setFloat64(at, item)
    at += 8
  } else if (item >= 0 && item < 128) scratch[at++] = item
  else if (item >= 0 && item < 65_536) {
    scratch[at++] = TAG.uint16
    scratch[at++] = item >> 8
    scratch[at++] = item
  } else {
    scratch[at++] = TAG.int32
    view.setInt32(at, item)
    at += 4
  }
}

function writeObject(item: object, levels: number): boolean {
  const prototype: unknown = Object.getPrototypeOf(item)
  if (prototype === Object.prototype || (takesBare && prototype === null))
    return writeFields(item as Record<string, unknown>, levels)
  if (prototype === Array.prototype) return Array.isArray(item) && writeList(item, levels)
  return prototype === Date.prototype && writeDate(item as Date)
}

function writeList(list: unknown[], levels: number): boolean {
  const { length } = list
  left -= length || 1
  if (left < 0 || !isBareList(list)) return false
  if (length < 16) scratch[at++] = TAG.list | length
  else {
    scratch[at++] = TAG.list32
    view.setUint32(at, length)
    at += 4
  }
  for (let i = 0; i < length; i++) {
    const item = list[i]
    if (typeof item === 'number') {
      if (at > full) resize(scratch.length * 2)
      writeNumber(item)
    } else if ((item === undefined && !Object.hasOwn(list, i)) || !writeItem(item, levels)) return false
  }
  return true
}

/**
 * Names are walked before values: the shape, or that there is none, must be known before anything is written. for-in
 * costs less than a list of names.
 */
function writeFields(fields: Record<string, unknown>, levels: number): boolean {
  if (Object.getOwnPropertySymbols(fields).length !== 0) return false
  let shape = emptyShape()
  for (const name in fields) {
    const { last } = shape
    const next = last !== undefined && last.name === name ? last : shapeWith(shape, name)
    if (next === undefined) return writeNamed(fields, levels)
    shape = next
  }
  left -= shape.size || 1
  if (left < 0) return false
  const number = numberOf(shape)
  if (number > MAX_NUMBER) return false
  if (number < 16) scratch[at++] = TAG.shape | number
  else {
    scratch[at++] = TAG.shape16
    scratch[at++] = number >> 8
    scratch[at++] = number
  }
  let written = 0
  for (const name in fields) {
    written++
    if (!writeItem(fields[name], levels)) return false
  }
  // Fewer if a getter deleted a field.
  return written === shape.size
}

/** The shape's number in this value's table, to which it is added if missing. */
function numberOf(shape: Shape): number {
  if (shape.value === walk) return shape.number
  shape.value = walk
  shape.number = table.size
  table = tableWith(table, shape)
  return shape.number
}

function writeNamed(fields: Record<string, unknown>, levels: number): boolean {
  const names = Object.keys(fields)
  left -= names.length || 1
  if (left < 0) return false
  scratch[at++] = TAG.named32
  view.setUint32(at, names.length)
  at += 4
  for (const name of names) {
    if (at > full) resize(scratch.length * 2)
    writeText(name)
    if (!writeItem(fields[name], levels)) return false
  }
  return true
}

/** Dates with added or non-enumerable properties are left to the fallback, which rejects them. */
function writeDate(date: Date): boolean {
  if (!types.isDate(date) || Reflect.ownKeys(date).length !== 0) return false
  scratch[at++] = TAG.date
  view.setFloat64(at, date.getTime())
  at += 8
  return true
}
