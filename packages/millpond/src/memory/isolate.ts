// Keeps what is cached apart from what callers hold: a value is cloned and frozen on its way in; what freezing cannot protect is copied on each hit.
import type { Isolated } from '../core/contracts.ts'
import { MillpondError } from '../core/errors.ts'
import { isArrayItself, isPlain, MAX_DEPTH } from './plain.ts'
import { locateRefusal } from './refusal.ts'
import { weighValue } from './weigh.ts'

/** Thrown and caught inside this file: a value that cannot be kept. The path is looked for afterwards, so that good values do not pay for it. */
const REFUSED = Symbol('refused')

/** What a walk knows: the objects it is inside of, and whether it met a live part. */
interface Walk {
  readonly inside: object[]
  live: boolean
}

/**
 * A frozen clone of the value; primitives as they are.
 * @throws MillpondError `VALUE_UNSUPPORTED`, naming the path of the part that cannot be kept.
 */
export function isolate(value: unknown): Isolated {
  const walk: Walk = { inside: [], live: false }
  try {
    const kept = keep(value, walk)
    return { value: kept, live: walk.live, bytes: weighValue(kept) }
  } catch (error) {
    if (error !== REFUSED && !(error instanceof RangeError)) throw error
    const { path, what } = locateRefusal(value)
    throw new MillpondError(
      'VALUE_UNSUPPORTED',
      `${path} is ${what} and cannot be cached: cache plain data (objects, arrays, strings, numbers, bigint, booleans, null, Date, Map, Set, bytes)`,
    )
  }
}

/** The value with its live parts copied; parts that are frozen through and through are shared. */
export function copyLive(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return copyArray(value)
  if (isPlain(value)) return copyObject(value as Record<string, unknown>)
  return copySpecial(value, copyLive)
}

function copyArray(list: readonly unknown[]): readonly unknown[] {
  let copy: unknown[] | undefined
  for (let i = 0; i < list.length; i++) {
    const item = list[i]
    const kept = copyLive(item)
    if (kept === item) continue
    copy ??= list.slice()
    copy[i] = kept
  }
  return copy === undefined ? list : Object.freeze(copy)
}

function copyObject(object: Record<string, unknown>): Record<string, unknown> {
  for (const item of Object.values(object)) if (copyLive(item) !== item) return rebuilt(object, copyLive)
  return object
}

function keep(value: unknown, walk: Walk): unknown {
  switch (typeof value) {
    case 'object':
      return value === null ? null : keepObject(value, walk)
    case 'function':
    case 'symbol':
      throw REFUSED
    default:
      return value
  }
}

function keepObject(value: object, walk: Walk): object {
  const { inside } = walk
  if (inside.length >= MAX_DEPTH || inside.includes(value)) throw REFUSED
  inside.push(value)
  const kept = keepParts(value, walk)
  inside.pop()
  return kept
}

function keepParts(value: object, walk: Walk): object {
  if (Array.isArray(value)) return keepArray(value, walk)
  if (isPlain(value)) return keepPlain(value as Record<string, unknown>, walk)
  walk.live = true
  return copySpecial(value, (part) => keep(part, walk))
}

function keepArray(list: readonly unknown[], walk: Walk): readonly unknown[] {
  if (!isArrayItself(list)) throw REFUSED
  // One comparison finds holes and named properties; together they could cancel out, so undefined is looked at once more below.
  if (Object.keys(list).length !== list.length) throw REFUSED
  const copy = Array.from(list)
  for (let i = 0; i < copy.length; i++) {
    const item = copy[i]
    if (item === undefined && !(i in list)) throw REFUSED
    if (typeof item === 'object' || typeof item === 'function' || typeof item === 'symbol') copy[i] = keep(item, walk)
  }
  return Object.freeze(copy)
}

function keepPlain(object: Record<string, unknown>, walk: Walk): object {
  if (Object.getOwnPropertySymbols(object).length > 0) throw REFUSED
  return rebuilt(object, (part) => keep(part, walk))
}

/** V8 turns an object into a slow table when it gets more properties than this one by one. */
const MOST_ONE_BY_ONE = 16

/**
 * A frozen object with the same names, its values passed through `part`. Not by a spread: a frozen spread has a hidden class of its own for
 * each object, which costs 250 bytes and makes every reader slow.
 */
function rebuilt(object: Record<string, unknown>, part: (value: unknown) => unknown): Record<string, unknown> {
  const names = Object.keys(object)
  if (Object.getPrototypeOf(object) !== null && names.length <= MOST_ONE_BY_ONE && !names.includes('__proto__')) {
    const copy: Record<string, unknown> = {}
    for (const name of names) {
      const item = object[name]
      copy[name] = typeof item === 'string' || typeof item === 'number' ? item : part(item)
    }
    return Object.freeze(copy)
  }
  const copy = Object.fromEntries(names.map((name) => [name, part(object[name])]))
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
