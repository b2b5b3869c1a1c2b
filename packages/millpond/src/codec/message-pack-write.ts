// Encodes a plain value as MessagePack, in one walk that also ensures that nothing is changed silently, with the same
// checks of objects and arrays as `plain.ts`.
//
// The state of a walk is module-level, since it is synchronous; a re-entrant call (from a getter of the value) is
// rejected.
import type { CodecLimits } from './limits.ts'
import { isBareList } from './plain.ts'

const SCRATCH = 64 * 1024
/** The most bytes of a number or a header. */
const ROOM = 16
/** Up to this length, writing a string byte by byte is faster than calling Buffer. */
const SHORT = 24

let scratch = Buffer.allocUnsafeSlow(SCRATCH)
let view = new DataView(scratch.buffer)
let at = 0
let left = 0
let room = 0
let isBusy = false
let takesBare = false

/**
 * The bytes; undefined for a value that is not plain enough or exceeds the limits: the caller then finds out why.
 * @param isBare treats objects without a prototype as plain, as in the escape form.
 */
export function writeMessagePack(value: object, limits: CodecLimits, isBare = false): Buffer | undefined {
  if (isBusy || 'toJSON' in Array.prototype) return undefined
  for (const _ in Object.prototype) return undefined
  isBusy = true
  at = 0
  left = limits.maxItems
  room = limits.maxBytes
  takesBare = isBare
  try {
    return writeItem(value, limits.maxDepth) ? Buffer.from(scratch.subarray(0, at)) : undefined
  } catch {
    // A getter that throws, or lack of memory: the fallback meets the same error and reports it.
    return undefined
  } finally {
    isBusy = false
    if (scratch.length > SCRATCH) resize(SCRATCH)
  }
}

function resize(size: number): void {
  const larger = Buffer.allocUnsafeSlow(size)
  scratch.copy(larger, 0, 0, Math.min(at, size))
  scratch = larger
  view = new DataView(larger.buffer)
}

function need(bytes: number): void {
  if (at + bytes > scratch.length) resize(Math.max(scratch.length * 2, at + bytes))
}

/** Whether the whole item could be written. */
function writeItem(item: unknown, levels: number): boolean {
  need(ROOM)
  switch (typeof item) {
    case 'string':
      return writeText(item)
    case 'number':
      return writeNumber(item)
    case 'boolean':
      scratch[at++] = item ? 0xc3 : 0xc2
      return true
    case 'object':
      if (item !== null) return levels > 0 && writeObject(item, levels - 1)
      scratch[at++] = 0xc0
      return true
    default:
      return false
  }
}

function writeText(text: string): boolean {
  const { length } = text
  if (length < SHORT) {
    need(SHORT + 1)
    const begin = at
    scratch[at++] = 0xa0 | length
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i)
      if (unit >= 0x80) {
        at = begin
        return writeLong(text)
      }
      scratch[at++] = unit
    }
    return true
  }
  return writeLong(text)
}

/** A lone surrogate has no UTF-8 encoding. */
function writeLong(text: string): boolean {
  if (text.length > room) return false
  const size = Buffer.byteLength(text)
  if (size > room) return false
  const isNarrow = size === text.length
  if (!isNarrow && !text.isWellFormed()) return false
  need(size + 5)
  if (size < 32) scratch[at++] = 0xa0 | size
  else if (size < 256) {
    scratch[at++] = 0xd9
    scratch[at++] = size
  } else writeHead(size, 0xda)
  at += scratch.write(text, at, isNarrow ? 'latin1' : 'utf8')
  room -= size
  return true
}

/** A length of two or four bytes; the type for four is the one after that for two. */
function writeHead(count: number, type: number): void {
  if (count < 65_536) {
    scratch[at++] = type
    scratch[at++] = count >> 8
    scratch[at++] = count
  } else {
    scratch[at++] = type + 1
    view.setUint32(at, count)
    at += 4
  }
}

function writeNumber(item: number): boolean {
  if ((item | 0) !== item || (item === 0 && 1 / item < 0)) {
    // NaN, the infinities, and -0 need the escape form.
    if (item - item !== 0 || item === 0) return false
    scratch[at++] = 0xcb
    view.setFloat64(at, item)
    at += 8
  } else if (item >= -32 && item < 128) scratch[at++] = item
  else if (item >= 0 && item < 65_536) {
    scratch[at++] = 0xcd
    scratch[at++] = item >> 8
    scratch[at++] = item
  } else {
    scratch[at++] = 0xd2
    view.setInt32(at, item)
    at += 4
  }
  return true
}

function writeObject(item: object, levels: number): boolean {
  const prototype: unknown = Object.getPrototypeOf(item)
  if (prototype === Object.prototype || (takesBare && prototype === null))
    return writeFields(item as Record<string, unknown>, levels)
  return prototype === Array.prototype && Array.isArray(item) && writeList(item, levels)
}

function writeList(list: unknown[], levels: number): boolean {
  const { length } = list
  left -= length || 1
  if (left < 0 || !isBareList(list)) return false
  if (length < 16) scratch[at++] = 0x90 | length
  else writeHead(length, 0xdc)
  for (let i = 0; i < length; i++) {
    const item = list[i]
    if (typeof item === 'number') {
      need(ROOM)
      if (!writeNumber(item)) return false
    } else if (!writeItem(item, levels)) return false
  }
  return true
}

/** The names are counted first, since the header holds the count. */
function writeFields(fields: Record<string, unknown>, levels: number): boolean {
  if (Object.getOwnPropertySymbols(fields).length !== 0) return false
  let count = 0
  for (const _ in fields) count++
  left -= count || 1
  if (left < 0) return false
  if (count < 16) scratch[at++] = 0x80 | count
  else writeHead(count, 0xde)
  for (const name in fields) {
    count--
    if (!writeText(name) || !writeItem(fields[name], levels)) return false
  }
  // The count is off if a getter deleted a field.
  return count === 0
}
