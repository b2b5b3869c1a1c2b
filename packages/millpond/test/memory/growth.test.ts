// No single `set` pays for the growth of a large store: what a step does is counted, so that no other work on the
// machine can be taken for it.
import { describe, expect, test } from 'vitest'
import type { Eviction, EvictionFactory } from '../../src/core/contracts.ts'
import { hashAndWidth } from '../../src/memory/hash.ts'
import { createMemoryStore } from '../../src/memory/index.ts'
import { KeyIndex } from '../../src/memory/key-index.ts'
import { policyByName } from '../../src/memory/policies/index.ts'
import { FIRST_PIECE, Slots } from '../../src/memory/slots.ts'
import { fakeClock } from '../../src/testing/clock.ts'

const MOST_MOVES = 32
/** A lesson reads some of the keys, and so do the moves of three tables. */
const MOST_READS = 512 + 4 * MOST_MOVES
/** An index up to this size moves at once. */
const AT_ONCE = 1024

const scattered = (i: number): string =>
  [1, 2, 3].map((n) => (Math.imul(i + n, 0x9e3779b1) >>> 0).toString(16).padStart(8, '0')).join('')

const shapes: Record<string, (i: number) => string> = {
  'a number at the end': (i) => `v1:user_perms:${i}`,
  'a number in the middle': (i) => `user:${i}:profile`,
  'a short key': (i) => `u${i}`,
  'random digits': scattered,
  'two shapes, one after the other': (i) => (i < 20_000 ? `user:${i}:profile` : `rights:${i}`),
}

/** An index that is filled step by step. */
function growing(slots = new Slots(2 ** 20, 0)) {
  const index = new KeyIndex(slots)
  const add = (key: string): number => {
    let slot = slots.take()
    while (slot < 0) {
      slots.grow()
      slot = slots.take()
    }
    slots.hold(slot, key)
    index.insert(slot, index.hash(key), hashAndWidth(key))
    return slot
  }
  return { slots, index, add }
}

