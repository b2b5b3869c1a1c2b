// What an entry takes of the heap, estimated from V8's object layouts (64 bit, no pointer compression).

/** Columns, index and policy, at their usual fill. */
const ENTRY = 64
const WORD = 8
const STRING = 16
const NUMBER = 16
/** With room for four properties; more are in an array of their own, which grows by three. */
const OBJECT = 56
const IN_OBJECT = 4
const ARRAY = 32 + 16
const DATE = 112
/** The view, its buffer, and what the allocator adds. */
const BYTES = 256
const COLLECTION = 32 + 40
/** Longer strings are looked at in as many places as this, to tell one byte a character from two. */
const SAMPLE_BITS = 2
const SAMPLES = 1 << SAMPLE_BITS

/** Bytes of an entry beside its value: key and bookkeeping. With `weighValue` a multiple of 8. */
export function weighKey(length: number, isWide: boolean): number {
  return ENTRY + stringBytes(length, isWide)
}

/** Bytes of a value, nothing where it fits into the word that leads to it. Constant time for primitives; else the value is walked. */
export function weighValue(value: unknown): number {
  switch (typeof value) {
    case 'string':
      return weighString(value)
    case 'number':
      return (value | 0) === value ? 0 : NUMBER
    case 'bigint':
      return weighBigint(value)
    case 'object':
      return value === null ? 0 : weighObject(value)
    default:
      return 0
  }
}

function weighObject(value: object): number {
  if (Array.isArray(value)) {
    let sum = weighList(value.length)
    for (const item of value) sum += weighValue(item)
    return sum
  }
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return BYTES + Math.ceil(value.byteLength / WORD) * WORD
  if (value instanceof Map) return weighMap(value)
  if (value instanceof Set) return weighSet(value)
  if (value instanceof Date) return DATE
  const items = Object.values(value)
  let sum = weighFields(items.length)
  for (const item of items) sum += weighValue(item)
  return sum
}

/** An array without what its items hold. */
export function weighList(length: number): number {
  return ARRAY + length * WORD
}

/** A plain object without what its fields hold. */
export function weighFields(count: number): number {
  return count <= IN_OBJECT ? OBJECT : OBJECT + 2 * WORD + Math.ceil((count - IN_OBJECT) / 3) * 3 * WORD
}

function weighMap(map: ReadonlyMap<unknown, unknown>): number {
  let sum = COLLECTION + tableCells(map.size) * 3.5 * WORD
  for (const [key, item] of map) sum += weighValue(key) + weighValue(item)
  return sum
}

function weighSet(set: ReadonlySet<unknown>): number {
  let sum = COLLECTION + tableCells(set.size) * 2.5 * WORD
  for (const item of set) sum += weighValue(item)
  return sum
}

/** Hash tables have room for a power of two, four at least. */
function tableCells(size: number): number {
  return Math.max(4, 2 ** Math.ceil(Math.log2(Math.max(1, size))))
}

function weighString(text: string): number {
  return stringBytes(text.length, isWide(text))
}

function stringBytes(length: number, isWide: boolean): number {
  return STRING + (((isWide ? 2 * length : length) + 7) & ~7)
}

/** Two bytes a character as soon as one of them is beyond Latin-1. */
function isWide(text: string): boolean {
  const length = text.length
  const step = length <= SAMPLES ? 1 : (length >>> SAMPLE_BITS) + 1
  for (let at = length - 1; at >= 0; at -= step) if (text.charCodeAt(at) > 0xff) return true
  return false
}

function weighBigint(value: bigint): number {
  if (value === 0n) return STRING
  const digits = BigInt.asIntN(64, value) === value ? 16 : value.toString(16).length
  return STRING + Math.ceil(digits / 16) * WORD
}
