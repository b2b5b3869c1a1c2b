// Leases on missing keys: a caller who fetches by hand has what a loader has.
import { join } from 'node:path'
import { type Cache, type Lease, MillpondError, memory } from 'millpond'
import { redis } from 'millpond/tiers/redis'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fakeClock } from '../../src/testing/clock.ts'
import { simulatedServer } from '../../src/testing/simulator-server.ts'
import { describeWith, PATIENCE, patient, type RedisService, startRedis } from '../services/index.ts'
import { closeAfterEach, newFolder, onEverySetup, open, until } from './setups.ts'

async function leaseOf(cache: Cache, key = 'k'): Promise<Lease> {
  const entry = await cache.getEntry(key, { lease: true })
  if (entry.kind !== 'miss') throw new Error(`there is a ${entry.kind}`)
  return entry.lease
}

onEverySetup('a lease on a missing key', (cache) => {
  it('stores what was fetched, as its options say', async () => {
    const c = cache()
    const lease = await leaseOf(c)
    expect(lease).toMatchObject({ key: 'k' })
    expect(await c.set('k', { a: 1 }, { lease, ttl: '1m', tags: ['t'] })).toBe('stored')
    const entry = await c.getEntry('k', { lease: true })
    expect(entry).toMatchObject({ kind: 'hit', value: { a: 1 }, tags: ['t'] })
    expect(entry).not.toHaveProperty('lease')
    await c.invalidateTags(['t'])
    expect(await c.get('k')).toBeUndefined()
    expect(c.stats()).toMatchObject({ sets: 1, loadErrors: 0 })
  })

  const overtakes: Record<string, (c: Cache) => Promise<unknown>> = {
    'its key is deleted': (c) => c.delete('k'),
    'its key is written': (c) => c.set('k', 'newer'),
    'its key is loaded anew, once deleted': async (c) => {
      await c.delete('k')
      await c.getOrSet('k', () => 'newer')
    },
    'a tag of it is invalidated': (c) => c.invalidateTags(['t']),
    'a pattern is invalidated': (c) => c.invalidatePattern('*'),
    'all is cleared': (c) => c.clear(),
    'its source is written': (c) => c.transaction({ keys: ['k'] }, () => {}),
  }
  for (const [what, overtake] of Object.entries(overtakes)) {
    it(`G1: is overtaken where ${what}`, async () => {
      const c = cache()
      const lease = await leaseOf(c)
      await overtake(c)
      const before = await c.get('k')
      expect(await c.set('k', 'older', { lease, tags: ['t'] })).toBe('overtaken')
      expect(await c.get('k')).toBe(before)
    })
  }

  it('G1: is overtaken while its source is being written', async () => {
    const c = cache()
    let verdict: unknown
    await c.transaction({ keys: ['k'] }, async () => {
      const lease = await leaseOf(c)
      verdict = await c.set('k', 'before the commit', { lease })
    })
    expect(await c.get('k')).toBeUndefined()
    // Memory alone forgets with the commit; a ledger refuses at once.
    expect(verdict).toBe(c.info().config.ledger === 'memory' ? 'stored' : 'overtaken')
  })

  it('is not overtaken by what does not concern it', async () => {
    const c = cache()
    const lease = await leaseOf(c)
    await c.delete('other')
    await c.invalidateTags(['other'])
    expect(await c.set('k', 1, { lease, tags: ['t'] })).toBe('stored')
    expect(await c.get('k')).toBe(1)
  })

  it('G11: one fetches, and those who come meanwhile are given what is set', async () => {
    const c = cache()
    const lease = await leaseOf(c)
    const others = [
      c.getEntry('k', { lease: true }).then((entry) => entry.kind === 'hit' && entry.value),
      c.getOrSet('k', () => 'of another load'),
      c.getOrSetMany(['k'], { load: async () => ['of another load'] }).then(([one]) => one),
    ]
    await c.get('else')
    expect(await c.set('k', 'once', { lease })).toBe('stored')
    expect(await Promise.all(others)).toEqual(['once', 'once', 'once'])
  })

  it('released: the next one has it, a waiting load loads by itself, and the old lease is over', async () => {
    const c = cache()
    const lease = await leaseOf(c)
    const next = leaseOf(c)
    await c.get('else')
    lease.release()
    lease.release()
    expect(await c.set('k', 1, { lease })).toBe('expired')
    const second = await next
    const load = c.getOrSet('k', () => 'loaded', { staleIfError: '1m' })
    await c.get('else')
    second.release()
    expect(await load).toBe('loaded')
    expect(await c.get('k')).toBe('loaded')
    expect(c.stats()).toMatchObject({ loadErrors: 0 })
  })

  it('set too late, it is told that it was overtaken too', async () => {
    const c = cache()
    const lease = await leaseOf(c)
    await c.delete('k')
    lease.release()
    expect(await c.set('k', 1, { lease })).toBe('overtaken')
  })

  it('is good for one set', async () => {
    const c = cache()
    const lease = await leaseOf(c)
    expect(await c.set('k', 1, { lease })).toBe('stored')
    lease.release()
    expect(await c.set('k', 2, { lease })).toBe('expired')
    expect(await c.get('k')).toBe(1)
  })

  it('does not wait where waiting was not wanted', async () => {
    const c = cache()
    const lease = await leaseOf(c)
    const entry = await c.getEntry('k', { lease: { wait: false } })
    expect(entry).toEqual({ kind: 'miss' })
    expect(c.stats().misses).toBe(2)
    const { lease: other } = await c.getEntry('other', { lease: { wait: false } })
    expect(other).toBeDefined()
    other?.release()
    expect(await c.set('k', 1, { lease })).toBe('stored')
  })

  it('does not wait for a load either', async () => {
    const c = cache()
    let answer: (value: number) => void = () => {}
    const load = c.getOrSet('k', () => new Promise<number>((resolve) => (answer = resolve)))
    await until(() => c.stats().loads === 1)
    expect(await c.getEntry('k', { lease: { wait: false } })).toEqual({ kind: 'miss' })
    expect(c.stats().loadJoins).toBe(0)
    const waiting = c.getEntry('k', { lease: true })
    await c.get('else')
    answer(1)
    expect(await load).toBe(1)
    expect(await waiting).toMatchObject({ kind: 'hit', value: 1 })
  })

  it('a value that cannot be kept is refused, and the lease stays', async () => {
    const c = cache()
    const lease = await leaseOf(c)
    await expect(c.set('k', { f: () => 1 }, { lease })).rejects.toMatchObject({ code: 'VALUE_UNSUPPORTED' })
    expect(await c.set('k', 1, { lease })).toBe('stored')
  })

  it('G20: what the caller changes after the call is not kept', async () => {
    const c = cache()
    const lease = await leaseOf(c)
    const value = { n: 1 }
    const set = c.set('k', value, { lease })
    value.n = 2
    expect(await set).toBe('stored')
    expect(await c.get('k')).toEqual({ n: 1 })
  })

  it('ttl 0 keeps nothing, and lets others go on', async () => {
    const c = cache()
    const lease = await leaseOf(c)
    expect(await c.set('k', 1, { lease, ttl: 0 })).toBe('stored')
    expect(await c.get('k')).toBeUndefined()
    ;(await leaseOf(c)).release()
  })

  it('a signal rejects who waits, and concerns the lease no more', async () => {
    const c = cache()
    const first = new AbortController()
    const entry = await c.getEntry('k', { lease: true, signal: first.signal })
    first.abort()
    const second = new AbortController()
    const waiting = c.getEntry('k', { lease: true, signal: second.signal })
    await c.get('else')
    second.abort()
    await expect(waiting).rejects.toMatchObject({ code: 'ABORTED' })
    if (entry.kind !== 'miss') throw new Error('a hit')
    expect(await c.set('k', 1, { lease: entry.lease })).toBe('stored')
  })

  it('a signal that fires before the lease is there lets others load at once', async () => {
    const c = cache()
    const controller = new AbortController()
    const asked = c.getEntry('k', { lease: true, signal: controller.signal })
    controller.abort()
    await expect(asked).rejects.toMatchObject({ code: 'ABORTED' })
    expect(await c.getOrSet('k', () => 'loaded')).toBe('loaded')
  })

  it('an open lease does not prevent closing', async () => {
    const c = cache()
    const lease = await leaseOf(c)
    await c.close()
    await expect(c.set('k', 1, { lease })).rejects.toMatchObject({ code: 'CLOSED' })
    lease.release()
  })
})

