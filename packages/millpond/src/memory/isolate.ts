// Keeps what is cached apart from what callers hold: a value is cloned and frozen on its way in; what freezing cannot protect is copied on each hit.
import type { Isolated } from '../core/contracts.ts'
import { MillpondError } from '../core/errors.ts'
import { isArrayItself, isPlain, MAX_DEPTH } from './plain.ts'
import { locateRefusal } from './refusal.ts'
import { weighFields, weighList, weighPrimitive, weighShell } from './weigh.ts'

/** Thrown and caught inside this file: a value that cannot be kept. The path is looked for afterwards, so that good values do not pay for it. */
const REFUSED = Symbol('refused')

/** What a walk knows: the objects it is inside of, whether it met a live part, and what all of them weigh so far. */
interface Walk {
  readonly inside: object[]
  live: boolean
  bytes: number
}

/**
 * A frozen clone of the value; primitives as they are. Cloned, frozen and weighed on one walk.
 * @throws MillpondError `VALUE_UNSUPPORTED`, naming the path of the part that cannot be kept.
 */
export function isolate(value: unknown): Isolated {
  const walk: Walk = { inside: [], live: false, bytes: 0 }
  try {
    const kept = keep(value, walk)
    return { value: kept, live: walk.live, bytes: walk.bytes }
  } catch (error) {
    if (error !== REFUSED && !(error instanceof RangeError)) throw error
    const { path, what } = locateRefusal(value)
    throw new MillpondError(
      'VALUE_UNSUPPORTED',
      `${path} is ${what} and cannot be cached: cache plain data (objects, arrays, strings, numbers, bigint, booleans, null, Date, Map, Set, bytes)`,
    )
  }
}

/** The value with its live parts copied, each of them once; parts that are frozen through and through are shared. */
export function copyLive(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? copyPart(value) : value
}

/** What is kept has been looked at when it came: here it is trusted to be just what it seems. */
function copyPart(value: object): object {
  if (Array.isArray(value)) return copyArray(value)
  if (value instanceof Date) return new Date(value.getTime())
  if (isPlain(value)) return copyObject(value as Record<string, unknown>)
  return copySpecial(value, copyLive)
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
  if (!isOneByOne(object, items.length)) return atOnce(object, Object.keys(object), items)
  const copy: Record<string, unknown> = {}
  let at = 0
  for (const name in object) if (isOwn.call(object, name)) put(copy, name, items[at++])
  return Object.freeze(copy)
}

function keep(value: unknown, walk: Walk): unknown {
  if (typeof value === 'object' && value !== null) return keepObject(value, walk)
  if (typeof value === 'function' || typeof value === 'symbol') throw REFUSED
  walk.bytes += weighPrimitive(value)
  return value
}

function keepObject(value: object, walk: Walk): object {
  const { inside } = walk
  const depth = inside.length
  if (depth >= MAX_DEPTH) throw REFUSED
  for (let at = 0; at < depth; at++) if (inside[at] === value) throw REFUSED
  inside.push(value)
  const kept = keepParts(value, walk)
  inside.pop()
  return kept
}

function keepParts(value: object, walk: Walk): object {
  if (Array.isArray(value)) return keepArray(value, walk)
  if (isPlain(value)) return keepPlain(value as Record<string, unknown>, walk)
  walk.live = true
  const copy = copySpecial(value, (part) => keep(part, walk))
  walk.bytes += weighShell(copy)
  return copy
}

function keepArray(list: readonly unknown[], walk: Walk): readonly unknown[] {
  if (!isArrayItself(list)) throw REFUSED
  // One comparison finds holes and named properties; together they could cancel out, so undefined is looked at once more below.
  if (Object.keys(list).length !== list.length) throw REFUSED
  const copy = Array.from(list)
  walk.bytes += weighList(copy.length)
  for (let i = 0; i < copy.length; i++) {
    const item = copy[i]
    if (item === undefined && !(i in list)) throw REFUSED
    const kept = keep(item, walk)
    if (kept !== item) copy[i] = kept
  }
  return Object.freeze(copy)
}

/** V8 turns an object into a slow table when it gets more properties than this one by one. */
const MOST_ONE_BY_ONE = 16

/**
 * Name by name, not by a spread: a frozen spread has a hidden class of its own for each object, which costs 250 bytes and makes every reader slow.
 */
function keepPlain(object: Record<string, unknown>, walk: Walk): object {
  if (Object.getOwnPropertySymbols(object).length > 0) throw REFUSED
  const names = Object.keys(object)
  walk.bytes += weighFields(names.length)
  if (!isOneByOne(object, names.length)) return keepAtOnce(object, names, walk)
  const copy: Record<string, unknown> = {}
  for (const name in object) {
    if (isOwn.call(object, name)) put(copy, name, keep(object[name], walk))
  }
  return Object.freeze(copy)
}

/** To be asked by way of `call`: inside of a `for in` V8 knows the answer then, not so with `Object.hasOwn`, nor with an imported one. */
const isOwn = Object.prototype.hasOwnProperty

function put(object: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') object[name] = value
  else Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })
}

function isOneByOne(object: object, names: number): boolean {
  return names <= MOST_ONE_BY_ONE && Object.getPrototypeOf(object) !== null
}

function keepAtOnce(object: Record<string, unknown>, names: readonly string[], walk: Walk): object {
  const items = names.map((name) => keep(object[name], walk))
  return atOnce(object, names, items)
}

/** A frozen object with the prototype of `object`. */
function atOnce(object: object, names: readonly string[], items: readonly unknown[]): Record<string, unknown> {
  const copy = Object.fromEntries(names.map((name, at) => [name, items[at]]))
  return Object.freeze(Object.getPrototypeOf(object) === null ? Object.setPrototypeOf(copy, null) : copy)
}

function copySpecial(value: object, part: (value: unknown) => unknown): object {
  if (value instanceof Date && isExactly(value, Date)) return new Date(value.getTime())
  if (value instanceof Map && isExactly(value, Map)) {
    const copy = new Map<unknown, unknown>()
    for (const [key, item] of value) copy.set(part(key), part(item))
    return copy
  }
  if (value instanceof Set && isExactly(value, Set)) {
    const copy = new Set<unknown>()
    for (const item of value) copy.add(part(item))
    return copy
  }
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return copyBytes(value as TypedArray)
  if (value instanceof ArrayBuffer && isExactly(value, ArrayBuffer)) return value.slice(0)
  throw REFUSED
}

type TypedArray = Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array | Float64Array

function copyBytes(bytes: TypedArray): TypedArray {
  if (Buffer.isBuffer(bytes)) return Buffer.from(bytes)
  const type = bytes.constructor as new (source: TypedArray) => TypedArray
  if (!isTypedArrayType(type)) throw REFUSED
  return new type(bytes)
}

const TYPED_ARRAYS: ReadonlySet<unknown> = new Set([
  Uint8Array,
  Uint8ClampedArray,
  Int8Array,
  Uint16Array,
  Int16Array,
  Uint32Array,
  Int32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
])

function isTypedArrayType(type: unknown): boolean {
  return TYPED_ARRAYS.has(type)
}

/** Own class, no named properties on top: a subclass or a decorated object would lose something. */
function isExactly(value: object, type: { readonly prototype: object }): boolean {
  return Object.getPrototypeOf(value) === type.prototype && Object.keys(value).length === 0
}
