// What may be stored, how long it is fresh, and what may be done with it: RFC 9111 paragraph by paragraph.
import { describe, expect, it } from 'vitest'
import { type AnswerMeta, ageMs, answerOf } from '../../../src/http/rules/answer.ts'
import { cacheName, forwardStatus, hitStatus } from '../../../src/http/rules/cache-status.ts'
import { fieldValue } from '../../../src/http/rules/fields.ts'
import { groupsOf, invalidationOf } from '../../../src/http/rules/invalidation.ts'
import { RequestFacts } from '../../../src/http/rules/request.ts'
import { decide, mayServeOnError } from '../../../src/http/rules/reuse.ts'
import { refusalOf } from '../../../src/http/rules/storable.ts'
import {
  conditionsFor,
  confirms,
  isNotModified,
  notModifiedFields,
  rangeApplies,
  updatedFields,
} from '../../../src/http/rules/validation.ts'
import { secondaryKey, varyNames } from '../../../src/http/rules/vary.ts'

const NOW = Date.UTC(2026, 10, 26, 12)
const date = (offset: number): string => new Date(NOW + offset * 1000).toUTCString()
const OPTIONS = {
  isShared: true,
  heuristic: 0.1,
  defaultTtlMs: 0,
  targets: ['cdn-cache-control'],
  storeSetCookie: false,
  credentials: ['cookie'],
}
const get = (...fields: string[]): RequestFacts => new RequestFacts('GET', ['Host', 'a', ...fields])

function answer(fields: string[], status = 200, requestAt = NOW): AnswerMeta {
  return answerOf({ status, reason: '', fields, requestAt, responseAt: NOW }, OPTIONS)
}
const refusal = (fields: string[], request = get(), status = 200, options = {}): string | undefined =>
  refusalOf(request, status, fields, NOW, { ...OPTIONS, ...options })
const decision = (stored: AnswerMeta, seconds: number, ...request: string[]): string =>
  decide(get(...request), stored, NOW + seconds * 1000, { honourClient: true })

