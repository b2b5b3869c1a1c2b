// What a reader gets of a value with parts that freezing cannot protect: copies of those and of their containers; the
// rest is shared.
import { copyBuiltIn } from './built-ins.ts'
import { begin, isOneByOne, isTable, put, recordOf, tableOf } from './fields.ts'
import { isPlain } from './plain.ts'

/** Copies the value's live parts, each once; deeply frozen parts are shared. */
export function copyLive(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? copyPart(value) : value
}

/** Cached values were checked on the way in, so types need no further checks here. */
function copyPart(value: object): object {
  if (Array.isArray(value)) return copyArray(value)
  if (value instanceof Date) return new Date(value.getTime())
  if (isPlain(value)) return copyObject(value as Record<string, unknown>)
  return copyBuiltIn(value, copyLive)
}

function copyArray(list: readonly unknown[]): readonly unknown[] {
  let copies: unknown[] | undefined
  for (let at = 0; at < list.length; at++) {
    const item = list[at]
    if (typeof item !== 'object' || item === null) continue
    const copy = copyPart(item)
    if (copy === item) continue
    copies ??= list.slice()
    copies[at] = copy
  }
  return copies === undefined ? list : Object.freeze(copies)
}

/**
 * Called through `call`: V8 can then answer it from the `for in` itself, which it cannot for `Object.hasOwn` or an
 * imported function.
 */
const isOwn = Object.prototype.hasOwnProperty

/**
 * Visits each item once, and rebuilds only what changed: asking first and copying afterwards would visit a part at
 * depth d 2^d times.
 */
function copyObject(object: Record<string, unknown>): object {
  let copies: unknown[] | undefined
  let at = -1
  for (const name in object) {
    if (!isOwn.call(object, name)) continue
    at++
    const item = object[name]
    if (typeof item !== 'object' || item === null) continue
    const copy = copyPart(item)
    if (copy === item) continue
    copies ??= Object.values(object)
    copies[at] = copy
  }
  return copies === undefined ? object : withItems(object, copies)
}

/** A frozen object like this one, with other items in the same order. */
function withItems(object: Record<string, unknown>, items: readonly unknown[]): object {
  if (!isOneByOne(items.length)) return manyWith(object, items)
  const copy = begin(Object.getPrototypeOf(object), items.length)
  let at = 0
  for (const name in object) if (isOwn.call(object, name)) put(copy, name, items[at++])
  return Object.freeze(copy)
}

function manyWith(object: object, items: readonly unknown[]): object {
  const names = Object.keys(object)
  const make = isTable(names.length, names[0] as string, names.at(-1) as string) ? tableOf : recordOf
  return make(object, names, items)
}
