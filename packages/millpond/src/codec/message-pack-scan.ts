// A walk over MessagePack bytes before anybody builds anything of them: whole, of known types only, within the limits of depth and count.
//
// Only what our own writer makes is let through: no extensions, no binary, no 64-bit integers (which would come back as bigint), keys that are texts.
import type { CodecLimits } from './limits.ts'

type Excess = 'too_deep' | 'too_many' | 'malformed'

/** What is wrong with `bytes[from, to)`, if anything. */
export function messagePackExcess(
  bytes: Buffer,
  from: number,
  to: number,
  { maxDepth, maxItems }: Pick<CodecLimits, 'maxDepth' | 'maxItems'>,
): Excess | undefined {
  // Of each level: how many values are still to come, doubled and one more for a map.
  const levels: number[] = []
  let left = 1
  let isMap = false
  let items = 0
  let at = from
  for (;;) {
    while (left === 0) {
      const above = levels.pop()
      if (above === undefined) return at === to ? undefined : 'malformed'
      isMap = (above & 1) === 1
      left = (above - (above & 1)) / 2
    }
    if (at >= to) return 'malformed'
    const type = bytes[at++]!
    left--
    // Keys and values of a map take turns, the last one is a value.
    if (isMap && (left & 1) === 1 && (type < 0xa0 || type > 0xdb || (type > 0xbf && type < 0xd9))) return 'malformed'
    if (type < 0x80 || type >= 0xe0) continue
    const after = type >= 0xa0 && type < 0xdc ? endOfScalar(bytes, at, to, type) : 0
    if (after > 0) {
      if (after > to) return 'malformed'
      at = after
      continue
    }
    const size = type < 0xa0 ? 0 : type === 0xdc || type === 0xde ? 2 : type === 0xdd || type === 0xdf ? 4 : -1
    if (size < 0 || at + size > to) return 'malformed'
    const count = size === 0 ? type & 0x0f : bytes.readUIntBE(at, size)
    at += size
    items += count || 1
    if (items > maxItems) return 'too_many'
    if (levels.length === maxDepth) return 'too_deep'
    levels.push(left * 2 + (isMap ? 1 : 0))
    isMap = type < 0x90 || type === 0xde || type === 0xdf
    left = isMap ? count * 2 : count
  }
}

/** Where a text or another scalar ends; 0 for what is neither. */
function endOfScalar(bytes: Buffer, at: number, to: number, type: number): number {
  if (type < 0xc0) return at + (type & 0x1f)
  switch (type) {
    case 0xc0: // nil
    case 0xc2: // false
    case 0xc3: // true
      return at
    case 0xcc: // integers
    case 0xd0:
      return at + 1
    case 0xcd:
    case 0xd1:
      return at + 2
    case 0xce:
    case 0xd2:
      return at + 4
    case 0xcb: // float64
      return at + 8
    case 0xd9: // texts
      return at < to ? at + 1 + bytes[at]! : to + 1
    case 0xda:
      return at + 2 <= to ? at + 2 + bytes.readUInt16BE(at) : to + 1
    case 0xdb:
      return at + 4 <= to ? at + 4 + bytes.readUInt32BE(at) : to + 1
    default:
      return 0
  }
}
