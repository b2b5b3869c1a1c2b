// The type bytes, which never change: MessagePack's, where it has an equivalent.

/** The text encoding, two lengths, and a checksum. */
export const HEAD = 13

/** An object with more fields is treated as a dictionary: its names are stored with its values. */
export const MAX_FIELDS = 128

export const TAG = {
  // 0x00 to 0x7f: an integer
  /** 0x80 to 0x8f: an object of that shape; its values follow. */
  shape: 0x80,
  /** 0x90 to 0x9f: a list of that many items, which follow. */
  list: 0x90,
  /** 0xa0 to 0xbf: a text of that length. */
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
  /** An object: the number of fields, and the name before each value. */
  named32: 0xdf,
} as const

/** The text encodings: one byte per character, UTF-8, or two bytes per character (if there is a lone surrogate). */
export const TEXTS = { narrow: 0, utf8: 1, wide: 2 } as const
