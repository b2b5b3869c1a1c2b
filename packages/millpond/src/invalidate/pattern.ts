// Patterns over keys: a glob (`user:*`), or a regular expression (a string that begins with `^`, or a RegExp). Linear
// time, bounded work.
//
// Work is bounded three ways: the pattern's length (core/glob), the compiled program's size, and pattern or program
// size times key length. A key over the last bound counts as a match: invalidating too much is safe; blocking the event
// loop, or keeping what should be invalidated, is not.
import { isError, MillpondError, show } from '../core/errors.ts'
import { checkPattern, globMatcher, MAX_PATTERN_LENGTH } from '../core/glob.ts'
import { writtenKey } from '../core/key.ts'
import { type LinearRegex, type RegexEngine, re2 } from './regex-engine.ts'

export interface CompiledPattern {
  /**
   * The canonical text: a glob, or a regular expression that begins with `^`. Compiles to the same pattern in every
   * process.
   */
  readonly source: string
  /** Takes the encoded key, and tests the original: a string as it is, a tuple as JSON (`["user",7]`). */
  matches(key: string): boolean
}

/** The largest compiled regular expression, in instructions. */
export const MAX_PROGRAM_SIZE = 200
/**
 * The most instructions times characters of one test. A key is judged exactly up to 125 characters by the largest
 * program, up to 500 by one of 50 instructions (a UUID); 64 worst-case expressions over the worst key take about 50 ms
 * together.
 */
export const MAX_STEPS = 25_000
/** The most glob characters times key characters of one test; about 20 ms. */
export const MAX_GLOB_STEPS = 4_000_000
/** The most Unicode classes (`\p{L}`) in one expression: each is a table of hundreds of ranges. */
export const MAX_UNICODE_CLASSES = 16
/** The largest count in a repetition: `{100}`. */
export const MAX_REPEAT = 100

const NO_MATTER = 'dgimsu'

export function isRegexSource(pattern: string): boolean {
  return pattern.charCodeAt(0) === 94
}

/**
 * Compiles a glob (`*` any run, `?` one character, `\` the next one plain) or a regular expression. A regular
 * expression matches when it is found in the key: `^user:1` matches `user:10`, `^user:1$` does not. It has RE2's
 * semantics, even if it was given as a RegExp: `\s` is white space of ASCII, lines end at `\n` alone, case is folded as
 * Unicode does.
 * @throws MillpondError `PATTERN_INVALID` for what is empty, too long, too large, not well-formed or not linear;
 * `OPTION_INVALID` when a regular expression is given and re2js is not installed.
 */
export function compilePattern(pattern: string | RegExp, engine?: RegexEngine): CompiledPattern {
  const source = pattern instanceof RegExp ? sourceOf(pattern, engine ?? re2()) : checkPattern(pattern)
  const test = isRegexSource(source)
    ? regexMatcher(source, compileRegex(source, engine ?? re2(), pattern))
    : boundedGlob(source)
  return { source, matches: (key) => test(writtenKey(key)) }
}

/** The canonical text of a pattern, checked. */
export function patternSource(pattern: string | RegExp, engine?: RegexEngine): string {
  return compilePattern(pattern, engine).source
}

export interface PatternCompilerOptions {
  /** Default: re2js, loaded with the first regular expression. */
  readonly engine?: RegexEngine
  /** Called once per pattern that this process cannot compile. */
  readonly warn?: (message: string, error: unknown) => void
}

/**
 * A compiler for lines of the ledger, which other processes wrote: it never throws. A pattern that this process cannot
 * run (re2js missing here, or a forged line) matches every key.
 */
export function patternCompiler(options: PatternCompilerOptions = {}): (pattern: string) => (key: string) => boolean {
  return (pattern) => {
    try {
      return compilePattern(pattern, options.engine).matches
    } catch (error) {
      options.warn?.(`the pattern ${show(pattern)} cannot be run here: every key counts as a match`, error)
      return () => true
    }
  }
}

function boundedGlob(source: string): (key: string) => boolean {
  const test = globMatcher(source)
  const longest = Math.floor(MAX_GLOB_STEPS / source.length)
  return (key) => key.length > longest || test(key)
}

function regexMatcher(source: string, regex: LinearRegex): (key: string) => boolean {
  const prefix = literalPrefix(source)
  const longest = Math.floor(MAX_STEPS / Math.max(1, regex.size))
  return (key) => key.startsWith(prefix) && (key.length > longest || regex.test(key))
}

