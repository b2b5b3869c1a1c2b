// Warm restart: the hottest entries come back, and nothing that was invalidated meanwhile.
import { copyFileSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Cache, type Codec, createCache, memory, type Tier } from 'millpond'
import { jsonCodec } from 'millpond/codec'
import { writeSnapshot } from 'millpond/memory'
import { fakeClock } from 'millpond/testing'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, it } from 'vitest'
import { simulatedServer } from '../../src/testing/simulator-server.ts'
import { closeAfterEach, newFolder, open } from './setups.ts'

describe('warm restart', () => {
  closeAfterEach()

  it('brings back the hottest entries, of every namespace, with tags and times', async () => {
    const path = join(newFolder(), 'hot.snapshot')
    const first = open({ restart: { path, maxEntries: 4 } })
    for (let i = 0; i < 10; i++) await first.set(`k${i}`, { i }, { tags: ['t'], ttl: '1h' })
    for (let i = 0; i < 3; i++) for (const key of ['k3', 'k7']) first.peek(key)
    await first.namespace('n').set('x', 1)
    await first.close()
    const next = open({ restart: { path, maxEntries: 4 } })
    expect(await next.ready()).toMatchObject({ refused: 0 })
    expect([next.peek('k3'), next.peek('k7'), next.namespace('n').peek('x')]).toEqual([{ i: 3 }, { i: 7 }, 1])
    await next.invalidateTags(['t'])
    expect(next.peek('k3')).toBeUndefined()
  })

  it('does not bring back what an invalidation that was put off takes when the cache is closed', async () => {
    const path = join(newFolder(), 'hot.snapshot')
    const first = open({ restart: { path } })
    await first.set('gone', 1, { tags: ['t'], ttl: '1h' })
    await first.set('there', 2, { ttl: '1h' })
    const later = first.invalidateTags(['t'], { delay: '5m' })
    await first.close()
    await later
    const next = open({ restart: { path } })
    await next.ready()
    expect([next.peek('gone'), next.peek('there')]).toEqual([undefined, 2])
  })

  it('spends its limit on what there is: an empty namespace takes no share', async () => {
    const path = join(newFolder(), 'hot.snapshot')
    const first = open({ restart: { path, maxEntries: 6 } })
    first.namespace('empty')
    for (let i = 0; i < 10; i++) await first.set(`k${i}`, i, { ttl: '1h' })
    await first.close()
    expect(await open({ restart: { path } }).ready()).toEqual({ restored: 6, refused: 0 })
  })

  it('memory alone: a file is trusted once, so that a crash after it brings nothing back', async () => {
    const folder = newFolder()
    const path = join(folder, 'hot.snapshot')
    const first = open({ restart: { path } })
    await first.set('k', 'old', { ttl: '1h' })
    await first.close()
    const second = createCache({ restart: { path } })
    expect(existsSync(path)).toBe(false) // before anything can be acknowledged
    await second.ready()
    expect(second.peek('k')).toBe('old')
    await second.delete('k')
    expect(readdirSync(folder)).toEqual([]) // had the process died here, the next one would begin cold
    await second.close()
  })

  /** What a caller may do before the file has been read, and what `k` must be afterwards. */
  const meanwhile: Record<string, [act: (cache: Cache) => Promise<unknown>, then: unknown]> = {
    'a delete': [(cache) => cache.delete('k'), undefined],
    'an invalidated tag': [(cache) => cache.invalidateTags(['t']), undefined],
    'an invalidated pattern': [(cache) => cache.invalidatePattern('k*'), undefined],
    'an invalidation by age': [(cache) => cache.invalidate({ pattern: '*', olderThan: 0 }), undefined],
    'a clear': [(cache) => cache.clear(), undefined],
    'an expiry': [(cache) => cache.expire('k'), undefined],
    'a write': [(cache) => cache.set('k', 'new', { ttl: '1h' }), 'new'],
    'a write of many': [(cache) => cache.setMany([['k', 'new']], { ttl: '1h' }), 'new'],
    'a write of a value that memory refuses': [(cache) => cache.set('k', 'new '.repeat(10_000)), undefined],
    'a write that is over at once': [(cache) => cache.set('k', 'new', { ttl: 0 }), undefined],
  }
  for (const [what, [act, then]] of Object.entries(meanwhile)) {
    it(`G1, G2: ${what} that is acknowledged before the restore has ended beats the file`, async () => {
      const path = join(newFolder(), 'hot.snapshot')
      const options = { tiers: [memory({ maxBytes: '20kb' })], restart: { path } }
      const first = open(options)
      for (const key of ['k', 'other']) await first.set(key, 'old', { ttl: '1h', tags: key === 'k' ? ['t'] : [] })
      await first.namespace('n').set('k', 'old', { ttl: '1h', tags: ['t'] })
      await first.close()
      const next = open(options)
      const inNamespace = next.namespace('n')
      await Promise.all([act(next), act(inNamespace)])
      await next.ready()
      expect([next.peek('k'), await next.get('k'), inNamespace.peek('k')]).toEqual([then, then, then])
      if (what !== 'a clear' && what !== 'an invalidation by age') expect(next.peek('other')).toBe('old')
    })
  }

  it('takes no numbers for keys any more once the restore has ended', async () => {
    const cache = open({ restart: { path: join(newFolder(), 'hot.snapshot') } })
    await cache.ready()
    const before = cache.token()
    await cache.set('k', 1)
    await cache.delete('k')
    expect(cache.token()).toBe(before)
  })

  it('G10, G23: what another cache has written is left alone, with a warning that names both', async () => {
    const path = join(newFolder(), 'hot.snapshot')
    const users = open({ name: 'users', restart: { path } })
    await users.set(['id', 7], { user: 'alice' }, { ttl: '1h' })
    await users.close()
    const orders = createCache({ name: 'orders', restart: { path } })
    const warnings: string[] = []
    orders.on('warning', ({ message }) => warnings.push(message))
    expect(await orders.ready()).toEqual({ restored: 0, refused: 1 })
    expect(await orders.get(['id', 7])).toBeUndefined()
    expect(warnings).toEqual([expect.stringMatching(/'users'.*'orders'.*a path of its own/)])
    const again = open({ name: 'users', restart: { path } })
    expect(await again.ready()).toEqual({ restored: 1, refused: 0 })
    await orders.close()
  })

  for (const policy of ['adaptive', 'lru', 'w-tinylfu', 's3-fifo', 'sieve'] as const) {
    for (const small of [{ maxEntries: 200 }, { maxBytes: '32kb' }, { maxEntries: 200, maxBytes: '64kb' }]) {
      it(`${policy}, ${JSON.stringify(small)}: a smaller memory gets the hottest, and keeps them`, async () => {
        const path = join(newFolder(), 'hot.snapshot')
        const first = open({ tiers: [memory({ maxEntries: 2000, policy })], restart: { path } })
        const hot = Array.from({ length: 50 }, (_, i) => `k${i * 20}`)
        for (const part of [first, first.namespace('n')])
          for (let i = 0; i < 1000; i++) await part.set(`k${i}`, i, { ttl: '1h' })
        for (let reads = 0; reads < 5; reads++)
          for (const key of hot) for (const part of [first, first.namespace('n')]) part.peek(key)
        await first.close()
        const next = open({ tiers: [memory({ ...small, policy })], restart: { path } })
        const { restored, refused } = await next.ready()
        expect([restored, restored + refused]).toEqual([next.info().memory?.entries, 2000])
        expect(restored).toBeGreaterThan(150)
        const present = (): number =>
          hot.filter((key) => next.peek(key) !== undefined && next.namespace('n').peek(key) !== undefined).length
        for (let i = 0; i < 90; i++) await next.set(`new${i}`, i)
        expect(present()).toBe(50)
      })
    }
  }

  it('knows after a restart how often entries were read before', async () => {
    const path = join(newFolder(), 'hot.snapshot')
    for (let run = 0; run < 3; run++) {
      const cache = open({ restart: { path, maxEntries: 2 } })
      await cache.ready()
      if (run === 0) for (const key of ['a', 'b', 'c', 'd']) await cache.set(key, key, { ttl: '1h' })
      if (run === 0) for (const key of ['b', 'd', 'b', 'd']) cache.peek(key)
      if (run === 1) for (const key of ['e', 'f']) await cache.set(key, key, { ttl: '1h' })
      if (run === 1) cache.peek('f')
      if (run === 2) expect(['b', 'd', 'f'].filter((key) => cache.peek(key) !== undefined)).toEqual(['b', 'd'])
      await cache.close()
    }
  })

  it('stops when somebody has to leave, whatever the file says of weights', async () => {
    const path = join(newFolder(), 'hot.snapshot')
    const times = { createdAt: Date.now(), freshUntil: Infinity, staleUntil: Infinity }
    const entries = Array.from({ length: 100 }, (_, i) => ({
      ...{ space: 'default', key: `k${i}`, value: 'x'.repeat(1000), tags: [], ...times },
      ...{ asOf: { epoch: 'e', seq: 0 }, hits: i < 10 ? 2 : 0, weight: 0 },
    }))
    await writeSnapshot(path, entries, { savedAt: 0, cache: 'cache' }, jsonCodec())
    const cache = open({ tiers: [memory({ policy: 'lru', maxBytes: '24kb' })], restart: { path } })
    const { restored, refused } = await cache.ready()
    expect([restored, restored + refused]).toEqual([cache.info().memory?.entries, 100])
    expect(entries.slice(1, 10).filter(({ key }) => cache.peek(key) === undefined)).toEqual([])
  })

  it('G27: gives others their turn while it restores and while it saves, however long a value takes', async () => {
    const path = join(newFolder(), 'hot.snapshot')
    const inner = jsonCodec()
    let atOnce = 0
    let longest = 0
    /** A millisecond's work. */
    const work = <T>(result: T): T => {
      for (const until = performance.now() + 1; performance.now() < until; ) atOnce += 0
      longest = Math.max(longest, ++atOnce)
      return result
    }
    const codec: Codec = { encode: (entry) => work(inner.encode(entry)), decode: (bytes) => work(inner.decode(bytes)) }
    let isOver = false
    const turn = (): void => {
      atOnce = 0
      if (!isOver) setImmediate(turn)
    }
    turn()
    const first = open({ codec, restart: { path } })
    for (let i = 0; i < 100; i++) await first.set(`k${i}`, i, { ttl: '1h' })
    await first.close()
    const next = open({ codec, restart: { path } })
    expect(await next.ready()).toEqual({ restored: 100, refused: 0 })
    isOver = true
    expect(longest).toBeGreaterThan(0)
    expect(longest).toBeLessThan(10)
  })

  it('every: 0 writes on close only, as Infinity does; less than a second is refused', async () => {
    const clock = fakeClock()
    const folder = newFolder()
    const pathOf = (every: number | string): string => join(folder, `${every}.snapshot`)
    const everies = [0, Infinity, '2s'] as const
    const caches = everies.map((every) =>
      open({
        clock,
        tiers: [memory(), sqlite({ path: join(folder, 'cache.db') })],
        restart: { path: pathOf(every), every },
      }),
    )
    await Promise.all(caches.map((cache) => cache.ready()))
    await clock.run(3000)
    while (!existsSync(pathOf('2s'))) await new Promise((resolve) => setImmediate(resolve))
    expect(everies.filter((every) => existsSync(pathOf(every)))).toEqual(['2s'])
    await Promise.all(caches.map((cache) => cache.close()))
    expect(everies.filter((every) => existsSync(pathOf(every)))).toEqual(everies)
    for (const every of [1, '999ms', 0.5] as const)
      expect(() => createCache({ restart: { path: 'unused', every } })).toThrow(
        expect.objectContaining({
          code: 'OPTION_INVALID',
          message: expect.stringMatching(/restart.every: .*(1|999ms|0.5).*a second/),
        }),
      )
  })

  it('every: entries that have not been read for a while are written too, so that a quiet night leaves no empty file', async () => {
    const clock = fakeClock({ now: Date.now() })
    const folder = newFolder()
    const [path, copy] = ['hot.snapshot', 'copy.snapshot'].map((name) => join(folder, name)) as [string, string]
    const start = (its: string): Cache =>
      open({
        clock,
        tiers: [memory(), sqlite({ path: join(folder, 'cache.db') })],
        restart: { path: its, every: '5m' },
      })
    const cache = start(path)
    await cache.ready()
    for (let i = 0; i < 10; i++) await cache.namespace(`n${i % 3}`).set(`k${i}`, i, { ttl: '1d' })
    for (let night = 0; night < 3; night++) {
      rmSync(path, { force: true })
      await clock.run(300_000)
      while (!existsSync(path)) await new Promise((resolve) => setImmediate(resolve))
    }
    copyFileSync(path, copy)
    expect(await start(copy).ready()).toEqual({ restored: 10, refused: 0 })
  })

  it('every: of many namespaces over a slow ledger each is written, and asked a few times for it, not as if somebody read', async () => {
    const clock = fakeClock({ now: Date.now() })
    const server = simulatedServer({ now: () => clock.now() })
    let pulls = 0
    let waiting = 0
    const send = (what: string): Promise<void> => {
      if (what.startsWith('pull')) pulls++
      waiting++
      return new Promise((resolve) =>
        clock.after(100, () => {
          waiting--
          resolve()
        }),
      )
    }
    const path = join(newFolder(), 'hot.snapshot')
    const cache = open({
      clock,
      tiers: [memory(), server.connect({ send, back: async () => {}, push: async () => {} })],
      restart: { path, every: '5m' },
    })
    const names = Array.from({ length: 40 }, (_, at) => `n${at}`)
    /** Time passes while the ledger is waited for, and not while the disk is. */
    const passUntil = async (isOver: () => boolean): Promise<void> => {
      while (!isOver()) {
        if (waiting > 0) await clock.run(100)
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    const done = async (work: Promise<unknown>): Promise<void> => {
      let isDone = false
      void work.finally(() => (isDone = true))
      await passUntil(() => isDone)
    }
    try {
      await done(Promise.all(names.map((name) => cache.namespace(name).set('k', name, { ttl: '1d' }))))
      await clock.run(60_000)
      pulls = 0
      while (pulls === 0) await clock.run(10_000)
      await passUntil(() => existsSync(path))
      await clock.run(10_000)
      expect(pulls).toBeLessThanOrEqual(5 * names.length)
      const bytes = readFileSync(path, 'latin1')
      expect(names.filter((name) => !bytes.includes(`["${name}",`))).toEqual([])
    } finally {
      await done(cache.close())
    }
  })

  for (const spread of [1, 40])
    it(`writes every entry of ${spread} namespaces, although each takes longer to encode than the ledger is trusted`, async () => {
      const clock = fakeClock({ now: Date.now() })
      const folder = newFolder()
      const path = join(folder, 'hot.snapshot')
      let isSlow = false
      const inner = jsonCodec()
      const codec: Codec = {
        encode: (entry) => {
          if (isSlow) clock.stall(500)
          return inner.encode(entry)
        },
        decode: (bytes) => inner.decode(bytes),
      }
      const start = (): Cache =>
        open({ clock, codec, tiers: [memory(), sqlite({ path: join(folder, 'cache.db') })], restart: { path } })
      const cache = start()
      await cache.ready()
      for (let i = 0; i < 80; i++) await cache.namespace(`n${i % spread}`).set(`k${i}`, i, { ttl: '1d' })
      isSlow = true
      await cache.close()
      isSlow = false
      expect(await start().ready()).toEqual({ restored: 80, refused: 0 })
    })

  it('does not ask once for each entry a ledger whose answers come too late', async () => {
    const clock = fakeClock({ now: Date.now() })
    const server = simulatedServer({ now: () => clock.now() })
    let isSaving = false
    let isLate = false
    let pulls = 0
    const send = async (what: string): Promise<void> => {
      if (isLate) clock.stall(500)
      if (isLate && what.startsWith('pull')) pulls++
    }
    const path = join(newFolder(), 'hot.snapshot')
    const inner = jsonCodec()
    const codec: Codec = {
      encode: (entry) => {
        if (isSaving) clock.stall(500)
        isLate = isSaving
        return inner.encode(entry)
      },
      decode: (bytes) => inner.decode(bytes),
    }
    const cache = open({
      clock,
      codec,
      tiers: [memory(), server.connect({ send, back: async () => {}, push: async () => {} })],
      restart: { path },
    })
    await cache.ready()
    for (let i = 0; i < 100; i++) await cache.set(`k${i}`, i, { ttl: '1d' })
    isSaving = true
    await cache.close()
    expect(existsSync(path)).toBe(true)
    expect(pulls).toBeGreaterThan(1)
    expect(pulls).toBeLessThanOrEqual(8)
  })

  it('a file that is there stays where the ledger does not answer', async () => {
    const folder = newFolder()
    const path = join(folder, 'hot.snapshot')
    const own = sqlite({ path: join(folder, 'cache.db') })
    let isDown = false
    const failing = (of: object): object =>
      new Proxy(of, {
        get(its, name) {
          const value: unknown = Reflect.get(its, name, its)
          if (typeof value === 'object' && value !== null) return failing(value)
          if (typeof value !== 'function') return value
          return (...given: unknown[]) =>
            isDown && name !== 'close' ? Promise.reject(new Error('down')) : Reflect.apply(value, its, given)
        },
      })
    const clock = fakeClock({ now: Date.now() })
    const start = (): Cache => open({ clock, tiers: [memory(), failing(own) as Tier], restart: { path, every: '5m' } })
    const cache = start()
    await cache.ready()
    await cache.set('k', 'held', { ttl: '1d' })
    await clock.run(300_000)
    while (!existsSync(path)) await new Promise((resolve) => setImmediate(resolve))
    const written = readFileSync(path)
    isDown = true
    await clock.run(900_000)
    await cache.close()
    expect(readFileSync(path).equals(written)).toBe(true)
  })

  it('with a ledger that outlives the process: what others invalidated meanwhile is refused, whenever the file was written', async () => {
    const folder = newFolder()
    const path = join(folder, 'hot.snapshot')
    const tiers = () => [memory(), sqlite({ path: join(folder, 'cache.db') })]
    const first = open({ tiers: tiers(), restart: { path } })
    const other = open({ tiers: tiers() })
    await first.set('kept', 1, { ttl: '1h' })
    await first.set('deleted', 1, { ttl: '1h' })
    await first.set('tagged', 1, { ttl: '1h', tags: ['t'] })
    await first.close()
    copyFileSync(path, `${path}.old`)
    await other.delete('deleted')
    await other.invalidateTags(['t'])
    const next = open({ tiers: tiers(), restart: { path }, maxStale: '20s' })
    expect(await next.ready()).toEqual({ restored: 1, refused: 2 })
    expect([next.peek('kept'), next.peek('deleted'), next.peek('tagged')]).toEqual([1, undefined, undefined])
    await next.delete('kept')
    await next.close()
    const again = open({ tiers: tiers(), restart: { path: `${path}.old` } })
    expect(await again.ready()).toEqual({ restored: 0, refused: 3 })
  })

  it('memory alone: a file that a former process died over is not trusted, and a folder in its place is left alone', async () => {
    const folder = newFolder()
    const path = join(folder, 'hot.snapshot')
    const first = open({ restart: { path } })
    await first.set('k', 'old', { ttl: '1h' })
    await first.close()
    renameSync(path, `${path}.restoring`)
    expect(await open({ restart: { path } }).ready()).toEqual({ restored: 0, refused: 0 })
    const other = open({ restart: { path: folder } })
    const warnings: string[] = []
    other.on('warning', ({ message }) => warnings.push(message))
    expect(await other.ready()).toEqual({ restored: 0, refused: 0 })
    expect(warnings).toEqual([expect.stringContaining('cannot be read')])
    expect(readdirSync(folder)).toEqual(['hot.snapshot.restoring'])
  })

  it('a damaged file is set aside with a warning, and options are checked', async () => {
    const path = join(newFolder(), 'hot.snapshot')
    writeFileSync(path, 'garbage')
    const cache = open({ restart: { path } })
    const warnings: string[] = []
    cache.on('warning', ({ message }) => warnings.push(message))
    expect(await cache.ready()).toMatchObject({ restored: 0 })
    expect(warnings.join()).toContain('set aside')
    expect(() => createCache({ restart: { path: '' } })).toThrow(/restart.path/)
    expect(() => createCache({ restart: { path, maxEntries: 0 } })).toThrow(/restart.maxEntries: 0/)
  })
})
