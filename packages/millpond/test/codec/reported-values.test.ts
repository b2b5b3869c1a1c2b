// What was reported of other serialisers, stores and encrypted look-ups, tried here: views and pools, state that
// outlives an error, batches, names that are looked up.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { type Cache, memory } from 'millpond'
import { type CodecOptions, jsonCodec, keyring, valueCodec } from 'millpond/codec'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, test } from 'vitest'
import { sealing } from '../../src/codec/seal.ts'
import type { Codec } from '../../src/core/contracts.ts'
import { closeAfterEach, newFolder, open } from '../engine/setups.ts'

const encrypt = keyring({ current: 'k', keys: { k: randomBytes(32) } })
const keyNames = randomBytes(32)
const place = { cache: 'c', namespace: 'n', asOf: { epoch: 'e', seq: 1 } }
const parts = (value: unknown) => ({ key: 'k', value, createdAt: 1, freshUntil: 2, staleUntil: 3, tags: [] })
const CODECS: readonly [string, CodecOptions][] = [
  ['json', {}],
  ['messagepack', { format: 'messagepack' }],
  ['packed', { format: 'packed' }],
  ['gzip', { compress: { algorithm: 'gzip', minBytes: 0 } }],
  ['brotli', { format: 'packed', compress: { algorithm: 'brotli', minBytes: 0 } }],
  ['lz4', { compress: { algorithm: 'lz4', minBytes: 0 } }],
  [
    'sealed',
    { format: 'packed', compress: { algorithm: 'gzip', minBytes: 0 }, mixesSecrets: false, encrypt, keyNames },
  ],
]

function write(codec: Codec, value: unknown): Uint8Array {
  const bytes = codec.encode(parts(value), place)
  if (bytes instanceof Promise) throw new Error('too large for one turn')
  return bytes
}

function read(codec: Codec, bytes: Uint8Array): unknown {
  const found = codec.decode(bytes, place)
  if (found instanceof Promise) throw new Error('too large for one turn')
  return found?.value
}

describe.each(CODECS)('reported elsewhere, tried with %s', (_name, options) => {
  const codec = valueCodec(options)

  test('actor-ts#619: bytes that are read lie in a pool, and show those of other values', () => {
    read(codec, write(codec, { secret: Buffer.from('SECRET-OF-SOMEBODY-ELSE') }))
    for (const value of [Buffer.from('abcd'), new Uint8Array(3), new Float32Array(2), Buffer.alloc(0)]) {
      const found = read(codec, write(codec, [value]))
      const [view] = Array.isArray(found) ? found : []
      expect([ArrayBuffer.isView(view), view.buffer.byteLength, view.byteOffset]).toEqual([true, value.byteLength, 0])
    }
  })

  test('devalue#204, #105, agentmemory#584: of a view on a part, all of its buffer is written, or its offset is lost', () => {
    const whole = new Uint8Array(19).map((_, at) => at)
    const views = {
      bytes: whole.subarray(3, 7),
      words: new Uint16Array(whole.buffer, 4, 2),
      floats: new Float32Array(whole.buffer, 8, 2),
      data: new DataView(whole.buffer, 17, 2),
      buffer: Buffer.from(whole.buffer, 5, 3),
      none: whole.subarray(4, 4),
    }
    const bytes = write(codec, views)
    expect(read(codec, bytes)).toEqual(views)
    expect(bytes.byteLength).toBeLessThan(
      write(codec, { ...views, more: new Uint8Array(64).map(() => Math.random() * 256) }).byteLength,
    )
  })

  test('msgpack-javascript#160: a reader that has met an error in the middle reads the next wrongly', () => {
    const values = [
      { a: [1, { b: 'text' }], at: new Date(5) },
      [[['deep']]],
      'x'.repeat(50),
      new Map([[1, new Set([2n])]]),
    ]
    const written = values.map((value) => write(codec, value))
    for (const bytes of written)
      for (let cut = 1; cut < Math.min(bytes.byteLength, 120); cut += 3) {
        read(codec, bytes.subarray(0, bytes.byteLength - cut))
        expect(read(codec, written[0] ?? bytes)).toEqual(values[0])
      }
    expect(written.map((bytes) => read(codec, bytes))).toEqual(values)
  })

  test('msgpack-ruby#309, msgpack-java#629, pkl#1486: what was written is changed by what is written next, or in between', () => {
    const inner = { name: 'inner', list: Array.from({ length: 50 }, (_, at) => `text ${at}`) }
    const outer = {
      before: 'b'.repeat(300),
      get between() {
        write(codec, inner)
        return read(codec, write(codec, inner))
      },
      after: 'a'.repeat(300),
    }
    const kept = Array.from({ length: 20 }, (_, at) => write(codec, { at, text: `${at}`.repeat(at * 40) }))
    const copies = kept.map((bytes) => Buffer.from(bytes))
    const nested = read(codec, write(codec, outer))
    expect(nested).toEqual({ before: outer.before, between: inner, after: outer.after })
    expect(kept.map((bytes) => Buffer.from(bytes))).toEqual(copies)
    expect(kept.map((bytes) => read(codec, bytes))).toEqual(
      copies.map((_, at) => ({ at, text: `${at}`.repeat(at * 40) })),
    )
  })

  test('Cm_Cache_Backend_Redis#129, phpredis#2352: what is small or empty is not compressed, or comes back as something else', () => {
    for (const value of ['', '""', '[]', '{"a":1}', 'null', [], {}, null, 0, false, Buffer.alloc(0), '\u0000', 'MP'])
      expect(read(codec, write(codec, value))).toEqual(value)
  })
})

