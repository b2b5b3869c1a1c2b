// Isolates cached values from what callers hold: a value is cloned and frozen on its way in. What freezing cannot
// protect is copied on each hit: `copy-live.ts`.
import { types } from 'node:util'
import type { Isolated } from '../core/contracts.ts'
import { MillpondError } from '../core/errors.ts'
import { copyBuiltIn, isBuiltIn } from './built-ins.ts'
import { begin, isOneByOne, isTable, put, recordOf, tableOf } from './fields.ts'
import { inheritsNothing, isArrayItself, isPlain, MAX_DEPTH, PLAIN } from './plain.ts'
import { locateRefusal } from './refusal.ts'
import { weighFields, weighList, weighPrimitive, weighShell, weighTable } from './weigh.ts'

/**
 * Thrown and caught inside this file for a value that cannot be kept. The path is searched for afterwards, so that
 * valid values do not pay for it.
 */
const REFUSED = Symbol('refused')
const TOO_LARGE = Symbol('too large')
const TOO_LONG = Symbol('too long')

/** The codec's default limit, beyond which values cannot be written as bytes. */
const MOST_ITEMS = 100_000

/** An object that is being walked, and the one that contains it. An array of them would take room for 17 at once. */
interface Enclosing {
  readonly value: object
  readonly outer: Enclosing | undefined
  readonly depth: number
}

/**
 * State of a walk: the enclosing objects, whether a live part was found, the weight so far, and how many more items are
 * allowed.
 */
interface Walk {
  inside: Enclosing | undefined
  live: boolean
  /** Nothing was found so far that JSON text would change. */
  isJson: boolean
  bytes: number
  left: number
  /** The longest text and the most bytes allowed in it. */
  readonly longest: number
  readonly inheritsNothing: boolean
  /** Bytes found so far, if any. */
  seen: Set<object> | undefined
}

/**
 * A frozen clone of the value; primitives are returned unchanged. Cloned, frozen and weighed in one walk.
 *
 * What occurs twice is cloned twice: `maxItems` (array elements, fields, Map keys and values, Set members together)
 * bounds the expansion of a few objects that refer to each other many times. Texts and bytes longer than `maxBytes` are
 * rejected before they are read or copied. `note` is added to messages to name the value: ` (key "user:7")`.
 * @throws MillpondError `VALUE_UNSUPPORTED`, naming the path of the part that cannot be kept; `VALUE_TOO_LARGE` beyond
 * `maxItems` or `maxBytes`.
 */
export function isolate(
  value: unknown,
  maxItems = MOST_ITEMS,
  note: () => string = () => '',
  maxBytes = Number.POSITIVE_INFINITY,
): Isolated {
  if (isShortPrimitive(value, maxBytes)) return { value, live: false, bytes: weighPrimitive(value) }
  const walk: Walk = {
    inside: undefined,
    live: false,
    isJson: true,
    bytes: 0,
    left: maxItems,
    longest: maxBytes,
    inheritsNothing: inheritsNothing(),
    seen: undefined,
  }
  try {
    const kept = keep(value, walk)
    const { live, bytes } = walk
    return walk.isJson ? { value: kept, live, bytes, jsonItems: maxItems - walk.left } : { value: kept, live, bytes }
  } catch (error) {
    if (error === TOO_LARGE) throw tooLarge(maxItems, note())
    if (error === TOO_LONG) throw tooLong(maxBytes, note())
    if (error !== REFUSED && !(error instanceof RangeError)) throw error
    const refusal = locateRefusal(value)
    throw new MillpondError(
      'VALUE_UNSUPPORTED',
      `${refusal.path}${note()} is ${refusal.what} and cannot be cached: cache plain data (objects, arrays, strings, numbers, bigint, booleans, null, Date, Map, Set, bytes)${refusal.what.startsWith('an instance') ? ', or give the cache toPlain, which turns instances into plain data' : ''}`,
    )
  }
}

function tooLarge(maxItems: number, note: string): MillpondError {
  return new MillpondError(
    'VALUE_TOO_LARGE',
    `value${note} holds more than ${maxItems} items (repeated values count each time): store less, or raise limits.maxItems of the codec`,
  )
}

function tooLong(maxBytes: number, note: string): MillpondError {
  return new MillpondError(
    'VALUE_TOO_LARGE',
    `value${note} has a string or bytes longer than the allowed ${maxBytes} bytes: store less, or raise limits.maxBytes of the codec`,
  )
}

/** An empty container counts as one. Arrays and objects inline this. */
function count(items: number, walk: Walk): void {
  walk.left -= items || 1
  if (walk.left < 0) throw TOO_LARGE
}

/** Needs no walk. */
function isShortPrimitive(value: unknown, longest: number): boolean {
  const type = typeof value
  if (type === 'string') return (value as string).length <= longest
  return value === null || (type !== 'object' && type !== 'function' && type !== 'symbol')
}

