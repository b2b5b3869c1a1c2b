// Does every tier of a cache store, give back and forget? By an entry of its own in a namespace of its own, in steps that say what failed.
import { randomUUID } from 'node:crypto'
import type { Cache } from 'millpond'
import { createHistogram } from 'millpond/observe'
import { reasonOf } from './reason.ts'
import { inProbe } from './spaces.ts'
import type { Answered, TestStep } from './words.ts'

export function testTiers(cache: Cache): Promise<Answered['test']> {
  return inProbe(cache, async (space) => {
    const key = `probe:${randomUUID()}`
    const value = { at: Date.now() }
    const steps: TestStep[] = []
    const warnings: string[] = []
    const pings = timed()
    const step = async (tier: string, name: string, work: () => Promise<string | undefined>, told?: () => string): Promise<boolean> => {
      const began = performance.now()
      const failure = await work().catch((error: unknown) => reasonOf(error))
      steps.push({
        tier,
        step: name,
        ok: failure === undefined,
        ms: Math.round((performance.now() - began) * 1000) / 1000,
        ...((failure ?? told) !== undefined && { detail: failure ?? told?.() ?? '' }),
      })
      return failure === undefined
    }
    const levels = cache.info().cacheLevels
    const isWritten = await step('all', 'write', async () => {
      await space.set(key, value, { ttl: '1m' })
      await space.flush()
      return undefined
    })
    if (isWritten) {
      const { tiers } = await space.explain(key)
      for (const { name, enabled } of levels) {
        const held = tiers.find(({ tier }) => tier === name)
        if (!enabled) warnings.push(`${name} is switched off`)
        else await step(name, 'read', async () => (held?.state === 'fresh' ? undefined : whyNot(held)))
      }
      const looks = async (): Promise<undefined> => {
        for (let time = 0; time < PINGS; time++) await pings.time(() => space.explain(key))
      }
      await step('all', 'ping', looks, () => {
        const { p50Ms, p99Ms } = pings.times.view()
        return `p50 ${p50Ms.toPrecision(2)} ms, p99 ${p99Ms.toPrecision(2)} ms of ${PINGS} looks into every tier`
      })
      await step('all', 'delete', async () => {
        await space.delete(key)
        return (await space.explain(key)).verdict === 'miss' ? undefined : 'the entry is still there'
      })
    }
    for (const { name, breaker, latency } of space.stats().tiers) {
      if (breaker !== 'closed') warnings.push(`${name}: its breaker is ${breaker}`)
      if (latency.count > 0 && latency.p99Ms > SLOW_MS)
        warnings.push(`${name}: a hundredth of its calls takes ${latency.p99Ms.toFixed(0)} ms or more`)
    }
    return { ok: steps.every(({ ok }) => ok), steps, warnings }
  })
}

const SLOW_MS = 50
const PINGS = 20

function timed() {
  const times = createHistogram()
  return {
    times,
    async time(work: () => Promise<unknown>): Promise<void> {
      const began = performance.now()
      await work()
      times.record(performance.now() - began)
    },
  }
}

const whyNot = (held: { readonly state: string; readonly cause?: string; readonly detail?: string } | undefined): string =>
  held === undefined ? 'it was not asked' : [held.state, held.cause, held.detail].filter((part) => part !== undefined).join(': ')
