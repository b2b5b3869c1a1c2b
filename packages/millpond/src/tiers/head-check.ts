// The checksum over the head of a stored record: its position and deadline, which the ledger's step writes and which
// the body's own checksum does not cover.
//
// A polynomial in 257 over the characters, modulo the largest prime below 2^32: it detects any change of a single
// character. Small enough to be reimplemented in Lua (`redis/scripts.ts`), which has no CRC; all of it fits a double.

export const CHECK_BASE = 257
export const CHECK_PRIME = 4_294_967_291

/** Continues from the checksum of the preceding text. */
export function checkOf(text: string, before = 0): number {
  let check = before
  for (let at = 0; at < text.length; at++) check = withCharacter(check, text.charCodeAt(at))
  return check
}

/** The checksum with one more character: equals `%`, which takes ten times as long for numbers beyond 32 bits. */
export function withCharacter(check: number, character: number): number {
  const grown = check * CHECK_BASE + character
  const rest = grown - Math.floor(grown / CHECK_PRIME) * CHECK_PRIME
  // The quotient was rounded up to the next whole number.
  return rest < 0 ? rest + CHECK_PRIME : rest
}
