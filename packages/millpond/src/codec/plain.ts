// The fast question before a value is written: is it plain JSON data, so that JSON.stringify keeps it as it is?
import type { CodecLimits } from './limits.ts'

/**
 * True only when the JSON text means exactly this value. False sends the value to `escapeValue`, which is slower and knows why.
 * Plain: null, booleans, strings, finite numbers but -0, dense arrays, objects of `Object.prototype`; within the limits; no cycle.
 */
export function isPlain(value: unknown, limits: CodecLimits): boolean {
  return plain(value, limits.maxDepth, { left: limits.maxItems })
}

interface Budget {
  left: number
}

function plain(value: unknown, levels: number, budget: Budget): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      // NaN and the infinities minus themselves are NaN; -0 is the only zero whose inverse is negative.
      return value - value === 0 && (value !== 0 || 1 / value > 0)
    case 'object':
      // A cycle runs out of levels, so no set of visited objects is needed here.
      return value === null || (levels > 0 && (Array.isArray(value) ? plainArray(value, levels, budget) : plainObject(value, levels, budget)))
    default:
      return false
  }
}

function plainArray(value: unknown[], levels: number, budget: Budget): boolean {
  const { length } = value
  budget.left -= length || 1
  if (budget.left < 0 || Object.getPrototypeOf(value) !== Array.prototype || jsonHook(value)) return false
  // Named properties beside the elements (`total` on a page of rows) would be lost.
  if (Object.keys(value).length !== length) return false
  for (let i = 0; i < length; i++) {
    const item = value[i]
    if (typeof item !== 'string' && !plain(item, levels - 1, budget)) return false
  }
  return true
}

function plainObject(value: object, levels: number, budget: Budget): boolean {
  if (Object.getPrototypeOf(value) !== Object.prototype || jsonHook(value)) return false
  if (Object.getOwnPropertySymbols(value).length !== 0) return false
  let fields = 0
  // for-in is twice as fast as Object.keys; what it inherits from a polluted Object.prototype only makes the answer stricter.
  for (const name in value) {
    fields++
    const item = (value as Record<string, unknown>)[name]
    if (typeof item !== 'string' && !plain(item, levels - 1, budget)) return false
  }
  budget.left -= fields || 1
  return budget.left >= 0
}

/** A `toJSON` that JSON.stringify would call, own (also hidden) or inherited. */
function jsonHook(value: object): boolean {
  return typeof (value as { toJSON?: unknown }).toJSON === 'function'
}
