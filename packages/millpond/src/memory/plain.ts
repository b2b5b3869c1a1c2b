// Plain data: objects and arrays that lose nothing when copied.

/** Deeper values are rejected, so that no walk overflows the stack. */
export const MAX_DEPTH = 500

export const PLAIN: object = Object.prototype

/** Whether `for in` over an object of that prototype lists only own names: checked once for each value. */
export function inheritsNothing(): boolean {
  for (const _ in PLAIN) return false
  return true
}

/**
 * `{}`, also without a prototype or from another realm. Class instances are excluded: their methods would be lost in
 * another tier.
 */
export function isPlain(value: object): boolean {
  const prototype: object | null = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return true
  return Object.getPrototypeOf(prototype) === null && isNamesake(prototype, Object)
}

/** An array, and not an instance of a subclass; also from another realm. */
export function isArrayItself(list: readonly unknown[]): boolean {
  return isOf(list, Array)
}

interface BuiltInClass {
  readonly name: string
  readonly prototype: object
}

/**
 * Constructed by that class itself, not by a subclass; also by its counterpart in another realm (a vm context, a test
 * runner's).
 */
export function isOf(value: object, type: BuiltInClass): boolean {
  const prototype: object | null = Object.getPrototypeOf(value)
  return prototype === type.prototype || (prototype !== null && isNamesake(prototype, type))
}

function isNamesake(prototype: object, { name, prototype: ours }: BuiltInClass): boolean {
  return (
    Object.hasOwn(prototype, 'constructor') &&
    (prototype.constructor as { name?: unknown } | null | undefined)?.name === name &&
    ancestors(prototype) === ancestors(ours)
  )
}

function ancestors(prototype: object): number {
  let count = 0
  for (let above = Object.getPrototypeOf(prototype); above !== null; above = Object.getPrototypeOf(above)) count++
  return count
}
