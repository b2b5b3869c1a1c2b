// MessagePack keeps what JSON keeps, nothing of it changed in silence, and trusts no bytes that are not MessagePack.
import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { describe, expect, test } from 'vitest'
import { jsonCodec, keyring, type Rejection, valueCodec } from '../../src/codec/index.ts'
import { resolveLimits } from '../../src/codec/limits.ts'
import { readMessagePack } from '../../src/codec/message-pack-read.ts'
import { writeMessagePack } from '../../src/codec/message-pack-write.ts'
import type { Codec, EncodedParts } from '../../src/core/contracts.ts'
import { sized } from '../form.ts'
import fc from '../properties.ts'
import { anyValue } from './arbitrary.ts'
import { expectWithinParses } from './cpu.ts'
import { decode, encode as encodeParts, formatOf, framed } from './one-turn.ts'
import { assertEntry, assertSame } from './same.ts'
import { kept, refused } from './values.ts'

const { Packr } = createRequire(import.meta.url)('msgpackr')
const packr = new Packr({ useRecords: false })
const codec = valueCodec({ format: 'messagepack' })
/** How many random values each arrangement gets. Through tiers there are more: `round-trips.test.ts`. */
const VALUES = sized(1_600, 20_000)

const partsOf = (value: unknown): EncodedParts => ({
  key: 'k',
  value,
  createdAt: 1,
  freshUntil: 2,
  staleUntil: 3,
  tags: ['t'],
})

const forged = (value: Uint8Array, format = 32): Buffer => framed(format, value)
const encode = (of: Codec, value: unknown): Buffer => encodeParts(of, partsOf(value))

describe('G20: messagepack', () => {
  test.each(kept)('keeps $name', ({ make }) => {
    assertEntry(decode(codec, encode(codec, make())).parts, partsOf(make()))
  })

  test.each(refused)('refuses $name, as JSON does', ({ make }) => {
    let message = ''
    try {
      jsonCodec().encode(partsOf(make()))
    } catch (error) {
      message = (error as Error).message
    }
    expect(() => encode(codec, make())).toThrow(message)
  })

  test('writes plain data and what needs escapes, and leaves to JSON what has no UTF-8', () => {
    expect(formatOf(encode(codec, { a: [1, 'x', null] }))).toBe(32)
    expect(formatOf(encode(codec, { a: '\ufffd' }))).toBe(32)
    expect(formatOf(encode(codec, JSON.parse('{"a":{"__proto__":1}}')))).toBe(32)
    expect(formatOf(encode(codec, { a: new Date(0) }))).toBe(33)
    expect(formatOf(encode(codec, { a: '\ud800' }))).toBe(0)
    expect(formatOf(encode(codec, Buffer.from('raw')))).toBe(2)
  })

  test('texts and numbers around every bound, and maps and lists of every head', () => {
    for (const length of [0, 1, 23, 24, 31, 32, 63, 64, 255, 256, 4096, 65_535, 65_536])
      for (const unit of ['a', 'é', '中', '😀', '\u0000']) {
        const text = unit.repeat(Math.ceil(length / unit.length)).slice(0, length)
        for (const value of [[text, text], { [text.slice(0, 200)]: text, after: 1 }])
          assertSame(decode(codec, encode(codec, value)).parts?.value, value)
      }
    for (const bound of [
      0,
      32,
      127,
      128,
      255,
      256,
      32_767,
      65_535,
      65_536,
      2 ** 31 - 1,
      2 ** 31,
      2 ** 32,
      2 ** 53,
      1e300,
      0.1,
    ])
      for (const number of [bound, -bound, bound + 1, -bound - 1, bound - 1])
        assertSame(decode(codec, encode(codec, [number])).parts?.value, [number])
    for (const count of [0, 15, 16, 17, 300, 65_535, 65_536]) {
      const list = Array.from({ length: count }, (_, i) => i % 7)
      assertSame(decode(codec, encode(codec, [list, 'end'])).parts?.value, [list, 'end'])
      const fields = Object.fromEntries(list.slice(0, 30_000).map((item, i) => [`field${i}`, item]))
      const deep = nest(12, { fields, end: 1 })
      assertSame(decode(codec, encode(codec, [fields, deep, 'end'])).parts?.value, [fields, deep, 'end'])
    }
  })

  test('names that look like one another stay apart, however many there are', () => {
    const rows = Array.from({ length: 200 }, (_, i) => ({
      [`a${i}`]: 1,
      [`Ã©${i}`]: 2,
      [`é${i}`]: 3,
      [`b${i * 7}`]: 4,
    }))
    for (let round = 0; round < 2; round++) assertSame(decode(codec, encode(codec, rows)).parts?.value, rows)
  })

  test('a value whose getter writes another value is written as JSON for that one, and a getter is read once', () => {
    let reads = 0
    const value = {
      get inner() {
        return ++reads + formatOf(encode(codec, { b: [2] }))
      },
      z: 'end',
    }
    assertSame(decode(codec, encode(codec, value)).parts?.value, { inner: 1, z: 'end' })
  })

  const secret = { encrypt: keyring({ current: 'k', keys: { k: randomBytes(32) } }), mixesSecrets: false }
  test.each<[string, Codec]>([
    ['json', jsonCodec()],
    ['messagepack', codec],
    ['packed', valueCodec({ format: 'packed' })],
    ['packed, compressed and sealed', valueCodec({ format: 'packed', compress: { minBytes: 100 }, ...secret })],
    [
      'messagepack, compressed',
      valueCodec({ format: 'messagepack', compress: { minBytes: 1, algorithm: 'gzip', level: 1 } }),
    ],
    [
      'messagepack, compressed and sealed',
      valueCodec({ format: 'messagepack', compress: { minBytes: 100 }, ...secret }),
    ],
  ])('D1: %s gives back any value as it was', { timeout: 600_000 }, (_name, of) => {
    fc.assert(
      fc.property(anyValue, (value) => {
        assertSame(decode(of, encode(of, value)).parts?.value, value)
      }),
      { numRuns: VALUES },
    )
  })

  test('either format reads what the other has written, so that a change is no flush', () => {
    const json = valueCodec({ format: 'json' })
    const value = { a: [1, new Map([['k', 2n]])] }
    assertSame(decode(json, encode(codec, value)).parts?.value, value)
    assertSame(decode(codec, encode(json, value)).parts?.value, value)
    expect(decode(jsonCodec(), encode(codec, value))).toEqual({ parts: undefined, why: 'format' })
  })
})

