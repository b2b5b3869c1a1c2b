// What plans of invalidations say beforehand, held against what is there: to the key for memory and for lists of keys,
// else within the bound that they state.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cache, createCache, memory } from 'millpond'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { patient } from '../../millpond/test/services/index.ts'
import { type Opened, open } from './setup.ts'

const SEED = Number(process.env.MILLPOND_SEED ?? 54)
const PLANS = 100
const KEYS = 900
const TAGS = 12
/** What a deal brings along; one of them only where it is deleted. */
const MODELS = {
  Deal: { related: [{ tag: 't1' }, 'Team'] },
  Team: { invalidateOn: ['delete'], related: [{ tag: 't2' }] },
} as const
const folder = mkdtempSync(join(tmpdir(), 'millpond-plans-'))
const all: Cache[] = []
let opened: Opened
/** What was stored, by cache and namespace: key to tags. */
const held = new Map<string, Map<string, Map<string, readonly string[]>>>()

/** mulberry32 */
let state = SEED >>> 0
function random(): number {
  state = (state + 0x6d2b79f5) >>> 0
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
}
const below = (most: number): number => Math.floor(random() * most)

beforeAll(async () => {
  // The second holds most of its entries below memory, where a plan does not look unless it is told to.
  all.push(
    createCache({ name: 'near', tiers: [memory({ maxEntries: 10_000 })], models: MODELS }),
    createCache({
      name: 'deep',
      tiers: [memory({ maxEntries: 250, policy: 'lru' }), patient(sqlite({ path: join(folder, 'deep.db') }))],
      models: MODELS,
    }),
  )
  opened = await open(':memory:', { caches: all })
  for (const cache of all) {
    const spaces = new Map<string, Map<string, readonly string[]>>()
    held.set(cache.info().name, spaces)
    for (const name of ['deals', 'users']) {
      const entries = new Map<string, readonly string[]>()
      spaces.set(name, entries)
      for (let at = 0; at < KEYS / 2; at++) {
        const [key, tags] = [`k${below(10)}:${at}`, Array.from({ length: below(4) }, () => `t${below(TAGS)}`)]
        entries.set(key, tags)
        await cache.namespace(name).set(key, at, { tags, ttl: '1h' })
      }
    }
    await cache.flush()
  }
})
afterAll(async () => {
  await opened.close()
  await Promise.all(all.map((cache) => cache.close()))
  rmSync(folder, { recursive: true, force: true })
})

interface Asked {
  readonly body: Record<string, unknown>
  readonly selects: (key: string, tags: readonly string[]) => boolean
}

function criteria(): Asked {
  if (random() < 0.5) {
    const tags = Array.from({ length: 1 + below(3) }, () => `t${below(TAGS)}`)
    return { body: { tags }, selects: (_, its) => its.some((tag) => tags.includes(tag)) }
  }
  const prefix = `k${below(10)}:${random() < 0.5 ? '' : below(10)}`
  return { body: { pattern: `${prefix}*` }, selects: (key) => key.startsWith(prefix) }
}

it(`are exact for memory and for listed tiers, and lower bounds elsewhere, in ${PLANS} of ${PLANS} (seed ${SEED})`, async () => {
  const kinds = { exact: 0, bound: 0 }
  for (let plan = 0; plan < PLANS; plan++) {
    const [cache_name, namespace, scan] = [
      random() < 0.5 ? 'near' : 'deep',
      random() < 0.5 ? 'deals' : 'users',
      random() < 0.3,
    ]
    const { body, selects } = criteria()
    const { json } = await opened.call('POST', 'invalidations/plan/', {
      as: 'operator',
      body: { cache_name, namespace, scan, ...body },
    })
    const truth = [...(held.get(cache_name)?.get(namespace) ?? [])].filter(([key, tags]) => selects(key, tags)).length
    const told = { cache_name, scan, ...body, keys: json.plan.keys, is_exact: json.plan.is_exact }
    expect(json.plan.is_exact, JSON.stringify(told)).toBe(cache_name === 'near' || scan)
    if (json.plan.is_exact) expect(json.plan.keys, JSON.stringify(told)).toBe(truth)
    else expect(json.plan.keys, JSON.stringify(told)).toBeLessThanOrEqual(truth)
    kinds[json.plan.is_exact ? 'exact' : 'bound']++
  }
  // Both kinds were there, and bounds that say nothing would not do.
  expect(Math.min(kinds.exact, kinds.bound)).toBeGreaterThan(15)
})

it('of lists of keys are as long as the list, whether or not the keys exist', async () => {
  for (const length of [1, 7, 300]) {
    const keys = Array.from({ length }, (_, at) => `k0:${at}`)
    const { json } = await opened.call('POST', 'invalidations/plan/', {
      as: 'operator',
      body: { cache_name: 'deep', keys },
    })
    expect(json.plan).toMatchObject({ keys: length, is_exact: true })
  }
})

it('count what the relations of a model include, in memory alone and with a tier below', async () => {
  const planned = async (cache_name: string, body: object) =>
    (await opened.call('POST', 'invalidations/plan/', { as: 'admin', body: { cache_name, ...body } })).json.plan
  for (const cache of ['near', 'deep']) {
    const [of, alike] = [await planned(cache, { model: 'Deal', id: '7' }), await planned(cache, { tags: ['t1', 't2'] })]
    expect([of.keys > 0, of.keys], cache).toEqual([true, alike.keys])
    expect(of.caches[0].cascade, cache).toEqual(
      expect.arrayContaining(['model:Deal:7', 'model:Deal', 'model:Team', 't1', 't2']),
    )
    expect((await planned(cache, { model: 'Team' })).keys, cache).toBe((await planned(cache, { tags: ['t2'] })).keys)
  }
})
