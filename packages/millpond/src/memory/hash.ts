// String hashes: a seeded hash of the whole key that resists chosen keys, and a quick one of a few characters.
//
// The seeded hash: two multilinear hashes with random multipliers, 16 bits from the top of each (Lemire and Kaser,
// "Strongly universal string hashing is fast", The Computer Journal 2014). Without the multipliers, finding two keys
// that collide has a probability of 2^-32, whatever the keys. Keys longer than a block are chained, each block adding
// that probability once more: the hash of the preceding blocks enters the next one as two more characters.

import { pack, packed } from './short-key.ts'

const BLOCK = 64
/** Multipliers per block: one per character, three more for the length and the chain. */
const ROW = BLOCK + 3
/** And one more, for `hashAndWidth`. */
const multipliers = new Int32Array(2 * ROW + 1)
let isSeeded = false

/**
 * Some runtimes (workerd) provide no random numbers while modules are being loaded: then the first entry calls this
 * again before it is hashed.
 */
export function seedHashes(): void {
  if (isSeeded) return
  crypto.getRandomValues(multipliers)
  // Odd, and not close to a value that would leave low bits in place.
  multipliers[2 * ROW] = ((multipliers[0] as number) & ~7) | 5
  isSeeded = true
}

try {
  seedHashes()
} catch {
  // See above.
}

/** 32 bits, as a signed integer. */
export function hashKey(key: string): number {
  const length = key.length
  if (length > BLOCK) return hashLong(key)
  let a = Math.imul(length, multipliers[0] as number)
  let b = Math.imul(length, multipliers[1] as number)
  for (let i = 0; i < length; i++) {
    const unit = key.charCodeAt(i)
    a = (a + Math.imul(unit, multipliers[2 * i + 6] as number)) | 0
    b = (b + Math.imul(unit, multipliers[2 * i + 7] as number)) | 0
  }
  return scatter((a & 0xffff0000) | (b >>> 16))
}

function hashLong(key: string): number {
  const length = key.length
  let chain = length
  for (let start = 0; start < length; start += BLOCK) {
    const end = Math.min(BLOCK, length - start)
    const low = chain & 0xffff
    const high = chain >>> 16
    let a = (multiply(end, 0) + multiply(low, 2) + multiply(high, 4)) | 0
    let b = (multiply(end, 1) + multiply(low, 3) + multiply(high, 5)) | 0
    for (let i = 0; i < end; i++) {
      const unit = key.charCodeAt(start + i)
      a = (a + multiply(unit, 2 * i + 6)) | 0
      b = (b + multiply(unit, 2 * i + 7)) | 0
    }
    chain = (a & 0xffff0000) | (b >>> 16)
  }
  return scatter(chain)
}

function multiply(unit: number, at: number): number {
  return Math.imul(unit, multipliers[at] as number)
}

export const SCATTER = 0x2c1b3c6d

/**
 * Universal hashing does not scatter: numbered keys form a lattice, on which linear probing clusters. Invertible, so it
 * adds no collisions.
 */
function scatter(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 15), SCATTER)
  return mixed ^ (mixed >>> 13)
}

/** Characters in a window. */
export const WINDOW = 4
/** The multiplier between two windows. */
export const BETWEEN = 0x5bd1e995

/**
 * A hash of the length and some windows of four characters, each at its offset (from the end if negative). Without
 * windows, of the whole key by `hashKey`; of a short key (`short-key.ts`), of all of it; if the key is too short for a
 * window, of its end. Except without windows, not safe against chosen keys: callers must bound the cost of collisions.
 * Duplicated in `KeyIndex.find`.
 */
export function hashWindows(key: string, windows: Int32Array): number {
  const count = windows.length
  if (count === 0) return hashKey(key)
  if (pack(key)) return scatter(packed.low ^ Math.imul(packed.high, BETWEEN))
  const end = key.length
  let sum = end
  for (let i = 0; i < count; i++) {
    const window = windows[i] as number
    const from = window < 0 ? end + window : window
    if (from < 0 || from + WINDOW > end) return hashEnd(key)
    sum = (i === 0 ? sum : Math.imul(sum, BETWEEN)) ^ fourFrom(key, from)
  }
  return scatter(sum)
}

/** Four characters as one number: exact for Latin-1, mixed beyond. */
function fourFrom(key: string, from: number): number {
  return (
    key.charCodeAt(from + 3) ^
    (key.charCodeAt(from + 2) << 8) ^
    (key.charCodeAt(from + 1) << 16) ^
    (key.charCodeAt(from) << 24)
  )
}

const MOST_OF_END = 16

function hashEnd(key: string): number {
  const end = key.length
  let sum = end
  for (let i = Math.max(0, end - MOST_OF_END); i < end; i++)
    sum = Math.imul(sum ^ key.charCodeAt(i), BETWEEN) ^ (sum >>> 13)
  return sum ^ (sum >>> 15)
}

/**
 * A hash of the whole key for uses where a collision only costs quality: a polynomial at a random point, so keys that
 * collide at every point can be constructed. Its lowest bit instead tells whether any character is beyond Latin-1, so
 * that the key takes two bytes per character: one pass over the key yields both.
 */
export function hashAndWidth(key: string): number {
  const factor = multipliers[2 * ROW] as number
  const square = Math.imul(factor, factor)
  if (pack(key)) return scatter((Math.imul(packed.low, square) + Math.imul(packed.high, factor)) | 0) & ~1
  const length = key.length
  let sum = length
  let units = 0
  let i = 0
  // Two at a time: halves the chain of dependent multiplications.
  for (; i + 1 < length; i += 2) {
    const one = key.charCodeAt(i)
    const two = key.charCodeAt(i + 1)
    units |= one | two
    sum = (Math.imul(sum, square) + (Math.imul(one, factor) + two)) | 0
  }
  if (i < length) {
    const unit = key.charCodeAt(i)
    units |= unit
    sum = (Math.imul(sum, factor) + unit) | 0
  }
  return (scatter(sum) & ~1) | (units > 0xff ? 1 : 0)
}
