// What users of other caches and serialisers have reported, tried on every format of ours, and through memory and a
// tier.
import { type Cache, memory } from 'millpond'
import { valueCodec } from 'millpond/codec'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, test } from 'vitest'
import { closeAfterEach, newFolder, open } from '../engine/setups.ts'
import { decode, encode, PLACE } from './one-turn.ts'
import { assertSame } from './same.ts'

const FORMATS = ['json', 'messagepack', 'packed'] as const
type Format = (typeof FORMATS)[number]

const partsOf = (value: unknown) => ({ key: 'k', value, createdAt: 1, freshUntil: 2, staleUntil: 3, tags: [] })

function back(format: Format, value: unknown): unknown {
  const codec = valueCodec({ format })
  return decode(codec, encode(codec, partsOf(value))).parts?.value
}

describe.each(FORMATS)('G20: reported of others, as %s', (format) => {
  test('kriszyp/msgpackr#82: ten thousand rows that share their text come back garbled', () => {
    const row = { url: 'https://www.example.com/' }
    const value = { output: Array.from({ length: 10_001 }, () => row) }
    assertSame(back(format, value), value)
    const wide = { output: Array.from({ length: 10_001 }, (_, i) => ({ url: `https://www.example.com/é${i % 7}` })) }
    assertSame(back(format, wide), wide)
  })

  test('kriszyp/lmdb-js#55, msgpackr#164: records and their shared structures get out of step', () => {
    const writers = Array.from({ length: 20 }, () => valueCodec({ format }))
    // Each has seen other shapes, in another order, and each reads what the others wrote.
    const records = writers.map((codec, at) => {
      for (let i = 0; i < at; i++) encode(codec, partsOf({ [`of${at}`]: i, [`and${i}`]: at }))
      return encode(
        codec,
        partsOf([
          { event: at, type: 'x', message: `m${at}` },
          { message: 'first', event: at },
        ]),
      )
    })
    for (const reader of [...writers, valueCodec()])
      for (const [at, record] of records.entries())
        assertSame(decode(reader, record).parts?.value, [
          { event: at, type: 'x', message: `m${at}` },
          { message: 'first', event: at },
        ])
  })

  test('stampchain.io#1257, upstash/redis-js#37: texts that look like something else become it', () => {
    const texts = [
      '0',
      '1',
      '007',
      '-1',
      '1e5',
      '101660004000155481467',
      '9007199254740993',
      'NaN',
      'null',
      'undefined',
      'true',
      '',
    ]
    const dates = ['2022-03-09', '2022-03-09T00:00:00.000Z', '1n', '$', '{"$":"NaN"}', '[object Object]', '__proto__']
    for (const text of [...texts, ...dates]) {
      assertSame(back(format, text), text)
      assertSame(back(format, { [text]: text, list: [text] }), { [text]: text, list: [text] })
    }
    for (const number of [Number('101660004000155481467'), 2 ** 53 + 2, 0.1 + 0.2, 5e-324])
      assertSame(back(format, [number]), [number])
  })

  test('joshuaslate/type-cacheable#638: a time by itself becomes a text', () => {
    for (const value of [new Date(5), new Map([[new Date(1), new Set([1n])]]), 5n, undefined, Number.NaN, -0])
      assertSame(back(format, value), value)
  })

  test('superjson#279, msgpack-javascript#288: fields named constructor, prototype and the like are refused, or worse', () => {
    const schema = JSON.parse(
      '{"properties":{"constructor":{"type":"string"},"prototype":1,"__proto__":{"isAdmin":true},"hasOwnProperty":2}}',
    )
    for (const value of [schema, { ...schema, at: new Date(1) }]) {
      const read = back(format, value) as typeof schema
      assertSame(read, value)
      expect(read.properties.isAdmin).toBeUndefined()
      expect(Object.getPrototypeOf(read.properties)).toBe(Object.prototype)
    }
  })

  test('symfony#38440, igbinary#287: objects that are equal become one and the same', () => {
    const shared = { to: 'a' }
    const read = back(format, { events: [{ to: 'a' }, { to: 'a' }, shared, shared], at: new Date(1) }) as {
      events: { to: string }[]
    }
    const [one, other, third, fourth] = read.events
    expect(new Set([one, other, third, fourth]).size).toBe(4)
  })

  test('igbinary#376, symfony#37390: after a change of the serialiser its bytes are taken for a text, or are an error', () => {
    const value = { a: [1, { at: new Date(1), big: 1n }], b: 'text' }
    for (const other of FORMATS) {
      const record = encode(valueCodec({ format: other }), partsOf(value))
      assertSame(decode(valueCodec({ format }), record).parts?.value, value)
    }
    for (const foreign of [
      'a:1:{s:1:"a";i:1;}',
      '\u0000\u0000\u0000\u0002\u0014',
      '{"a":1}',
      '\u0004\b{\u0006:\u0006aI"\u0006b\u0006:\u0006ET',
    ])
      expect(decode(valueCodec({ format }), Buffer.from(foreign))).toEqual({ parts: undefined, why: 'foreign' })
  })

  test('pierrec/node-lz4#117: what is cut ends the process', async () => {
    const large = 'compressible, and more than 64 KB of it '.repeat(4000)
    for (const algorithm of ['gzip', 'brotli', 'lz4'] as const)
      for (const value of [large, large.slice(0, 20_000)]) {
        const codec = valueCodec({ format, compress: { algorithm } })
        const record = Buffer.from(await codec.encode(partsOf([value]), PLACE))
        for (const end of [record.length - 1, record.length >> 1, 60, 41])
          expect(await codec.decode(record.subarray(0, end), PLACE)).toBeUndefined()
      }
  })
})

