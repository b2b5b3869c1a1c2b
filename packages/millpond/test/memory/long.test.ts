// The long forms: millions of random operations with the books checked, and churn under which the heap must not grow.
// Short by default; `MEMORY_OPERATIONS=10000000` and `MEMORY_SOAK_MINUTES=60` are the real ones.
import assert from 'node:assert/strict'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import { createMemoryStore, type MemoryOptions } from '../../src/memory/index.ts'
import { type FakeClock, fakeClock } from '../../src/testing/clock.ts'

const OPERATIONS = Number(process.env.MEMORY_OPERATIONS ?? 100_000)
const SOAK_MINUTES = Number(process.env.MEMORY_SOAK_MINUTES ?? 0.05)
const SEED = Number(process.env.MEMORY_SEED ?? 20_261_127)
const KEYS = 5_000
const CHECK_EVERY = 20_000

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** A world of random operations with a model beside it; `check` compares everything. */
function world(options: MemoryOptions, clock: FakeClock, random: () => number) {
  const store = createMemoryStore(options, { clock })
  const names = ['a', 'b', 'c']
  const spaces = names.map((name) => store.space(name))
  const models = names.map(() => new Map<string, { value: unknown; until: number }>())
  store.onRemoval = (name, key) => {
    assert.ok(models[names.indexOf(name)]?.delete(key), `${name} ${key} left but was not there`)
  }
  let seq = 0

  function step(): void {
    const which = Math.floor(random() * names.length)
    const near = spaces[which]
    const model = models[which]
    if (near === undefined || model === undefined) throw new Error('no such space')
    const key = keyOf(Math.floor(random() ** 2 * KEYS))
    const dice = random()
    if (dice < 0.45) {
      const slot = near.find(key)
      assert.equal(slot >= 0, model.has(key), key)
      if (slot >= 0) {
        near.hit(slot)
        assert.deepEqual(near.value(slot), model.get(key)?.value)
      }
    } else if (dice < 0.9) {
      const value = valueFor(seq)
      const until = random() < 0.5 ? Infinity : clock.now() + Math.floor(random() * 60_000)
      model.set(key, { value, until })
      const stored = near.set(key, {
        value,
        createdAt: clock.now(),
        freshUntil: until,
        staleUntil: until,
        tags: [],
        asOf: seq++,
      })
      assert.equal(near.find(key) >= 0, stored)
    } else if (dice < 0.97) {
      const had = model.has(key)
      assert.equal(near.drop(key, 'manual'), had)
    } else if (dice < 0.9999) clock.advance(Math.floor(random() * 200))
    else near.clear('cleared')
  }

  function check(): void {
    let size = 0
    let bytes = 0
    for (const [i, near] of spaces.entries()) {
      const model = models[i] as Map<string, { value: unknown; until: number }>
      expect(near.size).toBe(model.size)
      size += near.size
      for (const [key, { value, until }] of model) {
        const slot = near.find(key)
        expect(slot, key).toBeGreaterThanOrEqual(0)
        expect(near.freshUntil(slot)).toBe(until)
        expect(near.value(slot)).toEqual(value)
        bytes += near.weight(slot)
      }
      for (let n = 0; n < KEYS; n += 97) expect(near.find(keyOf(n)) >= 0).toBe(model.has(keyOf(n)))
    }
    expect(store.entries).toBe(size)
    expect(store.bytes).toBe(bytes)
  }
  return { step, check }
}

/** Some families share their end, so that both tables of the index are in use. */
function keyOf(n: number): string {
  return n % 3 === 0 ? `user:${n}:profile:settings` : n % 3 === 1 ? `user:${n}` : `${n}${'-long'.repeat(n % 40)}`
}

function valueFor(n: number): unknown {
  return n % 4 === 0 ? { n, list: [n] } : n % 4 === 1 ? n : n % 4 === 2 ? `text ${n}` : new Date(n)
}

describe(`the long form (seed ${SEED})`, () => {
  const configurations: MemoryOptions[] = [
    { maxEntries: 1_500, policy: 'lru' },
    { maxEntries: 1_500 },
    { maxBytes: 200_000, policy: 's3-fifo' },
    { maxEntries: 2_000, maxBytes: 150_000, policy: 'w-tinylfu' },
    { maxEntries: Infinity, policy: 'sieve' },
  ]
  for (const options of configurations) {
    test(`T3: ${JSON.stringify(options)}`, () => {
      const { step, check } = world(options, fakeClock(), randomFrom(SEED))
      for (let i = 0; i < OPERATIONS / configurations.length; i++) {
        step()
        if (i % CHECK_EVERY === 0) check()
      }
      check()
    }, 3_600_000)
  }
})

describe('the soak', () => {
  test(
    'T3: the heap is where it was, however much passes through',
    () => {
      const random = randomFrom(SEED)
      const clock = fakeClock()
      const store = createMemoryStore({ maxEntries: 5_000 }, { clock })
      const near = store.space('a')
      const churn = (count: number): void => {
        for (let i = 0; i < count; i++) {
          const until = clock.now() + Math.floor(random() * 5_000)
          near.set(`churn ${Math.floor(random() * 1e9)}`, {
            value: { i, text: 'x'.repeat(i % 100) },
            createdAt: clock.now(),
            freshUntil: until,
            staleUntil: until + 50,
            tags: ['t'],
            asOf: i,
          })
          if (i % 100 === 0) clock.advance(20)
        }
      }
      churn(60_000)
      const before = heapAfterCollection()
      const end = performance.now() + SOAK_MINUTES * 60_000
      while (performance.now() < end) churn(20_000)
      const grown = heapAfterCollection() - before
      expect(store.entries).toBeLessThanOrEqual(5_000)
      expect(grown).toBeLessThan(3 * 2 ** 20)
      store.close()
      expect(clock.pending).toBe(0)
    },
    SOAK_MINUTES * 60_000 + 120_000,
  )
})

/** After full collections: young ones alone leave some 20 MB of what the old space has let go. */
function heapAfterCollection(): number {
  collect()
  collect()
  return process.memoryUsage().heapUsed
}
