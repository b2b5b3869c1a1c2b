// A caller's copy of a cached answer: objects of its own, as from the database.

/**
 * Plain objects and arrays are copied, as those of the cache are frozen. Dates, Buffers and Maps are the caller's own
 * already.
 */
export function ownCopy<T>(value: T): T
export function ownCopy(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map((item) => ownCopy(item))
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return value
  const copy: Record<string, unknown> = {}
  for (const name of Object.keys(value)) {
    const own = ownCopy(Reflect.get(value, name))
    if (name === '__proto__')
      Object.defineProperty(copy, name, { value: own, enumerable: true, configurable: true, writable: true })
    else copy[name] = own
  }
  return copy
}
