// Decodes MessagePack bytes. They are untrusted: limits, types and lengths are checked.
//
// Only what our writer produces is accepted: no extensions, no binary, no 64-bit integers, and only strings as names.
import { count, cursor, define, float64, malformed, next, release, skip, startAt, uint16, uint32 } from './cursor.ts'
import type { Read } from './format.ts'
import type { CodecLimits } from './limits.ts'
import { DecodeError } from './revive.ts'

/** A substring keeps its parent string alive, so for longer input each string is decoded separately. */
const SMALL = 4096
/** Up to this length, checking each byte is faster than decoding a string. */
const SHORT = 64
/** The most names that are cached, by a hash of their bytes; and the longest. */
const NAMES = 2048
const LONGEST_NAME = 40

interface Name {
  readonly text: string
  /** The name is not on `Object.prototype`, so assigning it creates a field. */
  readonly isAssigned: boolean
}

const names: (Name | undefined)[] = new Array(NAMES)

// State of the value being read; reading is synchronous.
/** All bytes as a string, one character each; empty if there are too many. */
let texts = ''
let first = 0
let isNarrow = true

/** The value in `body[from, to)`, or why it is invalid. */
export function readMessagePack(body: Buffer, from: number, to: number, limits: CodecLimits): Read {
  startAt(body, from, to, limits.maxItems)
  first = from
  texts = to - from <= SMALL ? body.toString('latin1', from, to) : ''
  isNarrow = true
  try {
    const value = readItem(limits.maxDepth)
    return cursor.at === cursor.end ? { value, isNarrow } : { rejected: 'malformed' }
  } catch (error) {
    return { rejected: error instanceof DecodeError ? error.rejection : 'malformed' }
  } finally {
    release()
    texts = ''
  }
}

function readItem(levels: number): unknown {
  const type = next()
  if (type < 0x80) return type
  if (type < 0x90) return readFields(type & 0x0f, levels)
  if (type < 0xa0) return readList(type & 0x0f, levels)
  if (type < 0xc0) return readText(type & 0x1f)
  if (type >= 0xe0) return type - 256
  switch (type) {
    case 0xc0:
      return null
    case 0xc2:
      return false
    case 0xc3:
      return true
    case 0xcb:
      return float64()
    case 0xcc:
      return next()
    case 0xcd:
      return uint16()
    case 0xce:
      return uint32()
    case 0xd0:
      return (next() << 24) >> 24
    case 0xd1:
      return (uint16() << 16) >> 16
    case 0xd2:
      return uint32() | 0
    case 0xd9:
      return readText(next())
    case 0xda:
      return readText(uint16())
    case 0xdb:
      return readText(uint32())
    case 0xdc:
      return readList(uint16(), levels)
    case 0xdd:
      return readList(uint32(), levels)
    case 0xde:
      return readFields(uint16(), levels)
    case 0xdf:
      return readFields(uint32(), levels)
    default:
      throw malformed()
  }
}

function readText(length: number): string {
  const from = skip(length)
  const { bytes, at } = cursor
  if (texts !== '' && length < SHORT) {
    let all = 0
    for (let i = from; i < at; i++) all |= bytes[i]!
    if (all < 0x80) return texts.slice(from - first, at - first)
  }
  const text = bytes.toString('utf8', from, at)
  if (text.length !== length) isNarrow = false
  return text
}

/** Most names have been read before, in another object. */
function readName(): Name {
  const type = next()
  const length =
    type >= 0xa0 && type < 0xc0
      ? type & 0x1f
      : type === 0xd9
        ? next()
        : type === 0xda
          ? uint16()
          : type === 0xdb
            ? uint32()
            : -1
  if (length < 0) throw malformed()
  if (length > LONGEST_NAME) return nameOf(readText(length))
  const from = skip(length)
  const { bytes, at } = cursor
  let hash = length
  for (let i = from; i < at; i++) hash = (Math.imul(hash, 31) + bytes[i]!) | 0
  const place = (hash ^ (hash >>> 11)) & (NAMES - 1)
  const known = names[place]
  if (known !== undefined && isAt(known.text, from, length)) return known
  const name = nameOf(bytes.toString('utf8', from, at))
  if (name.text.length === length) names[place] = name
  else isNarrow = false
  return name
}

const nameOf = (text: string): Name => ({ text, isAssigned: !(text in Object.prototype) })

/** Only names of one byte per character are cached, so bytes can be compared with characters. */
function isAt(name: string, from: number, length: number): boolean {
  if (name.length !== length) return false
  for (let i = 0; i < length; i++) if (name.charCodeAt(i) !== cursor.bytes[from + i]) return false
  return true
}

function readList(length: number, levels: number): unknown[] {
  count(length, levels)
  const list: unknown[] = []
  for (let i = 0; i < length; i++) list.push(readItem(levels - 1))
  return list
}

function readFields(length: number, levels: number): Record<string, unknown> {
  count(length, levels)
  const fields: Record<string, unknown> = {}
  for (let i = 0; i < length; i++) {
    const { text, isAssigned } = readName()
    const value = readItem(levels - 1)
    if (isAssigned) fields[text] = value
    else define(fields, text, value)
  }
  return fields
}
