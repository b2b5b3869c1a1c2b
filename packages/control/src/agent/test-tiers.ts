// Tests the tiers of a cache: their stores are examined on connections of their own, step by step; then an entry in a
// dedicated namespace is written, read and deleted.
import { randomUUID } from 'node:crypto'
import type { Cache, ExaminedTier } from 'millpond'
import { inProbe } from 'millpond/insight'
import { createHistogram } from 'millpond/observe'
import { withoutSecrets } from 'millpond/options'
import type { Answered, TestStep } from './answers.ts'
import { reasonOf } from './reason.ts'

export async function testTiers(cache: Cache): Promise<Answered['test']> {
  const examined = await cache.examine()
  const reached = examined.flatMap(stepsOf)
  const tried = await tryEntry(cache)
  const steps = [...reached, ...tried.steps]
  const warned = reached.flatMap(({ tier, verdict, remedy }) =>
    verdict === 'warning' ? [`${tier}: ${remedy ?? ''}`] : [],
  )
  return { ok: steps.every(({ ok }) => ok), steps, warnings: [...warned, ...tried.warnings] }
}

const stepsOf = ({ tier, steps }: ExaminedTier): TestStep[] =>
  steps.map(({ step, at, verdict, ms, detail, remedy }) => ({
    tier,
    step,
    ok: verdict !== 'failed',
    verdict,
    ms,
    detail: withoutSecrets(detail === undefined ? at : `${at}: ${detail}`),
    ...(remedy !== undefined && { remedy: withoutSecrets(remedy) }),
  }))

function tryEntry(cache: Cache): Promise<Pick<Answered['test'], 'steps' | 'warnings'>> {
  return inProbe(cache, async (space) => {
    const key = `probe:${randomUUID()}`
    const value = { at: Date.now() }
    const steps: TestStep[] = []
    const warnings: string[] = []
    const pings = timed()
    const step = async (
      tier: string,
      name: keyof typeof REMEDIES,
      work: () => Promise<string | undefined>,
      told?: () => string,
    ): Promise<boolean> => {
      const began = performance.now()
      const failure = await work().catch((error: unknown) => reasonOf(error))
      const ok = failure === undefined
      const ms = Math.round((performance.now() - began) * 1000) / 1000
      const detail = failure ?? told?.()
      steps.push({
        tier,
        step: name,
        ok,
        verdict: ok ? 'ok' : 'failed',
        ms,
        ...(detail !== undefined && { detail }),
        ...(!ok && { remedy: REMEDIES[name] }),
      })
      return ok
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
      await step('all', 'look', looks, () => {
        const { p50Ms, p99Ms } = pings.times.view()
        return `p50 ${short(p50Ms)} ms, p99 ${short(p99Ms)} ms of ${PINGS} probes of every tier`
      })
      await step('all', 'delete', async () => {
        await space.delete(key)
        return (await space.explain(key)).verdict === 'miss' ? undefined : 'the entry is still there'
      })
    }
    for (const { name, breaker, latency } of space.stats().tiers) {
      if (breaker !== 'closed') warnings.push(`${name}: its breaker is ${breaker}`)
      if (latency.count > 0 && latency.p99Ms > SLOW_MS)
        warnings.push(`${name}: its p99 is ${latency.p99Ms.toFixed(0)} ms or more`)
    }
    return { steps, warnings }
  })
}

/** What to do about a failed step. */
const REMEDIES = {
  write: 'fix the tier whose steps fail above; if none fails, the message says what rejected the entry',
  read: 'fix the failed steps of this tier above; if none failed, the tier is full or evicts entries at once: give it more room',
  look: 'fix the tier whose steps fail above',
  delete: 'another program writes under the same prefix, or the tier breaks its contract: give it its own prefix',
} as const
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

const whyNot = (
  held: { readonly state: string; readonly cause?: string; readonly detail?: string } | undefined,
): string =>
  held === undefined
    ? 'it was not asked'
    : [held.state, held.cause, held.detail].filter((part) => part !== undefined).join(': ')

/** Two digits, without an exponent. */
const short = (ms: number): string => String(ms >= 100 ? Math.round(ms) : Number(ms.toPrecision(2)))
