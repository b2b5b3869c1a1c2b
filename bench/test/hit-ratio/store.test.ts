// What the tables say of a policy alone, the store must reach with real keys: there the hashes come from its index.
import { createMemoryStore, policyByName } from 'millpond/memory'
import { describe, expect, it } from 'vitest'
import { benchClock } from '../../src/clock.ts'
import { hitRatio } from '../../src/hit-ratio/simulate.ts'
import type { Trace } from '../../src/hit-ratio/trace.ts'
import { asTrace, loop, phases, recency, scans, zipf } from './traffic.ts'

const families: Readonly<Record<string, (key: number, salt: string) => string>> = {
  'numbered keys': (key, salt) => `user${salt}:profile:${1_000_000 + key}`,
  'keys with one end': (key, salt) => `user${salt}:${1_000_000 + key}:profile`,
  'keys with one long end': (key, salt) => `${salt}${key.toString(36)}:${'profile'.repeat(5)}`,
}
const traffic = [
  asTrace('zipf', zipf(150_000, 40_000, 0.9, 1)),
  asTrace('scan + zipf', scans(150_000, 5_000, 2_000, 4_000, 2)),
  asTrace('phases', phases(recency(80_000, 400, 2, 5), loop(80_000, 1_500), zipf(80_000, 10_000, 0.9, 6))),
]

function throughStore(trace: Trace, maxEntries: number, keyOf: (key: number) => string): number {
  const store = createMemoryStore({ maxEntries, policy: 'adaptive' }, { clock: benchClock() })
  const near = store.space('')
  const entry = { value: 1, createdAt: 0, freshUntil: Infinity, staleUntil: Infinity, tags: [], asOf: 0 }
  let hits = 0
  for (const number of trace.keys) {
    const key = keyOf(number)
    const slot = near.find(key)
    if (slot < 0) near.set(key, entry)
    else {
      near.hit(slot)
      hits++
    }
  }
  store.close()
  return (hits / trace.keys.length) * 100
}

/**
 * Which keys the miniatures watch depends on the hashes, and their multipliers on the process: a tenth of a point
 * either way (standard deviation over 40 processes), but in one of thirty, and in one of five for `phases` among 4,000,
 * they learn late and 1 to 2.8 points are lost. So one draw that is far off is no verdict: the median of fifteen is.
 */
function distance(draw: (salt: string) => number): number {
  const first = Math.abs(draw(''))
  if (first < 1) return first
  const draws = [first, ...[...'abcdefghijklmn'].map((salt) => Math.abs(draw(salt)))]
  return draws.sort((a, b) => a - b)[7] as number
}

describe('the store hits as often as its policy', () => {
  for (const trace of traffic) {
    for (const size of [500, 4_000]) {
      it(`${trace.name} @ ${size}`, () => {
        const alone = hitRatio(policyByName('adaptive'), trace, size)
        for (const [name, keyOf] of Object.entries(families)) {
          expect(
            distance((salt) => throughStore(trace, size, (key) => keyOf(key, salt)) - alone),
            name,
          ).toBeLessThan(1)
        }
      })
    }
  }
})