test('liboauth2#26: one value that is sealed twice by one key looks alike', () => {
  const head = Buffer.from('head')
  const about = { ...place, head, before: [] }
  const plain = Buffer.alloc(64, 7)
  // One ring, as two processes have it, and twice in one.
  const seals = [sealing(encrypt, false), sealing(encrypt, false)]
  const bodies = [...seals, ...seals].map((seal) => Buffer.from(seal.apply(plain, about) ?? '').subarray(-80))
  const blocks = bodies.flatMap((body) =>
    Array.from({ length: 4 }, (_, at) => body.toString('hex', at * 16, at * 16 + 16)),
  )
  expect(new Set(blocks).size).toBe(16)
})

describe('reported elsewhere, of names', () => {
  closeAfterEach()
  const hidden = (folder: string): Cache =>
    open({ name: 'names', tiers: [memory(), sqlite({ path: join(folder, 'cache.db') })], codec: { encrypt, keyNames } })

  test('farm.js#592: a key with a hole is taken for another one', async () => {
    const cache = open()
    const holed = ['a', 'x', 'b']
    delete holed[1]
    for (const key of [holed, new Array<string>(1)]) {
      await expect(cache.set(key, 1)).rejects.toMatchObject({ code: 'KEY_INVALID' })
      await expect(cache.get(key)).rejects.toMatchObject({ code: 'KEY_INVALID' })
    }
    await cache.set(['a', '', 'b'], 1)
    expect([...cache.entries()].map(({ key }) => key)).toEqual(['["a","","b"]'])
  })

  test('blind_index#59: what one verb writes another does not find, since only one of them makes the name as it should', async () => {
    const folder = newFolder()
    const forms = [
      'Ann@Example.com',
      'ann@example.com',
      '\u00e9',
      'e\u0301',
      '["a"]',
      ['a'],
      ['a', 1],
      ['a', '1'],
      ['a', 1n],
      '1',
    ] as const
    const [a, b] = [hidden(folder), hidden(folder)]
    await a.setMany(forms.map((key, at) => [key, at] as const))
    expect(await b.getMany([...forms])).toEqual(forms.map((_, at) => at))
    for (const [at, key] of forms.entries()) {
      const c = hidden(folder)
      expect([await c.has(key), await c.getOrSet(key, () => 'loaded'), (await c.getEntry(key)).kind]).toEqual([
        true,
        at,
        'hit',
      ])
      expect((await c.delete(key)).removed).toBe(1)
      await c.close()
    }
    expect(await hidden(folder).getMany([...forms])).toEqual(forms.map(() => undefined))
  })

  test('open-mercato#5893, truxify#11767: a name tells whether two tenants know the same person, or one reaches the other’s', async () => {
    const cache = hidden(newFolder())
    const tenants = ['a', 'b'].map((tenant) => cache.for({ tenant }))
    const names = await Promise.all(
      tenants.map(async (tenant) => {
        await tenant.set('ann@example.com', 1, { tags: ['person:7'] })
        return (await tenant.explain('ann@example.com')).storageKey.split(':').at(-1)
      }),
    )
    expect(new Set(names).size).toBe(2)
    await tenants[0]?.invalidateTags(['person:7'])
    expect(await Promise.all(tenants.map((tenant) => tenant.get('ann@example.com')))).toEqual([undefined, 1])
  })

  test('civitai#4649: what is written compressed by one verb is read as it lies by a batch, and the other way round', async () => {
    const folder = newFolder()
    const value = (at: number) => ({ at, text: 'the same text over and over '.repeat(100) })
    const start = (codec: Codec): Cache =>
      open({ name: 'batches', tiers: [sqlite({ path: join(folder, 'cache.db') })], codec })
    const packed = start(valueCodec({ format: 'packed', compress: 'auto' }))
    const plain = start(jsonCodec())
    const keys = Array.from({ length: 20 }, (_, at) => `k${at}`)
    await packed.set('k0', value(0))
    await packed.setMany(keys.slice(1, 10).map((key, at) => [key, value(at + 1)] as const))
    await plain.setMany(keys.slice(10).map((key, at) => [key, value(at + 10)] as const))
    expect(await packed.getMany(keys)).toEqual(keys.map((_, at) => value(at)))
    for (const [at, key] of keys.entries()) expect(await packed.get(key)).toEqual(value(at))
    // A cache that knows no compression misses what it cannot read, one by one and in a batch.
    expect(await plain.getMany(keys)).toEqual(keys.map((_, at) => (at < 10 ? undefined : value(at))))
    expect(await plain.get('k0')).toBeUndefined()
  })
})
