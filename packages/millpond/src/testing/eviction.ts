// The conformance suite of eviction policies: what `Eviction` promises, for every implementation.
import assert from 'node:assert/strict'
import type { Eviction, EvictionFactory } from '../core/contracts.ts'
import { seededRandom } from './random.ts'
import { type Case, type Runner, register } from './runner.ts'

/** The policy under test. */
export interface EvictionSubject {
  readonly name: string
  readonly factory: EvictionFactory
  /** Ids of cases that this policy cannot pass, each with the reason. */
  readonly skips?: Readonly<Record<string, string>>
}

/** Runs the suite: `describeEviction({ describe, it }, { name: 'lru', factory })`. */
export function describeEviction(runner: Runner, subject: EvictionSubject): void {
  register(runner, `${subject.name} keeps the Eviction contract`, subject, evictionCases, subject.skips ?? {})
}

/**
 * The part of a store that surrounds a policy: slots, marks, weights. Every answer of the policy is checked against
 * what is held. Also useful for simulations.
 */
export class EvictionDriver {
  readonly policy: Eviction
  readonly held = new Map<number, { readonly hash: number; weight: number }>()
  readonly #free: number[] = []
  #slots = 0
  #hashes = new Int32Array(0)
  #fresh = 0

  constructor(policy: Eviction, slots = 4) {
    this.policy = policy
    this.grow(slots)
  }

  get weight(): number {
    let sum = 0
    for (const entry of this.held.values()) sum += entry.weight
    return sum
  }

