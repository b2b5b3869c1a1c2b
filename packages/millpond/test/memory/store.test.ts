// The store by example: expiry, budgets, isolation, pressure, options.
import { describe, expect, test, vi } from 'vitest'
import type { EvictionFactory, MemoryEntry, MemorySpace, RemovalReason } from '../../src/core/contracts.ts'
import { createMemoryStore, type MemoryOptions, memory } from '../../src/memory/index.ts'
import { resolveMemoryOptions } from '../../src/memory/options.ts'
import { policyByName } from '../../src/memory/policies/index.ts'
import { heapOf, readHeap } from '../../src/memory/pressure.ts'
import { SlotStore } from '../../src/memory/store.ts'
import { fakeClock } from '../../src/testing/clock.ts'
import { seededRandom } from '../../src/testing/random.ts'

function entry(value: unknown, times: Partial<MemoryEntry> = {}): MemoryEntry {
  return {
    value,
    createdAt: 0,
    freshUntil: Infinity,
    staleUntil: times.freshUntil ?? Infinity,
    tags: [],
    asOf: 0,
    ...times,
  }
}

function open(options: MemoryOptions = {}) {
  const clock = fakeClock()
  const store = createMemoryStore(options, { clock })
  const left: string[] = []
  store.onRemoval = (_space, key, reason) => left.push(`${key} ${reason}`)
  return { clock, store, near: store.space(''), left }
}

describe('expiry', () => {
  test('T3: what is over leaves by itself, in steps, and the timer rests afterwards', () => {
    const { clock, store, near } = open({ maxEntries: 50_000 })
    expect(clock.pending).toBe(0)
    for (let i = 0; i < 50_000; i++) near.set(`k${i}`, entry(i, { freshUntil: clock.now() + 1000 + (i % 500) }))
    expect(clock.pending).toBe(1)
    clock.advance(3_000)
    expect(store.entries).toBe(0)
    expect(store.bytes).toBe(0)
    expect(store.evictions).toEqual({ ttl_expired: 50_000 })
    expect(clock.pending).toBe(0)
  })

  test('T3: no timer for entries without a deadline', () => {
    const { clock, near } = open()
    near.set('a', entry(1))
    expect(clock.pending).toBe(0)
  })

  test('T3: the dead leave before the living when room is needed', () => {
    const { clock, near, left } = open({ maxEntries: 100, policy: 'lru' })
    for (let i = 0; i < 50; i++) near.set(`old${i}`, entry(i))
    for (let i = 0; i < 50; i++) near.set(`brief${i}`, entry(i, { freshUntil: clock.now() + 10 }))
    clock.stall(20)
    clock.advance(0)
    for (let i = 0; i < 50; i++) near.set(`new${i}`, entry(i))
    expect(left.filter((line) => line.endsWith('capacity_limit'))).toEqual([])
    for (let i = 0; i < 50; i++) expect(near.find(`old${i}`)).toBeGreaterThanOrEqual(0)
  })

  test('an entry that may be served stale stays until it may not', () => {
    const { clock, near } = open()
    near.set('a', entry(1, { freshUntil: clock.now() + 100, staleUntil: clock.now() + 5_000 }))
    near.set('b', entry(1, { freshUntil: clock.now() + 100, staleUntil: Infinity }))
    clock.advance(4_000)
    expect(near.staleUntil(near.find('a'))).toBe(clock.now() + 1_000)
    clock.advance(2_000)
    expect(near.find('a')).toBe(-1)
    expect(near.staleUntil(near.find('b'))).toBe(Infinity)
  })

  test('a longer deadline by retime keeps the entry, a shorter one takes it', () => {
    const { clock, near } = open()
    for (const key of ['a', 'b']) near.set(key, entry(1, { freshUntil: clock.now() + 10_000 }))
    near.retime(near.find('a'), clock.now() + 60_000, clock.now() + 60_000)
    near.retime(near.find('b'), clock.now() + 1_000, clock.now() + 1_000)
    clock.advance(2_000)
    expect([near.find('a') >= 0, near.find('b')]).toEqual([true, -1])
    clock.advance(20_000)
    expect(near.find('a')).toBeGreaterThanOrEqual(0)
  })

  test('T3: a wall that is set back keeps nothing longer, and the sweep comes in time', () => {
    for (const far of [1_000, 90 * 86_400_000]) {
      const { clock, store, near } = open()
      near.set('brief', entry(1, { freshUntil: clock.now() + 2_000 }))
      near.set('far', entry(1, { freshUntil: clock.now() + 2_000 + far }))
      clock.advance(1_000)
      clock.jump(-3_600_000)
      clock.advance(1_250)
      expect([...near.keys()]).toEqual(['far'])
      clock.advance(far)
      expect([store.entries, clock.pending]).toEqual([0, 0])
    }
  })

  test('T3: after a wall that was set back, a later deadline does not put off the sweep of an earlier one', () => {
    const { clock, near } = open()
    near.set('brief', entry(1, { freshUntil: clock.now() + 2_000 }))
    clock.jump(-3_600_000)
    near.set('later', entry(1, { freshUntil: clock.now() + 10_000 }))
    clock.advance(2_250)
    expect([...near.keys()]).toEqual(['later'])
  })

  test('G21: deadlines far beyond the four-byte range are kept to the millisecond, for years', () => {
    const { clock, near } = open()
    const day = 86_400_000
    for (let year = 0; year < 3; year++) {
      for (const days of [1, 20, 24, 25, 49, 50, 365, 36_500]) {
        const until = clock.now() + days * day
        near.set(`${days}`, entry(1, { freshUntil: until, createdAt: clock.now() - days * day }))
        const slot = near.find(`${days}`)
        expect([near.freshUntil(slot), near.createdAt(slot)]).toEqual([until, clock.now() - days * day])
      }
      for (let i = 0; i < 12; i++) {
        clock.advance(30 * day)
        const until = clock.now() + 5_000
        near.set('short', entry(1, { freshUntil: until, createdAt: clock.now() }))
        expect(near.freshUntil(near.find('short'))).toBe(until)
        expect(near.createdAt(near.find('short'))).toBe(clock.now())
      }
    }
  })
})

