// Criteria: what several of them come to, and what hostile ones come to.
import { describe, expect, it } from 'vitest'
import { MillpondError } from '../../src/core/errors.ts'
import { type Criteria, MAX_KEYS, parseInstant, resolveCriteria } from '../../src/invalidate/criteria.ts'
import { Relations } from '../../src/invalidate/relations.ts'
import fc from '../properties.ts'

const now = 1_767_225_600_000
const relations = new Relations({ User: { related: ['profile'] } })
const resolve = (criteria: Criteria) => resolveCriteria(criteria, { now, relations })
const codeOf = (criteria: unknown): string => {
  try {
    // @ts-expect-error callers without types
    resolve(criteria)
    return 'none'
  } catch (error) {
    if (error instanceof MillpondError) return error.code
    throw error
  }
}

describe('resolveCriteria', () => {
  it('I2: several criteria are one request; each target once', () => {
    const resolved = resolve({
      keys: ['a', ['user', 7], 'a'],
      key: 'b',
      tags: ['t', 't', 'model:User'],
      pattern: 'user:*',
      patterns: [/^u/, '^u'],
      model: 'User',
      id: 7,
    })
    expect(resolved).toMatchObject({
      keys: ['b', 'a', '["user",7]'],
      tags: ['t', 'model:User', 'model:User:7', 'model:profile', 'model:profile:*'],
      patterns: ['user:*', '^u'],
      all: false,
      createdBefore: undefined,
      reason: 'data_changed',
      isEmpty: false,
    })
    expect(resolved.cascade?.steps.map((step) => step.model)).toEqual(['User', 'profile'])
  })

  it('I6: the reason follows from what was named', () => {
    const reasons: [Criteria, string][] = [
      [{ key: 'a' }, 'manual'],
      [{ tags: ['a'] }, 'tag_based'],
      [{ pattern: 'a*' }, 'pattern_based'],
      [{ model: 'User' }, 'data_changed'],
      [{ all: true }, 'cleared'],
      [{ olderThan: '1h' }, 'manual'],
    ]
    for (const [criteria, reason] of reasons) expect([criteria, resolve(criteria).reason]).toEqual([criteria, reason])
  })

  it('I1: by time, alone or narrowing the rest', () => {
    const alone = resolve({ olderThan: '1h' })
    expect([alone.all, alone.createdBefore, alone.isEmpty]).toEqual([true, now - 3_600_000, false])
    const narrowed = resolve({ tags: ['t'], olderThan: '1h', createdBefore: now - 7_200_000 })
    expect([narrowed.all, narrowed.createdBefore]).toEqual([false, now - 7_200_000])
    expect(narrowed.selects({ key: 'k', tags: ['t'], createdAt: now - 7_200_001 })).toBe(true)
    expect(narrowed.selects({ key: 'k', tags: ['t'], createdAt: now - 7_200_000 })).toBe(false)
    expect(narrowed.selects({ key: 'k', tags: ['u'], createdAt: 0 })).toBe(false)
    expect(resolve({ createdBefore: now + 99_999 }).createdBefore).toBe(now)
    expect(resolve({ createdBefore: '2026-01-01T00:00:00Z' }).createdBefore).toBe(now)
    expect(resolve({ createdBefore: new Date(5) }).createdBefore).toBe(5)
    expect(resolve({ tags: [], olderThan: '1h' }).isEmpty).toBe(true)
  })

  it('selects by key, tag, pattern, model or all', () => {
    const resolved = resolve({ keys: ['k'], tags: ['t'], pattern: 'p:*', model: 'User', id: 7 })
    const of = (key: string, ...tags: string[]) => resolved.selects({ key, tags, createdAt: now })
    expect([of('k'), of('x', 't'), of('p:1'), of('x', 'model:User'), of('x'), of('x', 'model:User:8')]).toEqual([
      true,
      true,
      true,
      true,
      false,
      false,
    ])
    expect(resolve({ all: true }).selects({ key: 'x', tags: [], createdAt: now })).toBe(true)
  })

  it('names nothing: an error, never all; named and empty: nothing', () => {
    for (const criteria of [{}, { tags: undefined }, { all: false }, undefined, null, 'user:*', 7])
      expect([criteria, codeOf(criteria)]).toEqual([criteria, 'OPTION_INVALID'])
    const empty = resolve({ tags: [], keys: [] })
    expect([empty.isEmpty, empty.all, empty.selects({ key: 'a', tags: [], createdAt: 0 })]).toEqual([
      true,
      false,
      false,
    ])
  })

  it('G27: hostile input is a typed error', () => {
    const mega = 'x'.repeat(1_000_000)
    const cases: [unknown, string][] = [
      ...(['', mega, '\ud800', 7, {}, null, []] as unknown[]).map((key): [unknown, string] => [
        { keys: [key] },
        'KEY_INVALID',
      ]),
      ...(['', mega, '\udfff', 7, null] as unknown[]).map((tag): [unknown, string] => [{ tags: [tag] }, 'TAG_INVALID']),
      ...(['', mega, '\ud800', '^(', 7, {}, null] as unknown[]).map((pattern): [unknown, string] => [
        { pattern },
        'PATTERN_INVALID',
      ]),
      ...([{ keys: 'abc' }, { keys: { length: 3 } }] as unknown[]).map((given): [unknown, string] => [
        given,
        'KEY_INVALID',
      ]),
      [{ tags: 'abc' }, 'TAG_INVALID'],
      [{ patterns: 'a*' }, 'PATTERN_INVALID'],
      [{ id: 7 }, 'OPTION_INVALID'],
      [{ model: 'a:b' }, 'OPTION_INVALID'],
      [{ model: 'User', id: {} }, 'TAG_INVALID'],
      [{ olderThan: -1 }, 'DURATION_INVALID'],
      [{ olderThan: 'soon' }, 'DURATION_INVALID'],
      [{ all: 'yes' }, 'OPTION_INVALID'],
      [{ kyes: ['a'] }, 'OPTION_INVALID'],
      [{ keys: Array.from({ length: MAX_KEYS + 1 }, (_, i) => `k${i}`) }, 'OPTION_INVALID'],
      [{ patterns: Array.from({ length: 17 }, (_, i) => `k${i}*`) }, 'OPTION_INVALID'],
      [{ tags: Array.from({ length: MAX_KEYS + 1 }, (_, i) => `t${i}`) }, 'TAG_INVALID'],
      ...(['2026-01-01', '2026-01-01T00:00:00', 'now', Number.NaN, new Date(Number.NaN), 1e300, {}] as unknown[]).map(
        (createdBefore): [unknown, string] => [{ createdBefore }, 'OPTION_INVALID'],
      ),
    ]
    for (const [criteria, code] of cases) {
      const before = performance.now()
      expect([JSON.stringify(criteria)?.slice(0, 60), codeOf(criteria)]).toEqual([
        JSON.stringify(criteria)?.slice(0, 60),
        code,
      ])
      expect(performance.now() - before, 'in time').toBeLessThan(1000)
    }
  })

  it('G10: keys that hold braces, stars, newlines or look like tuples stand for themselves', () => {
    fc.assert(
      fc.property(
        fc.string({
          minLength: 1,
          unit: fc.constantFrom('{', '}', '*', '^', '\n', '[', ']', '\\', '"', '7', '\u0000', 'é'),
        }),
        fc.string({ minLength: 1, maxLength: 6 }),
        (key, other) => {
          const resolved = resolve({ keys: [key] })
          const [encoded = ''] = resolved.keys
          expect(resolved.selects({ key: encoded, tags: [], createdAt: 0 })).toBe(true)
          const [second = ''] = resolve({ keys: [other] }).keys
          expect(resolved.selects({ key: second, tags: [], createdAt: 0 })).toBe(other === key)
        },
      ),
    )
  })
})

describe('parseInstant', () => {
  it('reads numbers, Dates and ISO texts with a zone', () => {
    expect([
      parseInstant(7, 'at'),
      parseInstant(new Date(7), 'at'),
      parseInstant('1970-01-01T01:00:00.007+01:00', 'at'),
    ]).toEqual([7, 7, 7])
  })
})
