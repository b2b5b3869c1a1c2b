// `millpond cost` and `millpond what-if` against a cache that is watched: what it tells, and what it refuses.
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

it('says "not enough data" if there is not', async () => {
  const { code, out } = await desk.run(asked, { as: 'viewer', columns: 200 })
  expect(code).toBe(0)
  expect(out).toMatch(/not enough data: 0 reads so far/)
})

it('reports what a month saves and costs, and for which keys', async () => {
  for (let read = 0; read < 12_000; read++) {
    await paid.getOrSet(`user:${read % 150}`, () => read)
    if (read % 1000 === 0) insight.sizing('paid')
  }
  const { code, out } = await desk.run(asked, { as: 'viewer', columns: 200 })
  expect(code).toBe(0)
  expect(out).toMatch(
    /by data since 20.*: in a month it saves [\d.e+]+, costs [\d.e+-]+ for storage and 0 for requests: /,
  )
  expect(out).toMatch(/user:\* +12,000 +11,850 /)
})

it('asks for missing prices, and explains refused ones', async () => {
  expect((await desk.run(['cost', '--million-loads', '1'], { as: 'viewer' })).err).toMatch(
    /--memory-gb-month is missing/,
  )
  expect((await desk.run(['cost', '--memory-gb-month', '1'], { as: 'viewer' })).err).toMatch(
    /--million-loads or --source-second/,
  )
  const ask = (memory: string) =>
    desk.run(['cost', `--memory-gb-month=${memory}`, '--million-loads', '1'], { as: 'viewer' })
  for (const [price, why] of [
    ['0', /--memory-gb-month: Too small: expected number to be >0/],
    ['-3', /--memory-gb-month -3 is not allowed: give a number of 0 or more/],
    ['1e3', /--memory-gb-month 1e3 is not allowed: give a number of 0 or more, written as 30 or 0\.5/],
    ['free', /--memory-gb-month free is not a number/],
  ] as const) {
    const { code, err } = await ask(price)
    expect(code, price).toBe(2)
    expect(err, price).toMatch(why)
  }
})

it('what-if answers one question, and refuses two', async () => {
  const ask = (...what: string[]) =>
    desk.run(['what-if', '--cache-name', 'paid', ...what], { as: 'viewer', columns: 200 })
  const { code, out } = await ask('--size', '0.5')
  expect(code).toBe(0)
  expect(out).toMatch(/98\.8 % of 12,000 reads hit memory since 20.*; of 100 reads 0\.0 more would have hit \(95 %: /)
  expect((await ask('--ttl-factor', 'forever')).out).toMatch(/of 100 reads .* more would have hit/)
  expect((await ask('--more-bytes', '1000')).out).toMatch(/unknown: entries limit this memory/)
  expect((await ask()).err).toMatch(/give one of: --size/)
  expect((await ask('--size', '2', '--policy', 'lru')).err).toMatch(/give one of: --size/)
  expect((await ask('--size', '2', '--json')).json).toMatchObject({
    cache_name: 'paid',
    nodes: [{ size: { amount: 2000 } }],
  })
})

it('trends reports what it cannot tell yet, each reason once', async () => {
  const { code, out } = await desk.run(['trends', '--cache-name', 'paid'], { as: 'viewer', columns: 200 })
  expect(code).toBe(0)
  expect(out).toMatch(/hit ratio: .* now\n +requests per second: .* now\n/)
  expect(out.match(/not enough data for a trend: 0 whole days are known, 5 are needed/g)).toHaveLength(1)
  const reasons = out.split('\n').filter((line) => line.includes('not enough data'))
  expect(reasons.length).toBeGreaterThan(1)
  expect(new Set(reasons).size).toBe(reasons.length)
  expect((await desk.run(['trends', '--million-loads', '1'], { as: 'viewer' })).err).toMatch(/needs both prices/)
})
