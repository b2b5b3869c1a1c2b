// `millpond prediction` against a cache whose next reads are predicted.
import { createCache, memory } from 'millpond'
import { createInsight, type Insight, type Prediction } from 'millpond/insight'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Desk, openDesk } from './desk.ts'

let desk: Desk
const pages = createCache({ name: 'pages', tiers: [memory({ maxEntries: 100, pressure: false })] })
const predicting = createInsight({ caches: [pages], predictiveLoading: true })
const told: Partial<Prediction> = {}
const insight: Insight = {
  ...predicting,
  prediction(name) {
    const figures = predicting.prediction(name)
    return figures && { ...figures, ...told }
  },
}

beforeAll(async () => {
  desk = await openDesk({ caches: [pages], insight })
})
afterAll(async () => {
  await desk.close()
  predicting.close()
  await pages.close()
})

const ask = async () => (await desk.run(['prediction'], { as: 'viewer', columns: 200 })).out

it('says whether entries that will be read soon are kept in memory, and how often they were', async () => {
  expect(await ask()).toContain('entries that are expected to be read soon are not kept in memory now; so far 0 were')
  Object.assign(told, { kept: 1234, isKeeping: true, closings: 1 })
  const out = await ask()
  expect(out).toContain('entries that are expected to be read soon are kept in memory now; so far 1,234 were')
  expect(out).toMatch(/switched off once\n/)
  Object.assign(told, { closings: 2 })
  expect(await ask()).toMatch(/switched off 2 times\n/)
})
