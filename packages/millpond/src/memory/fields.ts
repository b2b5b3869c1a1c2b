// Puts frozen plain objects together: records so that V8 gives all of one kind the same hidden class, tables so that
// none gets one of its own.

/** V8 turns an object into a slow table when it gets more properties than this one by one. */
const MOST_ONE_BY_ONE = 16
/** V8's own parser makes a table of what has more. */
const MOST_IN_RECORD = 128
/** Programmers' names are shorter; those of UUIDs and hashes are not. */
const LONGEST_NAME = 20
const DIGIT = /[0-9]/

/**
 * Whether these names look like data (ids), which no other object has, and not like a record's. As a record each would
 * cost V8 190 bytes in a hidden class that only this object has, as a table half of that. Only the first and the last
 * name are looked at; without a digit they pass for a record's.
 */
export function isTable(count: number, first: string, last: string): boolean {
  if (count <= MOST_ONE_BY_ONE && first.length <= LONGEST_NAME) return false
  return count > MOST_IN_RECORD || (DIGIT.test(first) && DIGIT.test(last))
}

/** Whether an object that is no table is to be put together name by name. */
export function isOneByOne(count: number): boolean {
  return count <= MOST_ONE_BY_ONE
}

/** Records of up to so many fields have a place in the object itself for each field, and none in vain. */
export const MOST_IN_PLACE = 10
/** V8 lays out the instances of a function after what the first seven of them were given. */
const FIRST_INSTANCES = 8
type Shell = new () => Record<string, unknown>
const shells = new Array<Shell | undefined>(MOST_IN_PLACE + 1).fill(undefined)

/**
 * An object to be filled with `count` fields that has the prototype of `object`. Literals without a prototype would be
 * slow tables.
 */
export function begin(object: object, count: number): Record<string, unknown> {
  const begun = count > MOST_IN_PLACE ? {} : new (shells[count] ?? shellOf(count))()
  return Object.getPrototypeOf(object) === null ? Object.setPrototypeOf(begun, null) : begun
}

/**
 * Makes plain objects of `count` fields. `{}` has room for four, filled or not, and a list beside it for more; the
 * instances of a function get the room that they need. Nobody sees the function: what it makes has the prototype of all
 * plain objects.
 */
function shellOf(count: number): Shell {
  function Plain(): void {}
  Plain.prototype = Object.prototype
  const Made = Plain as unknown as Shell
  for (let left = FIRST_INSTANCES; left > 0; left--) {
    const first = new Made()
    for (let at = 0; at < count; at++) first[`f${at}`] = at
  }
  shells[count] = Made
  return Made
}

export function put(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') object[name] = value
  else Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
}

/** A frozen record of many names, with the prototype of `object`. */
export function recordOf(object: object, names: readonly string[], items: readonly unknown[]): object {
  const made = Object.fromEntries(names.map((name, at) => [name, items[at]]))
  return Object.freeze(Object.getPrototypeOf(object) === null ? Object.setPrototypeOf(made, null) : made)
}

/**
 * A frozen table, with the prototype of `object`. V8 makes a table of what begins without a prototype, and leaves it
 * one.
 */
export function tableOf(object: object, names: readonly string[], items: readonly unknown[]): object {
  const made: Record<string, unknown> = Object.create(null)
  for (let at = 0; at < names.length; at++) put(made, names[at] as string, items[at])
  return Object.freeze(Object.getPrototypeOf(object) === null ? made : Object.setPrototypeOf(made, Object.prototype))
}
