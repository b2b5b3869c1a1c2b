// Converts class instances (rows of an ORM, for example) to plain data with the cache's own conversion, anywhere in a
// value.
import { isBuiltIn } from './built-ins.ts'
import { isPlain, MAX_DEPTH } from './plain.ts'

/** Returns what to keep in place of a class instance. */
export type ToPlain = (instance: object) => unknown

/**
 * A copy in which each instance is replaced by what `toPlain` returns for it. Plain parts stay as they are; anything
 * else that cannot be kept is rejected afterwards.
 */
export function asPlain(value: unknown, toPlain: ToPlain, depth = 0): unknown {
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH) return value
  const deeper = (item: unknown): unknown => asPlain(item, toPlain, depth + 1)
  if (Array.isArray(value))
    return Object.getPrototypeOf(value) === Array.prototype ? value.map(deeper) : deeper(Array.from(value))
  if (isPlain(value)) return mapFields(value, deeper)
  if (value instanceof Map) return new Map([...value].map(([key, item]) => [deeper(key), deeper(item)]))
  if (value instanceof Set) return new Set([...value].map(deeper))
  return isBuiltIn(value) ? value : deeper(toPlain(value))
}

function mapFields(object: object, deeper: (item: unknown) => unknown): object {
  const copy: object = Object.create(Object.getPrototypeOf(object))
  for (const [name, item] of Object.entries(object))
    Object.defineProperty(copy, name, { value: deeper(item), enumerable: true, configurable: true, writable: true })
  return copy
}
