// What header fields say: dates, Cache-Control, targeted fields, entity tags, ranges; and that nothing throws whatever
// they hold.
import { describe, expect, it } from 'vitest'
import { parseCacheControl, parseRequestDirectives } from '../../../src/http/rules/cache-control.ts'
import { parseHttpDate } from '../../../src/http/rules/date.ts'
import { etagOf, matchesStrongly, matchesWeakly } from '../../../src/http/rules/etag.ts'
import { endToEnd, fieldValue, listMembers } from '../../../src/http/rules/fields.ts'
import { queryRuleOf, reducedQuery } from '../../../src/http/rules/no-vary-search.ts'
import { askedRange, contentRange, sliceFor } from '../../../src/http/rules/range.ts'
import { parseStrings } from '../../../src/http/rules/structured.ts'
import { parseTargeted, policyOf } from '../../../src/http/rules/targeted.ts'
import fc from '../../properties.ts'

const NOW = Date.UTC(2026, 10, 26)

describe('dates, RFC 9110 5.6.7', () => {
  const moment = Date.UTC(1994, 10, 6, 8, 49, 37)
  it.each([
    'Sun, 06 Nov 1994 08:49:37 GMT',
    'Sunday, 06-Nov-94 08:49:37 GMT',
    'Sun Nov  6 08:49:37 1994',
    'sUN, 06 nOV 1994 08:49:37 gmt',
  ])('reads %s', (text) => expect(parseHttpDate(text, NOW)).toBe(moment))
  it.each([
    '0',
    '',
    'Thu, 18 Aug 2050 02:01:18 UTC',
    'Thu, 18 Aug 2050 02:01:18 AEST',
    'Thu, 18 Aug 50 02:01:18 GMT',
    'Thu 18 Aug 2050 02:01:18 GMT',
    'Thu, 18  Aug  2050 02:01:18 GMT',
    'Thu, 18-Aug-2050 02:01:18 GMT',
    'Thu, 18 Aug 2050 02.01.18 GMT',
    'Thu, 18 Aug 2050 2:01:18 GMT',
    'Thu, 31 Feb 2050 02:01:18 GMT',
    'Thu, 18 Aug 2050 24:01:18 GMT',
    '2050-08-18T02:01:18Z',
    '1795675977',
  ])('refuses %s', (text) => expect(parseHttpDate(text, NOW)).toBeUndefined())
  it('takes two-digit years for the last century when they would lie more than 50 years ahead', () => {
    expect(parseHttpDate('Thursday, 18-Aug-50 02:01:18 GMT', NOW)).toBe(Date.UTC(2050, 7, 18, 2, 1, 18))
    expect(parseHttpDate('Thursday, 18-Aug-77 02:01:18 GMT', NOW)).toBe(Date.UTC(1977, 7, 18, 2, 1, 18))
  })
})

describe('Cache-Control, RFC 9111 5.2', () => {
  it('reads names in any case, quoted and plain arguments', () => {
    expect(parseCacheControl('MaX-aGe="60", No-StOrE , s-MAXAGE=7')).toMatchObject({
      maxAge: 60,
      noStore: true,
      sMaxAge: 7,
    })
  })
  it('takes the first of a directive given twice (4.2.1)', () => {
    expect(parseCacheControl('max-age=1800, max-age=1').maxAge).toBe(1800)
  })
  it('reads nothing inside of quotes', () => {
    expect(parseCacheControl('extension="max-age=3600, no-store", max-age=1')).toMatchObject({
      maxAge: 1,
      noStore: false,
    })
  })
  it.each(['a3600', '3600a', "'3600'", '-1', '3600.0', ''])('counts max-age=%s as stale', (value) =>
    expect(parseCacheControl(`max-age=${value}`).maxAge).toBe(0),
  )
  it('takes leading zeros, and cuts numbers at 2^31 (1.2.2)', () => {
    expect(parseCacheControl('max-age=003600').maxAge).toBe(3600)
    expect(parseCacheControl('max-age=99999999999').maxAge).toBe(2 ** 31)
  })
  it.each([
    'private',
    'private=""',
    'private="a b"',
    'private="x", private',
    'private, private="x"',
    'private=,',
    'private="x',
  ])('keeps %s from a shared store', (text) => {
    const { isPrivate, noStore } = parseCacheControl(`max-age=60, ${text}`)
    expect(isPrivate || noStore).toBe(true)
  })
  it('limits private and no-cache to the fields that they name', () => {
    expect(parseCacheControl('private="Set-Cookie, X-User", no-cache=a')).toMatchObject({
      isPrivate: false,
      noCache: false,
      fields: ['set-cookie', 'x-user', 'a'],
    })
  })
  it.each(['max-age=60, "', 'max-age=60, =x', 'max-age=60, a b', 'max-age=60; public'])(
    'does not store what it cannot read: %s',
    (text) => expect(parseCacheControl(text).noStore).toBe(true),
  )
  it('reads requests (5.2.1)', () => {
    expect(parseRequestDirectives('max-stale, min-fresh=5, only-if-cached')).toMatchObject({
      maxStale: Number.POSITIVE_INFINITY,
      minFresh: 5,
      onlyIfCached: true,
    })
    expect(parseRequestDirectives('max-stale=10, max-age=x')).toMatchObject({ maxStale: 10, maxAge: undefined })
  })
  it('never throws', () => {
    fc.assert(
      fc.property(
        fc.string(),
        (text) =>
          void [parseCacheControl(text), parseRequestDirectives(text), parseTargeted(text), parseHttpDate(text, NOW)],
      ),
    )
  })
  it('finds private wherever it stands', () => {
    const part = fc.constantFrom('max-age=60', 'public', 'foo="a, b"', 'no-cache="x"', 's-maxage=1', 'x')
    fc.assert(
      fc.property(fc.array(part), fc.array(part), (before, after) => {
        expect(parseCacheControl([...before, 'PRIVATE', ...after].join(' ,')).isPrivate).toBe(true)
      }),
    )
  })
})

