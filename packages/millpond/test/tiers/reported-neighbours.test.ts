// Faults that were reported of other caches over these stores, with inputs next to those of the reports, tried on all
// of ours alike. Each names its report.
import { createCache, memory } from 'millpond'
import { file } from 'millpond/tiers/file'
import { memcached } from 'millpond/tiers/memcached'
import { redis } from 'millpond/tiers/redis'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Tier } from '../../src/core/contracts.ts'
import { fakeClock } from '../../src/testing/clock.ts'
import { item } from '../../src/testing/tier.ts'
import {
  describeWith,
  type MemcachedService,
  PATIENCE,
  patient,
  type RedisService,
  startMemcached,
  startRedis,
} from '../services/index.ts'
import { openRaw, temporaryFolder } from './folder.ts'

const folder = temporaryFolder()
const closing: { close(): Promise<unknown> }[] = []
const opened = <T extends { close(): Promise<unknown> }>(one: T): T => {
  closing.push(one)
  return one
}
afterEach(async () => {
  for (const one of closing.splice(0).reverse()) await one.close()
})
const textsOf = async (tier: Tier, keys: readonly string[]) =>
  (await tier.read(keys)).map((stored) => stored && Buffer.from(stored.body).toString())

/** What each store must do alike; `open` answers a tier over the same store each time. */
function suite(open: () => Tier & { close(): Promise<unknown> }): void {
  // An accent as one character or two, letters that other alphabets share, and what a path, a listing or a protocol
  // would cut, fold or end.
  const alike = [
    'é',
    'e\u0301',
    'É',
    'ﬁ',
    'fi',
    'ß',
    'ss',
    'K',
    '\u212a',
    'A.1',
    'A.2',
    'A',
    'a.dat',
    'k ',
    'k',
    'k\t',
    'k\r\n',
    'k\0',
    'k\0b',
    '/k',
    'k/',
  ]
  const long = [250, 251, 255, 256, 1024].flatMap((length) => [
    `${'x'.repeat(length - 1)}1`,
    `${'x'.repeat(length - 1)}2`,
  ])
  const keys = [...alike, ...long, 'set k 0 0 1\r\nx', '*1\r\n$8\r\nFLUSHALL']

  test('keys that are alike to a file system, a protocol or an eye are different entries (acarteas/FileCache#13, richfitz/storr#95, symfony#20453, webisters/cache#46, memcached#849)', async () => {
    const tier = opened(open())
    await tier.write(keys.map((key, at) => item(key, `value ${at}`)))
    const values = keys.map((_, at) => `value ${at}`)
    expect(await textsOf(tier, keys)).toEqual(values)
    expect(await textsOf(opened(open()), [...keys].reverse())).toEqual([...values].reverse())
    for (const [at, key] of keys.entries()) {
      expect(await tier.drop([key])).toBe(1)
      expect(await textsOf(tier, keys.slice(0, at + 2))).toEqual([
        ...keys.slice(0, at + 1).map(() => undefined),
        ...values.slice(at + 1, at + 2),
      ])
    }
  })

  const CENTURY = 100 * 365 * 86_400_000
  const lives = [61_234.5678, 120_000.1, 2 ** 31 + 0.5, 2 ** 40 / 3, CENTURY - 0.5, Number.POSITIVE_INFINITY]

  test('times that are fractions, or far beyond a number of 32 bits, are kept (epicweb-dev/cachified#17, redis-store#111, fedify#1034)', async () => {
    const tier = opened(open())
    await tier.write(lives.map((ms, at) => ({ ...item(`t${at}`), expiresAt: Date.now() + ms })))
    expect(
      await textsOf(
        tier,
        [...lives.keys()].map((at) => `t${at}`),
      ),
    ).toEqual([...lives.keys()].map((at) => `body of t${at}`))
    if (tier.ledger === undefined) return
    const [one, other] = ['here', 'there'].map(() =>
      opened(createCache({ name: 'times', maxStale: '20s', tiers: [memory(), patient(open())] })),
    )
    for (const [at, ttl] of lives.entries()) await one?.set(`t${at}`, at, { ttl })
    expect(await Promise.all(lives.map((_, at) => other?.get(`t${at}`)))).toEqual([...lives.keys()])
    for (const ttl of [-1, -0.5, Number.NaN, Number.NEGATIVE_INFINITY, 2 * CENTURY]) {
      await expect(one?.set('none', 1, { ttl }), `${ttl}`).rejects.toMatchObject({ code: 'DURATION_INVALID' })
    }
    expect(await other?.get('none')).toBeUndefined()
  })
}

