// Random operations against a naive model; after each the store's own books must agree with it and with each other.
import { describe, expect, test } from 'vitest'
import type { MemoryEntry, RemovalReason } from '../../src/core/contracts.ts'
import { createMemoryStore, type MemoryOptions } from '../../src/memory/index.ts'
import { fakeClock } from '../../src/testing/clock.ts'
import fc from '../properties.ts'

const SPACES = ['', 'users', 'orders']
const KEYS = [
  'a',
  'b',
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'ü',
  '\ud800',
  'x'.repeat(70),
  'x'.repeat(71),
  '',
  '0',
  'a\0',
  ...Array.from({ length: 40 }, (_, i) => `k${i}`),
]

type Step =
  | { kind: 'set'; space: number; key: string; value: unknown; ttl: number; stale: number; tags: string[] }
  | { kind: 'get' | 'drop'; space: number; key: string }
  | { kind: 'retime'; space: number; key: string; ttl: number }
  | { kind: 'clear'; space: number }
  | { kind: 'wait'; ms: number }
  | { kind: 'back'; ms: number }

const space = fc.nat(SPACES.length - 1)
const key = fc.constantFrom(...KEYS)
const ttl = fc.oneof(fc.constant(Infinity), fc.integer({ min: 0, max: 3_000 }), fc.constant(90 * 86_400_000))
const value = fc.oneof(
  fc.string(),
  fc.integer(),
  fc.double(),
  fc.constant(null),
  fc.array(fc.string({ maxLength: 9 }), { maxLength: 9 }),
  fc.constant(new Date(7)),
  fc.constant({ a: { b: [1] } }),
)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('set' as const),
      space,
      key,
      value,
      ttl,
      stale: fc.oneof(fc.constant(0), fc.nat(2_000), fc.constant(Infinity)),
      tags: fc.uniqueArray(fc.constantFrom('t1', 't2', 't3')),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constantFrom('get' as const, 'drop' as const), space, key }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('retime' as const), space, key, ttl }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(2_000) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('back' as const), ms: fc.oneof(fc.nat(2_000), fc.nat(90 * 86_400_000)) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear' as const), space }) },
)

const configurations: Record<string, MemoryOptions> = {
  'one entry': { maxEntries: 1 },
  'few entries, lru': { maxEntries: 7, policy: 'lru' },
  'few entries, sieve': { maxEntries: 7, policy: 'sieve' },
  'few entries, s3-fifo': { maxEntries: 7, policy: 's3-fifo' },
  'few entries, w-tinylfu': { maxEntries: 7, policy: 'w-tinylfu' },
  'few entries, adaptive': { maxEntries: 7, policy: 'adaptive' },
  'all fit': { maxEntries: 1_000 },
  bytes: { maxBytes: 2_000 },
  'bytes and entries': { maxBytes: 2_500, maxEntries: 12 },
  'no limit': { maxEntries: Infinity },
}

/** What is held has as much time left as before, by a clock that was set back. */
function movedBack(entry: MemoryEntry, ms: number): MemoryEntry {
  const { createdAt, freshUntil, staleUntil } = entry
  return { ...entry, createdAt: createdAt - ms, freshUntil: freshUntil - ms, staleUntil: staleUntil - ms }
}

function run(options: MemoryOptions, steps: readonly Step[]): void {
  const clock = fakeClock()
  const store = createMemoryStore(options, { clock })
  const nears = SPACES.map((name) => store.space(name))
  const model = SPACES.map(() => new Map<string, MemoryEntry>())
  let seq = 0
  store.onRemoval = (name, left, reason: RemovalReason) => {
    const held = model[SPACES.indexOf(name)]?.get(left)
    expect(held, `${left} left as ${reason}`).toBeDefined()
    if (reason === 'ttl_expired') expect(held?.staleUntil).toBeLessThanOrEqual(clock.now())
    if (reason === 'capacity_limit')
      expect(
        Math.max(store.entries + 1 - store.limits.maxEntries, store.bytes - store.limits.maxBytes),
      ).toBeGreaterThan(-3_000)
    model[SPACES.indexOf(name)]?.delete(left)
  }
  for (const one of steps) {
    if (one.kind === 'wait') {
      clock.advance(one.ms)
    } else if (one.kind === 'back') {
      clock.jump(-one.ms)
      for (const known of model) for (const [name, entry] of known) known.set(name, movedBack(entry, one.ms))
    } else {
      const near = nears[one.space]
      const known = model[one.space]
      if (near === undefined || known === undefined) throw new Error('no such space')
      if (one.kind === 'set') {
        const now = clock.now()
        const entry: MemoryEntry = {
          value: one.value,
          createdAt: now,
          freshUntil: now + one.ttl,
          staleUntil: now + one.ttl + one.stale,
          tags: one.tags,
          asOf: seq++,
        }
        known.set(one.key, entry)
        const stored = near.set(one.key, entry)
        expect(near.find(one.key) >= 0).toBe(stored)
        if (!stored) known.delete(one.key)
      } else if (one.kind === 'get') {
        const slot = near.find(one.key)
        expect(slot >= 0).toBe(known.has(one.key))
        if (slot >= 0) near.hit(slot)
      } else if (one.kind === 'drop') {
        const had = known.has(one.key)
        expect(near.drop(one.key, 'manual')).toBe(had)
        expect(near.find(one.key)).toBe(-1)
        expect(known.has(one.key)).toBe(false)
      } else if (one.kind === 'retime') {
        const slot = near.find(one.key)
        const held = known.get(one.key)
        if (slot >= 0 && held !== undefined) {
          const until = clock.now() + one.ttl
          near.retime(slot, until, until)
          known.set(one.key, { ...held, freshUntil: until, staleUntil: until })
        }
      } else {
        near.clear('cleared')
        expect(known.size).toBe(0)
      }
    }
    agree()
  }

  function agree(): void {
    let weights = 0
    let size = 0
    const slots = new Set<number>()
    nears.forEach((near, i) => {
      const known = model[i] as Map<string, MemoryEntry>
      const keys = [...near.keys()]
      const before = weights
      expect(new Set(keys)).toEqual(new Set(known.keys()))
      expect(keys.length).toBe(near.size)
      size += near.size
      for (const [name, entry] of known) {
        const slot = near.find(name)
        expect(slot).toBeGreaterThanOrEqual(0)
        slots.add(slot)
        weights += near.weight(slot)
        expect(near.value(slot)).toEqual(entry.value)
        expect(near.freshUntil(slot)).toBe(entry.freshUntil)
        expect(near.staleUntil(slot)).toBe(entry.staleUntil)
        expect(near.createdAt(slot)).toBe(entry.createdAt)
        expect(near.asOf(slot)).toBe(entry.asOf)
        expect(near.tags(slot)).toEqual(entry.tags)
      }
      expect(near.bytes).toBe(weights - before)
      for (const absent of KEYS) if (!known.has(absent)) expect(near.find(absent)).toBe(-1)
    })
    expect(slots.size).toBe(size)
    expect(store.entries).toBe(size)
    expect(store.bytes).toBe(weights)
    expect(store.entries).toBeLessThanOrEqual(store.limits.maxEntries)
    expect(store.bytes).toBeLessThanOrEqual(store.limits.maxBytes)
  }
}

describe('the store against a model', () => {
  for (const [name, options] of Object.entries(configurations)) {
    test(`T3: ${name}`, () => {
      fc.assert(
        fc.property(fc.array(step, { minLength: 1, maxLength: 120 }), (steps) => run(options, steps)),
        { numRuns: 60 },
      )
    })
  }
})
