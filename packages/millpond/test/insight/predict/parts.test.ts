// The parts of the predictor by themselves.
import { describe, expect, it } from 'vitest'
import { Budget } from '../../../src/insight/predict/budget.ts'
import { Candidates, FEATURES } from '../../../src/insight/predict/candidates.ts'
import { Gate } from '../../../src/insight/predict/gate.ts'
import { Judge } from '../../../src/insight/predict/judge.ts'
import { Known } from '../../../src/insight/predict/known.ts'
import { Listener } from '../../../src/insight/predict/listener.ts'
import { Model, weightOf } from '../../../src/insight/predict/model.ts'
import { Numbered } from '../../../src/insight/predict/numbered.ts'
import { PAIR, Pairs } from '../../../src/insight/predict/pairs.ts'
import { Pending } from '../../../src/insight/predict/pending.ts'
import { Sequences } from '../../../src/insight/predict/sequences.ts'
import { Stays } from '../../../src/insight/predict/stays.ts'
import { policyByName } from '../../../src/memory/policies/index.ts'
import { fakeClock } from '../../../src/testing/index.ts'
import { seededRandom } from '../../../src/testing/random.ts'

describe('keys with numbers', () => {
  const sibling = (key: string, step: number): string | undefined => {
    const numbered = new Numbered()
    return numbered.read(key) ? numbered.sibling(key, step) : undefined
  }

  it('have siblings by their last number', () => {
    expect(sibling('block:41', 1)).toBe('block:42')
    expect(sibling('["user",9]', 1)).toBe('["user",10]')
    expect(sibling('user:7:page:3', -2)).toBe('user:7:page:1')
    expect(sibling('file-007.txt', 1)).toBe('file-008.txt')
  })

  it('have none below 0, without a number, or with one that is too long to count by', () => {
    expect(sibling('a:1', -2)).toBeUndefined()
    expect(sibling('abc', 1)).toBeUndefined()
    expect(sibling('a:1234567890123456', 1)).toBeUndefined()
  })
})

describe('the model', () => {
  it('learns which of two features speaks for a candidate, and says how sure it is', () => {
    const model = new Model()
    const { next: draw } = seededRandom(5)
    const features = new Uint16Array([weightOf(0, 0), 0])
    for (let round = 0; round < 4000; round++) {
      const kind = round % 2
      features[1] = weightOf(1, kind)
      model.learn(features, 0, 2, model.predict(features, 0, 2), draw() < (kind === 0 ? 0.9 : 0.1) ? 1 : 0)
    }
    features[1] = weightOf(1, 0)
    expect(model.predict(features, 0, 2)).toBeCloseTo(0.9, 1)
    features[1] = weightOf(1, 1)
    expect(model.predict(features, 0, 2)).toBeCloseTo(0.1, 1)
  })

  it('keeps its weights when it is to hurry', () => {
    const model = new Model()
    const features = new Uint16Array([weightOf(0, 0)])
    for (let round = 0; round < 100; round++) model.learn(features, 0, 1, model.predict(features, 0, 1), 1)
    const before = model.predict(features, 0, 1)
    model.hurry()
    model.learn(features, 0, 1, model.predict(features, 0, 1), model.predict(features, 0, 1))
    expect(model.predict(features, 0, 1)).toBeCloseTo(before, 2)
  })
})

describe('the judge', () => {
  it('switches a pattern off when the model stays worse than the base rate, and on again after a while', () => {
    const judge = new Judge()
    const verdicts: string[] = []
    for (let label = 0; label < 14_000; label++) verdicts.push(judge.tell(3, 0.9, label % 10 === 0 ? 1 : 0))
    expect(verdicts).toContain('hurry')
    expect(judge.isOff[3]).toBe(1)
    expect(judge.isOff[4]).toBe(0)
    for (let label = 0; label < 12_000; label++) judge.tell(3, 0.1, label % 10 === 0 ? 1 : 0)
    expect(judge.isOff[3]).toBe(0)
  })

  it('finds that the traffic has become another', () => {
    const judge = new Judge()
    for (let label = 0; label < 5000; label++) judge.tell(0, 0.95, 1)
    expect(judge.drifts).toBe(0)
    for (let label = 0; label < 1000; label++) judge.tell(0, 0.95, 0)
    expect(judge.drifts).toBeGreaterThan(0)
  })
})

