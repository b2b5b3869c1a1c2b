// The recorder's port: what is told of reads, loads, writes and invalidations, and that it costs nothing and breaks
// nothing.
import { join } from 'node:path'
import { hashOf, memory, type Recorder } from 'millpond'
import { createKeyStatistics } from 'millpond/observe'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, it } from 'vitest'
import { BATCHED, type Batched } from '../../src/core/read-log.ts'
import { hashValue } from '../../src/core/value-hash.ts'
import { closeAfterEach, newFolder, open, setups } from './setups.ts'

type Told = [keyof Recorder, ...unknown[]]

function tape(): { readonly told: Told[]; readonly recorder: Required<Recorder>; take(): Told[] } {
  const told: Told[] = []
  const note =
    (what: keyof Recorder) =>
    (...args: unknown[]): void =>
      void told.push([what, ...args])
  return {
    told,
    recorder: {
      hit: note('hit'),
      miss: note('miss'),
      load: note('load'),
      set: note('set'),
      context: note('context'),
      invalidate: note('invalidate'),
    },
    take: () => told.splice(0),
  }
}

/** Reads of memory come many at a time; all else as to anybody. */
function batchedTape() {
  const { recorder, told, take } = tape()
  const batches: number[] = []
  const begun: true[] = []
  const batched: Batched = {
    begun: () => void begun.push(true),
    reads({ count, slots, hashes, held }) {
      batches.push(count)
      for (let at = 0; at < count; at++) {
        const slot = slots[at] ?? -1
        told.push(['hit', hashes[at], held.keyOf(slot), held.spaceOf(slot), 'memory'])
      }
    },
    flush() {},
  }
  const rest = Object.fromEntries(
    Object.keys(recorder).map((what) => [what, (of: unknown) => void told.push([what as keyof Recorder, of])]),
  ) as unknown as Required<Recorder>
  return { batches, begun, take, recorder: { ...rest, [BATCHED]: batched } }
}

const hash = (key: string, namespace = 'default'): number => hashOf(key, hashOf(namespace, 0))
const bytes = expect.toSatisfy((n: number) => n > 0)
const ms = expect.toSatisfy((n: number) => n >= 0)

for (const [name, tiers] of Object.entries(setups)) {
  describe(`recorder: ${name}`, () => {
    closeAfterEach()

    it('is told of everything, of all namespaces, until it is let go', async () => {
      const cache = open({ tiers: tiers() })
      const { recorder, take } = tape()
      const stop = cache.record(recorder)
      const reports = cache.namespace('reports')
      await cache.set('a', { n: 1 }, { tags: ['t'] })
      expect(take()).toEqual([['set', hash('a'), bytes, 'a', 'default', 300_000]])
      await cache.get('a')
      expect(take()).toEqual([['hit', hash('a'), bytes, 'a', 'default', cache.info().cacheLevels[0]?.name]])
      await reports.get('a')
      expect(take()).toEqual([['miss', hash('a', 'reports'), 'cold', 'a', 'reports']])
      await cache.getOrSet('b', () => [1, 2])
      expect(take()).toEqual([
        ['miss', hash('b'), 'cold', 'b', 'default'],
        ['load', hash('b'), ms, bytes, hashValue([1, 2]), 'b', 'default', 300_000],
      ])
      await cache.delete('a')
      await cache.invalidateTags(['t'], { mode: 'expire' })
      expect(take()).toEqual([
        ['invalidate', [{ kind: 'key', key: 'a' }], 'delete', 'default'],
        ['invalidate', [{ kind: 'tag', tag: 't' }], 'expire', 'default'],
      ])
      await cache.get('a', { quiet: true })
      expect(take()).toEqual([])
      stop()
      stop()
      await cache.get('a')
      expect(take()).toEqual([])
    })
  })
}

