// Puts frozen plain objects together in a way that lets V8 give all of one kind the same hidden class.

/** V8 turns an object into a slow table when it gets more properties than this one by one. */
const MOST_ONE_BY_ONE = 16

/** Whether an object like this one is to be put together name by name. */
export function isOneByOne(object: object, names: number): boolean {
  return names <= MOST_ONE_BY_ONE && Object.getPrototypeOf(object) !== null
}

export function put(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') object[name] = value
  else Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
}

/** All at once: a frozen object with these names and items, and the prototype of `object`. */
export function atOnce(object: object, names: readonly string[], items: readonly unknown[]): object {
  const made = Object.fromEntries(names.map((name, at) => [name, items[at]]))
  return Object.freeze(Object.getPrototypeOf(object) === null ? Object.setPrototypeOf(made, null) : made)
}
