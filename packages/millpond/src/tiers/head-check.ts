// The check over the head of a stored record: its position and deadline, which the ledger's step writes and which the
// body's own checksum does not cover.
//
// A polynomial in 257 over the characters, modulo the largest prime below 2^32: no change of a single character leaves
// it as it was. Small enough to be written again in Lua (`redis/scripts.ts`), where there is no CRC; all of it fits a
// double.

export const CHECK_BASE = 257
export const CHECK_PRIME = 4_294_967_291

/** Continues from the check of what stands before. */
export function checkOf(text: string, before = 0): number {
  let check = before
  for (let at = 0; at < text.length; at++) check = withCharacter(check, text.charCodeAt(at))
  return check
}

/**
 * The check with one more character: what `%` would answer, which for numbers beyond 32 bits takes ten times as long.
 */
export function withCharacter(check: number, character: number): number {
  const grown = check * CHECK_BASE + character
  const rest = grown - Math.floor(grown / CHECK_PRIME) * CHECK_PRIME
  // The quotient was rounded up to the next whole number.
  return rest < 0 ? rest + CHECK_PRIME : rest
}
