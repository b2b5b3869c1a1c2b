// Glob patterns in linear time: `*` any run, `?` one character, `\` escapes the next character. Everything else is
// literal.
import { MillpondError, show } from './errors.ts'

/** The longest pattern, in UTF-16 units. */
export const MAX_PATTERN_LENGTH = 512

/** @throws MillpondError `PATTERN_INVALID` for patterns that are empty, too long, or not well-formed. */
export function checkPattern(pattern: unknown): string {
  if (
    typeof pattern === 'string' &&
    pattern.length > 0 &&
    pattern.length <= MAX_PATTERN_LENGTH &&
    pattern.isWellFormed()
  )
    return pattern
  throw new MillpondError(
    'PATTERN_INVALID',
    `the pattern ${show(pattern)} is not allowed: use 1 to ${MAX_PATTERN_LENGTH} well-formed characters, such as 'user:*'`,
  )
}

/**
 * A test for the whole text. Literal runs between stars are searched leftmost, each once: no backtracking beyond the
 * last star is needed, so the time is at most pattern length times text length, without recursion.
 */
export function globMatcher(pattern: string): (text: string) => boolean {
  const marks = parse(pattern)
  return (text) => match(marks, text)
}

const STAR = -1
const ANY = -2

function parse(pattern: string): Int32Array {
  const marks: number[] = []
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i]
    if (char === '*') {
      if (marks.at(-1) !== STAR) marks.push(STAR)
    } else if (char === '?') marks.push(ANY)
    else {
      if (char === '\\' && i + 1 < pattern.length) i++
      marks.push(pattern.charCodeAt(i))
    }
  }
  return Int32Array.from(marks)
}

function match(marks: Int32Array, text: string): boolean {
  let mark = 0
  let at = 0
  let star = -1
  let resume = 0
  while (at < text.length) {
    const wanted = marks[mark]
    if (wanted === ANY || wanted === text.charCodeAt(at)) {
      mark++
      at++
    } else if (wanted === STAR) {
      star = mark++
      resume = at
    } else if (star >= 0) {
      mark = star + 1
      at = ++resume
    } else return false
  }
  while (marks[mark] === STAR) mark++
  return mark === marks.length
}