describe('times over the years', () => {
  test('G21: four bytes are enough for short deadlines, however long the process runs', () => {
    const { clock, near } = open()
    const day = 86_400_000
    const expected = new Map<string, MemoryEntry>()
    for (let step = 0; step < 200; step++) {
      const now = clock.now()
      for (const [key, days] of [
        [`long${step}`, 20],
        [`brief${step}`, 0.01],
      ] as const) {
        const set = entry(1, { freshUntil: now + days * day, staleUntil: now + days * day + 7, createdAt: now })
        near.set(key, set)
        expected.set(key, set)
      }
      clock.advance(3 * day + step)
      for (const [key, { freshUntil, staleUntil, createdAt }] of expected) {
        const slot = near.find(key)
        expect(slot >= 0, key).toBe(staleUntil > clock.now())
        if (slot < 0) expected.delete(key)
        else
          expect([near.freshUntil(slot), near.staleUntil(slot), near.createdAt(slot)]).toEqual([
            freshUntil,
            staleUntil,
            createdAt,
          ])
      }
    }
  })

  test('heavy entries leave nothing behind', () => {
    const { near, store } = open({ maxEntries: 2, policy: 'lru' })
    for (let i = 0; i < 50; i++) near.set(`k${i}`, entry(i % 3 === 0 ? 'x'.repeat(600_000 + i) : 'light'))
    let sum = 0
    for (const key of near.keys()) sum += near.weight(near.find(key))
    expect(store.bytes).toBe(sum)
  })
})

