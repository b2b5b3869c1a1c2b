// Selective serialisation: keeps only named fields of an object, or omits them.
import { MillpondError, show } from '../core/errors.ts'

/** Types without fields to select. */
type Leaf =
  | string
  | number
  | bigint
  | boolean
  | symbol
  | null
  | undefined
  | Date
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | ArrayBufferView

/** The names of a type's fields and of their fields, three levels deep; any name if the type is unknown. */
export type FieldName<T, Above extends readonly unknown[] = []> = unknown extends T
  ? string
  : Above['length'] extends 3
    ? string
    : T extends Leaf
      ? never
      : T extends readonly (infer Item)[]
        ? FieldName<Item, Above>
        : { [K in keyof T & string]: K | `${K}.${FieldName<NonNullable<T[K]>, [...Above, K]>}` }[keyof T & string]

/** A field: its name, `'owner.email'` for a nested field, or `['a.b', 'c']` if a name itself contains a dot. */
export type Field<T = unknown> = FieldName<T> | readonly string[]

/** The fields to keep, or those to omit. */
export type Selection<T = unknown> =
  | { readonly pick: readonly Field<T>[]; readonly omit?: undefined }
  | { readonly omit: readonly Field<T>[]; readonly pick?: undefined }

interface Wanted extends Map<string, Wanted | true> {}

/**
 * Returns a pure function that copies a value with only the picked, or without the omitted, fields: `select<User>({
 * omit: ['password', 'owner.email'] })`. For `cache.namespace(name, { select })`: every tier and every caller then gets
 * the result. Applies to each element of a list, at every level. Values that are not plain objects (Date, Map, class
 * instances) are passed through unchanged. Throws `OPTION_INVALID` when both or neither of `pick` and `omit` are given,
 * and for an empty list, an empty name, or anything but names.
 */
export function select<T = unknown>(selection: Selection<T>): (value: unknown) => unknown {
  const { pick, omit } = selection
  if ((pick === undefined) === (omit === undefined)) {
    throw new MillpondError('OPTION_INVALID', `the fields to keep are ${show(selection)}: give either pick or omit`)
  }
  const wanted = plan(pick ?? omit ?? [])
  return pick === undefined ? (value) => without(value, wanted) : (value) => only(value, wanted)
}

function plan(fields: readonly (string | readonly string[])[]): Wanted {
  if (!Array.isArray(fields) || fields.length === 0) {
    throw new MillpondError('OPTION_INVALID', `fields are ${show(fields)}: give a list of at least one field name`)
  }
  const wanted: Wanted = new Map()
  for (const field of fields) {
    const path: unknown = typeof field === 'string' ? field.split('.') : field
    if (!isPath(path))
      throw new MillpondError(
        'OPTION_INVALID',
        `a field is ${show(field)}: give a name such as 'email' or 'owner.email'`,
      )
    place(wanted, path)
  }
  return wanted
}

function isPath(path: unknown): path is readonly string[] {
  return Array.isArray(path) && path.length > 0 && path.every((name) => typeof name === 'string' && name !== '')
}

/** A whole field takes precedence over its parts, whatever their order. */
function place(wanted: Wanted, path: readonly string[]): void {
  let level = wanted
  for (const [i, name] of path.entries()) {
    const below = level.get(name)
    if (below === true) return
    if (i === path.length - 1) {
      level.set(name, true)
      return
    }
    const next: Wanted = below ?? new Map()
    level.set(name, next)
    level = next
  }
}

function only(value: unknown, wanted: Wanted): unknown {
  if (Array.isArray(value)) return value.map((item) => only(item, wanted))
  if (!isRecord(value)) return value
  const kept = emptyLike(value)
  for (const [name, below] of wanted) {
    if (Object.hasOwn(value, name)) define(kept, name, below === true ? value[name] : only(value[name], below))
  }
  return kept
}

function without(value: unknown, wanted: Wanted): unknown {
  if (Array.isArray(value)) return value.map((item) => without(item, wanted))
  if (!isRecord(value)) return value
  const kept = emptyLike(value)
  for (const name of Object.keys(value)) {
    const below = wanted.get(name)
    if (below !== true) define(kept, name, below === undefined ? value[name] : without(value[name], below))
  }
  return kept
}

function isRecord(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

function emptyLike(value: object): Record<string, unknown> {
  return Object.getPrototypeOf(value) === null ? Object.create(null) : {}
}

/** Assignment that treats `__proto__` as an ordinary field. */
function define(target: Record<string, unknown>, name: string, value: unknown): void {
  if (name === '__proto__')
    Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true })
  else target[name] = value
}
