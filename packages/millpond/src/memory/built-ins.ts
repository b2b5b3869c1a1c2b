// The built-ins that hold data and that freezing cannot protect: Date, Map, Set and bytes. Those of another realm are
// converted to this realm's.
import { types } from 'node:util'
import { isOf } from './plain.ts'

/**
 * Whether it is exactly one of them: a subclass or added named properties would be lost. Named properties of bytes are
 * not checked, since that would list every index.
 */
export function isBuiltIn(value: object): boolean {
  if (ArrayBuffer.isView(value)) return isBytes(value) && !isDetached(value.buffer)
  const type = types.isDate(value)
    ? Date
    : types.isMap(value)
      ? Map
      : types.isSet(value)
        ? Set
        : types.isArrayBuffer(value)
          ? ArrayBuffer
          : undefined
  if (type === undefined || !isOf(value, type) || Object.keys(value).length > 0) return false
  return !(types.isArrayBuffer(value) && isDetached(value))
}

/** Its buffer has been transferred. Node 20 has no property for this, so it must be tried. */
function isDetached(memory: ArrayBufferLike): boolean {
  if (memory.byteLength > 0) return false
  try {
    return new Uint8Array(memory).length > 0
  } catch {
    return true
  }
}

function isBytes(value: ArrayBufferView): boolean {
  if (Object.getPrototypeOf(value) === Buffer.prototype) return true
  const type = types.isTypedArray(value) ? typeOf(value) : DataView
  return type !== undefined && isOf(value, type)
}

/** A copy of one of them, in memory of its own; the items of a Map or a Set are mapped by `part`. */
export function copyBuiltIn(value: object, part: (value: unknown) => unknown): object {
  if (types.isDate(value)) return new Date(value.getTime())
  if (types.isMap(value)) return copyMap(value, part)
  if (types.isSet(value)) return copySet(value, part)
  if (types.isTypedArray(value)) return copyBytes(value)
  return types.isDataView(value)
    ? new DataView(copyMemory(bytesOf(value)))
    : copyMemory(new Uint8Array(value as ArrayBuffer))
}

function copyMap(map: ReadonlyMap<unknown, unknown>, part: (value: unknown) => unknown): Map<unknown, unknown> {
  const copy = new Map<unknown, unknown>()
  for (const [key, item] of map) copy.set(part(key), part(item))
  return copy
}

function copySet(set: ReadonlySet<unknown>, part: (value: unknown) => unknown): Set<unknown> {
  const copy = new Set<unknown>()
  for (const item of set) copy.add(part(item))
  return copy
}

type TypedArray = NodeJS.TypedArray
type TypedArrayType = new (source: TypedArray) => TypedArray

/**
 * Not `Buffer.from`: it allocates small buffers from an 8 KB slab shared by the whole process, so that the `buffer` of
 * one exposes all the others, and keeping one keeps the slab.
 */
function copyBytes(bytes: TypedArray): TypedArray {
  if (!Buffer.isBuffer(bytes)) return new (typeOf(bytes) as TypedArrayType)(bytes)
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  copy.set(bytes)
  return copy
}

function copyMemory(bytes: Uint8Array): ArrayBufferLike {
  return new Uint8Array(bytes).buffer
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}

const TYPED_ARRAYS: ReadonlyMap<unknown, TypedArrayType> = new Map(
  [
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
    // Only in newer Node versions.
    ...('Float16Array' in globalThis
      ? [(globalThis as unknown as { Float16Array: Float32ArrayConstructor }).Float16Array]
      : []),
  ].map((type) => [type.name, type as unknown as TypedArrayType]),
)

/** This realm's class for it. */
function typeOf(bytes: TypedArray): TypedArrayType | undefined {
  return TYPED_ARRAYS.get(bytes[Symbol.toStringTag])
}
