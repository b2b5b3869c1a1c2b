// Packed values keep what JSON keeps, nothing of it changed in silence, and no bytes are accepted that are not packed.
import { serialize, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { jsonCodec, type Rejection, valueCodec } from '../../src/codec/index.ts'
import { resolveLimits } from '../../src/codec/limits.ts'
import { readPacked } from '../../src/codec/packed-read.ts'
import { writePacked } from '../../src/codec/packed-write.ts'
import type { EncodedParts } from '../../src/core/contracts.ts'
import fc from '../properties.ts'
import { anyValue } from './arbitrary.ts'
import { expectWithinParses } from './cpu.ts'
import { decode, encode, formatOf, framed } from './one-turn.ts'
import { assertEntry, assertSame } from './same.ts'
import { kept, protoField, refused } from './values.ts'

const codec = valueCodec({ format: 'packed' })
const limits = resolveLimits()
const partsOf = (value: unknown): EncodedParts => ({
  key: 'k',
  value,
  createdAt: 1,
  freshUntil: 2,
  staleUntil: 3,
  tags: ['t'],
})
const PLAIN = 48
const ESCAPED = 49

function roundTrip(value: unknown): unknown {
  return decode(codec, encode(codec, partsOf(value))).parts?.value
}

/** Bytes as the layout has them, whatever stands in them. */
function packed({
  kind = 0,
  table = '[["a"]]',
  data = [] as number[],
  texts = Buffer.alloc(0) as Uint8Array,
  tableSum = 0,
}): Buffer {
  const head = Buffer.alloc(13)
  head[0] = kind
  head.writeUInt32LE(Buffer.byteLength(table), 1)
  head.writeUInt32LE(data.length, 5)
  head.writeUInt32LE(tableSum, 9)
  return Buffer.concat([head, Buffer.from(table), Uint8Array.from(data), texts])
}

const readsAs = (bytes: Uint8Array, format = PLAIN): unknown => {
  const { parts, why } = decode(codec, framed(format, bytes))
  return parts === undefined ? why : parts.value
}

describe('G20: packed', () => {
  test.each(kept)('keeps $name', ({ make }) => {
    assertEntry(decode(codec, encode(codec, partsOf(make()))).parts, partsOf(make()))
  })

  test.each(refused)('refuses $name, as JSON does', ({ make }) => {
    let message = ''
    try {
      jsonCodec().encode(partsOf(make()))
    } catch (error) {
      message = (error as Error).message
    }
    expect(message).not.toBe('')
    expect(() => encode(codec, partsOf(make()))).toThrow(message)
  })

  test('writes plain data, times and what numbers may be as they are, and the rest in the escape form', () => {
    for (const value of [
      { a: [1, 'x', null] },
      [new Date(0), undefined, -0, Number.NaN],
      { a: '\ud800' },
      protoField(1),
    ])
      expect(formatOf(encode(codec, partsOf(value)))).toBe(PLAIN)
    for (const value of [{ a: 1n }, [new Map()], Object.create(null)])
      expect(formatOf(encode(codec, partsOf(value)))).toBe(ESCAPED)
    expect(formatOf(encode(codec, partsOf(Buffer.from('raw'))))).toBe(2)
  })

  test('names are written once for each shape, and texts as they are', () => {
    const rows = Array.from({ length: 100 }, (_, id) => ({ identifier: id, description: `row ${id}` }))
    const bytes = encode(codec, partsOf(rows))
    expect(bytes.toString('latin1').split('identifier')).toHaveLength(2)
    expect(bytes.length).toBeLessThan(encode(jsonCodec(), partsOf(rows)).length / 3)
  })

  test('texts of every width, alone and side by side, at lengths around every bound', () => {
    const units = ['a', 'é', '中', '😀', '\ud800', '\udc00', '\u0000']
    for (const length of [0, 1, 12, 13, 31, 32, 255, 256, 4095, 4096, 4097, 65_535, 65_536])
      for (const unit of units) {
        const text = unit.repeat(Math.ceil(length / unit.length)).slice(0, length)
        assertSame(roundTrip([text, { [text.slice(0, 200)]: 'x' }, text]), [text, { [text.slice(0, 200)]: 'x' }, text])
      }
    // Two halves of a pair that meet where one text ends.
    assertSame(roundTrip(['x\ud83d', '\ude00y']), ['x\ud83d', '\ude00y'])
  })

  test('numbers around every bound', () => {
    for (const bound of [
      0,
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
      for (const number of [bound, -bound, bound + 1, -bound - 1, bound - 1]) assertSame(roundTrip([number]), [number])
  })

  test('thousands of shapes, deep ones too, and dictionaries with names that come once', () => {
    const nested = (levels: number): object =>
      levels === 0 ? {} : { [`field${levels}`]: nested(levels - 1), after: levels }
    assertSame(roundTrip(nested(300)), nested(300))
    const wide = Array.from({ length: 300 }, (_, i) => ({ [`only${i}`]: i, [`text${i}`]: `${i}` }))
    assertSame(roundTrip(wide), wide)
    // More names than are remembered, again and again: what is not remembered is written beside its value.
    for (let round = 0; round < 4; round++) {
      const many = Array.from({ length: 30_000 }, (_, i) => ({ [`round${round}-${i}`]: i }))
      assertSame(roundTrip(many), many)
    }
    const dictionary = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`user:${i}`, { id: i }]))
    assertSame(roundTrip(dictionary), dictionary)
    assertSame(roundTrip({ ['n'.repeat(1000)]: { a: 1 } }), { ['n'.repeat(1000)]: { a: 1 } })
  })

  test('a part of a value that is kept does not keep a long text alive', () => {
    const texts = Array.from({ length: 400 }, (_, i) => `a text that is longer than thirteen ${i}`)
    assertSame(roundTrip(texts), texts)
    const wide = texts.map((text) => `${text} 中`)
    assertSame(roundTrip(wide), wide)
  })

  test('what takes one byte a character is kept in one byte a character', () => {
    for (const length of [10, 5000, 2_000_000]) {
      const [text] = roundTrip(['x'.repeat(length)]) as string[]
      // V8 writes a text as it keeps it.
      expect(serialize(text).length).toBeLessThan(length + 100)
    }
  })

  test('a value whose getter writes another value, and one whose getter throws', () => {
    const value = {
      a: 1,
      get inner() {
        return formatOf(encode(codec, partsOf({ b: [2] })))
      },
      z: 'end',
    }
    assertSame(roundTrip(value), { a: 1, inner: 0, z: 'end' })
    const throws = {
      get a(): never {
        throw new Error('mine')
      },
    }
    expect(() => encode(codec, partsOf(throws))).toThrow('mine')
    assertSame(roundTrip({ after: 1 }), { after: 1 })
  })

  test('a getter is read once', () => {
    let reads = 0
    const value = {
      get n() {
        return ++reads
      },
    }
    assertSame(roundTrip(value), { n: 1 })
  })

  test('dictionaries in one another are walked once, however deep', () => {
    let reads = 0
    const inmost = {
      get n() {
        return ++reads
      },
    }
    const wide = Object.fromEntries(names(130).map((name) => [name, 1]))
    for (const more of [wide, { ['n'.repeat(200)]: 1 }]) {
      reads = 0
      encode(codec, partsOf(nest(12, inmost, more)))
      expect(reads).toBe(1)
      assertSame(roundTrip(nest(60, {}, more)), nest(60, {}, more))
    }
  })

  test('a value that ends where the room to write it in ends is whole', () => {
    const shapes = names(20).map((name) => ({ [name]: 1 }))
    for (let length = 65_390; length < 65_450; length++) {
      const value = nest(8, [shapes, new Array(length).fill(1), 0.5])
      expect(JSON.stringify(roundTrip(value)) === JSON.stringify(value), `a list of ${length}`).toBe(true)
    }
  })

  test('what others put on Object.prototype is no field, and values of another realm are plain', () => {
    Object.defineProperty(Object.prototype, 'polluted', { value: 1, enumerable: true, configurable: true })
    try {
      assertSame(Object.keys(roundTrip({ a: 1 }) as object), ['a'])
    } finally {
      Reflect.deleteProperty(Object.prototype, 'polluted')
    }
    assertSame(roundTrip(runInNewContext('({ a: [1, { b: new Date(5) }] })')), { a: [1, { b: new Date(5) }] })
  })

  test('limits hold for what is written and for what is read', () => {
    const tight = valueCodec({ format: 'packed', limits: { maxItems: 3, maxDepth: 2, maxBytes: 2000 } })
    for (const value of [{ a: [1, 2] }, [[1, 2]], { a: 1, b: 2, c: 'x' }])
      assertSame(decode(tight, encode(tight, partsOf(value))).parts?.value, value)
    expect(() => encode(tight, partsOf({ a: [1, 2, 3] }))).toThrow(/more than 3 items/)
    expect(() => encode(tight, partsOf([[[1]]]))).toThrow(/deeper than 2 levels/)
    expect(() => encode(tight, partsOf(['x'.repeat(3000)]))).toThrow(/needs more than 2000 bytes/)
    expect(decode(tight, encode(codec, partsOf([[[1]]]))).why).toBe('too_deep')
    expect(decode(tight, encode(codec, partsOf([1, 2, 3, 4]))).why).toBe('too_many')
  })

  test('a text longer than any string is refused by its type, and the next value is written as ever', () => {
    const half = 'x'.repeat(2 ** 28)
    expect(() => encode(codec, partsOf([half, half, half]))).toThrow(
      expect.objectContaining({ code: 'VALUE_TOO_LARGE' }),
    )
    assertSame(roundTrip(['y']), ['y'])
  })

  test('tells whether every text and name takes one byte a character', () => {
    const isNarrow = (value: unknown) => decode(codec, encode(codec, partsOf(value))).parts?.isNarrow
    expect(isNarrow({ a: 'x' })).toBe(true)
    expect(isNarrow({ a: '中' })).toBe(false)
    expect(isNarrow({ 中: 'x' })).toBe(false)
    expect(isNarrow({ '\ud800': 'x' })).toBe(false)
  })
})

