// Reads the records of a segment one after the other, and resynchronizes behind records that a kill or a full disk has
// torn.
//
// Appends of different processes never interleave: the file system serializes them. So bytes that are not a whole
// record but are followed by one are torn, and skipped; if none follows, they may still be being written, and are
// waited for.
//
// A torn record may lack a few last bytes that the next record happens to begin with: it then looks whole, and its end
// lies within that record. So if a whole record is followed by none, one is searched that begins before its end.
import { readSync } from 'node:fs'
import { HEAD, type Head, headAt, isWhole } from './record.ts'

/** Called with each whole record: its position in `bytes` and in the file. Returns `false` to stop behind it. */
export type Take = (bytes: Buffer, at: number, head: Head, offset: number) => boolean

export interface RecordsRead {
  /** Where the next record begins. */
  readonly offset: number
  readonly isAtEnd: boolean
}

const CHUNK = 256 * 1024
/** How many bytes a torn record may borrow from the next one: this many match by chance once in 2^64. */
const OVERLAP = 8
/** Longer records are never written. */
const LONGEST = 64 * 1024 * 1024
let buffer: Buffer | undefined

/** Reads from the offset `from` for about `ms`. */
export function readRecords(fd: number, from: number, seed: number, ms: number, take: Take): RecordsRead {
  const began = performance.now()
  let offset = from
  let wanted = CHUNK
  for (;;) {
    const bytes = room(wanted)
    const before = Math.min(OVERLAP, offset)
    const length = readSync(fd, bytes, 0, wanted, offset - before)
    if (length <= before) return { offset, isAtEnd: true }
    const isLast = length < wanted
    const { at, needs, isStopped } = parse(bytes.subarray(0, length), before, seed, offset - before, isLast, take)
    offset += at - before
    if (isStopped) return { offset, isAtEnd: false }
    if (isLast && at < length) return { offset, isAtEnd: true }
    // A record cut off by the end of a chunk is read again from its beginning, in a larger chunk if necessary.
    wanted = at === before ? Math.max(needs + before, wanted * 2) : CHUNK
    if (performance.now() - began >= ms && !isLast) return { offset, isAtEnd: false }
  }
}

interface Parsed {
  /** Everything before it has been handled. */
  readonly at: number
  /** How many bytes the record at `at` needs, if known. */
  readonly needs: number
  readonly isStopped: boolean
}

function parse(bytes: Buffer, from: number, seed: number, offset: number, isLast: boolean, take: Take): Parsed {
  let at = from
  while (at < bytes.length) {
    const head = headIn(bytes, at, seed)
    const end = head === undefined ? 0 : at + head.length
    if (head !== undefined) {
      if (end <= bytes.length && isWhole(bytes, at, head, seed)) {
        const goesOn = take(bytes, at, head, offset + at)
        at = end
        if (!goesOn) return { at, needs: 0, isStopped: true }
        continue
      }
      if (end > bytes.length && !isLast) return { at, needs: head.length, isStopped: false }
    }
    const next = wholeBehind(bytes, at, seed)
    if (next < 0) break
    at = next
  }
  return { at, needs: 0, isStopped: false }
}

function headIn(bytes: Buffer, at: number, seed: number): Head | undefined {
  const head = at + HEAD <= bytes.length ? headAt(bytes, at, seed) : undefined
  return head !== undefined && head.length <= LONGEST ? head : undefined
}

/** The start of the next whole record that ends behind `place`; -1 if there is none. */
function wholeBehind(bytes: Buffer, place: number, seed: number): number {
  const from = Math.max(0, place - OVERLAP + 1)
  for (let magic = bytes.indexOf('MF', from + 4); magic >= 0; magic = bytes.indexOf('MF', magic + 1)) {
    const at = magic - 4
    if (at + HEAD > bytes.length) return -1
    const head = headIn(bytes, at, seed)
    const end = head === undefined ? 0 : at + head.length
    if (head !== undefined && end > place && end <= bytes.length && isWhole(bytes, at, head, seed)) return at
  }
  return -1
}

/** One shared buffer: reading is synchronous, and callers copy the bytes they keep. */
function room(length: number): Buffer {
  if (length > CHUNK) return Buffer.allocUnsafeSlow(length)
  buffer ??= Buffer.allocUnsafeSlow(CHUNK)
  return buffer.subarray(0, length)
}