describe('storing, RFC 9111 3', () => {
  const fresh = ['Cache-Control', 'max-age=60']
  it('takes GET and QUERY; of POST only what says how long it is fresh (RFC 9110 9.3.3)', () => {
    expect(
      ['GET', 'QUERY', 'POST', 'HEAD', 'PUT', 'M-SEARCH'].map((method) => refusal(fresh, new RequestFacts(method, []))),
    ).toEqual([undefined, undefined, undefined, 'method', 'method', 'method'])
    expect(refusal(['Last-Modified', date(-100)], new RequestFacts('POST', []))).toBe('method')
  })
  it('takes final statuses, odd ones with explicit freshness', () => {
    expect([103, 304, 416, 299, 499, 599, 999].map((status) => refusal(fresh, get(), status))).toEqual([
      'status',
      'status',
      'status',
      undefined,
      undefined,
      undefined,
      undefined,
    ])
  })
  it('obeys no-store of both sides (5.2.1.5, 5.2.2.5), and private (5.2.2.7)', () => {
    expect(refusal(['Cache-Control', 'max-age=60, no-store'])).toBe('no-store')
    expect(refusal(fresh, get('Cache-Control', 'no-store'))).toBe('request-no-store')
    expect(refusal(['Cache-Control', 'max-age=60, private'])).toBe('private')
    expect(refusal(['Cache-Control', 'max-age=60, private'], get(), 200, { isShared: false })).toBeUndefined()
    expect(refusal(['Cache-Control', 'max-age=60, private="x"'])).toBeUndefined()
  })
  it('5.2.2.3: must-understand overrides no-store for statuses that are understood, and only for them', () => {
    const fields = ['Cache-Control', 'max-age=60, no-store, must-understand']
    expect([200, 404, 599].map((status) => refusal(fields, get(), status))).toEqual([undefined, undefined, 'no-store'])
  })
  it('3.5: with Authorization only what is public, must-revalidate or s-maxage', () => {
    const asked = get('Authorization', 'x')
    const given = [
      'max-age=60',
      'max-age=60, public',
      'max-age=60, must-revalidate',
      's-maxage=60',
      'max-age=60, proxy-revalidate',
    ]
    expect(given.map((control) => refusal(['Cache-Control', control], asked, 200, { credentials: [] }))).toEqual([
      'authorization',
      undefined,
      undefined,
      undefined,
      'authorization',
    ])
  })
  it('S5: with a cookie only what is meant for all, or varies by it', () => {
    const asked = get('Cookie', 'id=1')
    expect(refusal(fresh, asked)).toBe('credentials')
    expect(refusal(['Cache-Control', 'max-age=60, public'], asked)).toBeUndefined()
    expect(refusal(['CDN-Cache-Control', 'max-age=60'], asked)).toBeUndefined()
    expect(refusal([...fresh, 'Vary', 'Cookie'], asked)).toBeUndefined()
    expect(refusal(fresh, asked, 200, { credentials: [] })).toBeUndefined()
  })
  it('7.3: Set-Cookie only when told to', () => {
    const fields = ['Cache-Control', 'max-age=60, public', 'Set-Cookie', 'id=1']
    expect([refusal(fields), refusal(fields, get(), 200, { storeSetCookie: true })]).toEqual(['set-cookie', undefined])
  })
  it('4.1: nothing that varies by everything', () => {
    expect(['*', 'a, *', ', *'].map((vary) => refusal([...fresh, 'Vary', vary]))).toEqual(['vary', 'vary', 'vary'])
    expect(refusal([...fresh, 'Vary', '', 'Vary', '*'])).toBe('vary')
  })
  it('3: something has to make it cacheable, and of use', () => {
    expect(refusal([])).toBe('no-use')
    expect(refusal(['Cache-Control', 'max-age=0'])).toBe('no-use')
    expect(refusal(['Cache-Control', 'max-age=60, no-cache'])).toBe('no-use')
    expect(refusal(['Cache-Control', 'no-cache', 'ETag', '"a"'])).toBeUndefined()
    expect(refusal(['Last-Modified', date(-1000)], get(), 201)).toBe('not-cacheable')
    expect(refusal([], get(), 200, { defaultTtlMs: 5000 })).toBeUndefined()
  })
  it('3.3: parts that say which part they are', () => {
    expect(refusal(fresh, get(), 206)).toBe('range')
    expect(refusal([...fresh, 'Content-Range', 'bytes 0-4/10'], get(), 206)).toBeUndefined()
  })
  it('RFC 9213: a targeted field replaces Cache-Control and Expires', () => {
    expect(refusal(['Cache-Control', 'no-store', 'CDN-Cache-Control', 'max-age=60'])).toBeUndefined()
    expect(refusal(['Cache-Control', 'max-age=60', 'CDN-Cache-Control', 'no-store'])).toBe('no-store')
    expect(refusal(['Cache-Control', 'max-age=60', 'CDN-Cache-Control', 'private'])).toBe('private')
  })
  it('3.1: keeps all fields but those of the connection, Age, and those that directives name', () => {
    const fields = [
      'Connection',
      'a',
      'A',
      '1',
      'Age',
      '5',
      'B',
      '2',
      'Cache-Control',
      'max-age=60, no-cache="c", private="d"',
      'C',
      '3',
      'D',
      '4',
      'Set-Cookie',
      'x',
      'Date',
      date(0),
    ]
    expect(answer(fields).fields).toEqual([
      'B',
      '2',
      'Cache-Control',
      'max-age=60, no-cache="c", private="d"',
      'Set-Cookie',
      'x',
      'Date',
      date(0),
    ])
  })
  it('RFC 9110 6.6.1: adds the Date that is missing, and leaves the one that is there', () => {
    expect(fieldValue(answer([]).fields, 'date')).toBe(date(0))
    expect(fieldValue(answer(['Date', date(-9)]).fields, 'date')).toBe(date(-9))
  })
})