describe('G20: reported of others, through memory and a tier', () => {
  closeAfterEach()
  const two = (): [Cache, Cache] => {
    const path = `${newFolder()}/cache.db`
    const make = (): Cache =>
      open({ name: 'reports', tiers: [memory(), sqlite({ path })], codec: valueCodec({ format: 'packed' }) })
    return [make(), make()]
  }

  test('cacheable#895: what has a BigInt cannot be stored in memory', async () => {
    const value = { a: new Date(5), b: 123n }
    for (const cache of [open({ tiers: [memory()] }), ...two()]) {
      await cache.set('key1', value)
      assertSame(await cache.get('key1'), value)
    }
  })

  test('cacheable#1612: a key __proto__ pollutes what many keys are answered with', async () => {
    const [one, other] = two()
    for (const key of ['__proto__', 'constructor', 'toString']) await one.set(key, { polluted: true })
    for (const cache of [one, other])
      expect(await cache.getMany(['__proto__', 'constructor', 'toString', 'none'])).toEqual([
        ...Array(3).fill({ polluted: true }),
        undefined,
      ])
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
  })

  test('next.js#51613, #64812, #85342: who loads gets another value than who reads it later', async () => {
    const [one, other] = two()
    const load = () =>
      Object.defineProperty(
        { createdAt: new Date(5), tags: new Map([['a', 1]]), none: undefined } as object,
        '__internal',
        {
          value: () => 1,
        },
      )
    const values = [
      await one.getOrSet('post', load),
      await one.getOrSet('post', load),
      await other.getOrSet('post', load),
    ]
    for (const value of values) {
      assertSame(value, { createdAt: new Date(5), tags: new Map([['a', 1]]), none: undefined })
      expect(Reflect.ownKeys(value)).toEqual(['createdAt', 'tags', 'none'])
    }
  })

  test('next.js#59126: a loader that has nothing to say breaks the next reader', async () => {
    const [one, other] = two()
    for (const cache of [one, one, other]) {
      expect(await cache.getOrSet('nothing', () => undefined)).toBeUndefined()
      expect(await cache.getOrSet('none', () => null)).toBeNull()
    }
  })
})
