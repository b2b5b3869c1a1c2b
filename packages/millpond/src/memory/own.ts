// Takes ownership of a value that is not shared: it is frozen in place, without a clone, and weighed in the same walk.
import type { Isolated } from '../core/contracts.ts'
import { copyLive } from './copy-live.ts'
import { isTable } from './fields.ts'
import { inheritsNothing, isPlain, PLAIN } from './plain.ts'
import { weighFields, weighList, weighNarrow, weighPrimitive, weighShell, weighTable } from './weigh.ts'

/**
 * The value must be one that `isolate` accepts. `isNarrow`: all its strings are known to take one byte per character,
 * so none is scanned. Bytes that are a view of a larger buffer, as some decoders return, are copied out of it.
 */
export function own(value: unknown, isNarrow = false): Isolated {
  const walk: Walk = { live: false, isPiece: false, isNarrow, inheritsNothing: inheritsNothing() }
  const bytes = ownPart(value, walk)
  return { value: walk.isPiece ? copyLive(value) : value, live: walk.live, bytes }
}

/**
 * Called through `call`: V8 can then answer it from the `for in` itself, which it cannot for `Object.hasOwn` or an
 * imported function.
 */
const isOwn = Object.prototype.hasOwnProperty

interface Walk {
  /** Found a part that freezing cannot protect. */
  live: boolean
  /** Found bytes whose `buffer` is shared. */
  isPiece: boolean
  readonly isNarrow: boolean
  readonly inheritsNothing: boolean
}

/** Returns the part's weight, as do all functions below. */
function ownPart(value: unknown, walk: Walk): number {
  return typeof value === 'object' && value !== null ? ownObject(value, walk) : weighLeaf(value, walk)
}

function weighLeaf(value: unknown, { isNarrow }: Walk): number {
  return isNarrow && typeof value === 'string' ? weighNarrow(value.length) : weighPrimitive(value)
}

function ownObject(value: object, walk: Walk): number {
  if (Array.isArray(value)) return ownList(value, walk)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === PLAIN || prototype === null) return ownFields(value as Record<string, unknown>, walk)
  return isPlain(value) ? ownFields(value as Record<string, unknown>, walk, false) : ownLive(value, walk)
}

function ownLive(value: object, walk: Walk): number {
  walk.live = true
  let bytes = weighShell(value)
  if (value instanceof Map) for (const [key, item] of value) bytes += ownPart(key, walk) + ownPart(item, walk)
  if (value instanceof Set) for (const item of value) bytes += ownPart(item, walk)
  if (ArrayBuffer.isView(value) && value.byteLength !== value.buffer.byteLength) walk.isPiece = true
  return bytes
}

// Each part is checked inline: a call for each number and string cost a tenth of the walk.

function ownList(list: readonly unknown[], walk: Walk): number {
  let bytes = weighList(list.length)
  for (let at = 0; at < list.length; at++) {
    const item = list[at]
    bytes += typeof item === 'object' && item !== null ? ownObject(item, walk) : weighLeaf(item, walk)
  }
  Object.freeze(list)
  return bytes
}

function ownFields(object: Record<string, unknown>, walk: Walk, hasOwnAlone = walk.inheritsNothing): number {
  let bytes = 0
  let fields = 0
  let first = ''
  let last = ''
  // Twice as fast as Object.values. Inherited values of a polluted Object.prototype are not ours to freeze.
  for (const name in object) {
    if (!hasOwnAlone && !isOwn.call(object, name)) continue
    if (fields++ === 0) first = name
    last = name
    const item = object[name]
    bytes += typeof item === 'object' && item !== null ? ownObject(item, walk) : weighLeaf(item, walk)
  }
  Object.freeze(object)
  return bytes + (isTable(fields, first, last) ? weighTable(Object.keys(object)) : weighFields(fields))
}