describe('the ear', () => {
  it('notes the session that was told before a read, once', () => {
    const ear = new Listener(fakeClock(), () => {})
    ear.context(7, 42)
    for (const hash of [8, 7, 7]) ear.hit(hash, 1, 'key', 'default', 'memory')
    expect([0, 1, 2].map((at) => ear.ring.values[at])).toEqual([0, 42, 0])
  })
})

describe('the gate', () => {
  /** Fifty keys that return too late for the memory, among keys that never do. `foreseen`: what is told to be kept. */
  function read(gate: Gate, reads: number, foreseen: (at: number) => number): void {
    for (let at = 0; at < reads; at++) {
      const hash = at % 4 === 0 ? (at / 4) % 50 : 1000 + seen++
      gate.read(hash, 1, at, false, false, 0, 0)
      gate.keep(foreseen(at))
    }
  }
  let seen = 0

  it('has what is foreseen kept while a ghost that keeps it misses less, and no longer', () => {
    const gate = new Gate({ policy: policyByName('lru'), capacity: 100, unit: 'entries', entries: 100 })
    expect(gate.isKeeping).toBe(false)
    read(gate, 4000, (at) => at % 50)
    expect(gate.isKeeping).toBe(true)
    expect(gate.keepBenefit).toBeGreaterThan(0.15)
    // Now wrong: what was read just now will not come again.
    read(gate, 4000, () => 1000 + seen - 1)
    expect(gate.isKeeping).toBe(false)
    expect(gate.keepBenefit).toBeLessThan(0.005)
  })
})

describe('the budget', () => {
  it('closes when it is spent, and raises the threshold', () => {
    const budget = new Budget({ waste: 0.1 })
    const before = budget.threshold
    let bought = 0
    for (let load = 0; load < 2000; load++) {
      budget.loaded()
      if (!budget.isWorth(0.6)) continue
      budget.issued(0.6)
      budget.ended(0.6, 0)
      bought++
    }
    expect(bought).toBeLessThan(2000 * 0.1 + 130)
    expect(budget.threshold).toBeGreaterThan(before)
  })
  it('of a small share, what there is at first is small, too', () => {
    const budget = new Budget({ waste: 0.01 })
    let bought = 0
    for (let load = 0; load < 2000; load++) {
      budget.loaded()
      for (; budget.isWorth(0.95); bought++) {
        budget.issued(0.95)
        budget.ended(0.95, 0)
      }
    }
    expect(bought).toBeGreaterThan(10)
    expect(bought).toBeLessThan(2000 * 0.01 + 5)
  })
  it('keeps what calm times do not spend for a burst, up to 4,096 loads', () => {
    const budget = new Budget()
    for (let load = 0; load < 100_000; load++) budget.loaded()
    let bought = 0
    for (; budget.isWorth(0.6) && bought < 20_000; bought++) {
      budget.issued(0.6)
      budget.ended(0.6, 0)
    }
    expect(bought).toBe(4096)
  })
})

describe('what is waited for', () => {
  it('is found by its key until it has ended, the oldest first', () => {
    const pending = new Pending(4, 1)
    for (const hash of [10, 20, 30]) pending.add(hash)
    const second = pending.find(20)
    pending.end(pending.find(10))
    expect([pending.find(10), pending.oldest()]).toEqual([-1, second])
    pending.end(second)
    pending.add(10)
    expect(pending.hash(pending.oldest())).toBe(30)
  })
})

describe('known keys', () => {
  it('make room for others, the ones that were not read again first', () => {
    const forgotten: number[] = []
    const known = new Known(4, (row) => forgotten.push(row))
    const rows = [1, 2, 3, 4].map((hash) => known.add(hash, `key:${hash}`, 0, hash))
    known.read(rows[0] ?? 0, 5)
    known.add(5, 'key:5', 0, 6)
    expect([known.find(1), known.find(2), forgotten]).toEqual([rows[0], -1, [rows[1]]])
  })

  it('have a bound on what their names take', () => {
    const known = new Known(64, () => {})
    for (let hash = 1; hash <= 64; hash++) known.add(hash, 'x'.repeat(250), 0, hash)
    expect(known.keys.reduce((sum, key) => sum + key.length, 0)).toBeLessThanOrEqual(64 * 48 + 250)
    known.add(100, 'y'.repeat(300), 0, 100)
    expect(known.keys[known.find(100)]).toBe('')
  })
})

