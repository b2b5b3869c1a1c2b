// `millpond experiments`: one is begun from a file, shown, set for all keys, taken back, and listed.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createCache, memory } from 'millpond'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Desk, openDesk } from './desk.ts'

let desk: Desk
let plan: string
const shop = createCache({ name: 'lives', tiers: [memory({ pressure: false })], defaults: { ttl: 1 } })

beforeAll(async () => {
  desk = await openDesk({ caches: [shop] })
  plan = join(desk.folder, 'longer.json')
  const arms = [{ name: 'as it is' }, { name: 'an hour', ttl_seconds: 3600, share: 0.5 }]
  writeFileSync(
    plan,
    JSON.stringify({ name: 'longer', arms, before_seconds: 0, settle_seconds: 0, min_run_seconds: 0 }),
  )
})
afterAll(async () => {
  await desk.close()
  await shop.close()
})

const editor = { as: 'editor', columns: 200 } as const

it('shows what would start, and reports errors in a file', async () => {
  const planned = await desk.run(['experiments', 'start', plan, '--dry-run'], editor)
  expect(planned).toMatchObject({ code: 0, out: expect.stringContaining('an hour: 50.0 % of the keys') })
  const wrong = join(desk.folder, 'wrong.json')
  writeFileSync(wrong, '[1]')
  expect(await desk.run(['experiments', 'start', wrong], editor)).toMatchObject({
    code: 2,
    err: expect.stringContaining('is not an experiment'),
  })
  expect((await desk.run(['experiments', 'start', 'none.json'], editor)).code).toBe(2)
})

it('says which keys it covers, and applies what was found there to all only if told', async () => {
  const part = join(desk.folder, 'part.json')
  const select = { keys: ['item:1*', 'item:2*'], share: 0.5 }
  writeFileSync(part, JSON.stringify({ ...JSON.parse(readFileSync(plan, 'utf8')), namespace: 'people', select }))
  const words = 'covers the namespace people, keys like item:1*, item:2*, a share of the keys of 0.5'
  expect((await desk.run(['experiments', 'start', part, '--dry-run'], editor)).out).toContain(words)
  const { id } = (await desk.run(['experiments', 'start', part, '--json=id'], editor)).json
  expect((await desk.run(['experiments', 'show', id], editor)).out).toContain(words)
  const refused = await desk.run(['experiments', 'apply', id, 'an hour', '--yes'], editor)
  expect(refused).toMatchObject({ code: 6, err: expect.stringContaining('covered only a part of the keys') })
  const told = ['experiments', 'apply', id, 'an hour', '--whole', '--dry-run']
  expect(await desk.run(told, editor)).toMatchObject({ code: 0, out: expect.stringContaining('"ttl_seconds":3600') })
  expect((await desk.run(['experiments', 'stop', id], editor)).code).toBe(0)
})

it('starts one, shows its result, applies it to all keys, and rolls it back', async () => {
  const begun = await desk.run(['experiments', 'start', plan, '--reason', 'prices hardly change', '--json=id'], editor)
  const { id } = begun.json
  for (let read = 0; read < 8000; read++) {
    await shop.getOrSet(`item:${(read * 7919) % 300}`, () => 1)
    if (read % 300 === 0) await new Promise((resolve) => setTimeout(resolve, 2))
  }
  await expect
    .poll(async () => (await desk.run(['experiments', 'show', id], editor)).out, { timeout: 15_000 })
    .toMatch(/an hour is better: \+/)
  const asked = await desk.run(['experiments', 'apply', id, '--dry-run'], editor)
  expect(asked.out).toContain('an hour: {"ttl_seconds":3600}')
  const applied = await desk.run(['experiments', 'apply', id, '--yes'], editor)
  expect(applied).toMatchObject({
    code: 0,
    out: expect.stringContaining(`To undo: millpond experiments rollback ${id}`),
  })
  expect(shop.describe().defaults.ttl_seconds).toBe(3600)
  expect((await desk.run(['experiments', 'rollback', id], editor)).code).toBe(0)
  expect(shop.describe().defaults.ttl_seconds).toBe(0.001)
  expect((await desk.run(['experiments', 'list'], { as: 'viewer', columns: 200 })).out).toMatch(/longer\s+stopped/)
  expect((await desk.run(['experiments', 'stop', id], editor)).code).toBe(6)
})

it('switches automatic changes, keeps settings that are not given, and says why nothing is done', async () => {
  expect((await desk.run(['auto-apply', '--cache-name', 'lives'], { as: 'viewer' })).out).toContain(
    'lives: nothing is applied automatically',
  )
  const on = ['auto-apply', 'on', '--cache-name', 'lives', '--min-impact-score', '90']
  expect((await desk.run(on, { as: 'viewer' })).code).toBe(4)
  const { out: tried } = await desk.run([...on, '--dry-run'], editor)
  expect(tried).toContain('of 90 or more are applied')
  expect(tried).toContain('that was a dry run: nothing has changed')
  expect((await desk.run(['auto-apply', '--cache-name', 'lives'], editor)).out).toContain('nothing is applied')
  expect((await desk.run(on, editor)).code).toBe(0)
  const { json } = await desk.run(['auto-apply', 'on', '--cache-name', 'lives', '--json'], editor)
  expect(json.settings).toMatchObject({ enabled: true, min_impact_score: 90, kinds: ['policy'] })
  expect((await desk.run(['auto-apply', 'off', '--cache-name', 'lives'], editor)).out).toContain(
    'nothing is applied automatically',
  )
  expect((await desk.run(['auto-apply', 'perhaps'], editor)).code).toBe(2)
})
