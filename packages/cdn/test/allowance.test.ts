// Haste, as the vendor sees it: requests that reach it at other moments than they are sent find room in its bucket all
// the same.
import { CdnError, createCdn, type Edge, type EdgeLimit } from '@millpond/cdn'
import { fakeClock } from 'millpond/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { passing } from './passing.ts'
import { bucket } from './vendors/wire.ts'

const open: { close(): void }[] = []
afterEach(() => {
  for (const one of open.splice(0)) one.close()
})

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Cloudflare's pro plan. */
const LIMIT: EdgeLimit = {
  kinds: ['tag'],
  perRequest: 100,
  cost: 'request',
  burst: 25,
  perSecond: 5,
  source: 'documented',
}

describe('the documented rate', () => {
  it.each([1, 2, 3, 4, 5])(
    'is not exceeded at the vendor, however long requests take to arrive (seed %i)',
    async (seed) => {
      const clock = fakeClock()
      const next = random(seed)
      const takes = bucket(LIMIT.burst, LIMIT.perSecond, clock.monotonic)
      const delay = (ms: number) => new Promise<void>((resolve) => void clock.after(ms, resolve))
      let refusals = 0
      const edge: Edge = {
        name: 'far',
        vendor: 'far',
        abilities: { purge: ['tag'], soft: [], status: false, analytics: false, locations: false },
        limits: [LIMIT],
        site: 'site',
        plan: (target) => target,
        limitOf: () => 0,
        async send() {
          await delay(next() * 400)
          const isTaken = takes(1)
          await delay(next() * 100)
          if (isTaken) return { id: undefined, isDone: true }
          refusals++
          throw new CdnError('RATE_LIMITED', 'too soon')
        },
        state: async () => ({ site: 'site', name: undefined, isReady: true, notes: [] }),
      }
      const cdn = createCdn({ edges: [edge], clock })
      open.push(cdn)
      const targets = Array.from({ length: 10_000 }, (_, at) => ({ kind: 'tag' as const, tag: `tag-${at}` }))
      const report = await passing(clock, cdn.purge(targets, { patience: Number.POSITIVE_INFINITY }), 1000)
      expect(report.edges[0]).toMatchObject({ purged: 10_000, requests: 100 })
      expect(refusals).toBe(0)
    },
  )
})