describe('targeted fields, RFC 9213', () => {
  const fields = ['Cache-Control', 'max-age=1', 'CDN-Cache-Control', 'max-age=600', 'My-Cache-Control', 'no-store']
  it('2.2: the first field of the list that is there decides alone', () => {
    expect(policyOf(fields, ['cdn-cache-control', 'my-cache-control'])).toMatchObject({
      isTargeted: true,
      directives: { maxAge: 600, noStore: false },
    })
    expect(policyOf(fields, ['my-cache-control']).directives).toMatchObject({ noStore: true, maxAge: undefined })
    expect(policyOf(fields, ['other'])).toMatchObject({ isTargeted: false, directives: { maxAge: 1 } })
  })
  it.each(['max-age=10000, &&&&&', 'max-age="10000"', '', 'MaX-aGe=3600', 'max-age=1.5', 'no-store=1'])(
    '2.1: ignores %s',
    (text) => expect(parseTargeted(text)).toBeUndefined(),
  )
  it('reads flags, extensions and private', () => {
    expect(parseTargeted('foobar, max-age=3600, must-revalidate, private')).toMatchObject({
      maxAge: 3600,
      mustRevalidate: true,
      isPrivate: true,
    })
    expect(parseTargeted('private=""')?.isPrivate).toBe(true)
    expect(parseTargeted('no-cache="a, B"')).toMatchObject({ noCache: false, fields: ['a', 'b'] })
  })
})

describe('entity tags, RFC 9110 8.8.3', () => {
  it('are quoted, or none', () => {
    expect(['"a"', 'W/"a"', '""', 'a', 'w/"a"', 'W"a"', undefined].map(etagOf)).toEqual([
      '"a"',
      'W/"a"',
      '""',
      undefined,
      undefined,
      undefined,
      undefined,
    ])
  })
  it('compare weakly and strongly (8.8.3.2)', () => {
    expect([matchesWeakly('W/"1"', '"1"'), matchesWeakly('W/"1"', 'W/"2"')]).toEqual([true, false])
    expect([matchesStrongly('"1"', '"1"'), matchesStrongly('W/"1"', 'W/"1"')]).toEqual([true, false])
  })
})

