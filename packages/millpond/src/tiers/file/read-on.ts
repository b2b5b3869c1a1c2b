// Reads the records of a segment one after the other, and finds its way again behind what a kill or a full disk has
// torn.
//
// Appends of different processes never mix: the file system makes them one after the other. So bytes that are no whole
// record, with a whole one behind them, are torn, and passed over; without one behind them they may still be on their
// way, and are waited for.
//
// What is torn may lack a byte or two that the next record happens to begin with: it is whole then, and its end lies in
// that record. So where a whole record is followed by none, one is looked for that begins before its end.
import { readSync } from 'node:fs'
import { HEAD, type Head, headAt, isWhole } from './record.ts'

/** Told of each whole record: where it is in `bytes`, and in the file. Answers `false` to stop behind it. */
export type Take = (bytes: Buffer, at: number, head: Head, offset: number) => boolean

export interface ReadOn {
  /** Where the next record begins. */
  readonly offset: number
  readonly isAtEnd: boolean
}

const CHUNK = 256 * 1024
/** How many bytes a torn record may get back from the one behind it: so many by chance once in 2 to the power of 64. */
const OVERLAP = 8
/** Longer ones are not written. */
const LONGEST = 64 * 1024 * 1024
let buffer: Buffer | undefined

/** Goes on from `offset` for about `ms`. */
export function readOn(fd: number, from: number, seed: number, ms: number, take: Take): ReadOn {
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
    // What begins at the end of a chunk is read again from its beginning, and in a larger one if it is longer.
    wanted = at === before ? Math.max(needs + before, wanted * 2) : CHUNK
    if (performance.now() - began >= ms && !isLast) return { offset, isAtEnd: false }
  }
}

interface Parsed {
  /** Everything before it is done with. */
  readonly at: number
  /** How much must be read for the record at `at`, where that is known. */
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

/** Where the next whole record begins that ends behind `place`; -1 where none does. */
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

/** One buffer serves all: reading is synchronous, and whoever keeps bytes copies them. */
function room(length: number): Buffer {
  if (length > CHUNK) return Buffer.allocUnsafeSlow(length)
  buffer ??= Buffer.allocUnsafeSlow(CHUNK)
  return buffer.subarray(0, length)
}
