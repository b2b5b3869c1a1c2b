// The service as several regions on one machine: what is written in one is forgotten in the others.
import { expect, test } from 'vitest'
import { describeWith, startRedis, until } from '../../../packages/millpond/test/services/index.ts'
import { createTokens } from '../src/http/tokens.ts'
import { twoCasts } from './people.ts'
import { SECRET, SMALL, startSubject } from './service-under-test.ts'
import { startProcess } from './start-process.ts'
import { makeFolder } from './temporary-folder.ts'

const REGIONS = ['--regions', 'us-east-1,eu-west-1'] as const
const ADMIN_TOKEN = 'regions-administrator-'.padEnd(40, 'x')
const APPLIED = ['us-east-1', 'eu-west-1'].map((region) => ({ region, state: 'applied' }))
const isApplied = (regions: typeof APPLIED): boolean => regions.every(({ state }) => state === 'applied')

test('T7: --regions starts a process for each: what one has computed the other takes, what one has written both have forgotten', {
  timeout: 120_000,
}, async () => {
  const service = await startProcess(makeFolder(), { MILLPOND_ADMIN_TOKEN: ADMIN_TOKEN }, REGIONS)
  const tokens = createTokens(SECRET)
  const us = service.url
  const eu = /^ {2}eu-west-1: (http\S+)\/$/m.exec(service.said)?.[1] ?? ''
  const ask = async (base: string, path: string, token: string, change?: object) => {
    const answer = await fetch(base + path, {
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(change !== undefined && { method: 'PATCH', body: JSON.stringify(change) }),
    })
    const text = await answer.text()
    // biome-ignore lint/suspicious/noExplicitAny: answers are looked at field by field
    const json: any = text.startsWith('{') ? JSON.parse(text) : undefined
    return { status: answer.headers.get('cache-status') ?? '', text, json }
  }
  try {
    const [{ manager, dealId }] = await twoCasts(/^ {2}data: (.+)$/m.exec(service.said)?.[1] ?? '')
    const token = tokens.issue(manager)
    const statistics = (days: number) => `/api/cached/organizations/${manager.organizationId}/statistics/?days=${days}`
    const deal = `/api/deals/${dealId}/`
    const heard = async (base: string) =>
      (await ask(base, '/api/live/', token)).json.regions.others[0].is_heard === true
    for (const base of [us, eu]) await until('the other region to be heard', () => heard(base))

    // A process that had to wait for a processor is told of as queued, which is true of it then.
    const raise = (base: string, amount: number) =>
      until('a write that both have applied', async () => {
        const { json } = await ask(base, deal, token, { amount_cents: amount })
        return json.invalidation === 'done' && isApplied(json.forgotten.regions) && json.forgotten.regions
      })

    // Applied even where nothing has been requested yet.
    expect(await raise(us, 4_100)).toEqual(APPLIED)

    // Written in one, whichever it is, and seen in the other.
    for (const [here, there, amount] of [
      [us, eu, 4_200],
      [eu, us, 4_300],
    ] as const) {
      const old = await ask(there, statistics(30), token)
      expect(await raise(here, amount)).toEqual(here === us ? APPLIED : APPLIED.toReversed())
      const isNew = async () => (await ask(there, statistics(30), token)).text !== old.text
      await until('the other region to answer anew', isNew)
      await until('the record itself', async () => (await ask(there, deal, token)).json.amount_cents === amount)
    }

    // Computed in the origin, and taken from there wherever that answers in time.
    const paths = [
      ...[7, 90, 365].map(statistics),
      ...[1, 2, 3, 4].map((id) => `/api/cached/organizations/${id}/info/`),
    ]
    const taken: string[] = []
    for (const path of paths) {
      const before = await ask(us, path, token)
      expect(before.status).toContain('deals-strategic; fwd=uri-miss; stored')
      const after = await ask(eu, path, token)
      expect(after.text).toBe(before.text)
      if (after.status.includes('deals-strategic; hit; detail=edge')) taken.push(path)
    }
    expect(taken).not.toEqual([])
    const url = encodeURIComponent(`${eu}${taken.at(-1)}`)
    const explained = await ask(eu, `/api/admin/caching/explain/?namespace=strategic&url=${url}`, ADMIN_TOKEN)
    expect(explained.json.nodes[0]).toMatchObject({ node: 'deals-eu-west-1', verdict: 'hit' })
    expect(explained.json.nodes[0].tiers).toContainEqual(expect.objectContaining({ tier: 'edge', region: 'us-east-1' }))

    expect((await ask(eu, '/', token)).text).toContain(
      'This is the region <b>eu-west-1</b>, beside us-east-1: it asks us-east-1 for what it lacks',
    )
  } finally {
    await service.kill()
  }
})

describeWith('redis', 'regions over one Redis', () => {
  test('T7: a region in which nothing runs is told of as queued, and applies what it has missed when it comes', {
    timeout: 120_000,
  }, async () => {
    const redis = await startRedis()
    const folder = makeFolder()
    const env = { REDIS_URL: redis.url }
    const args = [...SMALL, ...REGIONS]
    const one = await startSubject({ folder, args, env })
    const [{ manager, dealId }] = await twoCasts(one.service.database)
    const raise = (amount: number): Promise<typeof APPLIED> =>
      until('a write that Redis was told of in time', async () => {
        const { json } = await one.send('PATCH', `/api/deals/${dealId}/`, manager, { amount_cents: amount })
        return json.invalidation === 'done' && json.forgotten.regions
      })
    try {
      expect(await raise(100)).toEqual([
        { region: 'us-east-1', state: 'applied' },
        { region: 'eu-west-1', state: 'queued' },
      ])
      const other = await startSubject({ folder, args, env: { ...env, DEALS_NODE: '2' } })
      try {
        const statistics = `/api/cached/organizations/${manager.organizationId}/statistics/?days=30`
        await until('both to be heard', async () => {
          await other.get(statistics, manager)
          return (await other.get('/api/live/')).json.regions.others[0].is_heard === true
        })
        expect((await other.get(statistics, manager)).text).toBe((await one.get(statistics, manager)).text)
        await until('both to apply what is written', async () => isApplied(await raise(200)))
      } finally {
        await other.stop()
      }
    } finally {
      await one.stop()
      await redis.stop()
    }
  })
})
