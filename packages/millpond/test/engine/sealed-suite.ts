// What sealed entries owe over any store: they are judged by what they were sealed with, whatever the tier says of
// them.
import { randomBytes } from 'node:crypto'
import type { Cache, CacheEvents, CacheOptions, Key, Tier } from 'millpond'
import { keyring } from 'millpond/codec'
import type { LedgerStore } from 'millpond/tier'
import { expect, test } from 'vitest'
import { patient } from '../services/index.ts'
import { closeAfterEach, open } from './setups.ts'

export const codec = { encrypt: keyring({ current: 'k1', keys: { k1: randomBytes(32) } }) }
let count = 0

type Rejected = CacheEvents['rejected']

/** A process with its own view of one shared tier, and what it did not trust. */
function processOf(
  tiers: CacheOptions['tiers'],
  name: string,
  more: CacheOptions = {},
): { cache: Cache; rejected: Rejected[] } {
  // What is judged is what is accepted, and not how soon a busy ledger answers.
  const cache = open({ name, maxStale: '20s', tiers: tiers ?? [], codec, ...more })
  const rejected: Rejected[] = []
  cache.on('rejected', (one) => rejected.push(one))
  return { cache, rejected }
}

export const storageKeyOf = async (cache: Cache, key: Key): Promise<string> => (await cache.explain(key)).storageKey

