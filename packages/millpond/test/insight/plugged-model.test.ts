// A model of one's own that answers what it should not: numbers that are no probabilities, lists of any length, and
// what takes the whole process with it. It is let go of once, and reads and the built-in model go on.
import { createCache, memory } from 'millpond'
import { createInsight, type ModelFault, type PredictedKey, type PredictorModel } from 'millpond/insight'
import { fakeClock } from 'millpond/testing'
import { expect, it, onTestFinished, vi } from 'vitest'
import { ModelGuard } from '../../src/insight/predict/model-guard.ts'
import { word } from './predict/visits.ts'

/** A loop over more keys than memory holds. */
const loop = (reads: number): string[] => Array.from({ length: reads }, (_, at) => word(at % 300))

async function playWith(model: PredictorModel, onModelOff?: (fault: ModelFault) => void) {
  const faults: ModelFault[] = []
  const clock = fakeClock()
  const cache = createCache({
    name: 'shop',
    tiers: [memory({ maxEntries: 100, policy: 'lru', pressure: false })],
    clock,
    defaults: { ttl: '1d' },
  })
  const loads: unknown[] = []
  cache.source('page:', (key) => {
    loads.push(key)
    return 'loaded'
  })
  const insight = createInsight({
    caches: [cache],
    clock,
    predictiveLoading: true,
    usagePrediction: { model, onModelOff: onModelOff ?? ((fault) => faults.push(fault)) },
  })
  onTestFinished(async () => {
    insight.close()
    await cache.close()
  })
  let reads = 0
  for (const key of loop(200)) {
    if ((await cache.getOrSet(key, () => 'read')) !== undefined) reads++
    clock.advance(50)
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { faults, loads, reads, insight, clock }
}

const answering = (answer: () => unknown): PredictorModel => ({
  observe: () => {},
  candidates: () => answer() as readonly PredictedKey[],
})

it.each([
  ['Infinity', () => [{ key: 'page:a', p: Number.POSITIVE_INFINITY }]],
  ['a probability above 1', () => [{ key: 'page:a', p: 1.5 }]],
  ['a probability below 0', () => [{ key: 'page:a', p: -0.1 }]],
  ['a text for a probability', () => [{ key: 'page:a', p: '0.5' }]],
  ['a list with holes', () => new Array(3)],
  ['null in a list', () => [null]],
  ['nothing', () => undefined],
  ['a key of a megabyte', () => [{ key: 'k'.repeat(1_000_000), p: 0.5 }]],
])('that answers %s is let go of, once, and every read is answered', async (_, answer) => {
  const { faults, loads, reads, insight } = await playWith(answering(answer))
  expect(faults).toMatchObject([{ code: 'malformed', message: expect.stringMatching(/^candidates: /) }])
  expect(insight.prediction('shop')?.modelFault).toEqual(faults[0])
  expect([reads, loads.includes('page:a')]).toEqual([200, false])
})

it('that answers with no key, or with a hundred thousand, of which twelve count, is kept', async () => {
  const many = Array.from({ length: 100_000 }, (_, at) => ({ key: `page:none${at}`, p: 0.9 }))
  for (const answer of [[], many]) {
    const { faults, reads, insight } = await playWith(answering(() => answer))
    expect([faults, reads]).toEqual([[], 200])
    expect(insight.prediction('shop')?.modelFault).toBeUndefined()
  }
  const guard = new ModelGuard(
    answering(() => many),
    fakeClock(),
    50,
    () => {},
  )
  const read = { key: 'page:a', namespace: 'default', session: 0, isHit: true, at: 0 }
  expect((await guard.candidates(read)).map(({ key }) => key)).toEqual(many.slice(0, 12).map(({ key }) => key))
})

it('that holds up the process is let go of as late, after the one time', async () => {
  const clocks: { advance(ms: number): unknown }[] = []
  let calls = 0
  const model: PredictorModel = {
    observe: () => {},
    candidates: () => {
      calls++
      clocks[0]?.advance(10_000)
      return []
    },
  }
  const faults: ModelFault[] = []
  const clock = fakeClock()
  clocks.push(clock)
  const cache = createCache({ name: 'shop', tiers: [memory({ maxEntries: 100, pressure: false })], clock })
  const insight = createInsight({
    caches: [cache],
    clock,
    usagePrediction: { model, onModelOff: (fault) => faults.push(fault) },
  })
  onTestFinished(async () => {
    insight.close()
    await cache.close()
  })
  for (const key of loop(100)) {
    await cache.getOrSet(key, () => 'read')
    clock.advance(50)
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(faults).toMatchObject([{ code: 'late' }])
  expect(calls).toBe(1)
})

it('whose own end is not heard without an error is told of as a warning, and reads go on', async () => {
  const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  onTestFinished(() => warned.mockRestore())
  const { reads } = await playWith(
    answering(() => 7),
    () => {
      throw new Error('no place to write it to')
    },
  )
  expect(reads).toBe(200)
  expect(warned.mock.calls.map(([message]) => message)).toEqual(['onModelOff failed: no place to write it to'])
})