describe('freshness, RFC 9111 4.2', () => {
  const lifetime = (...fields: string[]): number => answer(fields).lifetimeMs / 1000
  it('4.2.1: s-maxage, max-age, Expires, in this order', () => {
    expect(lifetime('Cache-Control', 'max-age=10, s-maxage=20', 'Expires', date(30), 'Date', date(0))).toBe(20)
    expect(lifetime('Cache-Control', 'max-age=10', 'Expires', date(30), 'Date', date(0))).toBe(10)
    expect(lifetime('Expires', date(30), 'Date', date(0))).toBe(30)
    expect(lifetime('Expires', date(400), 'Date', date(500))).toBe(0)
    expect(
      answerOf(
        {
          status: 200,
          reason: '',
          fields: ['Cache-Control', 'max-age=10, s-maxage=20'],
          requestAt: NOW,
          responseAt: NOW,
        },
        { ...OPTIONS, isShared: false },
      ).lifetimeMs,
    ).toBe(10_000)
  })
  it('5.3: an Expires that is no date is in the past; without a Date, the arrival counts', () => {
    expect(lifetime('Expires', '0', 'Last-Modified', date(-1000))).toBe(0)
    expect(lifetime('Expires', date(10), 'Date', 'foo')).toBe(10)
  })
  it('4.2.2: a tenth of the time since Last-Modified, for statuses that allow it or with public', () => {
    const modified = ['Last-Modified', date(-1000), 'Date', date(0)]
    expect([200, 203, 204, 404, 405, 410, 414, 501].map((status) => answer(modified, status).lifetimeMs)).toEqual(
      Array(8).fill(100_000),
    )
    expect([201, 202, 403, 502, 503, 504, 599].map((status) => answer(modified, status).lifetimeMs)).toEqual(
      Array(7).fill(0),
    )
    expect(answer([...modified, 'Cache-Control', 'public'], 599).lifetimeMs).toBe(100_000)
    expect(answer(['Last-Modified', date(1000), 'Date', date(0)]).lifetimeMs).toBe(0)
  })
  it('4.2.3: age from Date, Age and the delay, the larger counts', () => {
    expect(answer(['Date', date(-30)]).initialAgeMs).toBe(30_000)
    expect(answer(['Date', date(0), 'Age', '40']).initialAgeMs).toBe(40_000)
    expect(answer(['Date', date(0), 'Age', '40'], 200, NOW - 2000).initialAgeMs).toBe(42_000)
    expect(ageMs(answer(['Age', '40']), NOW + 5000)).toBe(45_000)
  })
  it.each([
    ['abc', 0],
    ['-7200', 0],
    ['7200.0', 0],
    ['7200, 0', 7200],
    ['0, 7200', 0],
    ['2147483649', 2 ** 31],
  ])('5.1: Age: %s counts as %d', (age, expected) => {
    expect(answer(['Age', age]).initialAgeMs / 1000).toBe(expected)
  })
})

describe('reuse, RFC 9111 4', () => {
  const stored = answer(['Cache-Control', 'max-age=60'])
  it('serves what is fresh, validates what is not', () => {
    expect([decision(stored, 59), decision(stored, 60)]).toEqual(['serve', 'validate'])
  })
  it('5.2.2.4: never no-cache; 5.2.2.2: must-revalidate only when stale', () => {
    expect(decision(answer(['Cache-Control', 'max-age=60, no-cache', 'ETag', '"a"']), 0)).toBe('validate')
    expect(decision(answer(['Cache-Control', 'max-age=60, must-revalidate']), 30)).toBe('serve')
  })
  it('5.2.1: the client’s directives', () => {
    const cases = [
      'no-cache',
      'no-store',
      'max-age=10',
      'max-age=0',
      'min-fresh=40',
      'max-age=31, min-fresh=29',
      'whatever',
    ]
    expect(cases.map((control) => decision(stored, 30, 'Cache-Control', control))).toEqual([
      'validate',
      'validate',
      'validate',
      'validate',
      'validate',
      'serve',
      'serve',
    ])
    expect(
      ['max-stale', 'max-stale=10', 'max-stale=1'].map((control) => decision(stored, 65, 'Cache-Control', control)),
    ).toEqual(['serve', 'serve', 'validate'])
    expect(decision(answer(['Cache-Control', 'max-age=60, must-revalidate']), 65, 'Cache-Control', 'max-stale')).toBe(
      'validate',
    )
    expect(decide(get('Cache-Control', 'no-cache'), stored, NOW, { honourClient: false })).toBe('serve')
  })
  it('5.4: Pragma only without Cache-Control', () => {
    expect(decision(stored, 0, 'Pragma', 'no-cache')).toBe('validate')
    expect(decision(stored, 0, 'Pragma', 'no-cache', 'Cache-Control', 'x')).toBe('serve')
  })
  it('RFC 8246: a reload does not ask about what is immutable and fresh', () => {
    const immutable = answer(['Cache-Control', 'max-age=60, immutable'])
    expect([
      decision(immutable, 5, 'Cache-Control', 'max-age=0'),
      decision(immutable, 65, 'Cache-Control', 'max-age=0'),
      decision(immutable, 5, 'Cache-Control', 'no-cache'),
    ]).toEqual(['serve', 'validate', 'validate'])
  })
  it('RFC 5861 3: stale-while-revalidate within its window', () => {
    const swr = answer(['Cache-Control', 'max-age=60, stale-while-revalidate=10'])
    expect([decision(swr, 59), decision(swr, 69), decision(swr, 71)]).toEqual([
      'serve',
      'serve-and-validate',
      'validate',
    ])
    expect(decision(answer(['Cache-Control', 'max-age=60, stale-while-revalidate=10, must-revalidate']), 65)).toBe(
      'validate',
    )
  })
  it('RFC 5861 4 and RFC 9111 4.2.4: errors', () => {
    const options = { staleIfUnreachableMs: 30_000 }
    const may = (fields: string, seconds: number, status?: number): boolean =>
      mayServeOnError(answer(['Cache-Control', fields]), NOW + seconds * 1000, status, options)
    expect([may('max-age=60', 80), may('max-age=60', 95), may('max-age=60', 80, 503)]).toEqual([true, false, false])
    expect([
      may('max-age=60, stale-if-error=5', 64, 503),
      may('max-age=60, stale-if-error=5', 66),
      may('max-age=60, stale-if-error=0', 61),
    ]).toEqual([true, false, false])
    for (const never of ['must-revalidate', 'proxy-revalidate', 'no-cache', 's-maxage=60'])
      expect(may(`max-age=60, ${never}`, 61)).toBe(false)
  })
})

