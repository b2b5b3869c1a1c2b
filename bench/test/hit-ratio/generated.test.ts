// The policies on generated traffic: ratios are exact for a seed, so a change in them is a change in a policy.
import { type EvictionFactory, policyByName } from 'millpond/memory'
import { describe, expect, it } from 'vitest'
import { type Column, measure } from '../../src/hit-ratio/measure.ts'
import { hitRatio } from '../../src/hit-ratio/simulate.ts'
import { playSized, uniqueBytes } from '../../src/hit-ratio/sized.ts'
import type { Trace } from '../../src/hit-ratio/trace.ts'
import { asTrace, loop, phases, recency, scans, shifting, zipf } from './traffic.ts'

const traffic: readonly Trace[] = [
  asTrace('loop', loop(150_000, 1011)),
  asTrace('zipf', zipf(150_000, 20_000, 0.9, 1)),
  asTrace('scan + zipf', scans(150_000, 5000, 2000, 4000, 2)),
  asTrace('recency', recency(150_000, 400, 2, 3)),
  asTrace('shifting zipf', shifting(150_000, 8000, 15_000, 4)),
  asTrace(
    'phases',
    phases(recency(80_000, 400, 2, 5), loop(80_000, 1500), zipf(80_000, 10_000, 0.9, 6), recency(80_000, 400, 2, 7)),
  ),
]
const sizes = [64, 256, 1024]
const cells = traffic.flatMap((trace) => sizes.map((size) => measure(trace, size)))

describe('hit ratios on generated traffic', () => {
  it('no policy beats the optimum', () => {
    for (const { ratios, trace, entries } of cells) {
      for (const [name, ratio] of Object.entries(ratios))
        expect(ratio, `${name} on ${trace} @ ${entries}`).toBeLessThanOrEqual(ratios.optimum)
    }
  })

  it('the adaptive policy is ahead of every other one in the mean', () => {
    const mean = (column: Column): number => cells.reduce((sum, cell) => sum + cell.ratios[column], 0) / cells.length
    for (const other of ['lru', 'sieve', 's3-fifo', 'w-tinylfu'] as const)
      expect(mean('adaptive')).toBeGreaterThan(mean(other) + 1)
  })

  it.each(cells.map((cell) => [`${cell.trace} @ ${cell.entries}`, cell] as const))(
    'the adaptive policy follows the traffic: %s',
    (_, cell) => {
      const { adaptive, lru, 's3-fifo': s3 } = cell.ratios
      // A clock is not quite a stack: where everything is recency, the price is below four points.
      expect(adaptive).toBeGreaterThan(lru - 4)
      if (cell.trace !== 'loop') expect(adaptive).toBeGreaterThan(s3 - 1)
    },
  )

  it('a large cache follows recency from the first request, and still tells what is asked for often', () => {
    const moving = measure(asTrace('recency', recency(150_000, 4_000, 2, 3)), 9_000).ratios
    // With the window of small caches: 5 points.
    expect(moving.adaptive).toBeGreaterThan(moving.lru - 3.5)
    const steady = measure(asTrace('zipf', zipf(150_000, 60_000, 0.9, 11)), 8_000).ratios
    expect(steady.adaptive).toBeGreaterThan(steady.lru + 0.5)
  })

  it('a loop twice as long as the cache is served nearly as well as can be', () => {
    const [trace] = traffic
    if (trace === undefined) throw new Error('no loop')
    const { ratios } = measure(trace, 512)
    expect(ratios.optimum).toBeGreaterThan(50)
    expect(ratios.adaptive).toBeGreaterThan(ratios.optimum - 2.5)
    expect(ratios.lru).toBe(0)
  })

  it('a policy that knows its traffic does not depend on the seed of its hashes', () => {
    const [, trace] = traffic
    if (trace === undefined) throw new Error('no zipf')
    const ratios = [1, 2, 3, 4].map((seed) => hitRatio(policyByName('adaptive'), trace, 500, { seed }))
    expect(Math.max(...ratios) - Math.min(...ratios)).toBeLessThan(1)
  })
})

describe('what entries weigh and cost', () => {
  const plain = asTrace('zipf', zipf(150_000, 10_000, 0.8, 8))
  /** 100 bytes to 100 KB, and 1 ms to 1 s, without regard to how often a key is asked for. */
  const spread = (key: number, salt: number): number =>
    10 ** (3 * (((Math.imul(key + salt, 0x9e3779b1) >>> 0) % 1000) / 1000))
  const trace: Trace = { ...plain, sizes: plain.keys.map((key) => 100 * spread(key, 1)) }
  const even: Trace = { ...plain, sizes: plain.keys.map(() => 1000) }
  const costOf = (key: number): number => spread(key, 77)

  it.each([0.01, 0.05, 0.2])('small entries are worth more room: a budget of %d of all bytes', (part) => {
    const [own, lru] = ['adaptive', 'lru'].map(
      (name) => playSized(policyByName(name), trace, uniqueBytes(trace) * part).hits,
    )
    expect(own).toBeGreaterThan((lru ?? 0) + 5)
  })

  it.each([0.01, 0.05, 0.2])('costly entries stay: a budget of %d of all bytes', (part) => {
    const capacity = uniqueBytes(even) * part
    // Costs are spread over three decades, so hits on costly keys must outweigh the hits on cheap ones that they
    // displace.
    const told = playSized(policyByName('adaptive'), even, capacity, costOf)
    const untold = playSized(hidingCosts, even, capacity, costOf)
    expect(told.cost).toBeGreaterThan(untold.cost + 3)
  })

  const hidingCosts: EvictionFactory = (options) => {
    const policy = policyByName('adaptive')(options)
    const { add } = policy
    policy.add = (slot, hash, weight) => add.call(policy, slot, hash, weight, 0)
    return policy
  }
})