describe('budgets', () => {
  test('T3: an entry over the whole budget is refused, and takes with it what was there', () => {
    const { store, near, left } = open({ maxBytes: 1_000 })
    near.set('a', entry('small'))
    expect(near.set('a', entry('x'.repeat(2_000)))).toBe(false)
    expect(near.find('a')).toBe(-1)
    expect(near.set('b', entry('x'.repeat(2_000)))).toBe(false)
    expect(left).toEqual(['a too_large', 'b too_large'])
    expect(store.evictions).toEqual({ too_large: 2 })
    expect([store.entries, store.bytes, near.bytes]).toEqual([0, 0, 0])
  })

  test('T3: of two limits, the one that is reached decides what an entry is worth', () => {
    function hits(options: MemoryOptions): number {
      const { near } = open(options)
      const random = seededRandom(7)
      let hits = 0
      for (let i = 0; i < 40_000; i++) {
        const number = Math.floor(2_000 * random.next() ** 3)
        const slot = near.find(`${number}`)
        if (slot < 0) near.set(`${number}`, entry('x'.repeat(number % 2 === 0 ? 10 : 4_000)))
        else {
          near.hit(slot)
          hits++
        }
      }
      return hits
    }
    const byBytes = hits({ maxBytes: 200_000 })
    const byEntries = hits({ maxEntries: 200 })
    expect(hits({ maxBytes: 200_000, maxEntries: 100_000 }) / byBytes).toBeCloseTo(1, 1)
    expect(hits({ maxBytes: 1e9, maxEntries: 200 }) / byEntries).toBeCloseTo(1, 1)
  })

  test('several spaces share one budget and never see each other', () => {
    const { store } = open({ maxEntries: 10, policy: 'lru' })
    const a = store.space('a')
    const b = store.space('b')
    for (let i = 0; i < 8; i++) a.set(`k${i}`, entry(`a${i}`))
    for (let i = 0; i < 8; i++) b.set(`k${i}`, entry(`b${i}`))
    expect(store.entries).toBe(10)
    expect([a.size, b.size]).toEqual([2, 8])
    for (const key of b.keys()) expect(b.value(b.find(key))).toBe(key.replace('k', 'b'))
    a.clear('cleared')
    expect([store.entries, b.size]).toEqual([8, 8])
    expect(store.space('a')).toBe(a)
  })

  test('heavy entries weigh what they weigh', () => {
    const { store, near } = open({ maxEntries: 10 })
    near.set('heavy', entry('x'.repeat(3_000_000)))
    near.set('light', entry('x'))
    expect(near.weight(near.find('heavy'))).toBeGreaterThan(3_000_000)
    near.drop('heavy', 'manual')
    expect(store.bytes).toBe(near.weight(near.find('light')))
  })

  test('a closed store holds nothing and takes nothing', () => {
    const { clock, store, near } = open()
    near.set('a', entry(1, { freshUntil: clock.now() + 5 }))
    near.set('b', entry('x'.repeat(1_000_000), { tags: ['t'] }))
    store.close()
    expect([store.entries, store.bytes, near.size, near.bytes, near.find('a'), [...near.keys()]]).toEqual([
      0,
      0,
      0,
      0,
      -1,
      [],
    ])
    expect([near.set('b', entry(1)), clock.pending, store.evictions]).toEqual([false, 0, { cleared: 2 }])
    store.close()
    expect(store.evictions).toEqual({ cleared: 2 })
  })

  test('T3: a space of many is listed and cleared at the cost of its own entries, and all are closed at none', () => {
    const store = new SlotStore(resolveMemoryOptions({ maxEntries: Infinity }), fakeClock())
    const spaces = Array.from({ length: 50 }, (_, i) => store.space(`s${i}`))
    for (let i = 0; i < 200; i++) for (const space of spaces) space.set(`k${i}`, entry(i))
    const looks = [vi.spyOn(store.slots, 'holds'), vi.spyOn(store.slots, 'space')]
    const looked = (): number => looks.reduce((sum, { mock }) => sum + mock.calls.length, 0)
    const [first, second] = spaces as [MemorySpace, MemorySpace]
    expect([...first.keys()]).toHaveLength(200)
    first.clear('cleared')
    expect([first.size, second.size, store.entries]).toEqual([0, 200, 49 * 200])
    expect(looked()).toBeLessThanOrEqual(5 * 200)
    for (const { mock } of looks) mock.calls.length = 0
    store.close()
    expect([looked(), store.entries, second.size]).toEqual([0, 0, 0])
  })

  for (const others of [0, 20_000]) {
    test(`keys that stay while they are listed are met once, whatever comes and goes beside ${others} of another space`, () => {
      const { store, near } = open({ maxEntries: Infinity })
      for (let i = 0; i < others; i++) store.space('other').set(`other before ${i}`, entry(i))
      for (let i = 0; i < 1_000; i++) near.set(`k${i}`, entry(i))
      const met: string[] = []
      for (const key of near.keys()) {
        met.push(key)
        const at = met.length
        if (at > 1_000) continue
        if (at % 3 === 0) near.drop(`k${at}`, 'manual')
        store.space('other').set(`other${at}`, entry(at))
        near.set(`new${at}`, entry(at))
      }
      const stayed = Array.from({ length: 1_000 }, (_, i) => `k${i}`).filter((key) => near.find(key) >= 0)
      expect(stayed.length).toBeGreaterThan(600)
      expect(met.filter((key) => stayed.includes(key)).sort()).toEqual(stayed.sort())
      expect(met.filter((key) => key.startsWith('other'))).toEqual([])
    })
  }
})