describe('the index', () => {
  for (const [name, key] of Object.entries(shapes)) {
    test(`moves some entries with each that comes, and reads few keys: ${name}`, () => {
      const { slots, index, add } = growing()
      let reads = 0
      const read = slots.key.bind(slots)
      slots.key = (slot) => {
        reads++
        return read(slot)
      }
      let growths = 0
      for (let i = 0; i < 70_000; i++) {
        const { cells } = index.usual
        const before = index.usual.size + index.strays.size
        const others = index.strays.cells
        reads = 0
        add(key(i))
        if (i < AT_ONCE * 2) continue
        const isNew = index.usual.cells !== cells
        if (isNew) growths++
        const came = index.usual.size + index.strays.size - (isNew ? 0 : before)
        if (came > 2 * MOST_MOVES + 1) expect.fail(`${came} entries came into the tables with ${key(i)}`)
        if (index.strays.cells !== others && others.length > 4 * AT_ONCE && index.strays.size > 2 * MOST_MOVES + 1)
          expect.fail(`${index.strays.size} strays moved at once with ${key(i)}`)
        if (reads > MOST_READS) expect.fail(`${reads} keys were read for ${key(i)}`)
      }
      expect(growths).toBeGreaterThan(2)
      expect(index.size).toBe(70_000)
    })

    test(`finds, forgets and lists all while they move: ${name}`, () => {
      const { slots, index, add } = growing()
      const held = new Map<string, number>()
      let met = 0
      for (let i = 0; i < 50_000; i++) {
        held.set(key(i), add(key(i)))
        if (index.moving === 0 || i % 13 !== 0) continue
        met++
        const at = Math.imul(i, 7919) % i
        const other = key(at < 0 ? at + i : at)
        if (index.find(other) !== (held.get(other) ?? -1)) expect.fail(`${other} is at ${index.find(other)}`)
        if (index.find(`${other}?`) !== -1) expect.fail(`${other}? is found`)
        const slot = held.get(other)
        if (slot === undefined || i % 2 === 0) continue
        index.remove(slot)
        slots.release(slot)
        held.delete(other)
        if (index.find(other) !== -1) expect.fail(`${other} is still found`)
        if (met % 300 === 1)
          expect([...index.slots()].sort((a, b) => a - b)).toEqual([...held.values()].sort((a, b) => a - b))
      }
      expect(met).toBeGreaterThan(50)
      expect(index.size).toBe(held.size)
      for (const [other, slot] of held)
        if (index.find(other) !== slot) expect.fail(`${other} is at ${index.find(other)}`)
      for (const [other, slot] of held) {
        index.remove(slot)
        if (index.find(other) !== -1) expect.fail(`${other} is still found`)
      }
      expect(index.size).toBe(0)
    })
  }

  test('ends what it has begun where entries are only read, and forgets it when it is cleared', () => {
    const { index, add } = growing()
    let i = 0
    while (index.moving < 20_000 && i < 60_000) add(`user:${i++}:profile`)
    expect(index.moving).toBeGreaterThan(0)
    const { moving } = index
    for (let at = 0; at < i && index.moving > 0; at++) index.find(`user:${at}:profile`)
    expect(index.moving).toBeLessThan(moving)
    for (let at = 0; index.moving > 0; at++) {
      if (at > moving) expect.fail('it goes on for ever')
      index.find('nobody')
    }
    while (index.moving === 0 && i < 200_000) add(`user:${i++}:profile`)
    expect(index.moving).toBeGreaterThan(0)
    index.clear()
    expect([index.size, index.moving, index.find('user:1:profile')]).toEqual([0, 0, -1])
  })

  test('finds who has not moved beside the places of those that have left meanwhile, after its cells can name more slots, too', () => {
    for (const isWidened of [false, true]) {
      const slots = new Slots(60_000, 0)
      const { index, add } = growing(slots)
      const held = new Map<string, number>()
      for (let i = 0; index.moving < 5_000 && i < 59_000; i++) held.set(scattered(i), add(scattered(i)))
      const gone = [...held.keys()].filter((_, i) => i % 2 === 0)
      for (const key of gone) {
        index.remove(held.get(key) as number)
        held.delete(key)
      }
      if (isWidened) {
        slots.most = 2 ** 24
        index.widen()
      }
      expect(index.moving).toBeGreaterThan(2_000)
      expect(index.size).toBe(held.size)
      for (const [key, slot] of held) if (index.find(key) !== slot) expect.fail(`${key} is at ${index.find(key)}`)
      for (const key of gone) if (index.find(key) !== -1) expect.fail(`${key} is still found`)
    }
  })

  test('finds and forgets all once its cells can name many more slots, and moves them in steps', () => {
    for (const [name, key] of Object.entries(shapes)) {
      for (const count of [1_000, 12_000]) {
        const slots = new Slots(count, 0)
        const { index, add } = growing(slots)
        const held = new Map(Array.from({ length: count }, (_, i) => [key(i), add(key(i))]))
        slots.most = 2 ** 27 - 1
        index.widen()
        expect(index.size).toBe(count)
        expect(index.moving > 0).toBe(count > AT_ONCE)
        const lost = [...held].filter(([key, slot]) => index.find(key) !== slot)
        expect([name, lost]).toEqual([name, []])
        for (let i = count; i < 2 * count; i++) held.set(key(i), add(key(i)))
        expect([name, [...held].filter(([key, slot]) => index.find(key) !== slot)]).toEqual([name, []])
        for (const [key, slot] of held) {
          index.remove(slot)
          if (index.find(key) !== -1) expect.fail(`${key} is still found`)
        }
        expect(index.size).toBe(0)
      }
    }
  })

  test('does not mistake an entry of another index for its own that has the slot, and the same key, of one that has moved and left', () => {
    const { slots, index, add } = growing()
    const other = new KeyIndex(slots)
    const held = new Map<string, number>()
    for (let i = 0; index.moving < 5_000 && i < 59_000; i++) held.set(scattered(i), add(scattered(i)))
    const half = index.moving / 2
    for (let i = 0; index.moving > half && i < 1_000; i++) index.find('nobody')
    // Some stay, or the old table would not be searched.
    for (const key of [...held.keys()].filter((_, i) => i % 2 === 0)) held.delete(key)
    for (const [key, slot] of held) {
      index.remove(slot)
      slots.release(slot)
      slots.take()
      slots.hold(slot, key)
      other.insert(slot, other.hash(key), hashAndWidth(key))
    }
    expect(index.moving).toBeGreaterThan(0)
    for (const [key, slot] of held) expect([index.locate(key, index.hash(key)), other.find(key)]).toEqual([-1, slot])
  })
})