describe('sqlite', () => {
  const path = `${folder()}.db`
  suite(() => sqlite({ path }))

  test('an overwrite is counted once, an entry larger than all there may be leaves the others, and the bound holds for two who share the file (DeepL/deepl-cli#107)', async () => {
    const [path, maxBytes] = [`${folder()}.db`, 100_000]
    const tiers = [opened(sqlite({ path, maxBytes })), opened(sqlite({ path, maxBytes }))] as const
    const body = (size: number) => Buffer.alloc(size, 'x').toString()
    for (let round = 0; round < 60; round++) {
      await tiers[0].write([item('same', body(1000 + round * 500)), item(`a${round}`, body(3000))])
      await tiers[1].write([item('same', body(40_000 - round * 500))])
      await tiers[1].drop([`a${round - 1}`])
      if (round % 20 === 0) await tiers[round === 20 ? 0 : 1].write([item('too large', body(maxBytes + 1))])
      expect((await tiers[1].usage()).bytes).toBeLessThanOrEqual(maxBytes)
    }
    expect((await textsOf(tiers[0], ['same', 'a59', 'too large'])).map((text) => text?.length)).toEqual([
      10_500,
      3000,
      undefined,
    ])
    const raw = openRaw(path)
    expect(raw.prepare('SELECT sum(length(body) + length(key)) AS bytes FROM entry').get()).toMatchObject({
      bytes: (await tiers[0].usage()).bytes,
    })
    raw.close()
  })

  test('what has expired is a miss also while another holds the lock to write, and goes when it is free (requests-cache#828, aiohttp-client-cache#330, undici#4124)', async () => {
    const path = `${folder()}.db`
    const clock = fakeClock({ now: Date.now() })
    const cache = opened(createCache({ clock, tiers: [memory(), sqlite({ path, deadline: '10s' })] }))
    await cache.set('old', 1, { ttl: 1000 })
    clock.advance(2000)
    const raw = openRaw(path)
    raw.exec('BEGIN IMMEDIATE')
    try {
      expect(await cache.get('old')).toBeUndefined()
      expect(await cache.has('old')).toBe(false)
    } finally {
      raw.exec('ROLLBACK')
      raw.close()
    }
    expect(await cache.getOrSet('old', () => 2)).toBe(2)
  })
})

describe('file', () => {
  const path = folder()
  suite(() => file({ path }))

  test('a key that is written again while it is evicted, by two: what is read is whole and belongs to it (TraceMachina/nativelink#2644)', async () => {
    const [path, maxBytes] = [folder(), 2 ** 20]
    const tiers = [
      opened(file({ path, maxBytes, upkeepEvery: 10 })),
      opened(file({ path, maxBytes, upkeepEvery: 10 })),
    ] as const
    const body = (key: string, round: number): string => `${key} ${round} ${key.repeat(16_000)}`
    let found = 0
    for (let round = 0; round < 25; round++) {
      const keys = Array.from({ length: 8 }, (_, at) => `k${(round + at) % 20}`)
      const [, , texts] = await Promise.all([
        tiers[0].write(keys.map((key) => item(key, body(key, round)))),
        tiers[1].write([item('k3', body('k3', round))]),
        textsOf(tiers[1], keys),
      ])
      for (const [at, text] of texts.entries()) {
        if (text === undefined) continue
        found++
        const key = keys[at] ?? ''
        expect(text).toBe(body(key, Number(text.split(' ')[1])))
      }
    }
    expect(found).toBeGreaterThan(50)
  })
})

describeWith('redis', 'redis', () => {
  let server: RedisService
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())
  suite(() => redis({ url: server.url, ...PATIENCE }))
})

describeWith('memcached', 'memcached', () => {
  let server: MemcachedService
  beforeAll(async () => {
    server = await startMemcached()
  })
  afterAll(() => server.stop())
  suite(() => memcached({ servers: `127.0.0.1:${server.port}`, ...PATIENCE }))
})
