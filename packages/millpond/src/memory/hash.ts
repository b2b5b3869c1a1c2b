// Hashes of strings: a seeded one of the whole key that no outsider can aim at, and a quick one of its end.
//
// The seeded hash: two multilinear hashes with random multipliers, 16 bits from the top of each (Lemire and Kaser, "Strongly universal string hashing is
// fast", The Computer Journal 2014). Whoever does not know the multipliers finds two keys that collide with a chance of 2^-32, whatever
// the keys look like. Keys longer than a block are chained: the hash of what came before enters the next block as two more characters.

const BLOCK = 64
/** Multipliers per block: one a character, three more for the length and the chain. */
const ROW = BLOCK + 3
const multipliers = crypto.getRandomValues(new Int32Array(2 * ROW))

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

/** Characters that the quickest hash reads. */
export const SHORT_TAIL = 8

const tailMultipliers = Int32Array.of(0x5bd1e995, 0x1b873593, 0x6c62272f, 0x4cf5ad43, 0x38495ab5, 0x7ed558cd, 0x52dce729, 0x165667b1)

/** A hash of the last `tail` characters (8 or more) and the length. Not safe against chosen keys: its user must bound what collisions cost. */
export function hashTail(key: string, tail: number): number {
  const last = key.length
  if (tail !== SHORT_TAIL || last < SHORT_TAIL) return hashTailSlowly(key, tail)
  let sum = last
  for (let i = 1; i <= SHORT_TAIL; i++) sum = (sum + Math.imul(key.charCodeAt(last - i), tailMultipliers[i - 1] as number)) | 0
  return sum ^ (sum >>> 15)
}

function hashTailSlowly(key: string, tail: number): number {
  const last = key.length
  let sum = last
  for (let i = Math.max(0, last - tail); i < last; i++) sum = Math.imul(sum ^ key.charCodeAt(i), 0x5bd1e995) ^ (sum >>> 13)
  return sum ^ (sum >>> 15)
}

/** Makes the hash of a whole key out of that of its tail, for eviction policies: seeded, good, but without the proof that `hashKey` has. */
export function hashWhole(key: string, tail: number, tailHash: number): number {
  const rest = key.length - tail
  let sum = tailHash
  for (let i = 0; i < rest; i++) sum = (sum + Math.imul(key.charCodeAt(i), multipliers[i & (BLOCK - 1)] as number)) | 0
  return scatter(sum)
}
