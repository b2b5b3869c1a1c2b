// `millpond freshness` against a cache whose reads are checked, and what each command of insight says where it is not
// running.
import { createCache, memory } from 'millpond'
import { createInsight } from 'millpond/insight'
import { fakeClock } from 'millpond/testing'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Desk, openDesk } from './desk.ts'

let desk: Desk
const clock = fakeClock()
const kept = createCache({ name: 'kept', tiers: [memory({ pressure: false })], clock })
const dark = createCache({ name: 'dark' })
const insight = createInsight({ caches: [kept], clock, freshness: { every: '1s', objective: 0.05 } })
let version = 0
kept.source('user:', () => `version ${version}`)

beforeAll(async () => {
  desk = await openDesk({ caches: [kept, dark], insight })
})
afterAll(async () => {
  await desk.close()
  insight.close()
  await Promise.all([kept.close(), dark.close()])
})

const ask = (...more: string[]) =>
  desk.run(['freshness', '--cache-name', 'kept', ...more], { as: 'viewer', columns: 200 })

async function checks(count: number, isChanging: boolean): Promise<void> {
  for (let check = 0; check < count; check++) {
    if (isChanging) version++
    await kept.get('user:1')
    clock.advance(1000)
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
  }
}

it('says that too little was checked, that the objective is missed, and that it is met, for scripts by the exit code', async () => {
  await kept.refresh('user:1')
  const before = await ask()
  expect(before.code).toBe(0)
  expect(before.out).toContain('no read was checked yet: 0 of 0 checks')
  expect(before.out).toContain(
    'not enough checks yet to say whether the objective is met: at most 5.0 % of reads stale',
  )
  await checks(20, true)
  const missed = await ask()
  expect(missed.code).toBe(3)
  expect(missed.out).toMatch(
    /100\.0 % of reads are stale \(95 %: 83\.3 % to 100\.0 %\): 20 of 20 checks; 0 loads failed/,
  )
  expect(missed.out).toContain('the objective is missed: at most 5.0 % of reads stale')
  expect((await ask('--json')).json.together).toMatchObject({ state: 'missed', checked: 20 })
  await checks(1100, false)
  const met = await ask()
  expect(met.code).toBe(0)
  expect(met.out).toContain('the objective is met: at most 5.0 % of reads stale')
})

it.each([
  [['freshness'], 'createInsight({ caches, freshness: true })'],
  [['prediction'], 'createInsight({ caches, usagePrediction: true })'],
  [['what-if', '--size', '2'], 'createInsight({ caches })'],
  [['cost', '--memory-gb-month', '4', '--million-loads', '1'], 'createInsight({ caches })'],
  [['optimize'], 'createInsight({ caches })'],
])('%j says how to switch it on where it is not running, and ends with 11', async (args, remedy) => {
  const { code, out, err } = await desk.run([...args, '--cache-name', 'dark'], { as: 'viewer', columns: 200 })
  expect({ code, err }).toEqual({ code: 11, err: '' })
  expect(out).toMatch(/^(.*)dark(.*)\n {2}\S.* is not running in any process of dark: use /)
  expect(out).toContain(remedy)
})
