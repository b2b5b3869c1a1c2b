// A budget and a policy that change while the store is used: at once where there is more room, in small steps where
// there is less.
import { expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.ts'
import type { MemoryEntry, MemoryStore, RemovalReason } from '../../src/core/contracts.ts'
import { createMemoryStore, type MemoryOptions, type PolicyName, policyByName } from '../../src/memory/index.ts'
import { type FakeClock, fakeClock } from '../../src/testing/clock.ts'
import fc from '../properties.ts'

const NAMES: readonly PolicyName[] = ['lru', 'sieve', 's3-fifo', 'w-tinylfu', 'adaptive']

function entry(value: unknown): MemoryEntry {
  return { value, createdAt: 0, freshUntil: Infinity, staleUntil: Infinity, tags: [], asOf: 0 }
}

function open(options: MemoryOptions = {}) {
  const clock = fakeClock()
  const store = createMemoryStore(options, { clock })
  const reasons = new Set<RemovalReason>()
  store.onRemoval = (_space, _key, reason) => reasons.add(reason)
  return { clock, store, near: store.space(''), reasons }
}

it('more room is there at once, less within the call where little is held', async () => {
  const { store, near, reasons } = open({ maxEntries: 10, policy: 'lru' })
  for (let i = 0; i < 20; i++) near.set(`k${i}`, entry(i))
  expect(store.entries).toBe(10)
  await store.configure({ maxEntries: 30 })
  for (let i = 0; i < 40; i++) near.set(`k${i}`, entry(i))
  expect([store.entries, store.limits.maxEntries]).toEqual([30, 30])
  await store.configure({ maxEntries: 5 })
  expect([store.entries, [...reasons]]).toEqual([5, ['capacity_limit']])
  expect(near.find('k39')).toBeGreaterThanOrEqual(0)
})

it('shrinking from 300,000 entries goes in steps, and what comes meanwhile does not make it longer', async () => {
  const clock = systemClock()
  let spentMs = 0
  let steps = 0
  // By CPU time: what others take of the machine is not this store's.
  const measured = Object.create(clock, {
    after: {
      value: (ms: number, fn: () => void) =>
        clock.after(ms, async () => {
          const before = process.cpuUsage()
          fn()
          await null
          await null
          await null
          const { user, system } = process.cpuUsage(before)
          spentMs += (user + system) / 1000
          steps++
        }),
    },
    coarse: { get: () => clock.coarse },
    now: { value: () => clock.now() },
    monotonic: { value: () => clock.monotonic() },
    onSetBack: { value: (listener: (ms: number) => void) => clock.onSetBack?.(listener) },
  })
  const store = createMemoryStore({ maxEntries: 300_000, pressure: false }, { clock: measured })
  const near = store.space('')
  for (let i = 0; i < 300_000; i++) near.set(`k${i}`, entry(i))
  const done = store.configure({ maxEntries: 1000 })
  for (let i = 0, most = store.entries; store.entries > 1000; i++) {
    near.set(`new${i}`, entry(i))
    expect(store.entries).toBeLessThanOrEqual(most)
    most = store.entries
    await new Promise((resolve) => setImmediate(resolve))
  }
  await done
  expect(store.entries).toBe(1000)
  expect(steps).toBeGreaterThan(2)
  // 5 ms each; a collection of garbage may fall into one of them.
  expect(spentMs / steps).toBeLessThan(8)
  store.close()
})

it('a policy hands over to another one without losing an entry, in whatever unit', async () => {
  for (const from of NAMES)
    for (const to of NAMES) {
      const { store, near } = open({ maxEntries: 500, policy: from })
      for (let i = 0; i < 500; i++) near.set(`k${i}`, entry(i))
      for (let i = 0; i < 100; i++) near.hit(near.find(`k${i}`))
      await store.configure({ policy: policyByName(to), maxBytes: 1_000_000, maxEntries: Infinity })
      expect([store.entries, store.policy]).toEqual([500, to])
      for (let i = 0; i < 500; i++) expect(near.value(near.find(`k${i}`))).toBe(i)
      for (let i = 0; i < 20_000; i++) near.set(`n${i}`, entry(i))
      expect(store.bytes).toBeLessThanOrEqual(1_000_000)
      await store.configure({ maxBytes: Infinity, maxEntries: 50 })
      expect(store.entries).toBe(50)
    }
})

it('pressure can be switched on and off', async () => {
  const { store } = open({ pressure: false })
  await store.configure({ pressure: 0.9 })
  expect(store.pressure).toBe(0.9)
  await store.configure({ pressure: false })
  expect(store.pressure).toBe(false)
})

type Move =
  | { readonly kind: 'set' | 'hit' | 'drop'; readonly key: number }
  | { readonly kind: 'clear' | 'turn' }
  | { readonly kind: 'configure'; readonly policy: PolicyName; readonly maxEntries: number; readonly maxBytes: number }

const moves: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.record({ kind: fc.constantFrom('set' as const, 'hit' as const, 'drop' as const), key: fc.nat(60) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('clear' as const, 'turn' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('configure' as const),
      policy: fc.constantFrom(...NAMES),
      maxEntries: fc.constantFrom(1, 5, 40, Infinity),
      maxBytes: fc.constantFrom(500, 4000, 100_000, Infinity),
    }),
  },
)

/** Each look at the clock is 4 ms later: a change is rarely done within one turn. */
function hurried(): FakeClock {
  const clock = fakeClock()
  let spent = 0
  return Object.create(clock, {
    coarse: { get: () => clock.coarse },
    monotonic: {
      value: () => {
        spent += 4
        return clock.monotonic() + spent
      },
    },
  })
}

it('whatever changes in whatever order, also half way: nothing is lost but what had to leave, and the budget holds in the end', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(moves, { maxLength: 120 }), async (all) => {
      const clock = hurried()
      const store: MemoryStore = createMemoryStore({ maxEntries: 40, pressure: false }, { clock })
      const near = store.space('a')
      const known = new Map<string, number>()
      store.onRemoval = (_space, key, reason) => {
        if (reason !== 'replaced') known.delete(key)
      }
      for (const [at, move] of all.entries()) {
        if (move.kind === 'set') {
          const key = `k${move.key}`
          known.set(key, at)
          if (!near.set(key, entry(at))) known.delete(key)
        } else if (move.kind === 'hit') {
          const slot = near.find(`k${move.key}`)
          if (slot >= 0) near.hit(slot)
        } else if (move.kind === 'drop') near.drop(`k${move.key}`, 'manual')
        else if (move.kind === 'clear') near.clear('manual')
        else if (move.kind === 'turn') await clock.run(1)
        else if (move.kind === 'configure')
          void store.configure({
            policy: policyByName(move.policy),
            maxEntries: move.maxEntries,
            maxBytes: move.maxBytes,
          })
        expect(near.size).toBe(known.size)
      }
      for (let turns = 0; turns < 200; turns++) await clock.run(1)
      for (const [key, value] of known) expect(near.value(near.find(key))).toBe(value)
      expect(store.entries).toBeLessThanOrEqual(store.limits.maxEntries)
      expect(store.bytes).toBeLessThanOrEqual(store.limits.maxBytes)
      store.close()
    }),
    { numRuns: 200, seed: 20_261_126 },
  )
})
