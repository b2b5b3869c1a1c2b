// The read-your-writes token: every position comes back, and nothing else does.
import { describe, expect, it } from 'vitest'
import {
  decodeToken,
  encodeToken,
  MAX_TOKEN_LENGTH,
  MAX_TOKEN_NAMESPACES,
  mergePositions,
  type Positions,
} from '../../src/invalidate/token.ts'
import { TokenCarrier } from '../../src/invalidate/token-carrier.ts'
import fc from '../properties.ts'

const key = 'a key of enough length'
const name = fc.oneof(
  fc.constantFrom('__proto__', 'constructor', 'shop:default', '\ufeffx', 'é'),
  fc.string({ minLength: 1, maxLength: 20, unit: 'binary' }),
)
const position = fc.record({ epoch: fc.oneof(fc.base64String({ maxLength: 16 }), name), seq: fc.maxSafeNat() })
const positions = fc
  .uniqueArray(fc.tuple(name, position), { maxLength: 8, selector: ([text]) => text })
  .map((all): Positions => new Map(all))

describe('token', () => {
  it('property: what was encoded is decoded, signed or not', () => {
    fc.assert(
      fc.property(positions, fc.constantFrom({}, { key }), (given, options) => {
        const token = encodeToken(given, options)
        expect(token).toMatch(/^[A-Za-z0-9_-]+$/)
        expect(decodeToken(token, options)).toEqual(given)
      }),
    )
  })

  it('property: a signed token with any change is none', () => {
    fc.assert(
      fc.property(positions, fc.nat(), fc.integer({ min: 1, max: 255 }), (given, at, flip) => {
        const bytes = Buffer.from(encodeToken(given, { key }), 'base64url')
        const index = at % bytes.length
        bytes[index] = (bytes[index] ?? 0) ^ flip
        expect(decodeToken(bytes.toString('base64url'), { key })).toBeUndefined()
      }),
    )
    const token = encodeToken(new Map([['a', { epoch: 'e', seq: 1 }]]), { key })
    expect([
      decodeToken(token, { key: 'another key, also long enough' }),
      decodeToken(token),
      decodeToken(encodeToken(new Map()), { key }),
    ]).toEqual([undefined, undefined, undefined])
  })

  it('property: garbage never throws, and what is accepted has one text', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc.uint8Array({ maxLength: 60 }).map((all) => Uint8Array.from([1, 1, ...all])),
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          bytes.map((all) => Buffer.from(all).toString('base64url')),
        ),
        (text) => {
          const decoded = decodeToken(text)
          if (decoded !== undefined)
            expect([encodeToken(decoded).length <= text.length, decodeToken(encodeToken(decoded))]).toEqual([
              true,
              decoded,
            ])
        },
      ),
      { numRuns: 500 },
    )
    for (const garbage of [
      undefined,
      null,
      7,
      {},
      '',
      'A'.repeat(MAX_TOKEN_LENGTH + 1),
      `${encodeToken(new Map())}=`,
      ` ${encodeToken(new Map())}`,
    ])
      expect(decodeToken(garbage)).toBeUndefined()
  })

  it('refuses what would not travel', () => {
    const many = new Map(Array.from({ length: MAX_TOKEN_NAMESPACES + 1 }, (_, i) => [`n${i}`, { epoch: 'e', seq: i }]))
    expect(() => encodeToken(many)).toThrow(/33 namespaces/)
    expect(() => encodeToken(new Map([['x'.repeat(256), { epoch: 'e', seq: 1 }]]))).toThrow(/does not fit into a token/)
    expect(() =>
      encodeToken(new Map(Array.from({ length: 20 }, (_, i) => [`${i}`.padEnd(200, 'x'), { epoch: 'e', seq: 1 }]))),
    ).toThrow(/use shorter or fewer namespaces/)
    for (const seq of [-1, 1.5, Number.NaN, 2 ** 53])
      expect(() => encodeToken(new Map([['a', { epoch: 'e', seq }]]))).toThrow(/not a ledger number/)
    expect(() => encodeToken(new Map(), { key: 'short' })).toThrow(/at least 16/)
  })

  it('merges to the further position, of two epochs to the later one', () => {
    const at = (epoch: string, seq: number) => ({ epoch, seq })
    const merged = mergePositions(
      new Map([
        ['a', at('e', 5)],
        ['b', at('e', 1)],
        ['c', at('old', 9)],
      ]),
      new Map([
        ['a', at('e', 3)],
        ['b', at('e', 2)],
        ['c', at('new', 1)],
      ]),
    )
    expect([...merged]).toEqual([
      ['a', at('e', 5)],
      ['b', at('e', 2)],
      ['c', at('new', 1)],
    ])
    const many = new Map(Array.from({ length: 40 }, (_, i) => [`n${i}`, at('e', i)]))
    const cut = mergePositions(new Map(), many)
    expect([cut.size, [...cut.keys()][0], cut.has('n39')]).toEqual([MAX_TOKEN_NAMESPACES, 'n8', true])
  })
})

describe('TokenCarrier', () => {
  const seen: Positions = new Map([['shop:default', { epoch: 'e', seq: 7 }]])

  it('carries positions by header and by cookie, from plain headers and from Headers', () => {
    const carrier = new TokenCarrier({ key })
    const cookie = carrier.setCookie(seen)
    expect(cookie).toMatch(/^millpond_token=[A-Za-z0-9_-]+; Max-Age=60; Path=\/; HttpOnly; SameSite=Lax; Secure$/)
    const pair = cookie.split(';')[0] ?? ''
    expect(carrier.read({ cookie: `a=b; ${pair}; c` })).toEqual(seen)
    expect(carrier.read(new Headers({ cookie: `xmillpond_token=1;${pair}` }))).toEqual(seen)
    expect(carrier.read({ 'millpond-token': carrier.headerValue(seen) })).toEqual(seen)
    const later: Positions = new Map([['shop:default', { epoch: 'e', seq: 9 }]])
    expect(carrier.read({ cookie: pair, 'millpond-token': carrier.headerValue(later) })).toEqual(later)
  })

  it('what a client makes up counts as nothing', () => {
    const carrier = new TokenCarrier({ key })
    const unsigned = encodeToken(new Map([['shop:default', { epoch: 'e', seq: 2 ** 50 }]]))
    for (const headers of [
      {},
      { cookie: '' },
      { cookie: 'millpond_token' },
      { cookie: `millpond_token=${unsigned}` },
      { 'millpond-token': unsigned },
      { cookie: ';'.repeat(100_000) },
      { 'millpond-token': ['a', 'b'] },
    ]) {
      expect(carrier.read(headers).size).toBe(0)
    }
    expect(() => new TokenCarrier({ key: 'short' })).toThrow(/at least 16/)
    expect(() => new TokenCarrier({ cookie: 'a b' })).toThrow(/cookie/)
    expect(() => new TokenCarrier({ header: 'a\r\nb' })).toThrow(/header/)
  })
})