describe('recorder', () => {
  closeAfterEach()

  it('hears of what a peer invalidates, and not of its writes', async () => {
    const path = join(newFolder(), 'cache.db')
    const [one, other] = [0, 1].map(() => open({ name: 'shop', tiers: [memory(), sqlite({ path })] }))
    const { recorder, take } = tape()
    one?.record(recorder)
    await one?.get('none')
    await other?.set('k', 1)
    await other?.invalidateTags(['t'])
    await one?.get('none', { consistency: 'strong' })
    expect(take().filter(([what]) => what !== 'miss')).toEqual([
      ['invalidate', [{ kind: 'tag', tag: 't' }], 'delete', 'default'],
    ])
  })

  it('that throws or rejects is let go with a warning, and the read does not notice', async () => {
    const cache = open()
    const warnings: string[] = []
    cache.on('warning', ({ message }) => warnings.push(message))
    const { recorder, take } = tape()
    cache.record({
      hit: () => {
        throw new Error('broken')
      },
    })
    cache.record({ miss: () => Promise.reject(new Error('later')) as never })
    cache.record(recorder)
    await cache.set('k', 1)
    take()
    expect(await cache.get('k')).toBe(1)
    expect(await cache.get('none')).toBeUndefined()
    await new Promise((resolve) => setImmediate(resolve))
    await cache.get('k')
    expect(take().map(([what]) => what)).toEqual(['hit', 'miss', 'hit'])
    expect(warnings).toEqual(Array.from({ length: 2 }, () => 'a recorder failed and is no longer called'))
  })

  it.each([[undefined], [{}], [{ hits: () => {} }], [{ hit: 5 }], [5]])('refuses %o', (recorder) => {
    const cache = open()
    expect(() => Reflect.apply(cache.record, cache, [recorder])).toThrowError(
      expect.objectContaining({ code: 'OPTION_INVALID' }),
    )
  })

  it('tells the hash of each key of a store that grows, evicts and takes slots again, also of what was there before', async () => {
    const cache = open({ tiers: [memory({ maxEntries: 500, policy: 'lru', pressure: false })] })
    for (let i = 0; i < 40; i++) await cache.set(`k${i}`, i)
    const { recorder, take } = tape()
    const stop = cache.record(recorder)
    for (let i = 40; i < 2000; i++) await cache.set(`k${i}`, i)
    take()
    for (let i = 0; i < 2000; i++) cache.peek(`k${i}`)
    const told = take()
    expect(told.length).toBeGreaterThan(400)
    for (const [, of, , key] of told) expect(of).toBe(hash(String(key)))
    stop()
    cache.record(recorder)
    cache.peek('k1999')
    expect(take()).toEqual([['hit', hash('k1999'), bytes, 'k1999', 'default', 'memory']])
  })

  it('tells who takes many reads at a time the same in the same order, whatever leaves memory meanwhile', async () => {
    const cache = open({ tiers: [memory({ maxEntries: 20, policy: 'lru', pressure: false })] })
    const [atOnce, later] = [tape(), batchedTape()]
    cache.record(atOnce.recorder)
    const stop = cache.record(later.recorder)
    const spaces = [cache, cache.namespace('reports'), cache.namespace('users')]
    let seed = 7
    const some = (most: number): number => {
      seed = (seed * 48_271) % 2_147_483_647
      return seed % most
    }
    for (let turn = 0; turn < 1000; turn++) {
      const space = spaces[some(3)] ?? cache
      const key = `k${some(12)}`
      const act = some(100)
      if (act < 85) await space.get(key)
      else if (act < 95) await space.set(key, turn)
      else if (act < 98) await space.delete(key)
      else if (act === 98) await space.clear()
      else await cache.namespace('users').getOrSet(key, () => turn)
    }
    stop()
    const told = atOnce
      .take()
      .map(([what, of, ...rest]) => (what === 'hit' ? [what, of, ...rest.slice(1)] : [what, of]))
    expect(later.take()).toEqual(told)
    expect(told.filter(([what]) => what === 'hit').length).toBeGreaterThan(200)
  })

  it('keeps many reads for one call, and gives them when they are asked for, when there are too many, and to who leaves', async () => {
    const cache = open({ tiers: [memory()] })
    const { batches, begun, recorder, take } = batchedTape()
    const stop = cache.record(recorder)
    await cache.set('a', 1)
    take()
    const read = (times: number): void => {
      for (let turn = 0; turn < times; turn++) cache.peek('a')
    }
    read(1000)
    expect([take(), begun.length]).toEqual([[], 1])
    recorder[BATCHED].flush()
    expect(take()).toHaveLength(1000)
    read(16_384)
    expect(batches).toEqual([1000, 16_384])
    read(3)
    stop()
    read(3)
    recorder[BATCHED].flush()
    expect([batches, begun.length]).toEqual([[1000, 16_384, 3], 3])
  })

  it('lets go of who takes many reads at a time and throws, and tells the others', async () => {
    const cache = open({ tiers: [memory()] })
    const warnings: string[] = []
    cache.on('warning', ({ message }) => warnings.push(message))
    const broken = (batched: Partial<Batched>): Recorder =>
      ({ hit() {}, [BATCHED]: { begun() {}, reads() {}, flush() {}, ...batched } }) as Recorder
    const fail = (): never => {
      throw new Error('broken')
    }
    await cache.set('a', 1)
    cache.record(broken({ reads: fail }))
    cache.record(broken({ begun: fail }))
    const { recorder, take } = batchedTape()
    cache.record(recorder)
    for (let turn = 0; turn < 5; turn++) expect(await cache.get('a')).toBe(1)
    recorder[BATCHED].flush()
    expect(take()).toHaveLength(5)
    expect(warnings).toHaveLength(2)
  })

  it('feeds key statistics', async () => {
    const cache = open()
    const statistics = createKeyStatistics({ sampleEvery: 1 })
    cache.record(statistics)
    await cache.set('user:7', 1)
    for (const key of ['user:7', 'user:7', 'user:8']) await cache.get(key)
    expect(statistics.patterns()).toEqual([{ pattern: 'user:*', hits: 2, misses: 1, hitRate: 2 / 3 }])
  })
})

describe('the hash of a value', () => {
  it('is the same for equal values, and another one for what differs in one part', () => {
    const value = () => ({
      a: 1,
      b: ['x', null, true],
      c: new Map([[1, new Set(['s'])]]),
      d: new Date(5),
      e: new Uint8Array([1, 2]),
      f: 7n,
    })
    expect(hashValue(value())).toBe(hashValue(value()))
    expect(hashValue({ b: 2, a: 1 })).toBe(hashValue({ a: 1, b: 2 }))
    const others = [
      { ...value(), a: 2 },
      { ...value(), b: ['x', true, null] },
      { ...value(), c: new Map([[1, new Set(['t'])]]) },
      { ...value(), d: new Date(6) },
      { ...value(), e: new Uint8Array([2, 1]) },
      { ...value(), f: 8n },
      { a: { b: 1 } },
      { b: { a: 1 } },
      [],
      {},
      '',
      0,
      null,
      undefined,
      false,
    ]
    const hashes = new Set([value(), ...others].map(hashValue))
    expect(hashes.size).toBe(others.length + 1)
  })
})
