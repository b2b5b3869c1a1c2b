// The strictest equality a cache can owe: kinds, prototypes, order, -0, NaN, invalid Dates. (Node 20's assert holds two
// invalid Dates for unequal.)
import assert from 'node:assert/strict'
import type { DecodedParts, EncodedParts } from '../../src/core/contracts.ts'

/** Throws with a diff and the path unless the two values cannot be told apart but by identity. */
export function assertSame(actual: unknown, expected: unknown): void {
  const path = difference(actual, expected, 'value')
  if (path !== undefined) assert.fail(`${at(actual)} differs from ${at(expected)} at ${path}`)
}

/** The same for an entry, whatever the codec remarks on its bytes. */
export function assertEntry(actual: DecodedParts | undefined, expected: EncodedParts): void {
  if (actual === undefined) assert.fail('the entry is not accepted')
  const { isNarrow: _, isCompressed: _c, isEncrypted: _e, sealed: _s, isOldKey: _o, ...parts } = actual
  assertSame(parts, expected)
}

function at(value: unknown): string {
  return typeof value === 'object' && value !== null ? Object.prototype.toString.call(value) : String(value)
}

/** Where two values first differ. */
function difference(a: unknown, b: unknown, path: string): string | undefined {
  if (typeof a !== 'object' || a === null || typeof b !== 'object' || b === null)
    return Object.is(a, b) ? undefined : path
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return `${path} (prototype)`
  if (a instanceof Date && b instanceof Date) return Object.is(a.getTime(), b.getTime()) ? undefined : path
  if (a instanceof ArrayBuffer && b instanceof ArrayBuffer)
    return Buffer.from(a).equals(Buffer.from(b)) ? undefined : path
  if (ArrayBuffer.isView(a) && ArrayBuffer.isView(b)) return bytesOf(a).equals(bytesOf(b)) ? undefined : path
  if (a instanceof Map && b instanceof Map) return differentLists([...a].flat(), [...b].flat(), `${path}<map>`)
  if (a instanceof Set && b instanceof Set) return differentLists([...a], [...b], `${path}<set>`)
  return differentFields(a, b, path)
}

function bytesOf(view: ArrayBufferView): Buffer {
  return Buffer.from(view.buffer, view.byteOffset, view.byteLength)
}

function differentLists(a: unknown[], b: unknown[], path: string): string | undefined {
  if (a.length !== b.length) return `${path} (${a.length} and ${b.length})`
  return first(a.map((item, i) => difference(item, b[i], `${path}[${i}]`)))
}

function differentFields(a: object, b: object, path: string): string | undefined {
  const names = Reflect.ownKeys(a)
  if (names.map(String).join() !== Reflect.ownKeys(b).map(String).join()) return `${path} (fields)`
  return first(names.map((name) => difference(own(a, name), own(b, name), `${path}.${String(name)}`)))
}

function own(value: object, name: string | symbol): unknown {
  return Object.getOwnPropertyDescriptor(value, name)?.value
}

function first(paths: (string | undefined)[]): string | undefined {
  return paths.find((path) => path !== undefined)
}