describe('G26: bytes that claim to be messagepack', () => {
  test.each<[string, number[] | Uint8Array, Rejection]>([
    ['nothing', [], 'malformed'],
    ['two values', [1, 2], 'malformed'],
    ['a text that is cut', [0xa5, 0x61], 'malformed'],
    ['a text longer than all there is', [0xdb, 0xff, 0xff, 0xff, 0xff], 'malformed'],
    ['a list that is cut', [0x92, 1], 'malformed'],
    ['four thousand million items', [0xdd, 0xff, 0xff, 0xff, 0xff], 'too_many'],
    ['four thousand million fields', [0xdf, 0xff, 0xff, 0xff, 0xff], 'too_many'],
    ['a map whose key is a number', [0x81, 1, 1], 'malformed'],
    ['a map whose key is a map', [0x81, 0x80, 1], 'malformed'],
    ['an extension', [0xd4, 0x01, 0x00], 'malformed'],
    ['a record', [0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61, 1], 'malformed'],
    ['a date', [0xd6, 0xff, 0, 0, 0, 0], 'malformed'],
    ['bytes', [0xc4, 1, 1], 'malformed'],
    ['a 64-bit integer', [0xcf, 0, 0, 0, 0, 0, 0, 0, 1], 'malformed'],
    ['the type that is never used', [0xc1], 'malformed'],
    ['a float that is cut', [0xcb, 1, 2, 3], 'malformed'],
    ['a depth of a million', new Uint8Array(1_000_001).fill(0x91), 'too_deep'],
    [
      'a million items',
      Buffer.concat([Uint8Array.of(0xdd, 0, 0x0f, 0x42, 0x40), new Uint8Array(1_000_000)]),
      'too_many',
    ],
  ])('%s: a miss with its reason, in no time', async (_what, bytes, why) => {
    const frame = forged(Uint8Array.from(bytes))
    expect(decode(codec, frame)).toEqual({ parts: undefined, why })
    await expectWithinParses(1, () => decode(codec, frame))
  })

  test('a mark that no writer of ours has written is a miss', () => {
    for (const data of [{ $: ['RegExp', 'x'] }, { $: ['Date', 'x'] }, { $: ['Map', 1] }, { $: 'x' }])
      expect(decode(codec, forged(packr.pack(data), 33))).toEqual({ parts: undefined, why: 'malformed' })
  })

  test('any bytes, and any change of our own, make a value or a miss, and never harm', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(32, 33), (bytes, format) => {
        decode(codec, forged(bytes, format))
      }),
      { numRuns: 3000 },
    )
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(), fc.integer({ min: 1, max: 255 }), (value, at, change) => {
        const body = packr.pack(value)
        if (body.length > 0) body[at % body.length] ^= change
        decode(codec, forged(body))
      }),
      { numRuns: 3000 },
    )
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })

  test('it is MessagePack: the package msgpackr reads what is written, and what it makes of plain data is read', () => {
    const limits = resolveLimits({ maxDepth: 20 })
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        if (typeof value !== 'object' || value === null) return
        const ours = writeMessagePack(value, limits)
        if (ours === undefined || JSON.stringify(value).includes('__proto__')) return
        assertSame(packr.unpack(ours), value)
        const theirs = packr.pack(value)
        const read = readMessagePack(theirs, 0, theirs.length, limits)
        assertSame('value' in read ? read.value : read.rejected, value)
      }),
      { numRuns: 1000 },
    )
    const bytes = packr.pack([[[]]])
    expect(readMessagePack(bytes, 0, bytes.length, resolveLimits({ maxDepth: 2 }))).toEqual({ rejected: 'too_deep' })
    const items = packr.pack({ a: 1, b: [1, 2] })
    expect(readMessagePack(items, 0, items.length, resolveLimits({ maxItems: 3 }))).toEqual({ rejected: 'too_many' })
  })
})

function nest(levels: number, core: unknown): unknown {
  return levels === 0 ? core : { [`level${levels}`]: nest(levels - 1, core), after: levels }
}