describe('the columns', () => {
  test('grow one at a time, ahead of need: with no slot more than one of them is laid out anew', () => {
    const slots = new Slots(2 ** 20, 1_000)
    slots.readAt = new Uint32Array(0)
    slots.keepHashes(true)
    const bytes = (): number => process.memoryUsage().arrayBuffers
    let steps = 0
    for (let i = 0; i < 500_000; i++) {
      for (let slot = slots.take(), before = bytesIf(slot < 0); slot < 0; slot = slots.take()) {
        const { capacity } = slots
        slots.grow()
        if (capacity >= 65_536) {
          steps++
          // A column is at most 4 bytes a slot, and half as many slots again come; two short ones grow together.
          expect(bytes() - before).toBeLessThan(capacity * 1.5 * 4.1)
        }
        before = bytes()
      }
      slots.hold(i, 'k')
      if (i === 0) {
        slots.setTimes(0, 2_000, 3_000, 1_000)
        slots.setAsOf(0, 1)
        slots.setSpace(0, 1)
        slots.setLive(0, true)
        slots.createdAt.set(0, 1_000, 1_000)
      }
    }
    expect(steps).toBeGreaterThan(40)
    expect(slots.capacity).toBeGreaterThan(FIRST_PIECE)

    function bytesIf(isNeeded: boolean): number {
      return isNeeded ? bytes() : 0
    }
  })

  test('hold in every piece what was put there, tags and free slots too', () => {
    const slots = new Slots(FIRST_PIECE + 200_000, 0)
    const far = [
      0,
      1_500,
      FIRST_PIECE - 1,
      FIRST_PIECE,
      FIRST_PIECE + 65_535,
      FIRST_PIECE + 65_536,
      FIRST_PIECE + 150_000,
    ]
    for (let i = 0; i <= FIRST_PIECE + 150_000; i++) {
      while (slots.take() < 0) slots.grow()
      if (!far.includes(i)) continue
      slots.hold(i, `k${i}`)
      slots.setValue(i, i)
      slots.setTags(i, [`t${i}`])
    }
    for (const slot of far)
      expect([slots.key(slot), slots.value(slot), slots.tags(slot)]).toEqual([`k${slot}`, slot, [`t${slot}`]])
    expect(slots.tags(FIRST_PIECE + 1)).toEqual([])
    for (const slot of far) slots.release(slot)
    for (const slot of far) expect([slots.holds(slot), slots.tags(slot)]).toEqual([false, []])
    expect(far.map(() => slots.take())).toEqual(far.toReversed())
  })

  test('of the policy follow in steps of their own, and know each hash before they are asked for it', () => {
    const calls: [entries: number, slots: number, hashes: number][] = []
    let column = new Int32Array(0)
    const lru = policyByName('lru')
    const policy: EvictionFactory = (options) => {
      const inner = lru(options)
      const spied: Pick<Eviction, 'grow' | 'add'> = {
        grow(slots, hashes) {
          calls.push([store.entries, slots, hashes.length])
          column = hashes as Int32Array<ArrayBuffer>
          inner.grow(slots, hashes)
        },
        add(slot, hash, weight, cost) {
          if (column[slot] !== hash) expect.fail(`${slot} is known by ${column[slot]}, and added by ${hash}`)
          inner.add(slot, hash, weight, cost)
        },
      }
      return Object.assign(Object.create(inner), spied)
    }
    const store = createMemoryStore({ maxEntries: 300_000, policy }, { clock: fakeClock({ now: 0 }) })
    const near = store.space('')
    for (let i = 0; i < 100_000; i++)
      near.set(`k${i}`, { value: i, createdAt: 0, freshUntil: Infinity, staleUntil: Infinity, tags: [], asOf: 0 })
    const large = calls.filter(([, , hashes]) => hashes > 65_536)
    // The column of hashes first, then room for more slots; never both with one entry.
    expect(large.map(([, slots, hashes]) => [slots, hashes])).toEqual([
      [65_536, 98_304],
      [98_304, 98_304],
      [98_304, 147_456],
      [147_456, 147_456],
    ])
    expect(new Set(large.map(([entries]) => entries)).size).toBe(large.length)
    for (let i = 0; i < 100_000; i += 997) expect(near.value(near.find(`k${i}`))).toBe(i)
  })
})