describe('a lease', () => {
  closeAfterEach()

  const setups = {
    'memory alone': () => [memory()],
    'memory and SQLite': () => [memory(), sqlite({ path: join(newFolder(), 'cache.db') })],
  }
  for (const [name, tiers] of Object.entries(setups)) {
    it(`ends by itself, and who waits goes on: ${name}`, async () => {
      const clock = fakeClock({ now: Date.now() })
      const c = open({ tiers: tiers(), clock })
      const entry = await c.getEntry('k', { lease: { for: '2s' } })
      expect(entry.lease?.until).toBe(clock.now() + 2000)
      const waiting = leaseOf(c)
      clock.advance(1999)
      await c.getEntry('k', { lease: { wait: false } })
      clock.advance(1)
      const lease = await waiting
      if (entry.lease === undefined) throw new Error('no lease')
      expect(await c.set('k', 'late', { lease: entry.lease })).toBe('expired')
      expect(await c.set('k', 'next', { lease })).toBe('stored')
      expect(await c.get('k')).toBe('next')
    })

    it(`comes to one with the stale entry, which others see without: ${name}`, async () => {
      const clock = fakeClock({ now: Date.now() })
      const c = open({ tiers: tiers(), clock })
      await c.set('k', 'old', { ttl: '1s', staleFor: '1m' })
      clock.advance(1500)
      const first = await c.getEntry('k', { lease: true })
      expect(first).toMatchObject({ kind: 'stale', value: 'old' })
      const second = await c.getEntry('k', { lease: true })
      expect(second).toMatchObject({ kind: 'stale', value: 'old' })
      expect(second.lease).toBeUndefined()
      if (first.lease === undefined) throw new Error('no lease')
      expect(await c.set('k', 'new', { lease: first.lease })).toBe('stored')
      expect(await c.get('k')).toBe('new')
    })
  }

  it('is that of its key and its namespace, and nothing else', async () => {
    const c = open()
    const lease = await leaseOf(c)
    await expect(c.set('other', 1, { lease })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await expect(c.namespace('n').set('k', 1, { lease })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    expect(JSON.parse(JSON.stringify(lease))).toEqual({ key: 'k', until: lease.until })
    await expect(c.set('k', 1, { lease: JSON.parse(JSON.stringify(lease)) })).rejects.toMatchObject({
      code: 'OPTION_INVALID',
    })
    await expect(c.getEntry('x', { lease: { for: 0 } })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await expect(c.getEntry('x', { lease: { fro: 1 } as object })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    expect(await c.set('k', 1, { lease })).toBe('stored')
  })

  it('depends on what its set says', async () => {
    const c = open({ dependencies: 'declared' })
    await c.set('part', 1)
    const lease = await leaseOf(c)
    expect(await c.set('k', 2, { lease, dependsOn: ['part'] })).toBe('stored')
    await c.delete('part')
    expect(await c.get('k')).toBeUndefined()
    const again = await leaseOf(c)
    await c.delete('part')
    expect(await c.set('k', 2, { lease: again, dependsOn: ['part'] })).toBe('overtaken')
  })

  it('lasts for as long as it says, however long loaders may take', async () => {
    const clock = fakeClock({ now: Date.now() })
    const c = open({ clock, defaults: { timeout: { hard: '1s' } } })
    const { lease } = await c.getEntry('k', { lease: { for: '30s' } })
    if (lease === undefined) throw new Error('no lease')
    await clock.run(20_000)
    expect(await c.set('k', 1, { lease })).toBe('stored')
  })

  /** Processes over one server whose ledger can be silent, without pushes. */
  const peers = () => {
    const clock = fakeClock({ now: Date.now() })
    const server = simulatedServer({ now: () => clock.now() })
    const link = { isCut: false }
    const answer = async (): Promise<void> => {
      if (link.isCut) throw new MillpondError('LEDGER_UNREACHABLE', 'cut')
    }
    const peer = (): Cache =>
      open({
        name: 'peers',
        clock,
        tiers: [memory(), server.connect({ send: answer, back: answer, push: () => new Promise(() => {}) })],
      })
    return { clock, link, peer }
  }

  it('G7: what was set too late was seen all the same, and nothing older is shown after it', async () => {
    const { peer } = peers()
    const [here, there] = [peer(), peer()]
    const lease = await leaseOf(here)
    lease.release()
    await here.getOrSet('k', () => 'old')
    await there.delete('k')
    expect(await here.get('k')).toBe('old')
    expect(await here.set('k', 'new', { lease })).toBe('expired')
    expect(await here.get('k')).toBeUndefined()
  })

  it('while the ledger is silent it cannot be known whether the value is still valid, and it is not kept', async () => {
    const { clock, link, peer } = peers()
    const cache = peer()
    await cache.get('before')
    link.isCut = true
    await clock.run(500)
    const lease = await leaseOf(cache)
    await expect(cache.set('k', 1, { lease })).rejects.toMatchObject({ code: 'LEDGER_UNREACHABLE' })
    expect(await cache.set('k', 1, { lease })).toBe('expired')
    link.isCut = false
    await clock.run(60_000)
    expect(await cache.get('k')).toBeUndefined()
  })

  it('a ledger that was silent at the miss, and answers by the set, is accepted', async () => {
    const { clock, link, peer } = peers()
    const cache = peer()
    await cache.get('before')
    link.isCut = true
    await clock.run(500)
    const { lease } = await cache.getEntry('k', { lease: { for: '10m' } })
    if (lease === undefined) throw new Error('no lease')
    link.isCut = false
    await clock.run(60_000)
    expect(await cache.set('k', 1, { lease })).toBe('stored')
    expect(await cache.get('k')).toBe(1)
  })

  it('with the error of a load that it waited for: rejects with that', async () => {
    const c = open()
    let fail: (error: Error) => void = () => {}
    const load = c.getOrSet('k', () => new Promise<number>((_, reject) => (fail = reject)))
    const waiting = c.getEntry('k', { lease: true })
    fail(new Error('the source is down'))
    await expect(load).rejects.toThrow('the source is down')
    await expect(waiting).rejects.toThrow('the source is down')
  })
})

describeWith('redis', 'leases over processes', () => {
  let server: RedisService
  let count = 0
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())
  closeAfterEach()
  const pair = (): readonly [Cache, Cache] => {
    const name = `leases${count++}`
    const one = (): Cache => open({ name, tiers: [memory(), patient(redis({ url: server.url, ...PATIENCE }))] })
    return [one(), one()]
  }

  it('G11: one of two processes fetches', async () => {
    const [a, b] = pair()
    const lease = await leaseOf(a)
    expect(await b.getEntry('k', { lease: { wait: false } })).toEqual({ kind: 'miss' })
    const waiting = b.getEntry('k', { lease: true })
    const load = b.getOrSet('k', () => 'of another load')
    await until(() => b.stats().leaseWaits > 0)
    expect(await a.set('k', 'once', { lease })).toBe('stored')
    expect(await waiting).toMatchObject({ kind: 'hit', value: 'once' })
    expect(await load).toBe('once')
  })

  it('G1: what another process invalidates overtakes it, before the news is here', async () => {
    const [a, b] = pair()
    const lease = await leaseOf(a)
    await b.delete('k')
    expect(await a.set('k', 'older', { lease })).toBe('overtaken')
    expect(await a.get('k')).toBeUndefined()
    expect(await b.get('k')).toBeUndefined()
  })

  it('released in one process, it comes to the other', async () => {
    const [a, b] = pair()
    const lease = await leaseOf(a)
    const waiting = leaseOf(b)
    await until(() => b.stats().leaseWaits > 0)
    lease.release()
    const next = await waiting
    expect(await a.set('k', 'late', { lease })).toBe('expired')
    expect(await b.set('k', 'next', { lease: next })).toBe('stored')
  })

  it('a holder that stood still while another one took its place is told that it is over', async () => {
    const name = `leases${count++}`
    const clock = fakeClock({ now: Date.now() })
    const a = open({ name, tiers: [memory(), patient(redis({ url: server.url, ...PATIENCE }))], clock })
    const b = open({ name, tiers: [memory(), patient(redis({ url: server.url, ...PATIENCE }))] })
    const lease = await leaseOf(a) // never renewed: its clock stands still
    const next = await leaseOf(b) // when the server has let the first one run out
    expect(await a.set('k', 'late', { lease })).toBe('expired')
    expect(await b.set('k', 'next', { lease: next })).toBe('stored')
    expect(await b.get('k')).toBe('next')
  })
})
