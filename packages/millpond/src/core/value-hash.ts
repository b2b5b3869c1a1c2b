// A hash of a value, so that a reload can tell whether anything has changed. Equal values have equal hashes, whatever
// the order of their fields.
import { hashOf } from './key-hash.ts'

/** Parts of a value that are hashed; changes beyond them go unnoticed. */
const MOST_PARTS = 10_000

const double = new Float64Array(1)
const words = new Int32Array(double.buffer)

/** 32 bits, signed. For plain data, as a cache stores it. */
export function hashValue(value: unknown): number {
  return hashPart(value, { left: MOST_PARTS })
}

function hashPart(value: unknown, walk: { left: number }): number {
  if (walk.left-- <= 0) return 0
  if (typeof value === 'string') return hashOf(value, 1)
  if (typeof value === 'number') return hashNumber(value)
  if (typeof value !== 'object' || value === null) return hashOf(String(value), 2)
  if (Array.isArray(value)) return hashList(value, walk, 3)
  if (ArrayBuffer.isView(value))
    return hashList(new Uint8Array(value.buffer, value.byteOffset, value.byteLength), walk, 4)
  if (value instanceof Date) return mix(5, hashNumber(value.getTime()))
  if (value instanceof Map) return sumOf(value.entries(), walk, 6)
  if (value instanceof Set) return sumOf(value.values(), walk, 7)
  return sumOf(Object.entries(value), walk, 8)
}

function hashNumber(value: number): number {
  double[0] = value
  return mix(words[0] as number, words[1] as number)
}

function hashList(items: Iterable<unknown>, walk: { left: number }, seed: number): number {
  let hash = seed
  for (const item of items) {
    if (walk.left <= 0) break
    hash = mix(hash, hashPart(item, walk))
  }
  return hash
}

/** In whatever order they come. */
function sumOf(parts: Iterable<unknown>, walk: { left: number }, seed: number): number {
  let sum = seed
  for (const part of parts) {
    if (walk.left <= 0) break
    sum = (sum + mix(seed, hashPart(part, walk))) | 0
  }
  return sum
}

function mix(a: number, b: number): number {
  const mixed = Math.imul(a ^ (b + 0x9e3779b9), 0x85ebca6b)
  return mixed ^ (mixed >>> 15)
}
