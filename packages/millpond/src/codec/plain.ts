// The fast question before a value is written: is it plain JSON data, so that JSON.stringify keeps it as it is?
import type { CodecLimits } from './limits.ts'

// Of the value that is asked about, in one turn: how many items it may still hold, and how many characters.
let left = 0
let room = 0

/**
 * True only when the JSON text means exactly this value. False sends the value to `escapeValue`, which is slower and
 * knows why. Plain: null, booleans, strings, finite numbers but -0, dense arrays, objects of `Object.prototype`; within
 * the limits; no cycle.
 */
export function isPlain(value: unknown, limits: CodecLimits): boolean {
  left = limits.maxItems
  room = limits.maxBytes
  return isPlainItem(value, limits.maxDepth)
}

/** A switch, and not a question for each kind: this is asked of every field of every value that is written. */
function isPlainItem(item: unknown, levels: number): boolean {
  switch (typeof item) {
    case 'string':
      room -= item.length
      return room >= 0
    case 'boolean':
      return true
    case 'number':
      return isPlainNumber(item)
    case 'object':
      return item === null || plain(item, levels)
    default:
      return false
  }
}

/** NaN and the infinities minus themselves are NaN; -0 is the only zero whose inverse is negative. */
const isPlainNumber = (item: number): boolean => item - item === 0 && (item !== 0 || 1 / item > 0)

/**
 * Neither holes nor properties beside the elements (`total` on a page of rows), which would be lost; a hole and a
 * property are found elsewhere, since the hole is undefined. Values are counted, not names: these would have to be
 * made.
 */
export const isBareList = (list: unknown[]): boolean =>
  Object.values(list).length === list.length && Object.getOwnPropertySymbols(list).length === 0

/** A cycle runs out of levels, so no set of visited objects is needed here. */
function plain(value: object, levels: number): boolean {
  // Neither a toJSON that JSON.stringify would call, own (also hidden) or inherited, nor fields that it would not see.
  if (levels === 0 || typeof (value as { toJSON?: unknown }).toJSON === 'function') return false
  return Array.isArray(value)
    ? plainArray(value, levels - 1)
    : plainObject(value as Record<string, unknown>, levels - 1)
}

function plainArray(value: unknown[], levels: number): boolean {
  const { length } = value
  left -= length || 1
  if (left < 0 || Object.getPrototypeOf(value) !== Array.prototype || !isBareList(value)) return false
  for (let i = 0; i < length; i++) {
    const item = value[i]
    // Once more here: a list may hold nothing else, and a number that is handed on has to be put into memory.
    if (typeof item === 'number' ? !isPlainNumber(item) : !isPlainItem(item, levels)) return false
  }
  return true
}

function plainObject(value: Record<string, unknown>, levels: number): boolean {
  if (Object.getPrototypeOf(value) !== Object.prototype || Object.getOwnPropertySymbols(value).length !== 0)
    return false
  let fields = 0
  // for-in is twice as fast as Object.keys; what it inherits from a polluted Object.prototype only makes the answer
  // stricter.
  for (const name in value) {
    fields++
    if (!isPlainItem(value[name], levels)) return false
  }
  left -= fields || 1
  return left >= 0
}
