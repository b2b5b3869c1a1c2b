// Keys that differ by a number: the sibling of `block:41` by a step of 1 is `block:42`.

const ZERO = 48
const LONGEST = 15

/** The last number in a key: its start and end. */
export class Numbered {
  from = 0
  to = 0
  number = 0

  /** `false`: there is no usable number. */
  read(key: string): boolean {
    let to = key.length
    while (to > 0 && !isDigit(key.charCodeAt(to - 1))) to--
    let from = to
    while (from > 0 && isDigit(key.charCodeAt(from - 1))) from--
    if (from === to || to - from > LONGEST) return false
    let number = 0
    for (let at = from; at < to; at++) number = number * 10 + key.charCodeAt(at) - ZERO
    this.from = from
    this.to = to
    this.number = number
    return true
  }

  /** The key last given to `read`, with another number: zero-padded to the same length if it began with a 0. */
  sibling(key: string, step: number): string | undefined {
    const number = this.number + step
    if (number < 0) return undefined
    const digits =
      key.charCodeAt(this.from) === ZERO ? String(number).padStart(this.to - this.from, '0') : String(number)
    return key.slice(0, this.from) + digits + key.slice(this.to)
  }
}

const isDigit = (code: number): boolean => code >= ZERO && code < ZERO + 10
