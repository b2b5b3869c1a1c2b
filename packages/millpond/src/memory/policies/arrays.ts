// Typed arrays that grow with the store: the old content is kept, the rest is zero.

export function grownBytes(old: Uint8Array<ArrayBuffer>, length: number): Uint8Array<ArrayBuffer> {
  if (length <= old.length) return old
  const grown = new Uint8Array(length)
  grown.set(old)
  return grown
}

export function grownNumbers(old: Float64Array<ArrayBuffer>, length: number): Float64Array<ArrayBuffer> {
  if (length <= old.length) return old
  const grown = new Float64Array(length)
  grown.set(old)
  return grown
}

/** The smallest power of two that is at least `n` and at least 1. */
export function powerOfTwo(n: number): number {
  return n <= 1 ? 1 : 2 ** Math.ceil(Math.log2(n))
}