function keep(value: unknown, walk: Walk): unknown {
  if (typeof value === 'object' && value !== null) return keepObject(value, walk)
  weighLeaf(value, walk)
  return value
}

/** A part that is kept as it is. */
function weighLeaf(value: unknown, walk: Walk): void {
  if (typeof value === 'string') {
    if (value.length > walk.longest) throw TOO_LONG
  } else if (typeof value === 'number') {
    // NaN and the infinities minus themselves are NaN; -0 is the only zero whose inverse is negative.
    if (value - value !== 0 || (value === 0 && 1 / value < 0)) walk.isJson = false
  } else if (value === undefined || typeof value === 'bigint') walk.isJson = false
  else if (typeof value === 'function' || typeof value === 'symbol') throw REFUSED
  walk.bytes += weighPrimitive(value)
}

function keepObject(value: object, walk: Walk): object {
  const outer = walk.inside
  const depth = outer === undefined ? 1 : outer.depth + 1
  if (depth > MAX_DEPTH) throw REFUSED
  for (let one = outer; one !== undefined; one = one.outer) if (one.value === value) throw REFUSED
  walk.inside = { value, outer, depth }
  const kept = Array.isArray(value) ? keepArray(value, walk) : keepParts(value, walk)
  walk.inside = outer
  return kept
}

function keepParts(value: object, walk: Walk): object {
  const prototype: object | null = Object.getPrototypeOf(value)
  if (prototype === PLAIN || prototype === null || isPlain(value))
    return keepPlain(value as Record<string, unknown>, prototype, walk)
  if (!isBuiltIn(value)) throw REFUSED
  walk.live = true
  walk.isJson = false
  if (types.isMap(value) || types.isSet(value)) count(types.isMap(value) ? 2 * value.size : value.size, walk)
  else if (!types.isDate(value)) countBytes(value as Bytes, walk)
  const copy = copyBuiltIn(value, (part) => keep(part, walk))
  walk.bytes += weighShell(copy)
  return copy
}

type Bytes = ArrayBufferView | ArrayBuffer

/** Bytes that recur are copied again, so they are counted by their words. */
function countBytes(bytes: Bytes, walk: Walk): void {
  if (bytes.byteLength > walk.longest) throw TOO_LONG
  walk.seen ??= new Set()
  if (walk.seen.has(bytes)) count(bytes.byteLength >>> 3, walk)
  else walk.seen.add(bytes)
}

// In both, each part is checked inline: a call for each number and text costs a tenth of the walk.

function keepArray(list: readonly unknown[], walk: Walk): readonly unknown[] {
  if (!isArrayItself(list)) throw REFUSED
  const { length } = list
  walk.left -= length || 1
  if (walk.left < 0) throw TOO_LARGE
  // One comparison finds holes and named properties; together they could cancel out, so undefined is checked again
  // below. Values are counted rather than names, which would have to be allocated. They are the copy, too.
  const copy = Object.values(list)
  if (copy.length !== length) throw REFUSED
  walk.bytes += weighList(length)
  for (let i = 0; i < length; i++) {
    const item = list[i]
    if (typeof item === 'object' && item !== null) copy[i] = keepObject(item, walk)
    else {
      if (item === undefined && !(i in list)) throw REFUSED
      weighLeaf(item, walk)
      copy[i] = item
    }
  }
  return Object.freeze(copy)
}

/**
 * Called through `call`: V8 can then answer it from the `for in` itself, which it cannot for `Object.hasOwn` or an
 * imported function.
 */
const isOwn = Object.prototype.hasOwnProperty

/**
 * Name by name rather than by spreading: a frozen spread gets a hidden class of its own per object, which costs 250
 * bytes and makes every reader slow.
 */
function keepPlain(object: Record<string, unknown>, prototype: object | null, walk: Walk): object {
  if (Object.getOwnPropertySymbols(object).length > 0) throw REFUSED
  if (prototype === null) walk.isJson = false
  const names = Object.keys(object)
  const { length } = names
  walk.left -= length || 1
  if (walk.left < 0) throw TOO_LARGE
  const isTabular = length > 0 && isTable(length, names[0] as string, names[length - 1] as string)
  walk.bytes += isTabular ? weighTable(names) : weighFields(length)
  if (isTabular) return tableOf(object, names, keepItems(object, names, walk))
  if (!isOneByOne(length)) return recordOf(object, names, keepItems(object, names, walk))
  const copy = begin(prototype, length)
  const hasOwnAlone = prototype === null || (prototype === PLAIN && walk.inheritsNothing)
  for (const name in object) {
    if (!hasOwnAlone && !isOwn.call(object, name)) continue
    const item = object[name]
    if (typeof item === 'object' && item !== null) put(copy, name, keepObject(item, walk))
    else {
      weighLeaf(item, walk)
      put(copy, name, item)
    }
  }
  return Object.freeze(copy)
}

function keepItems(object: Record<string, unknown>, names: readonly string[], walk: Walk): unknown[] {
  return names.map((name) => keep(object[name], walk))
}
