// Patterns: what they match, what is refused, and that nothing hostile holds the event loop.
import { describe, expect, it } from 'vitest'
import { MillpondError } from '../../src/core/errors.ts'
import { compilePattern, literalPrefix, MAX_STEPS, patternCompiler } from '../../src/invalidate/pattern.ts'
import { type RegexEngine, re2 } from '../../src/invalidate/regex-engine.ts'
import fc from '../properties.ts'

const code = (fn: () => unknown): string => {
  try {
    fn()
  } catch (error) {
    if (error instanceof MillpondError) return error.code
    throw error
  }
  return 'none'
}

/** CPU time of this process, in milliseconds: another process on the machine does not count. */
function cpuMs(fn: () => unknown): number {
  const before = process.cpuUsage()
  fn()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

describe('compilePattern', () => {
  it('I1: reads a text that begins with ^ as a regular expression, any other as a glob', () => {
    const glob = compilePattern('user:*')
    expect([glob.source, glob.matches('user:7'), glob.matches('auser:7')]).toEqual(['user:*', true, false])
    const regex = compilePattern('^user:\\d+$')
    expect([regex.source, regex.matches('user:7'), regex.matches('user:x'), regex.matches('user:*')]).toEqual([
      '^user:\\d+$',
      true,
      false,
      false,
    ])
    expect(compilePattern('\\^a').matches('^a')).toBe(true)
  })

  it('matches where a regular expression is found, as a RegExp does', () => {
    expect(compilePattern('^user:1').matches('user:10')).toBe(true)
    expect(compilePattern('^a|b').matches('xb')).toBe(true)
    expect(compilePattern('^').matches('anything')).toBe(true)
    expect(compilePattern('^.*$').matches('two\nlines')).toBe(false)
    expect(compilePattern('^(?s:.*)$').matches('two\nlines')).toBe(true)
  })

  it('takes a RegExp and gives it a canonical text that compiles to the same', () => {
    const cases: [RegExp, string[], string[]][] = [
      [/^user:\d+$/, ['user:1'], ['user:', 'xuser:1']],
      [/USER/i, ['my user', 'two\nUser'], ['uzer']],
      [/^b$/m, ['a\nb\nc'], ['ab']],
      [/^a.b$/s, ['a\nb'], ['ab']],
      [/a\/\u0041/g, ['xa/A'], ['a/']],
      [/^a|b$/, ['a…', '…b'], ['xax']],
      [/(?<year>\d{4})-/, ['on 2026-01'], ['26-']],
      [/\u{1F600}/u, ['x😀'], ['x']],
    ]
    for (const [regexp, yes, no] of cases) {
      const compiled = compilePattern(regexp)
      expect(compiled.source.startsWith('^')).toBe(true)
      for (const again of [compiled, compilePattern(compiled.source)]) {
        for (const key of yes) expect([regexp.source, key, again.matches(key)]).toEqual([regexp.source, key, true])
        for (const key of no) expect([regexp.source, key, again.matches(key)]).toEqual([regexp.source, key, false])
      }
    }
  })

  it('agrees with RegExp on the common part of both languages', () => {
    const atom = fc.constantFrom('a', 'b', ':', '.', '[ab]', '[^a]', '\\d', '(?:ab)', '(a|b)')
    const piece = fc
      .tuple(atom, fc.constantFrom('', '*', '+', '?', '{2}', '{1,3}', '*?'))
      .map(([one, times]) => one + times)
    const source = fc
      .tuple(fc.array(piece, { maxLength: 5 }), fc.boolean(), fc.boolean())
      .map(([all, from, to]) => `${from ? '^' : ''}${all.join('')}${to ? '$' : ''}`)
    fc.assert(
      fc.property(
        source,
        fc.constantFrom('', 'i', 's', 'm'),
        fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'A', ':', '1', '\n'), maxLength: 8 }), { minLength: 1 }),
        (text, flags, keys) => {
          const regexp = new RegExp(text, flags)
          const compiled = compilePattern(regexp)
          for (const key of keys)
            expect([text, flags, key, compiled.matches(key)]).toEqual([text, flags, key, regexp.test(key)])
        },
      ),
      { numRuns: 400 },
    )
  })

  it('skips the engine by a literal prefix only where every match has it', () => {
    expect(['^user:\\d', '^user*', '^ab{0}', '^a|b', '^', '^(a)', '^a+', '^x😀?', '^a.b'].map(literalPrefix)).toEqual([
      'user:',
      'use',
      'a',
      '',
      '',
      '',
      'a',
      'x',
      'a',
    ])
  })

  it('G27: refuses what is empty, huge, malformed or not linear, naming the remedy', () => {
    const refused: (string | RegExp)[] = [
      ...[
        '',
        'x'.repeat(513),
        '^'.padEnd(1_000_000, 'a'),
        '\ud800',
        '^\udfff',
        '^(',
        '^[',
        '^a{1000}',
        '^(a{100}){100}',
        '^(?:(?:a{9}){9}){9}(?:(?:b{9}){9}){9}',
        '^(?=a)',
        '^(?<=a)b',
        '^(a)\\1',
        '^\\C{2',
        '^**',
      ],
      ...[
        /a(?=b)/,
        /a(?!b)/,
        /(?<=a)b/,
        /(?<!a)b/,
        /(a)\1/,
        /(?<n>a)\k<n>/,
        /a/y,
        /[[:alpha:]]/,
        ...['\\Qa', '\\Aa', 'a\\z'].map((source) => new RegExp(source)),
        /a{,3}/,
        ...['v'].map((flags) => new RegExp('a', flags)),
        new RegExp('a'.repeat(1_000_000)),
        /a{1000}/,
      ],
    ]
    for (const pattern of refused)
      expect([String(pattern).slice(0, 40), code(() => compilePattern(pattern))]).toEqual([
        String(pattern).slice(0, 40),
        'PATTERN_INVALID',
      ])
    for (const pattern of [undefined, null, 7, {}, []]) {
      // @ts-expect-error callers without types
      expect(code(() => compilePattern(pattern))).toBe('PATTERN_INVALID')
    }
    expect(() => compilePattern('^(a)\\1')).toThrow(/"\^\(a\)\\\\1" is not allowed.*use a glob/)
  })

  it('G27: no pattern and no key holds the event loop for 100 ms', () => {
    const ab = Array.from({ length: 65_000 }, (_, i) => 'ab'[(i * 7919 * (i % 13)) & 1]).join('')
    const keys = [
      'a'.repeat(65_536),
      `${'a'.repeat(65_535)}!`,
      `${ab}cb`,
      'é'.repeat(65_000),
      `${ab.slice(0, 4000)}cb`,
      `${ab.slice(0, 200)}cb`,
    ]
    const patterns = [
      ...[
        '^(a+)+$',
        '^(a|a)*b',
        '^a{100}',
        '^([ab]*)*c$',
        '^(?:a?){60}a{60}',
        `^${'.*a'.repeat(50)}x`,
        '^[ab]*a[ab]{100}[ab]{80}c$',
        `^[ab]*a[ab]{12}c$`,
        `^${'(a|b)*'.repeat(45)}c$`,
      ],
      ...[
        `^(?i:${'\\pL'.repeat(16)})`,
        '^(?:\\pL|\\pN|\\pS|\\pP|\\pM|\\pZ){100}',
        '^(?i:[^\\pL\\pN]{100})',
        `^${'(?:'.repeat(125)}${')'.repeat(125)}`,
        `^(?:${'a|'.repeat(80)}b)*$`,
      ],
      ...['*a*a*a*a*b', `*${'a'.repeat(250)}b`, `${'*a'.repeat(200)}b`, `${'?*'.repeat(250)}b`],
    ]
    for (const pattern of patterns) {
      let compiled: { matches(key: string): boolean } = { matches: () => false }
      const compileMs = cpuMs(() => {
        compiled = compilePattern(pattern)
      })
      expect([pattern.slice(0, 30), compileMs < 100]).toEqual([pattern.slice(0, 30), true])
      for (const key of keys) {
        const ms = cpuMs(() => compiled.matches(key))
        expect([pattern.slice(0, 30), key.length, ms < 100]).toEqual([pattern.slice(0, 30), key.length, true])
      }
    }
  })

  it('G27: as many hostile expressions as a ledger keeps in force, over the worst key that is judged exactly', () => {
    const all = Array.from({ length: 64 }, (_, i) => compilePattern(`^[ab]*a[ab]{${26 + i}}[ab]{100}c$`))
    const key = `${'abbabaab'.repeat(25).slice(0, 123)}cb`
    for (let round = 0; round < 3; round++) for (const one of all) one.matches(key)
    // The best of three: a collection of garbage meanwhile says nothing about the expressions.
    const rounds = ['babbaaba', 'aabbabba', 'bbabaabb'].map((part) => {
      const fresh = `${part.repeat(16).slice(0, 123)}cb`
      return cpuMs(() => {
        for (const one of all) one.matches(fresh)
      })
    })
    expect(Math.min(...rounds)).toBeLessThan(100)
  })

  it('counts a key too long for the expression as matched: forgetting too much is safe', () => {
    const { matches } = compilePattern('^[ab]{100}$')
    expect(matches('a'.repeat(200))).toBe(false)
    expect(matches('a'.repeat(MAX_STEPS))).toBe(true)
    expect(compilePattern(`*${'a'.repeat(250)}b`).matches('a'.repeat(65_000))).toBe(true)
    expect(compilePattern('user:*b').matches('user:'.padEnd(65_000, 'a'))).toBe(false)
    expect(compilePattern('^user:[ab]*c').matches('x'.repeat(65_000))).toBe(false)
  })
})

describe('patternCompiler', () => {
  it('G26: never throws; what this process cannot run matches every key, and is told', () => {
    const told: string[] = []
    const missing: RegexEngine = {
      name: 'missing',
      compile: () => {
        throw new Error('not installed')
      },
      translate: () => '',
    }
    const compile = patternCompiler({ engine: missing, warn: (message) => told.push(message) })
    expect(compile('^a')('zzz')).toBe(true)
    expect(compile('')('zzz')).toBe(true)
    expect(compile('a*')('zzz')).toBe(false)
    expect(told).toHaveLength(2)
    const forged = patternCompiler()
    for (const text of ['^(', '\ud800', '^(a)\\1', 'x'.repeat(10_000)]) expect(forged(text)('any key')).toBe(true)
  })

  it('loads re2js once', () => {
    expect(re2()).toBe(re2())
    expect(re2().name).toBe('re2js')
  })
})