  grow(slots: number): void {
    this.#slots = slots
    const hashes = new Int32Array(slots)
    hashes.set(this.#hashes)
    this.#hashes = hashes
    this.policy.grow(slots, hashes)
    const { marks, markLimit } = this.policy
    if (marks === undefined) return
    assert.ok(marks.length >= slots, `${marks.length} marks for ${slots} slots`)
    assert.ok(
      markLimit !== undefined && markLimit > 0 && (markLimit & (markLimit + 1)) === 0,
      `markLimit ${markLimit} is not a power of two less one`,
    )
  }

  /** Stores an entry in a slot, the one that was left last if there is one, and returns it. */
  add(hash: number, weight = 1, cost = 0): number {
    const slot = this.#free.pop() ?? this.#fresh++
    if (slot >= this.#slots) this.grow(this.#slots * 2)
    const { marks } = this.policy
    if (marks !== undefined) marks[slot] = 0
    this.#hashes[slot] = hash
    this.policy.add(slot, hash | 0, weight, cost)
    this.held.set(slot, { hash, weight })
    return slot
  }

  hit(slot: number): void {
    const { marks, markLimit = 0 } = this.policy
    const mark = marks?.[slot]
    if (marks === undefined || mark === undefined || mark > markLimit) this.policy.hit(slot)
    else if (mark < markLimit) marks[slot] = mark + 1
  }

  reweigh(slot: number, weight: number, cost = 0): void {
    const entry = this.held.get(slot)
    if (entry !== undefined) entry.weight = weight
    this.policy.reweigh(slot, weight, cost)
  }

  remove(slot: number): void {
    this.policy.remove(slot)
    this.#leave(slot)
  }

  /**
   * Evicts, and returns the slot, or -1. Throws if the policy names a slot that is not held, or none while some are
   * held.
   */
  victim(): number {
    const slot = this.policy.victim()
    if (this.held.size === 0) assert.equal(slot, -1, 'an empty policy has no victim')
    else
      assert.ok(
        this.held.has(slot),
        `slot ${slot} is not held; held are ${[...this.held.keys()].slice(0, 10).join(', ')}`,
      )
    if (slot >= 0) this.#leave(slot)
    return slot
  }

  clear(): void {
    this.policy.clear()
    this.held.clear()
    this.#free.length = 0
    this.#fresh = 0
  }

  #leave(slot: number): void {
    this.held.delete(slot)
    this.#free.push(slot)
  }
}

const CAPACITY = 50

function driver(
  { factory }: EvictionSubject,
  unit: 'entries' | 'bytes' = 'entries',
  capacity = CAPACITY,
): EvictionDriver {
  return new EvictionDriver(factory({ capacity, unit }))
}

function scatter(key: number): number {
  return Math.imul(key + 1, 0x9e3779b1) >>> 0
}

function fill(held: EvictionDriver, entries: number): void {
  for (let key = 0; key < entries; key++) held.add(scatter(key))
}

function drain(held: EvictionDriver): number[] {
  const order: number[] = []
  for (let slot = held.victim(); slot >= 0; slot = held.victim()) order.push(slot)
  return order
}

/**
 * Random operations of a store that never holds more than `capacity`; the driver checks each answer. Returns the
 * victims.
 */
function churn(held: EvictionDriver, seed: number, capacity: number, weigh: () => number): number[] {
  const random = seededRandom(seed)
  const victims: number[] = []
  for (let step = 0; step < 4000; step++) {
    const slots = [...held.held.keys()]
    const dice = random.next()
    if (slots.length === 0 || dice < 0.45)
      held.add(scatter(random.below(300)), weigh(), random.chance(0.2) ? random.below(500) : 0)
    else if (dice < 0.85) held.hit(random.pick(slots))
    else if (dice < 0.92) held.remove(random.pick(slots))
    else held.reweigh(random.pick(slots), weigh())
    while (held.weight > capacity) victims.push(held.victim())
  }
  return victims
}

export const evictionCases: readonly Case<EvictionSubject>[] = [
  {
    id: 'empty',
    title: 'an empty cache has no victim',
    run: async (subject) => {
      const held = driver(subject)
      assert.equal(held.victim(), -1)
      held.remove(held.add(scatter(1)))
      assert.equal(held.victim(), -1)
    },
  },
  {
    id: 'drain',
    title: 'every entry is evicted once, then there is no victim',
    run: async (subject) => {
      const held = driver(subject)
      fill(held, CAPACITY)
      const order = drain(held)
      assert.deepEqual(
        [...order].sort((a, b) => a - b),
        Array.from({ length: CAPACITY }, (_, slot) => slot),
      )
    },
  },
  {
    id: 'churn',
    title: 'under any sequence of operations only held entries are evicted, and none is forgotten',
    run: async (subject) => {
      for (const capacity of [1, 2, 3, CAPACITY]) {
        const held = driver(subject, 'entries', capacity)
        churn(held, capacity, capacity, () => 1)
        const left = held.held.size
        assert.equal(drain(held).length, left)
      }
    },
  },
  {
    id: 'bytes',
    title: 'the same with weights that differ and change',
    run: async (subject) => {
      const random = seededRandom(7)
      const held = driver(subject, 'bytes', 20_000)
      churn(held, 8, 20_000, () => 1 + random.below(3000))
      const left = held.held.size
      assert.ok(left > 0)
      assert.equal(drain(held).length, left)
    },
  },
  {
    id: 'reads',
    title: 'an entry that is read after each insertion outlives ten times as many others as fit',
    run: async (subject) => {
      const held = driver(subject)
      const favourite = held.add(scatter(1_000_000))
      held.hit(favourite)
      for (let key = 0; key < CAPACITY * 10; key++) {
        held.add(scatter(key))
        held.hit(favourite)
        if (held.held.size > CAPACITY) assert.notEqual(held.victim(), favourite, `after ${key} strangers`)
      }
    },
  },
  {
    id: 'use',
    title: 'rewriting an entry counts as a use',
    run: async (subject) => {
      const held = driver(subject)
      const favourite = held.add(scatter(1_000_000))
      for (let key = 0; key < CAPACITY * 10; key++) {
        held.add(scatter(key))
        held.reweigh(favourite, 1)
        if (held.held.size > CAPACITY) assert.notEqual(held.victim(), favourite, `after ${key} strangers`)
      }
    },
  },
  {
    id: 'grow',
    title: 'growth forgets no entry, and new slots count',
    run: async (subject) => {
      const held = driver(subject, 'entries', 2000)
      for (let key = 0; key < 2000; key++) {
        const slot = held.add(scatter(key))
        if (key % 3 === 0) held.hit(slot)
      }
      assert.equal(drain(held).length, 2000)
    },
  },
  {
    id: 'resize',
    title: 'another budget keeps every entry until one must be evicted',
    run: async (subject) => {
      const held = driver(subject)
      fill(held, CAPACITY)
      held.policy.resize(10)
      assert.equal(held.held.size, CAPACITY)
      while (held.held.size > 10) held.victim()
      held.policy.resize(200)
      fill(held, 190)
      assert.equal(drain(held).length, 200)
    },
  },
  {
    id: 'clear',
    title: 'clear forgets every entry, and the policy goes on working',
    run: async (subject) => {
      const held = driver(subject)
      churn(held, 3, CAPACITY, () => 1)
      held.clear()
      assert.equal(held.policy.victim(), -1)
      fill(held, CAPACITY)
      assert.equal(drain(held).length, CAPACITY)
    },
  },
  {
    id: 'repeatable',
    title: 'the same requests with the same seed choose the same victims',
    run: async (subject) => {
      const victims = [1, 2].map(() => churn(driver(subject), 5, CAPACITY, () => 1))
      assert.ok((victims[0] ?? []).length > 100)
      assert.deepEqual(victims[0], victims[1])
    },
  },
  {
    id: 'one-hash',
    title: 'keys that all have one hash are still told apart',
    run: async (subject) => {
      const held = driver(subject)
      for (let key = 0; key < CAPACITY * 20; key++) {
        const slot = held.add(42)
        if (key % 2 === 0) held.hit(slot)
        if (held.held.size > CAPACITY) held.victim()
      }
      assert.equal(drain(held).length, CAPACITY)
    },
  },
]