describe('budgets of more than 4 GiB an entry', () => {
  test.each(['adaptive', 'lru', 'sieve', 's3-fifo', 'w-tinylfu'] as const)('%s keeps to the entries', (policy) => {
    for (const [maxBytes, maxEntries] of [
      ['64gb', 10],
      ['5gb', 1],
    ] as const) {
      const { store, near } = open({ maxBytes, maxEntries, policy, pressure: false })
      for (let i = 0; i < 2_000; i++) {
        near.set(`k${(i * 7919) % (maxEntries * 2)}`, entry(i))
        const slot = near.find(`k${i % maxEntries}`)
        if (slot >= 0) near.hit(slot)
        expect(store.entries).toBeLessThanOrEqual(maxEntries)
      }
      expect(store.entries).toBe(maxEntries)
    }
  })
})

describe('an entry that is over before it is stored', () => {
  test('G21: is not kept where room is short, and `set` says so', () => {
    const { clock, near } = open({ maxEntries: 1 })
    near.set('a', entry(1))
    const stored = near.set('b', entry(2, { freshUntil: clock.now() }))
    expect([stored, near.find('b')]).toEqual([false, -1])
    expect(near.find('a')).toBeGreaterThanOrEqual(0)
  })
})

describe('isolation', () => {
  test('G20: neither what was given nor what is returned changes the cache', () => {
    const { near } = open()
    const given = { list: [1], when: new Date(5), bytes: Buffer.from('ab') }
    near.set('a', entry(given))
    given.list.push(2)
    given.bytes[0] = 0
    const read = () => near.value(near.find('a')) as typeof given
    expect(read()).toEqual({ list: [1], when: new Date(5), bytes: Buffer.from('ab') })
    read().when.setTime(9)
    read().bytes[0] = 0
    expect(() => read().list.push(3)).toThrow(TypeError)
    expect(read()).toEqual({ list: [1], when: new Date(5), bytes: Buffer.from('ab') })
    expect(Object.isFrozen(given)).toBe(false)
  })

  test('plain data is the same object on each hit', () => {
    const { near } = open()
    near.set('a', entry({ deep: [{ x: 1 }] }))
    expect(near.value(near.find('a'))).toBe(near.value(near.find('a')))
  })

  test('a refused value changes nothing', () => {
    const { store, near } = open()
    near.set('a', entry('kept'))
    expect(() => near.set('a', entry({ fn: () => 1 }))).toThrow(/value\.fn is a function/)
    expect([near.value(near.find('a')), store.entries]).toEqual(['kept', 1])
  })
})

