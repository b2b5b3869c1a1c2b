// Padding that reveals at most the magnitude of a length: Padmé (Nikitin and others, "Reducing Metadata Leakage from
// Encrypted Files and Communication with PURBs", PETS 2019), at most 12 % more bytes. The data ends before a nonzero
// byte, as in ISO/IEC 7816-4.

const MARK = 0x80

export function paddedLength(length: number): number {
  if (length < 2) return length
  const exponent = Math.floor(Math.log2(length))
  const zeros = exponent - (Math.floor(Math.log2(exponent)) + 1)
  const step = 2 ** Math.max(0, zeros)
  return Math.ceil(length / step) * step
}

export function pad(bytes: Uint8Array): Uint8Array {
  const padded = new Uint8Array(paddedLength(bytes.byteLength + 1))
  padded.set(bytes)
  padded[bytes.byteLength] = MARK
  return padded
}

/** Undefined for input that was not padded. */
export function unpad(bytes: Uint8Array): Uint8Array | undefined {
  let end = bytes.byteLength - 1
  while (end >= 0 && bytes[end] === 0) end--
  return bytes[end] === MARK ? bytes.subarray(0, end) : undefined
}
