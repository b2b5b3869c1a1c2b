// The predictor on traffic whose future is known: it finds what follows, keeps quiet where nothing does, and stays
// within its bounds.
import { describe, expect, it } from 'vitest'
import { hashOf } from '../../../src/core/key-hash.ts'
import { type KeyRead, Predictor } from '../../../src/insight/predict/predictor.ts'
import { policyByName } from '../../../src/memory/policies/index.ts'
import { seededRandom } from '../../../src/testing/random.ts'
import { LruCache } from './lru-cache.ts'
import { visits, word } from './visits.ts'

const ENTRIES = 200
const SEED = hashOf('default', 0)

interface Played {
  readonly misses: number
  readonly issued: number
  readonly predictor: Predictor
}

/**
 * Plays reads against a least-recently-used cache that is prefetched into. `from`: goes on with what was played before.
 */
function play(
  keys: Iterable<string>,
  {
    contextOf = (_at: number): number => 0,
    timeOf = (at: number): number => at,
    onKept = (): unknown => undefined,
    from = begin(),
  } = {},
): Played {
  const { predictor, cache } = from
  const read: KeyRead = {
    hash: 0,
    key: '',
    namespace: 'default',
    context: 0,
    isHit: false,
    isLost: false,
    weight: 1,
    time: 0,
  }
  let misses = 0
  let at = 0
  const before = predictor.issued
  for (const key of keys) {
    read.key = key
    read.hash = hashOf(key, SEED)
    read.isHit = cache.read(key)
    read.time = timeOf(at)
    read.context = contextOf(at++)
    if (!read.isHit) misses++
    predictor.read(read, (one) => (cache.has(one) ? 'memory' : 'source'))
    for (let one = 0; one < predictor.kept; one++) {
      cache.add(predictor.keptAt(one))
      onKept()
    }
    for (let one = 0; one < predictor.proposed; one++) cache.add(predictor.keyAt(one))
  }
  return { misses, issued: predictor.issued - before, predictor }
}

function begin(held = 0, entries = ENTRIES) {
  const predictor = new Predictor({
    entries,
    held,
    capacity: entries,
    unit: 'entries',
    policy: policyByName('lru'),
  })
  return { predictor, cache: new LruCache(entries) }
}

const loop = (keys: number, reads: number): string[] => Array.from({ length: reads }, (_, at) => word(at % keys))
function random(seed: number, keys: number, reads: number): string[] {
  const { next: draw } = seededRandom(seed)
  return Array.from({ length: reads }, () => word(Math.floor(draw() * keys)))
}