test('a custom policy that never names a victim is reported, and does not make the store loop', () => {
  const policy: EvictionFactory = (options) => Object.assign(policyByName('lru')(options), { victim: () => -1 })
  const { near, store } = open({ maxEntries: 10, policy })
  for (let i = 0; i < 11; i++) near.set(`k${i}`, entry(i))
  expect(() => near.set('one more', entry(0))).toThrow('the policy "lru" names no victim although memory is full')
  expect([near.find('one more'), store.entries, near.value(near.find('k3'))]).toEqual([-1, 11, 3])
})

describe('hits', () => {
  test('are counted per entry, from its store on', () => {
    for (const policy of ['lru', 'sieve', 's3-fifo', 'w-tinylfu', 'adaptive'] as const) {
      const { near } = open({ policy })
      near.set('a', entry(1))
      near.set('b', entry(1))
      for (let i = 0; i < 3; i++) near.hit(near.find('a'))
      expect(near.hits(near.find('a')), policy).toBeGreaterThan(near.hits(near.find('b')))
    }
  })
})

describe('memory pressure', () => {
  function pressed(times: (i: number) => Partial<MemoryEntry> = () => ({})) {
    const clock = fakeClock()
    const heap = { used: 100, limit: 1_000 }
    const store = new SlotStore(resolveMemoryOptions({ maxEntries: 1_000, policy: 'lru' }), clock, () => heap)
    const left = new Map<RemovalReason, number>()
    store.onRemoval = (_space, _key, reason) => left.set(reason, (left.get(reason) ?? 0) + 1)
    const near = store.space('')
    for (let i = 0; i < 1_000; i++) near.set(`k${i}`, entry(i, times(i)))
    return { clock, heap, store, near, left }
  }

  test('shrinks while the heap is short, even without writes, and grows back when there is room', () => {
    const { clock, heap, store, near, left } = pressed()
    heap.used = 900
    clock.advance(1_000)
    expect(store.entries).toBe(850)
    expect(left.get('memory_pressure')).toBe(150)
    heap.used = 800
    clock.advance(5_000)
    expect(store.entries).toBe(850)
    for (let i = 0; i < 300; i++) near.set(`more${i}`, entry(i))
    expect(store.entries).toBe(850)
    heap.used = 500
    clock.advance(2_000)
    for (let i = 0; i < 300; i++) near.set(`again${i}`, entry(i))
    expect(store.entries).toBe(1_000)
  })

  test('gives nothing while it holds next to nothing', () => {
    const store = new SlotStore(resolveMemoryOptions({ maxEntries: 1_000 }), fakeClock(), () => ({
      used: 0.95e9,
      limit: 1e9,
    }))
    const near = store.space('')
    for (let i = 0; i < 1_000; i++) near.set(`${i}`, entry(i))
    expect(store.entries).toBe(1_000)
    store.close()
  })

  test('has all its room again once the heap has, for heavier values too', () => {
    const { clock, heap, store, near } = pressed()
    heap.used = 900
    clock.advance(1_000)
    heap.used = 100
    clock.advance(60_000)
    for (let i = 0; i < 1_000; i++) near.set(`heavy${i}`, entry('x'.repeat(2_000)))
    expect(store.entries).toBe(1_000)
    expect(near.set('heaviest', entry('x'.repeat(1_000_000)))).toBe(true)
  })

  test('bytes beside the heap count against what the machine, or the container, has', () => {
    const stats = (used: number, external: number) => ({
      used_heap_size: used,
      heap_size_limit: 500e6,
      external_memory: external,
    })
    const share = ({ used, limit }: { used: number; limit: number }): number => used / limit
    expect(share(heapOf(stats(100e6, 300e6), 500e6))).toBeCloseTo(0.8)
    expect(share(heapOf(stats(400e6, 0), 64e9))).toBeGreaterThan(0.8)
    expect(share(heapOf(stats(100e6, 300e6), 64e9, '20.19.0'))).toBeLessThan(0.3)
    // As --max-old-space-size=96 gives it: the process ends when that is full.
    const small = (node: string, limit: number) =>
      heapOf({ ...stats(0, 0), heap_size_limit: limit * 2 ** 20 }, 64e9, node).limit / 2 ** 20
    expect([small('20.19.0', 144), small('22.23.3', 144), small('24.21.0', 288), small('24.21.0', 4288)]).toEqual([
      96, 96, 96, 4096,
    ])
    // Who holds a quarter of a small container is worth asking, however large the heap may grow.
    expect(heapOf({ ...stats(50e6, 300e6), heap_size_limit: 4e9 }, 512e6)).toMatchObject({ limit: 512e6, used: 350e6 })
    expect(readHeap().used).toBeGreaterThan(0)
    expect(readHeap().used).toBeLessThan(readHeap().limit)
  })

  test('refuses what would fit if the heap were not short, and says that it is', () => {
    const clock = fakeClock()
    const heap = { used: 900, limit: 1_000 }
    const store = new SlotStore(resolveMemoryOptions({ maxBytes: 10_000, policy: 'lru' }), clock, () => heap)
    const near = store.space('')
    for (let i = 0; i < 20; i++) near.set(`k${i}`, entry('x'.repeat(100)))
    clock.advance(1_000)
    const before = store.evictions.memory_pressure ?? 0
    expect(near.set('large', entry('x'.repeat(9_000)))).toBe(false)
    expect(store.evictions).toEqual({ memory_pressure: before + 1 })
    expect(near.set('larger', entry('x'.repeat(11_000)))).toBe(false)
    expect(store.evictions).toEqual({ memory_pressure: before + 1, too_large: 1 })
  })

  test('gives the dead first', () => {
    const { clock, heap, near, left } = pressed((i) => (i % 10 === 0 ? { freshUntil: 100 } : {}))
    clock.advance(100)
    heap.used = 900
    near.set('one more', entry(1))
    expect(left.get('ttl_expired')).toBe(100)
    expect(left.get('memory_pressure')).toBe(50)
  })

  test('does not shrink twice for the same garbage', () => {
    const { clock, heap, store, near } = pressed()
    heap.used = 900
    clock.advance(1_000)
    const after = store.entries
    for (let i = 0; i < 100; i++) near.set('k999', entry(i))
    expect(store.entries).toBe(after)
  })
})

