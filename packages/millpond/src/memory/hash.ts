// Hashes of strings: a seeded one of the whole key that no outsider can aim at, and a quick one of its end.
//
// The seeded hash: two multilinear hashes with random multipliers, 16 bits from the top of each (Lemire and Kaser, "Strongly universal string hashing is
// fast", The Computer Journal 2014). Whoever does not know the multipliers finds two keys that collide with a chance of 2^-32, whatever
// the keys look like. Keys longer than a block are chained, each block adding that chance once more: the hash of what came before enters the
// next block as two more characters.

const BLOCK = 64
/** Multipliers per block: one a character, three more for the length and the chain. */
const ROW = BLOCK + 3
/** And one at the end, for `hashAndWidth`. */
const multipliers = new Int32Array(2 * ROW + 1)
let isSeeded = false

/** Some runtimes (workerd) give no random numbers while a program is being loaded: then the first entry asks again, before it is hashed. */
export function seedHashes(): void {
  if (isSeeded) return
  crypto.getRandomValues(multipliers)
  // Odd, and far from one that would leave low bits where they are.
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

/** Universal is not yet scattered: numbered keys lie on a lattice, which linear probing would feel. Reversible, so nothing new collides. */
function scatter(hash: number): number {
  const mixed = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
  return mixed ^ (mixed >>> 13)
}

/** Characters that the quickest hash reads, and the next quickest. */
export const SHORT_TAIL = 4
export const LONG_TAIL = 8
/** In place of a number of characters: the seeded hash of them all. */
export const WHOLE = Infinity

/**
 * A hash of the last `tail` characters and the length. But for `WHOLE` not safe against chosen keys: its user must bound what collisions cost.
 * Small, so that V8 makes it a part of every caller.
 */
export function hashTail(key: string, tail: number): number {
  const end = key.length
  return tail === SHORT_TAIL && end >= SHORT_TAIL ? scatter(fourBefore(key, end) ^ end) : hashLongerTail(key, tail)
}

/** Four characters as one number: exact for Latin-1, mixed beyond. Spelt out, since a loop would cost as much again on the way of every hit. */
function fourBefore(key: string, end: number): number {
  return key.charCodeAt(end - 1) ^ (key.charCodeAt(end - 2) << 8) ^ (key.charCodeAt(end - 3) << 16) ^ (key.charCodeAt(end - 4) << 24)
}

function hashLongerTail(key: string, tail: number): number {
  const end = key.length
  if (tail === LONG_TAIL && end >= LONG_TAIL) {
    return scatter((Math.imul(fourBefore(key, end - 4), 0x5bd1e995) + (fourBefore(key, end) ^ end)) | 0)
  }
  if (tail === WHOLE) return hashKey(key)
  let sum = end
  for (let i = Math.max(0, end - tail); i < end; i++) sum = Math.imul(sum ^ key.charCodeAt(i), 0x5bd1e995) ^ (sum >>> 13)
  return sum ^ (sum >>> 15)
}

/**
 * A hash of the whole key, for whom a collision only costs quality: a polynomial at a random point. Who wants to can find keys that collide
 * whatever the point. Its lowest bit says instead whether some character is beyond Latin-1, so that the key takes two bytes a character:
 * one reading of the key tells both.
 */
export function hashAndWidth(key: string): number {
  const length = key.length
  const factor = multipliers[2 * ROW] as number
  let sum = length
  let units = 0
  for (let i = 0; i < length; i++) {
    const unit = key.charCodeAt(i)
    units |= unit
    sum = (Math.imul(sum, factor) + unit) | 0
  }
  return (scatter(sum) & ~1) | (units > 0xff ? 1 : 0)
}
