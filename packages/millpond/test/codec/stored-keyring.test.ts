// A ring that rotates itself (S1): by age and by use, in two steps, the same in every process that has the store.
import { randomBytes } from 'node:crypto'
import { type KeyStore, keyring, memoryKeyStore, type StoredKeyringOptions, storedKeyring } from 'millpond/codec'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { countedStore } from './counted-store.ts'

const k1 = randomBytes(32)
const by = keyring({ current: 'k1', keys: { k1 } })
const place = { cache: 'c', namespace: 'n', asOf: { epoch: 'e', seq: 1 } }
const parts = { key: 'k', value: 'v', createdAt: 1, freshUntil: 2, staleUntil: 3, tags: [] }
const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE

describe('a stored ring', () => {
  const closing: { close(): Promise<void> }[] = []
  beforeEach(() => vi.useFakeTimers({ now: 1_000_000, toFake: ['Date', 'setInterval', 'clearInterval'] }))
  afterEach(async () => {
    await Promise.all(closing.splice(0).map((ring) => ring.close()))
    vi.useRealTimers()
  })
  const open = async (store: KeyStore, more: Partial<StoredKeyringOptions> = {}) => {
    const ring = await storedKeyring({ by, store, ...more })
    closing.push(ring)
    return ring
  }
  const later = (ms: number): void => void vi.setSystemTime(Date.now() + ms)

  test('is made once, and the same for all', async () => {
    const store = memoryKeyStore()
    const rings = await Promise.all(Array.from({ length: 5 }, () => open(store)))
    expect(new Set(rings.map(({ current }) => current)).size).toBe(1)
    const sealed = await rings[0]?.codec({}).encode(parts, place)
    for (const ring of rings)
      expect(await ring.codec({}).decode(sealed ?? new Uint8Array(), place)).toMatchObject({ value: 'v' })
    // Not beside what shows it.
    expect(JSON.stringify(rings[0])).toBe(JSON.stringify({ current: rings[0]?.current, ids: rings[0]?.ids }))
    expect(await store.get('ring-cache')).not.toContain(
      Buffer.from(rings[0]?.key(rings[0].current) ?? []).toString('base64'),
    )
  })

  test('rotates by age: first readable everywhere, then current', async () => {
    const store = memoryKeyStore()
    const told: unknown[] = []
    const [a, b] = [
      await open(store, { rotateAfter: { age: '30d' }, onRotation: (one) => told.push(one) }),
      await open(store),
    ]
    const first = a.current
    later(30 * DAY - 1)
    await a.check()
    expect(a.ids).toEqual([first])
    later(1)
    await a.check()
    const [next] = a.ids
    expect(told).toEqual([{ id: next, activeFrom: Date.now() + 10 * MINUTE, because: 'age' }])
    expect([a.current, b.current]).toEqual([first, first])
    await b.check()
    await a.check()
    expect([b.ids, b.current]).toEqual([[next, first], first])
    later(10 * MINUTE)
    expect([a.current, b.current]).toEqual([next, next])
    // A clock that is set back does not bring the former one back.
    later(-DAY)
    expect(a.current).toBe(next)
    later(DAY)
    const sealed = await a.codec({}).encode(parts, place)
    expect(await b.codec({}).decode(sealed, place)).toMatchObject({ value: 'v', isOldKey: false })
  })

  test('rotates by use, counted over all processes', async () => {
    const store = memoryKeyStore()
    const rotateAfter = { records: 100 }
    const [a, b] = [await open(store, { rotateAfter }), await open(store, { rotateAfter })]
    for (const ring of [a, b]) for (let turn = 0; turn < 60; turn++) await ring.codec({}).encode(parts, place)
    await a.check()
    expect([a.ids.length, a.keys[0]?.uses]).toEqual([1, 60])
    await b.check()
    expect([b.ids.length, b.keys.map(({ uses }) => uses)]).toEqual([2, [0, 120]])
    await a.check()
    expect(a.keys.map(({ uses }) => uses)).toEqual([0, 120])
    // Not again while one is under way.
    later(MINUTE)
    await b.check()
    expect(b.ids).toHaveLength(2)
  })

  test('a process that was too busy to read the record finds a key that it meets, and asks no more than once a second', async () => {
    const kept = memoryKeyStore()
    const store = countedStore(kept)
    const [a, b] = [await open(kept), await open(store)]
    await a.rotate()
    later(10 * MINUTE)
    const codec = b.codec({})
    const sealed = await a.codec({}).encode(parts, place)
    expect(b.ids).toHaveLength(1)
    const before = store.asked
    const all = await Promise.all(Array.from({ length: 20 }, () => codec.decode(sealed, place)))
    expect(all.map((found) => found?.value)).toEqual(Array.from({ length: 20 }, () => 'v'))
    expect([store.asked - before, b.current]).toEqual([1, a.current])
    // A key that is in no ring.
    const stranger = keyring({ current: 'x', keys: { x: randomBytes(32) } })
    const foreign = await stranger.codec({ encrypt: stranger }).encode(parts, place)
    const why: string[] = []
    for (let turn = 0; turn < 20; turn++)
      await codec.decode(foreign, { ...place, reject: (reason) => why.push(reason) })
    expect([why.length, new Set(why), store.asked - before]).toEqual([20, new Set(['unknown_key']), 1])
  })

  test('a process whose every change comes too late has the new keys all the same', async () => {
    const kept = memoryKeyStore()
    const a = await open(kept)
    let isSlow = false
    const b = await open({ ...kept, put: async (...change) => (isSlow ? false : kept.put(...change)) })
    await a.rotate()
    isSlow = true
    await b.codec({}).encode(parts, place)
    await expect(b.check()).rejects.toMatchObject({ code: 'KEYRING_UNREACHABLE' })
    expect(b.ids).toEqual(a.ids)
    isSlow = false
  })

  test('a process whose change hangs in the store reads what a new key has sealed all the same', async () => {
    const kept = memoryKeyStore()
    const a = await open(kept)
    let isStuck = false
    const gates: (() => void)[] = []
    const b = await open({
      ...kept,
      async put(...change) {
        if (isStuck) await new Promise<void>((resolve) => gates.push(resolve))
        return kept.put(...change)
      },
    })
    await b.codec({}).encode(parts, place)
    isStuck = true
    const checking = b.check()
    await vi.waitFor(() => expect(gates).toHaveLength(1), { timeout: 20_000 })
    await a.rotate()
    later(10 * MINUTE)
    const why: string[] = []
    const sealed = await a.codec({}).encode(parts, place)
    expect(await b.codec({}).decode(sealed, { ...place, reject: (reason) => why.push(reason) })).toMatchObject({
      value: 'v',
    })
    expect(why).toEqual([])
    isStuck = false
    gates[0]?.()
    await checking
  })

  test('one that is checked faster than its store answers has one question open at a time, and tells each use once', async () => {
    const store = memoryKeyStore()
    let [asked, most] = [0, 0]
    const gates: (() => void)[] = []
    const slow: KeyStore = {
      ...store,
      async get(name) {
        asked++
        most = Math.max(most, asked)
        if (gates.length < 1) await new Promise<void>((resolve) => gates.push(resolve))
        asked--
        return store.get(name)
      },
    }
    const opening = open(slow, { overlap: 100, recheck: 10 })
    await vi.waitFor(() => expect(gates).toHaveLength(1), { timeout: 20_000 })
    vi.advanceTimersByTime(1000)
    gates[0]?.()
    const ring = await opening
    await ring.codec({}).encode(parts, place)
    await Promise.all(Array.from({ length: 20 }, () => ring.check()))
    expect(most).toBe(1)
    expect(ring.keys.map(({ uses }) => uses)).toEqual([1])
    expect(JSON.parse((await store.get('ring-cache')) ?? '').ring).toMatchObject([{ uses: 1 }])
  })

  test('is understood by a process whose clock is behind, and one whose clock was ahead stops no other', async () => {
    const store = memoryKeyStore()
    const a = await open(store)
    const sealed = await a.codec({}).encode(parts, place)
    later(-5000)
    const b = await open(store)
    expect(b.current).toBe(a.current)
    expect(await b.codec({}).decode(sealed, place)).toMatchObject({ value: 'v' })
    expect(await a.codec({}).decode(await b.codec({}).encode(parts, place), place)).toMatchObject({ value: 'v' })
  })

  test('a listener that throws ends neither the process nor the rechecks', async () => {
    const kept = memoryKeyStore()
    let isDown = false
    const store = countedStore({
      ...kept,
      get: (name) => (isDown ? Promise.reject(new Error('down')) : kept.get(name)),
    })
    const told: string[] = []
    await open(store, {
      onWarning: ({ code }) => {
        told.push(code)
        throw new Error('the listener is broken')
      },
    })
    isDown = true
    const before = store.asked
    await vi.advanceTimersByTimeAsync(3 * MINUTE)
    expect([store.asked - before, told.length]).toEqual([3, 3])
  })

  test('a store call that hangs holds up later ones no longer than the timeout, and an end neither', async () => {
    const kept = memoryKeyStore()
    let hangs = 0
    const store: KeyStore = { ...kept, get: (name) => (hangs-- > 0 ? new Promise(() => {}) : kept.get(name)) }
    const ring = await open(store, { timeout: 50 })
    hangs = 1
    const outcomes = await Promise.allSettled([ring.check(), ring.check(), ring.rotate()])
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled'])
    await ring.codec({}).encode(parts, place)
    hangs = 1
    await Promise.allSettled([ring.check(), ring.close()])
    expect(JSON.parse((await kept.get('ring-cache')) ?? '').ring.map(({ uses }: { uses: number }) => uses)).toEqual([
      0, 1,
    ])
  })

  test('by hand, and keeps former keys unless it is told for how long', async () => {
    const store = memoryKeyStore()
    const ring = await open(store, { retireAfter: '7d' })
    const first = ring.current
    const { id, activeFrom } = await ring.rotate()
    expect([activeFrom - Date.now(), (await ring.rotate()).id]).toEqual([10 * MINUTE, id])
    later(10 * MINUTE + 7 * DAY - 1)
    await ring.check()
    expect(ring.ids).toEqual([id, first])
    later(1)
    await ring.check()
    expect([ring.ids, ring.current]).toEqual([[id], id])
  })

  test('asks again by itself, and goes on with what it has while the store is away', async () => {
    const kept = memoryKeyStore()
    let isDown = false
    const store: KeyStore = {
      ...kept,
      get: (tenant) => (isDown ? Promise.reject(new Error('down')) : kept.get(tenant)),
    }
    const warned: string[] = []
    const ring = await open(store, { onWarning: ({ code }) => warned.push(code) })
    const other = await open(kept)
    await other.rotate()
    isDown = true
    await vi.advanceTimersByTimeAsync(MINUTE)
    expect([warned, ring.ids.length]).toEqual([['KEYRING_UNREACHABLE'], 1])
    expect(await ring.codec({}).encode(parts, place)).toBeInstanceOf(Uint8Array)
    isDown = false
    await vi.advanceTimersByTimeAsync(MINUTE)
    expect(ring.ids).toHaveLength(2)
    isDown = true
    await expect(ring.check()).rejects.toMatchObject({ code: 'KEYRING_UNREACHABLE' })
    isDown = false
  })

  test('is wrapped anew when the ring that wraps it is rotated', async () => {
    const store = memoryKeyStore()
    const k2 = randomBytes(32)
    const live = keyring({ current: 'k1', keys: { k1 } })
    const ring = await open(store, { by: live })
    await ring.rotate()
    live.replace({ current: 'k2', keys: { k1, k2 } })
    await ring.rewrap()
    expect((await open(store, { by: keyring({ current: 'k2', keys: { k2 } }) })).ids).toEqual(ring.ids)
  })

  test.each<[string, () => Partial<KeyStore> | Partial<StoredKeyringOptions>, string]>([
    ['a store that is down', () => ({ get: () => Promise.reject(new Error('ECONNREFUSED')) }), 'KEYRING_UNREACHABLE'],
    ['a store that is silent', () => ({ get: () => new Promise<never>(() => {}) }), 'KEYRING_UNREACHABLE'],
    ['a store that refuses', () => ({ put: async () => false }), 'KEYRING_UNREACHABLE'],
    ['a damaged record', () => ({ get: async () => '{"version":1,"ring":[]}' }), 'KEYRING_INVALID'],
    ['a record of a later version', () => ({ get: async () => '{"version":9}' }), 'SCHEMA_NEWER'],
    ['an overlap that is too short', () => ({ overlap: '1m', recheck: '1m' }), 'OPTION_INVALID'],
    ['a name that is none', () => ({ name: '../x' }), 'OPTION_INVALID'],
  ])('is not made of %s', async (_what, given, code) => {
    const more = given()
    const store = { ...memoryKeyStore(), ...more }
    await expect(
      storedKeyring({ by, timeout: 30, ...('get' in more || 'put' in more ? {} : more), store }),
    ).rejects.toMatchObject({ code })
  })

  test('whose keys another ring has wrapped is refused', async () => {
    const store = memoryKeyStore()
    await open(store)
    await expect(
      storedKeyring({ by: keyring({ current: 'k1', keys: { k1: randomBytes(32) } }), store }),
    ).rejects.toMatchObject({
      code: 'KEYRING_INVALID',
    })
  })
})