describe('a predictor', () => {
  it('learns a loop that the memory is too small for', () => {
    const { misses, predictor } = play(loop(1000, 30_000))
    expect(misses).toBeLessThan(10_000)
    expect(predictor.used / predictor.issued).toBeGreaterThan(0.9)
  })

  it('keeps what is foreseen where that spares misses, and nothing while it may not load', () => {
    const { keys, contexts } = visits(20_000, 100, 400)
    const plain = new LruCache(ENTRIES)
    const without = keys.filter((key) => !plain.read(key)).length
    const contextOf = (at: number): number => contexts[at] ?? 0
    let kept = 0
    const { predictor, misses } = play(keys, { contextOf, onKept: () => kept++ })
    expect(predictor.gate.isKeeping).toBe(true)
    expect(predictor.gate.keepBenefit).toBeGreaterThan(0.05)
    expect(kept).toBeGreaterThan(100)
    expect(misses).toBeLessThan(0.8 * without)
    const watching = begin()
    watching.predictor.mayLoad = false
    const before = kept
    const watched = play(keys, { contextOf, onKept: () => kept++, from: watching })
    expect(kept).toBe(before)
    expect(watched.misses).toBe(without)
    expect(watched.predictor.gate.keepBenefit).toBeGreaterThan(0.05)
  })

  it('follows a step in the numbers of keys that it has never seen', () => {
    const { misses } = play(Array.from({ length: 20_000 }, (_, at) => `["block",${at * 8}]`))
    expect(misses).toBeLessThan(6000)
  })

  it('loads ahead without a trial while memory has room, and not where memory was full already', () => {
    const blocks = Array.from({ length: ENTRIES }, (_, at) => `["block",${at * 8}]`)
    const { misses, predictor } = play(blocks)
    expect(misses).toBeLessThan(ENTRIES / 2)
    expect(predictor.gate.isOpen).toBe(false)
    expect(play(blocks, { from: begin(ENTRIES) }).issued).toBe(0)
    expect(() => begin(-1)).toThrow(/held/)
  })

  it('knows from memory itself that there is no more room', () => {
    const from = begin()
    from.predictor.holds(ENTRIES - 1)
    expect(from.predictor.isWorthRoom).toBe(true)
    from.predictor.holds(ENTRIES)
    from.predictor.holds(0)
    expect(from.predictor.isWorthRoom).toBe(false)
  })

  it('loads no more in vain than its share before it is known what is in vain, in a memory that is long not full', () => {
    // Runs of three: the fourth is foreseen as surely as the other two, and never read.
    const { next: draw } = seededRandom(9)
    const keys = Array.from({ length: 1000 }, () => Math.floor(draw() * 1e6)).flatMap((at) =>
      [0, 1, 2].map((step) => `["block",${at * 8 + step}]`),
    )
    for (const reads of [100, 400, 1600, 3000]) {
      const { misses, predictor } = play(keys.slice(0, reads), { from: begin(0, 10_000) })
      expect(predictor.used).toBeGreaterThan(reads / 10)
      expect(misses + predictor.issued).toBeLessThan(1.35 * reads)
    }
  })

  it('closes once memory is full, where nothing speaks for loading ahead any more', () => {
    const from = begin()
    const orderly = play(
      Array.from({ length: ENTRIES / 2 }, (_, at) => `["block",${at * 8}]`),
      { from },
    )
    expect(orderly.issued).toBeGreaterThan(ENTRIES / 4)
    expect(from.predictor.isWorthRoom).toBe(true)
    play(random(4, 2000, 20 * ENTRIES), { from })
    expect(from.predictor.isWorthRoom).toBe(false)
  })

  it('proposes no key that is too long to be kept', () => {
    expect(play(Array.from({ length: 20_000 }, (_, at) => `["${'x'.repeat(300)}",${at * 8}]`)).issued).toBe(0)
  })

  it('tells sessions apart, where they are told', () => {
    const { next: draw } = seededRandom(7)
    const sessions = Array.from({ length: 20_000 }, () => Math.floor(draw() * 50))
    const steps = new Map<number, number>()
    // Each session goes through a random page, then the one that always follows it.
    const keys = sessions.map((session) => {
      const step = steps.get(session) ?? 0
      steps.set(session, step + 1)
      return word(1000 + (step % 2) * 5000 + ((hashOf(`${session} ${step >> 1}`, 0) >>> 0) % 1000))
    })
    const told = play(keys, { contextOf: (at) => (sessions[at] ?? 0) + 1 })
    const untold = play(keys)
    expect(told.misses).toBeLessThan(0.9 * untold.misses)
  })

  it('proposes next to nothing where what comes next is chance, and is there again when it is not', () => {
    const from = begin()
    const first = play(random(1, 2000, 20_000), { from })
    expect(first.issued).toBeLessThan(0.02 * first.misses)
    const second = play(loop(1000, 30_000), { from })
    expect(second.misses).toBeLessThan(20_000)
    const third = play(random(2, 2000, 30_000), { from })
    expect(from.predictor.gate.isOpen).toBe(false)
    expect(third.issued).toBeLessThan(0.1 * third.misses)
  })

  it('does the same with the same reads', () => {
    const keys = [...random(3, 500, 5000), ...loop(400, 20_000)]
    const figures = ({ misses, issued, predictor: { used, wasted, budget } }: Played) => ({
      misses,
      issued,
      used,
      wasted,
      threshold: budget.threshold,
    })
    expect(figures(play(keys))).toEqual(figures(play(keys)))
  })

  it('bears one key, only new keys, and a time that runs backwards', () => {
    expect(play(Array.from({ length: 5000 }, () => 'one')).issued).toBe(0)
    const fresh = play(Array.from({ length: 20_000 }, (_, at) => `${word(at)}@`))
    expect(fresh.issued).toBe(0)
    const back = play(loop(1000, 30_000), { timeOf: (at) => 1e9 - at * 1000 })
    expect(back.misses).toBeLessThan(10_000)
  })

  it('tells a few patterns apart, however many there are', () => {
    const { predictor } = play(Array.from({ length: 20_000 }, (_, at) => `${word(at)}:x:${at}`))
    const names = new Set(Array.from({ length: 40 }, (_, number) => predictor.pattern(number).pattern))
    expect(names.size).toBe(32)
    expect(names.has('others')).toBe(true)
  })

  it('takes 11 MiB at most, keys aside', () => {
    const before = process.memoryUsage().arrayBuffers
    const kept = begin()
    const took = process.memoryUsage().arrayBuffers - before
    expect(kept.predictor.issued).toBe(0)
    expect(took).toBeLessThan(11 * 2 ** 20)
  })

  it('takes back what was not loaded after all, once', () => {
    const from = begin()
    const { predictor } = play(loop(1000, 30_000), { from })
    for (let at = 0; predictor.proposed === 0 && at < 1000; at++) play([word(at)], { from })
    const [hash, before] = [predictor.hashAt(0), predictor.outstanding]
    expect(predictor.proposed).toBeGreaterThan(0)
    predictor.withdraw(hash)
    predictor.withdraw(hash)
    expect(predictor.outstanding).toBe(before - 1)
  })

  it('wastes no more than its budget', () => {
    // Every second key is followed by one of two: half of what is proposed is in vain.
    const { next: draw } = seededRandom(9)
    const keys = Array.from({ length: 60_000 }, (_, at) =>
      word((((at >> 1) * 3) % 1500) * 10 + (at % 2 === 0 ? 0 : 1 + Math.floor(draw() * 2))),
    )
    const { predictor, misses } = play(keys)
    expect(predictor.used).toBeGreaterThan(0)
    expect(predictor.wasted).toBeLessThan(0.26 * (misses + predictor.used))
  })

  it('borrows a quarter of the memory at most, for what is loaded and not read yet', () => {
    // Many sessions at once, each on a way of its own: what is loaded for one is read only when all others have had
    // their turn.
    const from = begin()
    let most = 0
    for (let round = 0; round < 220; round++)
      for (let session = 0; session < 150; session++) {
        play([word(session * 1000 + (round % 40))], { contextOf: () => session + 1, from })
        most = Math.max(most, from.predictor.outstanding)
      }
    expect(most).toBeGreaterThan(ENTRIES / 8)
    expect(most).toBeLessThanOrEqual(ENTRIES / 4)
  })

  it('proposes nothing of a pattern that the judge has switched off', () => {
    const from = begin()
    play(loop(1000, 10_000), { from })
    const before = from.predictor.issued
    expect(before).toBeGreaterThan(0)
    from.predictor.judge.isOff.fill(1)
    play(loop(1000, 2000), { from })
    expect(from.predictor.issued).toBe(before)
    from.predictor.judge.isOff.fill(0)
    play(loop(1000, 5000), { from })
    expect(from.predictor.issued).toBeGreaterThan(before)
  })

  it('learns from a memory that keeps nothing of what is loaded ahead that there is nothing to spare', () => {
    const cache = new LruCache(ENTRIES)
    const predictor = new Predictor({
      entries: ENTRIES,
      capacity: ENTRIES,
      unit: 'entries',
      policy: policyByName('lru'),
    })
    const keys = loop(1000, 60_000)
    let sparedBefore = 0
    keys.forEach((key, at) => {
      if (at === 30_000) sparedBefore = predictor.spared
      const read = {
        hash: hashOf(key, SEED),
        key,
        namespace: 'default',
        context: 0,
        isLost: false,
        weight: 1,
        time: at,
      }
      predictor.read({ ...read, isHit: cache.read(key) }, (one) => (cache.has(one) ? 'memory' : 'source'))
    })
    expect((predictor.spared - sparedBefore) / 30_000).toBeLessThan(0.2)
  })
})
