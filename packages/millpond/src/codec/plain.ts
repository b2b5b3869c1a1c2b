// The fast question before a value is written: is it plain JSON data, so that JSON.stringify keeps it as it is?
import type { CodecLimits } from './limits.ts'

/**
 * True only when the JSON text means exactly this value. False sends the value to `escapeValue`, which is slower and knows why.
 * Plain: null, booleans, strings, finite numbers but -0, dense arrays, objects of `Object.prototype`; within the limits; no cycle.
 */
export function isPlain(value: unknown, limits: CodecLimits): boolean {
  return typeof value === 'object' && value !== null ? plain(value, limits.maxDepth, { left: limits.maxItems }) : isPlainScalar(value)
}

interface Budget {
  left: number
}

function isPlainScalar(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      // NaN and the infinities minus themselves are NaN; -0 is the only zero whose inverse is negative.
      return value - value === 0 && (value !== 0 || 1 / value > 0)
    default:
      return value === null
  }
}

/** A cycle runs out of levels, so no set of visited objects is needed here. */
function plain(value: object, levels: number, budget: Budget): boolean {
  // Neither a toJSON that JSON.stringify would call, own (also hidden) or inherited, nor fields that it would not see.
  if (levels === 0 || typeof (value as { toJSON?: unknown }).toJSON === 'function') return false
  return Array.isArray(value) ? plainArray(value, levels - 1, budget) : plainObject(value as Record<string, unknown>, levels - 1, budget)
}

function plainArray(value: unknown[], levels: number, budget: Budget): boolean {
  const { length } = value
  budget.left -= length || 1
  // Named properties beside the elements (`total` on a page of rows) would be lost.
  if (budget.left < 0 || Object.getPrototypeOf(value) !== Array.prototype || Object.keys(value).length !== length) return false
  for (let i = 0; i < length; i++) {
    const item = value[i]
    if (typeof item === 'string') continue
    if (typeof item === 'object' && item !== null ? !plain(item, levels, budget) : !isPlainScalar(item)) return false
  }
  return true
}

function plainObject(value: Record<string, unknown>, levels: number, budget: Budget): boolean {
  if (Object.getPrototypeOf(value) !== Object.prototype || Object.getOwnPropertySymbols(value).length !== 0) return false
  let fields = 0
  // for-in is twice as fast as Object.keys; what it inherits from a polluted Object.prototype only makes the answer stricter.
  for (const name in value) {
    fields++
    const item = value[name]
    if (typeof item === 'string') continue
    if (typeof item === 'object' && item !== null ? !plain(item, levels, budget) : !isPlainScalar(item)) return false
  }
  budget.left -= fields || 1
  return budget.left >= 0
}
