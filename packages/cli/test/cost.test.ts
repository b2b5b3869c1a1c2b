// `millpond cost` against a cache that is watched: what it tells, and what it refuses.
import { createCache, memory } from 'millpond'
import { createInsight } from 'millpond/insight'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Desk, openDesk } from './desk.ts'

let desk: Desk
const paid = createCache({ name: 'paid', tiers: [memory({ maxEntries: 1000, pressure: false })] })
const insight = createInsight({ caches: [paid] })

beforeAll(async () => {
  desk = await openDesk({ caches: [paid], insight })
})
afterAll(async () => {
  await desk.close()
  insight.close()
  await paid.close()
})

const asked = ['cost', '--cache-name', 'paid', '--memory-gb-month', '4', '--million-loads', '5']

it('says "not enough data" where it is so', async () => {
  const { code, out } = await desk.run(asked, { as: 'viewer', columns: 200 })
  expect(code).toBe(0)
  expect(out).toMatch(/not enough data: 0 reads were seen/)
})

it('tells what a month saves and costs, and of which keys', async () => {
  for (let read = 0; read < 12_000; read++) {
    await paid.getOrSet(`user:${read % 150}`, () => read)
    if (read % 1000 === 0) insight.sizing('paid')
  }
  const { code, out } = await desk.run(asked, { as: 'viewer', columns: 200 })
  expect(code).toBe(0)
  expect(out).toMatch(/by what was seen since 20.*: in a month it saves [\d.e+]+, stores for [\d.e+-]+ and asks for 0: /)
  expect(out).toMatch(/user:\* +12,000 +11,850 /)
})

it('asks for the prices that are missing, and tells why one is refused', async () => {
  expect((await desk.run(['cost', '--million-loads', '1'], { as: 'viewer' })).err).toMatch(/--memory-gb-month: a gigabyte/)
  expect((await desk.run(['cost', '--memory-gb-month', '1'], { as: 'viewer' })).err).toMatch(/--million-loads or --source-second/)
  expect((await desk.run(['cost', '--memory-gb-month', '0', '--million-loads', '1'], { as: 'viewer' })).code).not.toBe(0)
})
