// Builds frozen plain objects: records so that V8 gives all with the same names one hidden class, tables so that none
// gets a hidden class of its own.

/** V8 converts an object to slow (dictionary) mode when more properties than this are added one by one. */
const MOST_ONE_BY_ONE = 16
/** V8's own parser uses dictionary mode beyond this. */
const MOST_IN_RECORD = 128
/** Names in programs are shorter; UUIDs and hashes are not. */
const LONGEST_NAME = 20
const DIGIT = /[0-9]/

/**
 * Whether these names look like data (ids), which no other object shares, rather than a record's. As a record, each
 * name would cost V8 190 bytes in a hidden class that only this object has; as a table, half of that. Only the first
 * and the last name are checked; names without digits count as a record's.
 */
export function isTable(count: number, first: string, last: string): boolean {
  if (count <= MOST_ONE_BY_ONE && first.length <= LONGEST_NAME) return false
  return count > MOST_IN_RECORD || (DIGIT.test(first) && DIGIT.test(last))
}

/** Whether an object that is not a table is built name by name. */
export function isOneByOne(count: number): boolean {
  return count <= MOST_ONE_BY_ONE
}

/** Records of up to this many fields have exactly one in-object slot for each field. */
export const MOST_IN_PLACE = 10
/** V8 sizes the instances of a constructor by the first seven of them. */
const FIRST_INSTANCES = 8
type Shell = new () => Record<string, unknown>
const shells = new Array<Shell | undefined>(MOST_IN_PLACE + 1).fill(undefined)

/**
 * An object to be filled with `count` fields, plain or without a prototype as `prototype` says. Literals without a
 * prototype would be in dictionary mode.
 */
export function begin(prototype: object | null, count: number): Record<string, unknown> {
  const begun = count > MOST_IN_PLACE ? {} : new (shells[count] ?? shellOf(count))()
  return prototype === null ? Object.setPrototypeOf(begun, null) : begun
}

/**
 * Creates plain objects with `count` fields. `{}` has four in-object slots, used or not, and a separate list for more;
 * instances of a constructor get the slots that they need. The constructor is never exposed: its instances have
 * `Object.prototype`.
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
 * A frozen table, with the prototype of `object`. V8 puts an object created without a prototype in dictionary mode, and
 * leaves it there.
 */
export function tableOf(object: object, names: readonly string[], items: readonly unknown[]): object {
  const made: Record<string, unknown> = Object.create(null)
  for (let at = 0; at < names.length; at++) put(made, names[at] as string, items[at])
  return Object.freeze(Object.getPrototypeOf(object) === null ? made : Object.setPrototypeOf(made, Object.prototype))
}