function compileRegex(source: string, engine: RegexEngine, given: string | RegExp): LinearRegex {
  const fault = faultOf(source)
  if (fault !== undefined) throw refused(given, fault)
  let regex: LinearRegex
  try {
    regex = engine.compile(source)
  } catch (cause) {
    throw refused(given, isError(cause) ? cause.message : 'it cannot be compiled', cause)
  }
  if (regex.size > MAX_PROGRAM_SIZE)
    throw refused(given, `it compiles to ${regex.size} instructions, and at most ${MAX_PROGRAM_SIZE} are allowed`)
  return regex
}

function sourceOf(pattern: RegExp, engine: RegexEngine): string {
  for (const flag of pattern.flags)
    if (!NO_MATTER.includes(flag)) throw refused(pattern, `the flag ${flag} cannot be run in linear time here`)
  const { source } = pattern
  const fault =
    source.length > MAX_PATTERN_LENGTH
      ? `it has ${source.length} characters, and at most ${MAX_PATTERN_LENGTH} are allowed`
      : foreignSyntax(source)
  if (fault !== undefined) throw refused(pattern, fault)
  let translated: string
  try {
    translated = engine.translate(pattern)
  } catch (cause) {
    throw refused(pattern, isError(cause) ? cause.message : 'it cannot be translated', cause)
  }
  // A RegExp matches anywhere in the key; the beginning of the canonical text says so.
  return checkPattern(isRegexSource(translated) ? translated : `^(?s:.*?)(?:${translated})`)
}

/** Syntax of a RegExp that RE2 would silently interpret differently. */
function foreignSyntax(source: string): string | undefined {
  for (let i = 0; i < source.length; i++) {
    const two = source.slice(i, i + 2)
    if (two === '\\k' || (two[0] === '\\' && two >= '\\1' && two <= '\\9'))
      return 'backreferences cannot be run in linear time'
    if (two[0] === '\\' && 'AQEzCa'.includes(two[1] ?? ' '))
      return `${two} means something else in RE2: leave out the backslash`
    if (two === '[[' || two === '{,')
      return `${two} means something else in RE2: put a backslash before the second character`
    if (two[0] === '\\') i++
  }
  return undefined
}

/** Expressions that are expensive to compile, detected without compiling. */
function faultOf(source: string): string | undefined {
  let classes = 0
  for (let i = 0; i < source.length; i++) {
    const char = source[i]
    if (char === '\\') {
      i++
      const kind = source[i]
      if ((kind === 'p' || kind === 'P') && ++classes > MAX_UNICODE_CLASSES)
        return `it has more than ${MAX_UNICODE_CLASSES} Unicode classes`
    } else if (char === '{') {
      const count = largestCount(source, i + 1)
      if (count > MAX_REPEAT) return `it repeats ${count} times, and at most ${MAX_REPEAT} are allowed`
    }
  }
  return undefined
}

function largestCount(source: string, from: number): number {
  let largest = 0
  let count = 0
  for (let i = from; i < source.length; i++) {
    const digit = source.charCodeAt(i) - 48
    if (digit >= 0 && digit <= 9) count = count * 10 + digit
    else if (source[i] === ',') count = 0
    else return source[i] === '}' ? largest : 0
    largest = Math.max(largest, count)
  }
  return 0
}

const META = '\\^$.|?*+()[]{}'

/** A literal prefix of every match of `^...`; empty if there is no obvious one. Spares most keys the engine. */
export function literalPrefix(source: string): string {
  if (source.includes('|')) return ''
  let end = 1
  while (end < source.length && !META.includes(source[end] ?? '')) end++
  const next = source[end]
  // A repetition applies to the character before it, which may be half of a surrogate pair.
  if (next === '?' || next === '*' || next === '{') {
    end--
    if (end > 1 && isLowSurrogate(source.charCodeAt(end))) end--
  }
  return source.slice(1, Math.max(1, end))
}

const isLowSurrogate = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff

function refused(pattern: string | RegExp, why: string, cause?: unknown): MillpondError {
  const shown = pattern instanceof RegExp ? show(String(pattern)) : show(pattern)
  return new MillpondError(
    'PATTERN_INVALID',
    `the pattern ${shown} is not allowed: ${why}; use a glob such as 'user:*', or an expression without lookaround, backreferences and large repetitions`,
    ...(cause === undefined ? [] : [{ cause }]),
  )
}