describe('ranges, RFC 9110 14', () => {
  it('reads one range, and knows sets', () => {
    expect(
      ['bytes=0-1', 'bytes=5-', 'bytes=-3', 'bytes=0-1,3-4', 'bytes=2-1', 'lines=1-2', 'bytes=x', undefined].map(
        askedRange,
      ),
    ).toEqual([
      { first: 0, last: 1 },
      { first: 5, last: undefined },
      { suffix: 3 },
      'several',
      undefined,
      undefined,
      undefined,
      undefined,
    ])
  })
  it('14.4: an invalid Content-Range is none', () => {
    expect(
      ['bytes 0-4/10', 'bytes 0-4/*', 'bytes 4-3/10', 'bytes 0-10/10', 'bytes */10', 'x'].map(contentRange),
    ).toEqual([
      { first: 0, last: 4, total: 10 },
      { first: 0, last: 4, total: undefined },
      undefined,
      undefined,
      undefined,
      undefined,
    ])
  })
  it('cuts a whole body', () => {
    expect(sliceFor({ first: 2, last: 3 }, 10, undefined)).toEqual({ from: 2, to: 4, contentRange: 'bytes 2-3/10' })
    expect(sliceFor({ first: 2, last: 99 }, 10, undefined)).toEqual({ from: 2, to: 10, contentRange: 'bytes 2-9/10' })
    expect(sliceFor({ suffix: 99 }, 10, undefined)).toEqual({ from: 0, to: 10, contentRange: 'bytes 0-9/10' })
    expect([
      sliceFor({ first: 10, last: undefined }, 10, undefined),
      sliceFor({ suffix: 0 }, 10, undefined),
      sliceFor({ suffix: 1 }, 0, undefined),
    ]).toEqual(['unsatisfiable', 'unsatisfiable', 'unsatisfiable'])
  })
  it('RFC 9111 3.3: answers from a stored part what lies within it, and nothing else', () => {
    const part = { first: 4, last: 8, total: 9 }
    expect(sliceFor({ first: 6, last: 7 }, 5, part)).toEqual({ from: 2, to: 4, contentRange: 'bytes 6-7/9' })
    expect(sliceFor({ first: 6, last: undefined }, 5, part)).toEqual({ from: 2, to: 5, contentRange: 'bytes 6-8/9' })
    expect(sliceFor({ suffix: 2 }, 5, part)).toEqual({ from: 3, to: 5, contentRange: 'bytes 7-8/9' })
    expect([sliceFor({ first: 3, last: 5 }, 5, part), sliceFor({ suffix: 6 }, 5, part)]).toEqual([undefined, undefined])
    expect(sliceFor({ first: 4, last: undefined }, 3, { first: 4, last: 6, total: 9 })).toBeUndefined()
  })
  it('never cuts beyond what is stored', () => {
    const position = fc.nat(30)
    fc.assert(
      fc.property(position, position, position, position, (first, length, from, to) => {
        const part = { first, last: first + length, total: first + length + 1 }
        const slice = sliceFor({ first: from, last: to }, length + 1, part)
        if (slice === undefined || slice === 'unsatisfiable') return
        expect(slice.from).toBeGreaterThanOrEqual(0)
        expect(slice.to).toBeLessThanOrEqual(length + 1)
        expect(slice.from + first).toBe(from)
      }),
    )
  })
})

describe('header sections', () => {
  it('RFC 9110 5.3: joins lines, and splits lists outside of quotes', () => {
    expect(fieldValue(['A', '1', 'b', '2', 'a', '3'], 'a')).toBe('1, 3')
    expect(listMembers(' a , "b, \\" c" ,, d')).toEqual(['a', '"b, \\" c"', 'd'])
  })
  it('RFC 9110 7.6.1: drops what belongs to the connection, and what Connection names', () => {
    const fields = [
      'Connection',
      'X-Hop, close',
      'X-Hop',
      '1',
      'TE',
      'trailers',
      'Keep-Alive',
      '5',
      'Proxy-Authorization',
      'x',
      'Content-Type',
      'a',
    ]
    expect(endToEnd(fields)).toEqual(['Content-Type', 'a'])
  })
  it('RFC 9651: lists of strings, and nothing for what is no list', () => {
    expect(parseStrings('"a", "b";x=1, c, 4')).toEqual(['a', 'b'])
    expect(parseStrings('"a')).toEqual([])
  })
})

describe('No-Vary-Search', () => {
  it.each([
    ['params', 'a=1&b=2', ''],
    ['params=("a")', 'a=1&b=2', 'b=2'],
    ['params, except=("a")', 'a=1&b=2&a=3', 'a=1&a=3'],
    ['key-order', 'b=2&a=1&b=1', 'a=1&b=2&b=1'],
  ])('%s makes of %s: %s', (text, query, expected) => {
    const rule = queryRuleOf(text)
    expect(rule === undefined ? undefined : reducedQuery(query, rule)).toBe(expected)
  })
  it.each(['', 'params=1', 'except=("a")', 'params=("a"', 'params=(1)'])(
    'is ignored where it cannot be read: %s',
    (text) => expect(queryRuleOf(text)).toBeUndefined(),
  )
})