describe('G26: bytes that claim to be packed', () => {
  test.each<[string, Uint8Array, Rejection]>([
    ['nothing', Buffer.alloc(0), 'malformed'],
    ['a head that is cut', packed({}).subarray(0, 12), 'malformed'],
    ['a table longer than all there is', packed({}).fill(0xff, 1, 5), 'malformed'],
    ['data longer than all there is', packed({}).fill(0xff, 5, 9), 'malformed'],
    ['no value', packed({}), 'malformed'],
    ['two values', packed({ data: [1, 2] }), 'malformed'],
    ['a text that is cut', packed({ data: [0xa5], texts: Buffer.from('abc') }), 'malformed'],
    ['unused texts', packed({ data: [0xa1], texts: Buffer.from('abc') }), 'malformed'],
    ['texts of an unknown kind', packed({ kind: 3, data: [1] }), 'malformed'],
    ['a text longer than all there is', packed({ data: [0xdb, 0xff, 0xff, 0xff, 0xff] }), 'malformed'],
    ['a list that is cut', packed({ data: [0x92, 1] }), 'malformed'],
    ['four thousand million items', packed({ data: [0xdd, 0xff, 0xff, 0xff, 0xff] }), 'too_many'],
    ['four thousand million fields', packed({ data: [0xdf, 0xff, 0xff, 0xff, 0xff] }), 'too_many'],
    ['a field whose name is a number', packed({ data: [0xdf, 0, 0, 0, 1, 1, 1] }), 'malformed'],
    ['a field whose name is a list', packed({ data: [0xdf, 0, 0, 0, 1, 0x90, 1] }), 'too_deep'],
    ['a shape that is not in the table', packed({ data: [0x81, 1] }), 'malformed'],
    ['a type that there is not', packed({ data: [0xff] }), 'malformed'],
    ['a float that is cut', packed({ data: [0xcb, 1, 2] }), 'malformed'],
    ['a time that there is not', packed({ data: [0xd7, 0x7f, 0xef, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff] }), 'malformed'],
    ['a table that is not JSON', packed({ table: '[["a"', data: [1] }), 'malformed'],
    ['a table that is not a list', packed({ table: '{"a":["b"]}', data: [1] }), 'malformed'],
    ['a shape that is not a list', packed({ table: '["a"]', data: [1] }), 'malformed'],
    ['a name that is a number', packed({ table: '[[1]]', data: [1] }), 'malformed'],
    ['a name that comes twice', packed({ table: '[["a","a"]]', data: [0x80, 1, 2] }), 'malformed'],
    ['a table of a million levels', packed({ table: '['.repeat(1_000_000), data: [1] }), 'too_deep'],
    ['a table of a million names', packed({ table: `[[${'"a",'.repeat(1_000_000)}"b"]]`, data: [1] }), 'too_many'],
    [
      'a table whose one name comes 200,000 times',
      packed({ table: `[[${'"a",'.repeat(200_000)}"a"]]`, data: [1] }),
      'malformed',
    ],
    ['a depth of a million', packed({ data: new Array(1_000_000).fill(0x91) }), 'too_deep'],
    [
      'a shape of more fields than any has',
      packed({ table: JSON.stringify([names(129)]), data: new Array(130).fill(0x80) }),
      'malformed',
    ],
    [
      'a shape of many fields, many times',
      packed({
        table: JSON.stringify([names(128)]),
        data: [0xdd, 0, 0, 4, 0, ...new Array(1024).fill([0x80, ...new Array(128).fill(1)]).flat()],
      }),
      'too_many',
    ],
    ['a million empty lists', packed({ data: [0xdd, 0, 1, 0x86, 0x9f, ...new Array(100_000).fill(0x90)] }), 'too_many'],
  ])('%s: a miss with its reason, in no time', async (_what, bytes, why) => {
    const frame = framed(PLAIN, bytes)
    expect(decode(codec, frame)).toEqual({ parts: undefined, why })
    await expectWithinParses(1, () => decode(codec, frame))
  })

  test('the table of one value is never taken for that of another, whatever their checksums say', () => {
    const data = [0x80, 1]
    expect(readsAs(packed({ table: '[["a"]]', data, tableSum: 7 }))).toEqual({ a: 1 })
    expect(readsAs(packed({ table: '[["b"]]', data, tableSum: 7 }))).toEqual({ b: 1 })
    expect(readsAs(packed({ table: '[["a"]]', data, tableSum: 7 }))).toEqual({ a: 1 })
  })

  test('what is remembered of tables is bounded by the memory that it takes, not by its bytes', () => {
    setFlagsFromString('--expose-gc')
    const heap = (): number => {
      runInNewContext('gc')()
      return process.memoryUsage().heapUsed
    }
    const before = heap()
    for (let sum = 0; sum < 100; sum++)
      readsAs(packed({ table: `[${'[],'.repeat(3000)}[]]`, data: [1], tableSum: sum }))
    for (let sum = 0; sum < 10; sum++)
      readsAs(packed({ table: `[${'[],'.repeat(90_000)}[]]`, data: [1], tableSum: sum }))
    expect((heap() - before) / 2 ** 20).toBeLessThan(12)
  })

  test('names that objects have by nature become fields, and pollute nothing', () => {
    const table = JSON.stringify([['__proto__', 'constructor', 'toString']])
    const value = readsAs(packed({ table, data: [0x80, 0x90, 1, 2] })) as Record<string, unknown>
    expect(Object.entries(value)).toEqual([
      ['__proto__', []],
      ['constructor', 1],
      ['toString', 2],
    ])
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
  })

  test('a mark that no writer of ours has written is a miss', () => {
    for (const data of [{ $: ['RegExp', 'x'] }, { $: ['Date', 'x'] }, { $: ['Map', 1] }, { $: 'x' }]) {
      const bytes = writePacked(data, limits)
      expect(bytes === undefined ? undefined : readsAs(bytes, ESCAPED)).toBe('malformed')
    }
  })

  test('any bytes, and any change of our own, make a value or a miss, and never harm', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(PLAIN, ESCAPED), (bytes, format) => {
        readsAs(bytes, format)
      }),
      { numRuns: 3000 },
    )
    fc.assert(
      fc.property(anyValue, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, at, change) => {
        const bytes = typeof value === 'object' && value !== null ? writePacked(value, limits) : undefined
        if (bytes === undefined) return
        const place = at % bytes.length
        bytes[place] = (bytes[place] ?? 0) ^ change
        readPacked(bytes, 0, bytes.length, limits)
      }),
      { numRuns: 3000 },
    )
    expect(Object.keys(Object.prototype)).toEqual([])
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })
})

function names(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `n${i}`)
}

/** `core` as the first field of an object, as the first field of an object, and so on; each has `more` beside it. */
function nest(levels: number, core: object, more: object = {}): object {
  let value = core
  for (let level = 0; level < levels; level++) value = { [`level${level}`]: value, ...more }
  return value
}
