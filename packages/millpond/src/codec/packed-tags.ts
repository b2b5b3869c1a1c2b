// The bytes that say what follows, the same ever after: MessagePack's, as far as that has such things.

/** How the texts are written, two lengths, and a checksum. */
export const HEAD = 13

/** An object with more is a dictionary: its names are data, beside its values. */
export const MAX_FIELDS = 128

export const TAG = {
  // 0x00 to 0x7f: a whole number
  /** 0x80 to 0x8f: an object of the shape of that number, its values follow. */
  shape: 0x80,
  /** 0x90 to 0x9f: a list of so many items, which follow. */
  list: 0x90,
  /** 0xa0 to 0xbf: so long a text. */
  text: 0xa0,
  null: 0xc0,
  undefined: 0xc1,
  false: 0xc2,
  true: 0xc3,
  float: 0xcb,
  uint16: 0xcd,
  int32: 0xd2,
  date: 0xd7,
  text16: 0xda,
  text32: 0xdb,
  list32: 0xdd,
  shape16: 0xde,
  /** An object: how many fields, and the name before each value. */
  named32: 0xdf,
} as const

/**
 * How the texts are written: one byte a character, UTF-8, or two bytes a character (where half of a surrogate pair
 * stands alone).
 */
export const TEXTS = { narrow: 0, utf8: 1, wide: 2 } as const