describe('options', () => {
  test('T1: defaults to 1,000 entries; a limit of bytes alone is one', () => {
    expect(memory().limits).toEqual({ maxEntries: 1_000, maxBytes: Infinity })
    expect(memory({ maxBytes: '1.5mb' }).limits).toEqual({ maxEntries: Infinity, maxBytes: 1_572_864 })
    expect(memory({ maxEntries: Infinity }).limits.maxEntries).toBe(Infinity)
  })

  const wrong: [object, RegExp][] = [
    [{ maxEntries: 0 }, /maxEntries: 0 is not allowed: give a whole number from 1/],
    [{ maxEntries: 1.5 }, /maxEntries: 1\.5/],
    [{ maxEntries: -3 }, /maxEntries: -3/],
    [{ maxEntries: Number.NaN }, /maxEntries: NaN/],
    [{ maxEntries: '100' }, /maxEntries: "100"/],
    [{ maxBytes: '128 megs' }, /maxBytes: "128 megs" is not allowed: give bytes from 1, or a size such as '128mb'/],
    [{ maxBytes: '-1mb' }, /maxBytes/],
    [{ maxBytes: 0 }, /maxBytes: 0/],
    [{ policy: 'mru' }, /policy is "mru"; use one of/],
    [{ policy: 7 }, /policy: 7/],
    [{ pressure: 1 }, /pressure: 1 is not allowed: give a share of the heap limit from 0\.5 to 0\.98, or false/],
    [{ ttlFactor: 0 }, /ttlFactor: 0/],
    [{ enabled: 'yes' }, /enabled: "yes"/],
    [{ maxSize: 5 }, /unknown option "memory.maxSize": there are maxEntries/],
  ]
  for (const [options, message] of wrong) {
    test(`refuses ${JSON.stringify(options)} with the value and the remedy`, () => {
      expect(() => memory(options)).toThrow(message)
      expect(() => memory(options)).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
    })
  }
})
