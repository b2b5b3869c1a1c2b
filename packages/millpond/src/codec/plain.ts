// The quick check before a value is written: is it plain JSON data, which JSON.stringify preserves?
import type { CodecLimits } from './limits.ts'

// State of the value being checked, synchronously: how many items and characters it may still contain.
let left = 0
let room = 0

/**
 * True only if the JSON text means exactly this value. If false, the value goes to `escapeValue`, which is slower and
 * finds out why. Plain: null, booleans, strings, finite numbers except -0, dense arrays, objects with
 * `Object.prototype`; within the limits; no cycle.
 */
export function isPlain(value: unknown, limits: CodecLimits): boolean {
  left = limits.maxItems
  room = limits.maxBytes
  return isPlainItem(value, limits.maxDepth)
}

/** One switch rather than a check per type: this runs for every field of every value that is written. */
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
 * Rejects holes and named properties (`total` on a page of rows), which would be lost. If an array has both, the counts
 * may match; the hole is then found as undefined. Values are counted rather than names, since a list of names would
 * have to be allocated.
 */
export const isBareList = (list: unknown[]): boolean =>
  Object.values(list).length === list.length && Object.getOwnPropertySymbols(list).length === 0

/** A cycle runs out of levels, so no set of visited objects is needed. */
function plain(value: object, levels: number): boolean {
  // No toJSON that JSON.stringify would call, own (also non-enumerable) or inherited, and no fields that it would miss.
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
    // Numbers are checked inline: many lists contain nothing else, and passing a number to a call would allocate it.
    if (typeof item === 'number' ? !isPlainNumber(item) : !isPlainItem(item, levels)) return false
  }
  return true
}

function plainObject(value: Record<string, unknown>, levels: number): boolean {
  if (Object.getPrototypeOf(value) !== Object.prototype || Object.getOwnPropertySymbols(value).length !== 0)
    return false
  let fields = 0
  // for-in is twice as fast as Object.keys; inherited names from a polluted Object.prototype only make the check
  // stricter.
  for (const name in value) {
    fields++
    if (!isPlainItem(value[name], levels)) return false
  }
  left -= fields || 1
  return left >= 0
}