describe('Vary, RFC 9111 4.1', () => {
  const key = (vary: string, ...fields: string[]): string => secondaryKey(get(...fields), varyNames(['Vary', vary]))
  it('names count once, in any order and case', () =>
    expect(varyNames(['Vary', 'B, a', 'vary', 'A'])).toEqual(['a', 'b']))
  it('lines and white space make no difference, absence does', () => {
    expect(key('Foo', 'Foo', '1,2')).toBe(key('Foo', 'foo', ' 1', 'FOO', '2 '))
    expect(key('Foo', 'Foo', '1')).not.toBe(key('Foo', 'Foo', '2'))
    expect(key('Foo')).not.toBe(key('Foo', 'Foo', ''))
    expect(key('Foo, Bar', 'Foo', '1')).not.toBe(key('Foo, Bar', 'Bar', '1'))
    expect(key('Foo', 'Foo', '1, 2')).not.toBe(key('Foo', 'Foo', '2, 1'))
  })
  it('languages: order of equal weights, case and white space make no difference', () => {
    expect(key('Accept-Language', 'Accept-Language', 'en, de;q=0.50')).toBe(
      key('Accept-Language', 'Accept-Language', ' De ;q=0.5 ,EN'),
    )
    expect(key('Accept-Language', 'Accept-Language', 'en, de')).toBe(key('Accept-Language', 'Accept-Language', 'de,en'))
    expect(key('Accept-Language', 'Accept-Language', 'en;q=0.5, de')).not.toBe(
      key('Accept-Language', 'Accept-Language', 'en, de;q=0.5'),
    )
  })
  it('no value can look like another field', () => {
    expect(key('A, B', 'A', '1","2', 'B', '3')).not.toBe(key('A, B', 'A', '1', 'B', '2","3'))
  })
})

