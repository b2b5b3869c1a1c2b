// The check over the head of a stored record: its position and deadline, which the ledger's step writes and which the body's own checksum does not cover.
//
// A polynomial in 257 over the characters, modulo the largest prime below 2^32: no change of a single character leaves it as it was. Small enough to be written
// again in Lua (`redis/scripts.ts`), where there is no CRC; all of it fits a double.

export const CHECK_BASE = 257
export const CHECK_PRIME = 4_294_967_291

/** Continues from the check of what stands before. */
export function checkOf(text: string, before = 0): number {
  let check = before
  for (let at = 0; at < text.length; at++) check = (check * CHECK_BASE + text.charCodeAt(at)) % CHECK_PRIME
  return check
}

export function checkOfBytes(bytes: Uint8Array, from: number, to: number, before = 0): number {
  let check = before
  for (let at = from; at < to; at++) check = (check * CHECK_BASE + (bytes[at] ?? 0)) % CHECK_PRIME
  return check
}
