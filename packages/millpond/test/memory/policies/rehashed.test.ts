// What the adaptive policy watches is chosen by hashes: when these change, what is there already must be chosen anew.
import { expect, test } from 'vitest'
import type { EvictionFactory } from '../../../src/core/contracts.ts'
import { createMemoryStore } from '../../../src/memory/index.ts'
import { policyByName } from '../../../src/memory/policies/index.ts'
import { fakeClock } from '../../../src/testing/clock.ts'

const LIMIT = 3

/** Slots whose hits the policy wants to be told of. */
const watched = (marks: Uint8Array | undefined): number[] =>
  [...(marks ?? [])].flatMap((mark, slot) => (mark > LIMIT ? [slot] : []))

function filled(hashes: Int32Array) {
  const policy = policyByName('adaptive')({ capacity: hashes.length, unit: 'entries' })
  policy.grow(hashes.length, hashes)
  for (let slot = 0; slot < hashes.length; slot++) policy.add(slot, hashes[slot] as number, 1, 0)
  return policy
}

test('watches after a change of hashes what it would have watched from the beginning', () => {
  const random = (seed: number) =>
    Int32Array.from({ length: 4_000 }, (_, slot) => Math.imul(slot + seed, 0x9e3779b1) ^ (slot << 7))
  const hashes = random(1)
  const policy = filled(hashes)
  const before = watched(policy.marks)
  policy.hit(before[0] as number)
  hashes.set(random(77_777))
  policy.rehashed?.()
  const after = watched(policy.marks)
  expect(after).not.toEqual(before)
  // By the share that is watched when the cache is as large as it is now.
  expect(after.length).toBeGreaterThan(20)
  expect(after.length).toBeLessThan(200)
  policy.rehashed?.()
  expect(watched(policy.marks)).toEqual(after)
})

test('asks no more to be told of an entry that it does not watch since the cache has grown, and of more again when it has shrunk', () => {
  const hashes = Int32Array.from({ length: 4_000 }, (_, slot) => Math.imul(slot + 1, 0x9e3779b1) ^ (slot << 7))
  const policy = filled(hashes)
  const before = watched(policy.marks)
  for (const slot of before) policy.hit(slot)
  const after = watched(policy.marks)
  expect(after.length).toBeLessThan(before.length / 2)
  policy.rehashed?.()
  expect(watched(policy.marks)).toEqual(after)
  for (let slot = 100; slot < hashes.length; slot++) policy.remove(slot)
  policy.add(100, hashes[100] as number, 1, 0)
  const few = watched(policy.marks).filter((slot) => slot <= 100)
  expect(few.length).toBeGreaterThan(10)
  policy.rehashed?.()
  expect(watched(policy.marks).filter((slot) => slot <= 100)).toEqual(few)
})

test('chooses among many entries in pieces, one with each entry that comes', () => {
  const MANY = 20_000
  const PIECE = 4_096
  const hashOf = (slot: number, seed: number): number => Math.imul(slot + seed, 0x9e3779b1) ^ (slot << 7)
  const hashes = Int32Array.from({ length: MANY }, (_, slot) => hashOf(slot, 1))
  const policy = filled(hashes)
  const slots = 2 * MANY
  const other = Int32Array.from({ length: slots }, (_, slot) => hashOf(slot, 77_777))
  policy.grow(slots, other)
  const before = watched(policy.marks)
  policy.rehashed?.()
  let pieces = 1
  for (let slot = MANY; pieces * PIECE < slots; slot++, pieces++) {
    const done = pieces * PIECE
    const behind = (all: readonly number[]): number[] => all.filter((one) => one >= done && one < MANY)
    expect(behind(watched(policy.marks))).toEqual(behind(before))
    policy.add(slot, other[slot] as number, 1, 0)
  }
  const after = watched(policy.marks)
  expect(after).not.toEqual(before)
  // As it would be at once, in a cache that is small enough for that.
  const mixed = (slot: number): number =>
    Math.imul((other[slot] as number) ^ ((other[slot] as number) >>> 15), 0x2c1b3c6d) >>> 0
  const limit = Math.max(...after.map(mixed))
  expect(after).toEqual([...other.keys()].filter((slot) => mixed(slot) <= limit))
})

test('is told by the store whenever its index has learnt', () => {
  let told = 0
  const policy: EvictionFactory = (options) =>
    Object.assign(policyByName('lru')(options), { rehashed: () => void told++ })
  const store = createMemoryStore({ maxEntries: 2_000, policy }, { clock: fakeClock({ now: 0 }) })
  const space = store.space('users')
  const entry = { value: 1, createdAt: 0, freshUntil: Infinity, staleUntil: Infinity, tags: [], asOf: 0 }
  for (let at = 0; at < 10; at++) space.set(`user:${at}:profile`, entry)
  expect(told).toBe(0)
  for (let at = 0; at < 1_000; at++) space.set(`user:${at}:profile`, entry)
  expect(told).toBeGreaterThan(0)
  store.close()
})
