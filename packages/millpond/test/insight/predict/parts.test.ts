// The parts of the predictor by themselves.
import { describe, expect, it } from 'vitest'
import { Budget } from '../../../src/insight/predict/budget.ts'
import { Judge } from '../../../src/insight/predict/judge.ts'
import { Known } from '../../../src/insight/predict/known.ts'
import { Listener } from '../../../src/insight/predict/listener.ts'
import { Model, weightOf } from '../../../src/insight/predict/model.ts'
import { Numbered } from '../../../src/insight/predict/numbered.ts'
import { Pending } from '../../../src/insight/predict/pending.ts'
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