describe('how long memory keeps what is prefetched', () => {
  it('is taken for certain until it was seen, and is then a chance by age', () => {
    const stays = new Stays()
    expect([0, 3, 1000].map((age) => stays.chance(age))).toEqual([1, 1, 1])
    for (let time = 0; time < 400; time++) stays.tell(1000, false)
    for (let time = 0; time < 400; time++) stays.tell(3, time % 4 !== 0)
    expect(stays.chance(1000)).toBeLessThan(0.01)
    expect(stays.chance(3)).toBeCloseTo(0.75, 1)
    // Ages are told apart by their powers of two.
    expect([stays.chance(513), stays.chance(2), stays.chance(0)]).toEqual([stays.chance(1000), stays.chance(3), 1])
  })
})

describe('what follows two keys', () => {
  it('is known of these two in this order, those first that followed most', () => {
    const pairs = new Pairs(1024)
    for (let time = 0; time < 6; time++) pairs.see(1, 2, time % 3 === 0 ? 30 : 40)
    const cell = pairs.find(1, 2)
    const followers = [0, 1].map((at) => [pairs.to[cell * PAIR + at], pairs.count[cell * PAIR + at]])
    expect(followers).toEqual(
      expect.arrayContaining([
        [30, 2],
        [40, 4],
      ]),
    )
    expect(pairs.total[cell]).toBe(6)
    expect([pairs.find(2, 1), pairs.find(1, 3), pairs.find(9, 2)]).toEqual([-1, -1, -1])
  })

  it('is forgotten for one that comes more often', () => {
    const pairs = new Pairs(1024)
    for (const follower of [30, 40]) pairs.see(1, 2, follower)
    for (let time = 0; time < 4; time++) pairs.see(1, 2, 50)
    const cell = pairs.find(1, 2)
    expect([pairs.to[cell * PAIR], pairs.to[cell * PAIR + 1]]).toContain(50)
  })
})

describe('sequences', () => {
  /** Reads by number, of patterns that are not the same, so that only what is said here puts them into one stream. */
  function reading() {
    const known = new Known(64, () => {})
    const sequences = new Sequences(known, 64, 64)
    const candidates = new Candidates()
    let now = 0
    const read = (hash: number, pattern: number, { context = 0, isMiss = false } = {}): readonly number[] => {
      now++
      let row = known.find(hash)
      if (row < 0) row = known.add(hash, `key${'abcdefgh'[hash]}`, pattern, now)
      else known.read(row, now)
      candidates.clear()
      sequences.read(row, context, 77, isMiss, candidates)
      const found = [...candidates.hashes.subarray(0, candidates.count)]
      candidates.describe(known, row, now)
      return found
    }
    return { read, candidates }
  }

  it('learn from misses of one namespace as one stream, whoever asks for what', () => {
    const missed = reading()
    missed.read(1, 1, { isMiss: true })
    missed.read(2, 2, { isMiss: true })
    expect(missed.read(1, 1, { isMiss: true })).toContain(2)
    // Of reads that hit, those of other patterns say nothing of each other.
    const hit = reading()
    hit.read(1, 1)
    hit.read(2, 2)
    expect(hit.read(1, 1)).toEqual([])
  })

  it('tell by the two last keys what one alone does not say', () => {
    const { read, candidates } = reading()
    // After 1 and 2 comes 3, after 4 and 2 comes 5.
    for (let time = 0; time < 8; time++) for (const hash of [1, 2, 3, 4, 2, 5]) read(hash, 0)
    read(1, 0)
    read(2, 0)
    const ofPair = (hash: number): number | undefined => {
      const at = [...candidates.hashes.subarray(0, candidates.count)].indexOf(hash)
      return at < 0 ? undefined : candidates.features[at * FEATURES + 4]
    }
    expect(ofPair(3)).toBeDefined()
    expect(ofPair(5)).toBe(weightOf(4, 0))
    expect(ofPair(3)).not.toBe(weightOf(4, 0))
  })
})