describe('validation, RFC 9111 4.3', () => {
  it('4.3.1: asks with the validators as they were stored', () => {
    expect(conditionsFor(answer(['ETag', 'unquoted', 'Last-Modified', date(-9)]))).toEqual([
      'If-None-Match',
      'unquoted',
      'If-Modified-Since',
      date(-9),
    ])
  })
  it('4.3.2: If-None-Match before If-Modified-Since; weak comparison; lists', () => {
    const stored = answer(['ETag', 'W/"a"', 'Last-Modified', date(-50), 'Date', date(0)])
    const asked = (...fields: string[]): boolean => isNotModified(get(...fields), stored)
    expect([
      asked('If-None-Match', '"x", "a"'),
      asked('If-None-Match', '*'),
      asked('If-None-Match', '"x"'),
      asked('If-None-Match', 'a'),
    ]).toEqual([true, true, false, false])
    expect(asked('If-None-Match', '"a"', 'If-Modified-Since', date(-100))).toBe(true)
    expect(asked('If-None-Match', '"x"', 'If-Modified-Since', date(0))).toBe(false)
    expect([
      asked('If-Modified-Since', date(-50)),
      asked('If-Modified-Since', date(-51)),
      asked('If-Modified-Since', 'x'),
    ]).toEqual([true, false, false])
    expect(isNotModified(get('If-None-Match', '"a"'), answer(['ETag', '"a"'], 404))).toBe(false)
  })
  it('4.3.2: without Last-Modified the Date counts', () => {
    const stored = answer(['Date', date(-10)])
    expect([
      isNotModified(get('If-Modified-Since', date(-10)), stored),
      isNotModified(get('If-Modified-Since', date(-11)), stored),
    ]).toEqual([true, false])
  })
  it('RFC 9110 13.1.5: If-Range compares strongly', () => {
    const stored = answer(['ETag', '"a"', 'Last-Modified', date(-50), 'Date', date(0)])
    expect(
      ['"a"', 'W/"a"', '"b"', date(-50), date(-49)].map((value) => rangeApplies(get('If-Range', value), stored)),
    ).toEqual([true, false, false, true, false])
    expect(rangeApplies(get('If-Range', 'W/"a"'), answer(['ETag', 'W/"a"']))).toBe(false)
    expect(rangeApplies(get(), stored)).toBe(true)
  })
  it('4.3.4: a 304 about another answer confirms nothing', () => {
    const stored = answer(['ETag', '"a"'])
    expect([
      confirms(['ETag', '"a"'], stored),
      confirms(['ETag', 'W/"a"'], stored),
      confirms(['ETag', '"b"'], stored),
      confirms([], stored),
    ]).toEqual([true, true, false, true])
  })
  it('3.2: replaces what the 304 says, keeps the rest and what describes the bytes', () => {
    const fields = ['A', '1', 'a', '2', 'B', '3', 'Content-Length', '5', 'Content-Encoding', 'gzip']
    const update = ['a', '9', 'Content-Length', '0', 'Content-Encoding', 'br', 'Connection', 'x', 'X', '1', 'C', '4']
    expect(updatedFields(fields, [...update, 'Date', 'x'], NOW)).toEqual([
      'B',
      '3',
      'Content-Length',
      '5',
      'Content-Encoding',
      'gzip',
      'a',
      '9',
      'C',
      '4',
      'Date',
      'x',
    ])
    expect(updatedFields(['Date', 'x'], [], NOW)).toEqual(['Date', date(0)])
  })
  it('RFC 9110 15.4.5: a 304 leaves out what describes the content', () => {
    expect(
      notModifiedFields(['Content-Type', 'a', 'Content-Length', '4', 'ETag', '"a"', 'Content-Location', '/', 'X', '1']),
    ).toEqual(['ETag', '"a"', 'Content-Location', '/', 'X', '1'])
  })
})

describe('invalidation, RFC 9111 4.4 and RFC 9875', () => {
  const url = 'http://a/x?y'
  it('by unsafe methods that succeed, with Location and Content-Location of the same origin', () => {
    const fields = ['Location', '/new', 'Content-Location', 'http://b/other']
    expect(invalidationOf('POST', url, 201, fields)).toEqual({ urls: [url, 'http://a/new'], groups: [] })
    expect(invalidationOf('M-SEARCH', url, 302, [])?.urls).toEqual([url])
    expect(['GET', 'QUERY', 'OPTIONS'].map((method) => invalidationOf(method, url, 200, fields))).toEqual([
      undefined,
      undefined,
      undefined,
    ])
    expect([invalidationOf('POST', url, 500, fields), invalidationOf('DELETE', url, 404, fields)]).toEqual([
      undefined,
      undefined,
    ])
  })
  it('groups are strings; what is longer or more is left out', () => {
    expect(groupsOf(['Cache-Groups', '"a", "b"'], 'cache-groups')).toEqual(['a', 'b'])
    expect(invalidationOf('PUT', url, 204, ['Cache-Group-Invalidation', '"a", c'])?.groups).toEqual(['a'])
    expect(
      groupsOf(['Cache-Groups', Array.from({ length: 40 }, (_, at) => `"${at}"`).join()], 'cache-groups'),
    ).toHaveLength(32)
  })
})

describe('Cache-Status, RFC 9211', () => {
  it('is one member of a list', () => {
    expect(hitStatus('Millpond', 30)).toBe('Millpond; hit; ttl=30')
    expect(
      forwardStatus(cacheName('my cache'), {
        reason: 'stale',
        status: 304,
        isStored: true,
        isCollapsed: true,
        detail: 'x',
      }),
    ).toBe('"my cache"; fwd=stale; fwd-status=304; stored; collapsed; detail=x')
  })
})
