// Short keys as numbers: up to seven Latin-1 characters and their count in eight bytes. They are compared without
// reading a string, and take the place of it.

/** The longest key that is packed, in characters. `KeyIndex` has a copy. */
export const MOST_SHORT = 7
const LATIN_1 = 0xff

/**
 * The last key that was packed: its last four characters, and those before them with the count above. A `set` packs its
 * key three times in a row.
 */
export const packed = { key: '', low: 0, high: 0 }

/** Fills `packed`; `false`: not a short key. `high` is never 0 for one. Duplicated in `KeyIndex.find`. */
export function pack(key: string): boolean {
  const count = key.length
  if (count > MOST_SHORT || count === 0) return false
  if (key === packed.key) return true
  let low = 0
  let high = 0
  let units = 0
  for (let i = 0; i < count; i++) {
    const unit = key.charCodeAt(i)
    units |= unit
    high = (high << 8) | (low >>> 24)
    low = (low << 8) | unit
  }
  if (units > LATIN_1) return false
  packed.key = key
  packed.low = low
  packed.high = high | (count << 24)
  return true
}

/** The key again. */
export function unpack(low: number, high: number): string {
  const seven = String.fromCharCode(
    (high >>> 16) & 0xff,
    (high >>> 8) & 0xff,
    high & 0xff,
    low >>> 24,
    (low >>> 16) & 0xff,
    (low >>> 8) & 0xff,
    low & 0xff,
  )
  return seven.slice(MOST_SHORT - (high >>> 24))
}
