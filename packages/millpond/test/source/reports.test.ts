// What went wrong with batching, write-behind and refreshing elsewhere, tried here: each by the report that tells it.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { memory } from 'millpond'
import { fakeClock } from 'millpond/testing'
import { describe, expect, it, test } from 'vitest'
import { closeAfterEach, newFolder, open } from '../engine/setups.ts'

closeAfterEach()

const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'fulfilled',
    (error: unknown) => error,
  )

describe('batching', () => {
  it('dataloader #318: a loadMany that throws at once rejects its callers, and no others', async () => {
    const things = open().collection<number, string>('thing', {
      loadMany: () => {
        throw new Error('at once')
      },
    })
    expect(await rejection(things.get(1))).toMatchObject({ message: 'at once' })
    expect(await rejection(things.getMany([1, 2]))).toMatchObject({ message: 'at once' })
  })

  it('promise #29, apollo-utils #256: an answer that is not one is told to all who asked, and the next batch goes on', async () => {
    const answers: unknown[] = [23, undefined, null, 'ab', { 0: 'a', 1: 'b' }, new Set(['a', 'b']), ['a', 'b']]
    const things = open().collection<number, string>('thing', { loadMany: async () => answers.shift() as string[] })
    for (let turn = 0; turn < 6; turn++) {
      const both = await Promise.all([rejection(things.get(1)), rejection(things.get(2))])
      for (const error of both)
        expect(error).toMatchObject({ code: 'VALUE_UNSUPPORTED', message: expect.stringMatching(/loadMany of 2 ids/) })
    }
    expect(await Promise.all([things.get(1), things.get(2)])).toEqual(['a', 'b'])
  })

  it('dataloader #55: null is a value, undefined is none', async () => {
    let calls = 0
    const things = open().collection<number, string | null>('thing', {
      loadMany: async (ids) => {
        calls++
        return ids.map((id) => (id === 1 ? null : undefined))
      },
    })
    expect(await things.getMany([1, 2])).toEqual([null, undefined])
    expect(await things.get(1)).toBeNull()
    expect(calls).toBe(1)
    expect(await things.get(2)).toBeUndefined()
    expect(calls).toBe(2)
  })

  it('dataloader #169, #41: an Error in its place fails its own id, also if no caller awaits it', async () => {
    const things = open().collection<number, string>('thing', {
      loadMany: async (ids) => ids.map((id) => (id === 2 ? new Error('none') : `v${id}`)),
    })
    const all = await Promise.allSettled([things.get(1), things.get(2), things.get(3)])
    expect(all.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    void things.get(2).catch(() => undefined)
    expect(await things.get(1)).toBe('v1')
  })

  it('dataloader: ids that are equal and not the same share a key, and each asker has its answer', async () => {
    const asked: unknown[] = []
    const things = open().collection<{ readonly a: number }, number>('thing', {
      key: ({ a }) => ['thing', a],
      loadMany: async (ids) => {
        asked.push(ids)
        return ids.map(({ a }) => a * 10)
      },
    })
    expect(await Promise.all([things.get({ a: 1 }), things.get({ a: 1 }), things.get({ a: 2 })])).toEqual([10, 10, 20])
    expect(asked).toEqual([[{ a: 1 }, { a: 2 }]])
    expect(await things.getMany([{ a: 3 }, { a: 3 }, { a: 1 }])).toEqual([30, 30, 10])
  })

  it('dataloader #294: who asks for the same again takes no place in a batch', async () => {
    const asked: (readonly string[])[] = []
    const things = open().collection<string, string>('thing', {
      loadMany: async (ids) => {
        asked.push(ids)
        return [...ids]
      },
      maxBatch: 3,
    })
    expect((await Promise.all(['a', 'b', 'a', 'a', 'a', 'b', 'c'].map((id) => things.get(id)))).join('')).toBe(
      'abaaabc',
    )
    expect(asked).toEqual([['a', 'b', 'c']])
  })

  it('dataloader #34, #280, java-dataloader #14: nor where nothing is kept, and each is answered', async () => {
    const asked: (readonly number[])[] = []
    const things = open().collection<number, string>('thing', {
      loadMany: async (ids) => {
        asked.push(ids)
        return new Map(ids.map((id) => [id, `thing ${id}`]))
      },
      ttl: 0,
    })
    for (let turn = 0; turn < 2; turn++)
      expect(await Promise.all([things.get(1), things.get(1), things.get(2)])).toEqual([
        'thing 1',
        'thing 1',
        'thing 2',
      ])
    expect(await things.getMany([1, 1, 2])).toEqual(['thing 1', 'thing 1', 'thing 2'])
    expect(asked).toEqual([
      [1, 2],
      [1, 2],
      [1, 2],
    ])
  })
})

describe('write-behind', () => {
  it('hazelcast #12455, #4448: what leaves memory before it is stored is still read, and stored once', async () => {
    const stored: number[] = []
    const things = open({ tiers: [memory({ maxEntries: 2 })] }).collection<number, string>('thing', {
      load: async () => undefined,
      storeMany: async (writes) => void stored.push(...writes.map(({ id }) => id)),
      write: 'write-behind',
      writeBehind: { journal: join(newFolder(), 'journal'), maxDelay: '1m' },
    })
    const ids = Array.from({ length: 50 }, (_, id) => id)
    for (const id of ids) await things.set(id, `v${id}`)
    expect(await things.getMany(ids)).toEqual(ids.map((id) => `v${id}`))
    for (const id of ids) expect(await things.get(id)).toBe(`v${id}`)
    await things.flush()
    expect(stored.toSorted((a, b) => a - b)).toEqual(ids)
  })

  test('hazelcast #4341: a key that is written without end is stored all the time', async () => {
    const clock = fakeClock()
    const stored: unknown[] = []
    const things = open({ clock }).collection<string, number>('thing', {
      store: async (_, value) => void stored.push(value),
      write: 'write-behind',
      writeBehind: { durability: 'memory', maxDelay: '1s', maxBatch: 1 },
    })
    for (let at = 0; at < 100; at++) {
      await things.set('a', at)
      await clock.run(100)
    }
    expect(stored.length).toBeGreaterThanOrEqual(9)
    expect(stored.length).toBeLessThan(13)
  })

  it('hazelcast #8918, #14019: a source that is down for a day is asked all day, queues nothing twice, and gets all soon after', async () => {
    const clock = fakeClock()
    const cache = open({ clock })
    const rows = new Map<number, number>()
    let calls = 0
    let isDown = true
    const things = cache.collection<number, number>('thing', {
      storeMany: async (writes) => {
        calls++
        if (isDown) throw new Error('down')
        for (const { id, value } of writes) rows.set(id, value)
      },
      write: 'write-behind',
      writeBehind: { durability: 'memory', maxBatch: 10 },
    })
    for (let id = 0; id < 30; id++) await things.set(id, id)
    await clock.run(23 * 3_600_000)
    const before = calls
    await clock.run(3_600_000)
    expect(calls - before).toBeGreaterThan(50)
    expect(cache.stats().queues?.[0]).toMatchObject({ depth: 30, dead: 0 })
    isDown = false
    await clock.run(60_000)
    expect([rows.size, cache.stats().queues?.[0]?.depth]).toEqual([30, 0])
  })

  it('bluetape4k #1657, #1665: what is written while an older write is tried again is what the source gets, and it alone', async () => {
    const clock = fakeClock()
    const stored: string[] = []
    let failures = 2
    let fail: () => void = () => {}
    const things = open({ clock }).collection<number, string>('thing', {
      storeMany: async (writes) => {
        if (failures-- > 0) await new Promise<void>((_, reject) => (fail = () => reject(new Error('down'))))
        stored.push(...writes.map(({ value }) => value))
      },
      write: 'write-behind',
      writeBehind: { durability: 'memory' },
    })
    await things.set(1, 'A')
    await things.set(1, 'B')
    await clock.run(2500)
    fail()
    await clock.run(2500)
    await things.set(1, 'C') // during the second try
    fail()
    await clock.run(60_000)
    expect(stored).toEqual(['C'])
  })

  it('hazelcast #5368, #5339: what is deleted and not removed yet is not read from the source, by whatever way', async () => {
    const rows = new Map([[1, 'old']])
    const things = open().collection<number, string>('thing', {
      loadMany: async (ids) => ids.map((id) => rows.get(id)),
      store: async (id, value) => void rows.set(id, value),
      remove: async (id) => void rows.delete(id),
      write: 'write-behind',
      writeBehind: { journal: join(newFolder(), 'journal'), maxDelay: '1m' },
    })
    expect(await things.get(1)).toBe('old')
    await things.delete(1)
    expect(await things.get(1)).toBeUndefined()
    expect(await things.getMany([1])).toEqual([undefined])
    await things.invalidate(1)
    expect(await things.refresh(1)).toBeUndefined()
    expect(await things.get(1)).toBeUndefined()
    await things.set(1, 'again')
    await things.delete(1)
    await things.flush()
    expect([rows.has(1), await things.get(1)]).toEqual([false, undefined])
  })

  it('ehcache #626, hazelcast #1429, antfly #314: of puts and deletes of a key the last reaches the source, and it alone', async () => {
    const rows = new Map<string, number>([
      ['put, deleted', 0],
      ['deleted, put', 0],
      ['put, deleted, put', 0],
    ])
    const reached: string[] = []
    const things = open().collection<string, number>('thing', {
      storeMany: async (writes) => {
        for (const { id, value } of writes) {
          rows.set(id, value)
          reached.push(`put ${id}`)
        }
      },
      remove: async (id) => {
        rows.delete(id)
        reached.push(`delete ${id}`)
      },
      write: 'write-behind',
      writeBehind: { durability: 'memory', maxDelay: '1h', maxBatch: 100 },
    })
    await things.set('put, deleted', 1)
    await things.delete('deleted, put')
    await things.set('put, deleted, put', 1)
    await things.delete('put, deleted')
    await things.set('deleted, put', 2)
    await things.delete('put, deleted, put')
    await things.set('put, deleted, put', 3)
    await things.flush()
    expect(Object.fromEntries(rows)).toEqual({ 'deleted, put': 2, 'put, deleted, put': 3 })
    expect(reached.sort()).toEqual(['delete put, deleted', 'put deleted, put', 'put put, deleted, put'])
  })

  it('hazelcast #15060, #18670: of writes that come while others of their keys are stored none is lost', async () => {
    const rows = new Map<number, number>()
    let passes: (() => void)[] = []
    const things = open().collection<number, number>('thing', {
      storeMany: async (writes) => {
        await new Promise<void>((resolve) => passes.push(resolve))
        for (const { id, value } of writes) rows.set(id, value)
      },
      write: 'write-behind',
      writeBehind: { durability: 'memory', maxBatch: 10, maxDelay: '1ms' },
    })
    for (let round = 0; round < 20; round++) {
      await Promise.all(Array.from({ length: 30 }, (_, id) => things.set(id, round)))
      const waiting = passes
      passes = []
      for (const pass of waiting) pass()
    }
    const flushed = things.flush()
    const timer = setInterval(() => passes.splice(0).forEach((pass) => pass()), 1)
    await flushed
    clearInterval(timer)
    expect([...rows.values()]).toEqual(Array.from({ length: 30 }, () => 19))
  })
})

describe('refreshing ahead', () => {
  it('cacheable #138: a refresh that fails leaves the value as it is, and is tried again later, not by each reader', async () => {
    const clock = fakeClock()
    let loads = 0
    const cache = open({ clock })
    const things = cache.collection<number, string>('thing', {
      ttl: '100s',
      refreshAhead: 0.5,
      load: async () => {
        if (++loads > 1) throw new Error('down')
        return 'first'
      },
    })
    for (let read = 0; read < 3; read++) await things.get(1)
    await clock.run(60_000)
    for (let read = 0; read < 50; read++) {
      expect(await things.get(1)).toBe('first')
      await cache.flush()
    }
    expect(loads).toBeGreaterThan(1)
    expect(loads).toBeLessThan(10)
  })

  it('caffeine #175: what takes longer to load than it is fresh is renewed all the same', async () => {
    const clock = fakeClock()
    let loads = 0
    const things = open({ clock }).collection('thing', {
      ttl: '4s',
      staleFor: '1h',
      refreshAhead: 0.5,
      load: () => {
        const value = ++loads
        return new Promise<number>((resolve) => clock.after(9000, () => resolve(value)))
      },
    })
    const first = things.get('a')
    await clock.run(9000)
    expect(await first).toBe(1)
    const seen = new Set<number | undefined>()
    for (let second = 0; second < 60; second++) {
      seen.add(await things.get('a'))
      await clock.run(1000)
    }
    expect([...seen]).toEqual([1, 2, 3, 4, 5, 6])
    await clock.run(10_000) // what is under way ends
  })

  it('guava #1975, caffeine #7: what is renewed together is one loadMany', async () => {
    const clock = fakeClock()
    const calls: (readonly number[])[] = []
    const things = open({ clock }).collection<number, number>('thing', {
      ttl: '10s',
      staleFor: '1h',
      loadMany: async (ids) => {
        calls.push(ids)
        return [...ids]
      },
    })
    await things.getMany([1, 2, 3])
    await clock.run(11_000)
    expect(await things.getMany([1, 2, 3])).toEqual([1, 2, 3])
    await clock.run(100)
    expect(calls).toEqual([
      [1, 2, 3],
      [1, 2, 3],
    ])
  })

  it('keyvhq #275: what a caller has loaded anew is not replaced by a refresh that began before', async () => {
    const clock = fakeClock()
    const cache = open({ clock, defaults: { ttl: '10s', staleFor: '100s' } })
    const loads: ((value: string) => void)[] = []
    const load = (): Promise<string> => new Promise((resolve) => loads.push(resolve))
    const first = cache.getOrSet('k', load)
    await clock.run(1)
    loads[0]?.('seed')
    await first
    await clock.run(11_000)
    expect(await cache.getOrSet('k', load)).toBe('seed')
    await clock.run(5)
    const anew = cache.refresh('k', load)
    await clock.run(5)
    loads[2]?.('anew') // ends first, where both are under way at once
    await clock.run(1)
    loads[1]?.('behind')
    await clock.run(1)
    loads[2]?.('anew')
    expect([await anew, await cache.get('k'), loads.length]).toEqual(['anew', 'anew', 3])
  })

  it('caffeine #714: of a refresh and a read at the same time the read sees either, and the refresh stays', async () => {
    const cache = open()
    let made = 0
    const load = async (): Promise<number> => ++made
    await cache.getOrSet('k', load)
    const [refreshed, read] = await Promise.all([cache.refresh('k', load), cache.getOrSet('k', load)])
    expect([refreshed, await cache.get('k'), made]).toEqual([2, 2, 2])
    expect([1, 2]).toContain(read)
  })

  it('what is invalidated while it is refreshed does not come back', async () => {
    const clock = fakeClock()
    let value = 'old'
    let pass: (() => void) | undefined
    const cache = open({ clock })
    const things = cache.collection<number, string>('thing', {
      ttl: '100s',
      refreshAhead: 0.5,
      load: async () => {
        const read = value
        if (pass === undefined && clock.now() > 0 && value === 'old' && isHeld)
          await new Promise<void>((resolve) => (pass = resolve))
        return read
      },
    })
    let isHeld = false
    await things.get(1)
    await things.get(1)
    await clock.run(60_000)
    isHeld = true
    await things.get(1)
    value = 'new'
    await things.invalidate(1)
    pass?.()
    expect(pass).toBeDefined()
    await cache.flush()
    expect(await things.get(1)).toBe('new')
  })
})

describe('bad input', () => {
  it('a loader that is not one, and values that cannot be kept', async () => {
    const cache = open()
    expect(() => cache.collection('a', { load: 5 as never })).toThrow(
      expect.objectContaining({ code: 'OPTION_INVALID' }),
    )
    expect(() => cache.source('p:', 5 as never)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    const ring: { self?: unknown } = {}
    ring.self = ring
    for (const [name, value] of Object.entries({ function: () => 1, symbol: Symbol('x'), ring }))
      expect(await rejection(cache.collection<number, unknown>(name, { load: () => value }).get(1))).toMatchObject({
        code: 'VALUE_UNSUPPORTED',
      })
  })

  it('a journal that cannot be one, or is of another collection', async () => {
    const cache = open()
    const behind = (name: string, journal: string) =>
      cache.collection<number, number>(name, {
        store: () => undefined,
        write: 'write-behind',
        writeBehind: { journal },
      })
    const folder = newFolder()
    writeFileSync(join(folder, 'file'), 'x')
    for (const journal of [join(folder, 'file'), join(folder, 'file', 'below'), `${folder}/\0`])
      expect(() => behind('a', journal)).toThrow(expect.objectContaining({ code: 'JOURNAL_FAILED' }))
    expect(() =>
      cache.collection('c', {
        store: () => undefined,
        write: 'write-behind',
        writeBehind: { durability: 'memory', timeout: 0 },
      }),
    ).toThrow('collection c: writeBehind.timeout: 0 is not allowed')
    behind('a', join(folder, 'journal'))
    expect(() => behind('b', join(folder, 'journal'))).toThrow(/belongs to ".*a", not to ".*b"/)
  })

  it('a plan whose list of keys fails, or holds what is no key: told, and the rest is warmed', async () => {
    const cache = open()
    const broken = async function* () {
      yield 'a'
      throw new Error('no more keys')
    }
    expect((await cache.warm({ keys: broken(), load: () => 1 })).plans).toMatchObject([
      { warmed: 1, failed: 1, state: 'failed', errors: ['no more keys'] },
    ])
    const odd = await cache.warm({ keys: ['b', {} as never, 'c'], load: () => 1 })
    expect(odd).toMatchObject({ warmed: 2, failed: 1 })
    expect(await rejection(cache.warm({ keys: 5 as never, load: () => 1 }))).toMatchObject({ code: 'OPTION_INVALID' })
  })
})
