// The contract of a linear-time regular expression engine, and the loader of the supported one (RE2, as re2js).
import { MillpondError } from '../core/errors.ts'
import { loadPackage } from '../core/packages.ts'

/**
 * Runs regular expressions in time linear in the text, whatever the expression (RE2 syntax: no lookaround, no
 * backreferences). Never V8's own engine, which backtracks.
 */
export interface RegexEngine {
  /** As shown in errors: `re2js`. */
  readonly name: string
  /** Throws an `Error` with the reason if the expression cannot be run. */
  compile(source: string): LinearRegex
  /** A `RegExp`, its flags i, m and s included, in this engine's syntax. Throws as `compile` does. */
  translate(regexp: RegExp): string
}

export interface LinearRegex {
  /** Instructions of the compiled program: a test costs at most this many steps per character. */
  readonly size: number
  /** Whether there is a match anywhere in the text. */
  test(text: string): boolean
}

/** The part of re2js that is used. */
interface Re2Module {
  readonly RE2JS: {
    compile(source: string): { programSize(): number; test(text: string): boolean }
    translateRegExp(regexp: RegExp): string
  }
}

let loaded: RegexEngine | undefined

/**
 * The engine of the optional peer `re2js`, loaded with the first regular expression.
 * @throws MillpondError `OPTION_INVALID` if it is not installed.
 */
export function re2(): RegexEngine {
  loaded ??= adapt(requireRe2())
  return loaded
}

function requireRe2(): Re2Module {
  try {
    // Its types are trusted: it is the package named here.
    return loadPackage('re2js') as Re2Module
  } catch (cause) {
    throw new MillpondError(
      'OPTION_INVALID',
      'regular expressions need the package re2js, which could not be loaded: run "npm install re2js", or use a glob such as \'user:*\'',
      { cause },
    )
  }
}

function adapt({ RE2JS }: Re2Module): RegexEngine {
  return {
    name: 're2js',
    compile(source) {
      const compiled = RE2JS.compile(source)
      return { size: compiled.programSize(), test: (text) => compiled.test(text) }
    },
    translate: (regexp) => RE2JS.translateRegExp(regexp),
  }
}
