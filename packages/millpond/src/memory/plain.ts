// What counts as plain data: objects and arrays that lose nothing when they are copied.

/** Deeper values are refused, so that no walk overflows the stack. */
export const MAX_DEPTH = 500

/** `{}`, also without a prototype, also from another realm. Class instances are not: their methods would be lost in another tier. */
export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null || isForeign(value, 'Object')
}

/** An array and not an instance of a class that extends it, also from another realm. */
export function isArrayItself(list: readonly unknown[]): boolean {
  return Object.getPrototypeOf(list) === Array.prototype || isForeign(list, 'Array')
}

function isForeign(value: object, name: 'Object' | 'Array'): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (typeof prototype !== 'object' || prototype === null) return false
  const parent: unknown = Object.getPrototypeOf(prototype)
  const root = name === 'Object' ? parent === null : parent !== null && Object.getPrototypeOf(parent) === null
  return root && Object.hasOwn(prototype, 'constructor') && (prototype.constructor as { name?: unknown }).name === name
}
