// Parses the replies of the meta protocol from a byte stream. Any violation of the grammar throws: the stream cannot be
// trusted any more.

/** The value of a `VA`, or the line. */
export type Reply = Buffer | string

const NEWLINE = 10
const RETURN = 13
const ZERO = 48
const SPACE = 32
/** No expected reply has a longer line; a listed key may take three bytes for each of its 250. */
const LONGEST_LINE = 2048
/** No server keeps a larger item than 1 GiB; we never write one above 1 MiB. */
const LARGEST_VALUE = 64 * 1024 * 1024
/** `VA ` as the first three bytes of a line. */
const V = 0x56
const A = 0x41
/** The most common reply lines, allocated once. */
const COMMON = new Map(
  ['HD', 'EN', 'NF', 'NS', 'EX', 'MN'].map((line) => [(line.charCodeAt(0) << 8) | line.charCodeAt(1), line]),
)

export class Replies {
  readonly #take: (reply: Reply) => void
  /** The beginning of an incomplete line. */
  #line: Buffer | undefined
  /** The parts of an incomplete value, including its line end, and how many bytes are missing. */
  #parts: Buffer[] = []
  #wanting = 0

  constructor(take: (reply: Reply) => void) {
    this.#take = take
  }

  /** Bytes still missing of an incomplete value. */
  get partial(): number {
    return this.#wanting
  }

  /** @throws Error for bytes that are not a reply. */
  push(bytes: Buffer): void {
    let chunk = bytes
    let at = 0
    if (this.#wanting > 0) {
      at = this.#continueValue(chunk)
      if (this.#wanting > 0) return
    } else if (this.#line !== undefined) {
      chunk = Buffer.concat([this.#line, chunk])
      this.#line = undefined
    }
    while (at < chunk.length) at = this.#next(chunk, at)
  }

  /** Handles the reply at `at`; returns where the next one begins. */
  #next(chunk: Buffer, at: number): number {
    const end = chunk.indexOf(NEWLINE, at)
    if (end < 0) {
      if (chunk.length - at > LONGEST_LINE) throw new Error(`a line of more than ${LONGEST_LINE} bytes`)
      // A copy, so that a few bytes do not retain the whole chunk.
      this.#line = Buffer.from(chunk.subarray(at))
      return chunk.length
    }
    // Listings end their lines without a carriage return.
    const lineEnd = chunk[end - 1] === RETURN ? end - 1 : end
    if (chunk[at] === V && chunk[at + 1] === A && chunk[at + 2] === SPACE)
      return this.#value(chunk, at + 3, lineEnd, end + 1)
    this.#take(lineOf(chunk, at, lineEnd))
    return end + 1
  }

  #value(chunk: Buffer, from: number, lineEnd: number, start: number): number {
    const length = sizeIn(chunk, from, lineEnd)
    const end = start + length + 2
    if (end <= chunk.length) {
      this.#end(chunk.subarray(start, end))
      return end
    }
    this.#parts = [chunk.subarray(start)]
    this.#wanting = end - chunk.length
    return chunk.length
  }

  #continueValue(chunk: Buffer): number {
    const taken = Math.min(this.#wanting, chunk.length)
    this.#parts.push(chunk.subarray(0, taken))
    this.#wanting -= taken
    if (this.#wanting === 0) {
      const whole = Buffer.concat(this.#parts)
      this.#parts = []
      this.#end(whole)
    }
    return taken
  }

  #end(valueAndLineEnd: Buffer): void {
    const length = valueAndLineEnd.length - 2
    if (valueAndLineEnd[length] !== RETURN || valueAndLineEnd[length + 1] !== NEWLINE)
      throw new Error('a truncated value')
    this.#take(valueAndLineEnd.subarray(0, length))
  }
}

function lineOf(chunk: Buffer, from: number, to: number): string {
  const common = to - from === 2 ? COMMON.get(((chunk[from] ?? 0) << 8) | (chunk[from + 1] ?? 0)) : undefined
  return common ?? chunk.toString('latin1', from, to)
}

function sizeIn(chunk: Buffer, from: number, to: number): number {
  let size = 0
  let at = from
  for (; at < to && chunk[at] !== SPACE; at++) {
    const digit = (chunk[at] ?? 0) - ZERO
    if (digit < 0 || digit > 9) throw new Error('a size that is not a number')
    size = size * 10 + digit
    if (size > LARGEST_VALUE) throw new Error(`a value of more than ${LARGEST_VALUE} bytes`)
  }
  if (at === from) throw new Error('a value without a size')
  return size
}