/** Everything that one shared store must do, by a tier on it for each process. */
export function sealedSuite(tierOf: () => Tier, isSlow = false): void {
  closeAfterEach()
  const fresh = (): { name: string; tier: Tier; start: (more?: CacheOptions) => ReturnType<typeof processOf> } => {
    const name = `sealed${count++}`
    return { name, tier: tierOf(), start: (more) => processOf([patient(tierOf())], name, more) }
  }

  test('what one process sets or loads, others read, also those that start later; with no value in the tier', async () => {
    const { tier, start } = fresh()
    const [a, b] = [start(), start()]
    await a.cache.set('set', { canary: 'CANARY1' }, { tags: ['t'] })
    await a.cache.getOrSet('loaded', () => ({ canary: 'CANARY2' }))
    await a.cache.setMany(Array.from({ length: 300 }, (_, index): [string, number] => [`many${index}`, index]))
    await Promise.all(Array.from({ length: 300 }, (_, index) => a.cache.set(`burst${index}`, index)))
    await a.cache.flush()
    for (const { cache, rejected } of [a, b, start()]) {
      expect(await cache.get('set')).toEqual({ canary: 'CANARY1' })
      expect(await cache.get('loaded')).toEqual({ canary: 'CANARY2' })
      const many = await cache.getMany(Array.from({ length: 300 }, (_, index) => `many${index}`))
      expect(many).toEqual(Array.from({ length: 300 }, (_, index) => index))
      expect(await cache.getMany(Array.from({ length: 300 }, (_, index) => `burst${index}`))).not.toContain(undefined)
      expect(rejected).toEqual([])
      expect(await cache.getEntry('set')).toMatchObject({ isEncrypted: true })
    }
    for (const key of ['set', 'loaded']) {
      const [stored] = await tier.read([await storageKeyOf(a.cache, key)])
      expect(Buffer.from(stored?.body ?? []).includes('CANARY')).toBe(false)
      expect(stored?.body.byteLength).toBeGreaterThan(0)
    }
  })

  test('overwritten again and again, by two processes in turn, the last value is read', async () => {
    const { start } = fresh()
    const [a, b] = [start(), start()]
    for (let round = 0; round < 10; round++) {
      await a.cache.set('k', `a${round}`)
      expect(await b.cache.get('k', { consistency: 'strong' })).toBe(`a${round}`)
      await b.cache.set('k', `b${round}`)
      expect(await a.cache.get('k', { consistency: 'strong' })).toBe(`b${round}`)
    }
    await Promise.all([a.cache.set('k', 1), a.cache.set('k', 2), b.cache.set('k', 3), a.cache.set('k', 4)])
    const now = await a.cache.get('k', { consistency: 'strong' })
    if (now !== undefined) expect(await start().cache.get('k')).toBe(now)
  })

  test('what a transaction has set is read by all', async () => {
    const { start } = fresh()
    const [a, b] = [start(), start()]
    await a.cache.set('k', 'before')
    await a.cache.transaction({ keys: ['k', 'l'] }, (transaction) => {
      transaction.set('k', 'after')
      transaction.set('l', 'first')
    })
    for (const { cache, rejected } of [a, b, start()]) {
      expect(await cache.getMany(['k', 'l'], { consistency: 'strong' })).toEqual(['after', 'first'])
      expect(rejected).toEqual([])
    }
  })

  const moves: [string, (cache: Cache) => Promise<unknown>][] = [
    ['a set', (cache) => cache.set('k', 'new', { tags: ['t'] })],
    ['a delete', (cache) => cache.delete('k')],
    ['its tag', (cache) => cache.invalidateTags(['t'])],
    ['a pattern', (cache) => cache.invalidatePattern('k*')],
    ['a clear', (cache) => cache.clear()],
  ]
  const makes: [string, (cache: Cache) => Promise<unknown>][] = [
    ['written', (cache) => cache.set('k', 'old', { tags: ['t'] })],
    ['loaded', (cache) => cache.getOrSet('k', () => 'old', { tags: ['t'] })],
  ]
  const all = makes.flatMap(([made, make]) => moves.map(([moved, move]) => [made, moved, make, move] as const))
  // What differs between stores is how they keep a write; the rest is the engine's.
  test.each(isSlow ? all.filter(([, moved]) => moved === 'a set') : all)(
    'G24: a record that was %s, put back after %s, is a miss in every process, also at a forged position',
    async (made, moved, make, move) => {
      const { tier, start } = fresh()
      const [a, b] = [start(), start()]
      await make(a.cache)
      await a.cache.flush()
      expect(await b.cache.get('k')).toBe('old')
      const key = await storageKeyOf(a.cache, 'k')
      const [old] = await tier.read([key])
      if (old === undefined) throw new Error('nothing was stored')
      await move(a.cache)
      const { position } = (await a.cache.explain('k')).ledger
      for (const seq of [old.asOf.seq, position.seq, position.seq + 1000]) {
        await tier.write([{ ...old, key, asOf: { ...old.asOf, seq } }])
        for (const { cache, rejected } of [a, b, start()]) {
          rejected.length = 0
          const had = await cache.get('k', { consistency: 'strong' })
          expect(had, `position ${seq}`).not.toBe('old')
          // For a write before a clear it cannot be known whether its step was forgotten or is forged.
          if (seq !== old.asOf.seq && !(made === 'written' && moved === 'a clear'))
            expect(rejected.map(({ why }) => why)).toContain('replayed')
          expect((await cache.explain('k')).tiers.at(-1)?.state).toBe('invalid')
        }
      }
      expect(await a.cache.getOrSet('k', () => 'loaded')).toBe('loaded')
    },
  )

  test('G24: records that were swapped, between keys, namespaces and caches, are misses', async () => {
    const { name, tier, start } = fresh()
    const a = start()
    const other = processOf([patient(tierOf())], `${name}b`)
    const cells: [Cache, string][] = [
      [a.cache, 'k'],
      [a.cache, 'l'],
      [a.cache.namespace('n'), 'k'],
      [other.cache, 'k'],
    ]
    for (const [cache, key] of cells) await cache.set(key, `${cache.name} ${key}`)
    const keys = await Promise.all(cells.map(([cache, key]) => storageKeyOf(cache, key)))
    const records = await tier.read(keys)
    for (const [from, record] of records.entries())
      for (const [to, key] of keys.entries()) {
        const target = records[to]
        if (record === undefined || target === undefined || from === to) continue
        const [cache, name] = cells[to] ?? cells[0]!
        await tier.write([{ ...record, asOf: target.asOf, key }])
        expect(await cache.get(name), `${from} to ${to}`).toBeUndefined()
        await tier.write([{ ...target, key }])
        expect(await cache.get(name)).toBe(`${cache.name} ${name}`)
      }
    expect(new Set([...a.rejected, ...other.rejected].map(({ why }) => why))).toEqual(new Set(['moved', 'tampered']))
  })

  test('touch and expire seal anew, and others read what they made', async () => {
    const { tier, start } = fresh()
    const a = start()
    await a.cache.set('k', 'v', { ttl: '1m', staleFor: '1h' })
    const key = await storageKeyOf(a.cache, 'k')
    const bodies = new Set<string>()
    const note = async (): Promise<void> => {
      bodies.add(Buffer.from((await tier.read([key]))[0]?.body ?? []).toString('hex'))
    }
    await note()
    expect(await a.cache.touch('k', '2h')).toBe(true)
    await note()
    expect(await start().cache.getEntry('k')).toMatchObject({ ttlMs: expect.toSatisfy((ms: number) => ms > 3_600_000) })
    await a.cache.expire('k')
    await note()
    expect(bodies.size).toBe(3)
    expect(await start().cache.get('k')).toBeUndefined()
    expect(await start().cache.getOrSet('k', () => 'w', { staleFor: '1h' })).toBe('v')
  })

  test('a write whose answer was lost, and which is owed and sent again, is not accepted', async () => {
    const { name, start } = fresh()
    const broken = tierOf()
    const ledger = broken.ledger as LedgerStore
    let lose = false
    const advance: LedgerStore['advance'] = async (namespace, change) => {
      const answer = await ledger.advance(namespace, change)
      if (!lose || change.write.length === 0) return answer
      lose = false
      throw new Error('the answer was lost')
    }
    const half = new Proxy(ledger, { get: (its, at) => (at === 'advance' ? advance : bound(its, at)) })
    const a = processOf(
      [patient(new Proxy(broken, { get: (its, at) => (at === 'ledger' ? half : bound(its, at)) }))],
      name,
    )
    await a.cache.set('k', 'first')
    lose = true
    await expect(a.cache.set('k', 'lost')).rejects.toMatchObject({ code: 'LEDGER_UNREACHABLE' })
    while ((await a.cache.explain('k')).ledger.pending > 0) await new Promise((resolve) => setTimeout(resolve, 20))
    expect(await start().cache.get('k')).toBeUndefined()
    expect(await a.cache.get('k')).toBeUndefined()
  })

  test('S1: what a former key has sealed is sealed anew behind readers and writers, may be stopped, and goes on where it was', async () => {
    const { name, tier } = fresh()
    const keys = { k1: randomBytes(32), k2: randomBytes(32) }
    const ring = keyring({ current: 'k1', keys: { k1: keys.k1 } })
    const a = processOf([patient(tierOf())], name, { codec: { encrypt: ring } })
    const count = isSlow ? 300 : 1200
    const numbers = Array.from({ length: count }, (_, index) => index)
    await a.cache.setMany(numbers.map((index): [string, number] => [`k${index}`, index]))
    await a.cache.set('over', 1, { tags: ['t'] })
    await a.cache.invalidateTags(['t'])
    ring.replace({ current: 'k2', keys })
    const stop = new AbortController()
    const stopped = a.cache.reseal({ signal: stop.signal, onProgress: () => stop.abort() })
    // A small namespace may be done in the first step.
    await stopped.catch((error: unknown) => expect(error).toMatchObject({ code: 'ABORTED' }))
    const [done] = await Promise.all([
      a.cache.reseal(),
      a.cache.set('k7', 'new'),
      a.cache.delete('k8'),
      a.cache.set('fresh', 1),
    ])
    expect(done).toMatchObject({ unreadable: 0, unlisted: [] })
    expect(done.seen).toBeGreaterThan(count - 10)
    expect(await a.cache.reseal()).toMatchObject({ resealed: 0 })
    // Who has the new key alone reads all of it, and none of what was invalid.
    const next = processOf([patient(tierOf())], name, {
      codec: { encrypt: keyring({ current: 'k2', keys: { k2: keys.k2 } }) },
    })
    const values = await next.cache.getMany(numbers.map((index) => `k${index}`))
    expect(values).toEqual(numbers.map((index) => (index === 7 ? 'new' : index === 8 ? undefined : index)))
    expect(await next.cache.get('over')).toBeUndefined()
    expect(next.rejected.filter(({ key }) => key !== 'over')).toEqual([])
    expect(await tier.read([await storageKeyOf(a.cache, 'k1')])).toHaveLength(1)
  })

  test('a key that is not in the ring, and plain values, are misses that are counted', async () => {
    const { name, start } = fresh()
    const a = start()
    await a.cache.set('k', 'v')
    const stranger = processOf([patient(tierOf())], name, {
      codec: { encrypt: keyring({ current: 'k2', keys: { k2: randomBytes(32) } }) },
    })
    expect(await stranger.cache.get('k')).toBeUndefined()
    expect(stranger.rejected).toMatchObject([{ key: 'k', namespace: 'default', why: 'unknown_key' }])
    const plain = open({ name, tiers: [patient(tierOf())] })
    expect(await plain.get('k')).toBeUndefined()
    await plain.set('plain', 1)
    expect(await a.cache.get('plain')).toBeUndefined()
    expect(a.rejected).toMatchObject([{ key: 'plain', why: 'unsealed' }])
    const reader = processOf([patient(tierOf())], name, { codec: { ...codec, readsPlain: true } })
    expect([await reader.cache.get('plain'), await reader.cache.get('k')]).toEqual([1, 'v'])
    expect(await reader.cache.reseal()).toMatchObject({ resealed: 1 })
    expect(await a.cache.get('plain')).toBe(1)
    expect(stranger.cache.stats().tiers.map(({ rejected }) => rejected)).toEqual([{ unknown_key: 1 }])
  })
}

/** Methods of classes with private fields want their own object. */
export function bound(its: object, at: string | symbol): unknown {
  const value: unknown = Reflect.get(its, at, its)
  return typeof value === 'function' ? value.bind(its) : value
}
