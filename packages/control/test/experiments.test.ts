// Experiments over the API: begun, led in the processes with real traffic, judged, stopped, set for all, taken back,
// and kept over a restart.
import { type Cache, createCache, memory } from 'millpond'
import { afterEach, expect, it, vi } from 'vitest'
import { type Opened, open } from './setup.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

const SOON = { before_seconds: 0, settle_seconds: 0, min_run_seconds: 0 }
const LIVES = { name: 'lives', arms: [{ name: 'as it is' }, { name: 'longer', ttl_seconds: 3600 }], ...SOON }
const MEMORY = {
  name: 'size',
  arms: [
    { name: 'as it is', memory: {} },
    { name: 'twice', memory: { factor: 2 } },
  ],
  ...SOON,
}

/** Values live for a moment, so that longer lives hit more within a test. */
async function site(
  options: Partial<Parameters<typeof createCache>[0]> = {},
  store?: string,
): Promise<{ cache: Cache; opened: Opened }> {
  const cache = createCache({
    name: 'shop',
    tiers: [memory({ maxEntries: 10_000, pressure: false })],
    defaults: { ttl: 1 },
    ...options,
  })
  const opened = await open(store, { caches: [cache] })
  await opened.plane.start()
  ends.push(
    () => cache.close(),
    () => opened.close(),
  )
  return { cache, opened }
}

async function play(cache: Pick<Cache, 'getOrSet'>, reads = 8000, keys = 300): Promise<void> {
  for (let read = 0; read < reads; read++) {
    await cache.getOrSet(`item:${(read * 7919) % keys}`, () => 1)
    if (read % keys === 0) await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

const start = (opened: Opened, body: object, as: 'viewer' | 'editor' | 'limited' | 'admin' = 'editor') =>
  opened.call('POST', 'experiments/', { as, body })

it('finds the better arm, applies it to all keys, and rolls it back', async () => {
  const { cache, opened } = await site()
  const begun = await start(opened, { ...LIVES, reason: 'values hardly change' })
  expect(begun.status).toBe(201)
  expect(begun.json).toMatchObject({
    cache_name: 'shop',
    state: 'running',
    phase: 'measuring',
    actor: 'editor',
    reason: 'values hardly change',
  })
  expect(begun.json.judgement).toMatchObject({ verdict: 'not_enough_data', winner: null })
  const { id } = begun.json
  await play(cache)
  await opened.plane.control.experiments.turn()
  const { json } = await opened.call('GET', `experiments/${id}/`, { as: 'viewer' })
  expect(json.judgement).toMatchObject({ verdict: 'better', winner: 'longer' })
  expect(json.decided).toMatchObject({ verdict: 'better', winner: 'longer' })
  expect(json.judgement.arms[0].gain.low).toBeGreaterThan(0)
  expect(json.course.length).toBeGreaterThan(0)
  expect((await opened.call('GET', 'experiments/?state=running', { as: 'viewer' })).json.data).toHaveLength(1)

  const apply = (body: object) => opened.call('POST', `experiments/${id}/apply/`, { as: 'editor', body })
  expect((await apply({ dry_run: true })).json).toEqual({ arm: 'longer', change: { ttl_seconds: 3600 } })
  expect((await apply({ arm: 'nobody' })).json.code).toBe('unknown_arm')
  expect((await apply({ arm: 'as it is' })).json.code).toBe('nothing_to_change')
  expect((await apply({})).json).toMatchObject({ kind: 'experiment', state: 'completed' })
  expect(cache.describe().defaults.ttl_seconds).toBe(3600)
  const ended = (await opened.call('GET', `experiments/${id}/`, { as: 'viewer' })).json
  expect(ended).toMatchObject({
    state: 'ended',
    ended: 'stopped',
    applied: { arm: 'longer', undo: { ttl_seconds: 0.001 }, is_undone: false },
  })

  const back = () => opened.call('POST', `experiments/${id}/roll_back/`, { as: 'editor', body: {} })
  expect((await back()).json).toMatchObject({ state: 'completed' })
  expect(cache.describe().defaults.ttl_seconds).toBe(0.001)
  expect((await back()).json.code).toBe('nothing_applied')
  const audit = await opened.call('GET', 'audit/', { as: 'auditor' })
  const actions = audit.json.data.map(({ action }: { action: string }) => action)
  expect(actions).toEqual(expect.arrayContaining(['experiment.start', 'experiment.end', 'experiment']))
})

it('covers only the keys that it selects, says how much of the traffic that is, and applies to all only if told', async () => {
  const { cache, opened } = await site()
  const select = { keys: ['item:1*', '^item:2[0-9]+$'], except: 'item:1', share: 0.9 }
  const planned = await start(opened, { ...LIVES, select, dry_run: true })
  expect(planned.json).toMatchObject({ select, namespace: null })
  const { id } = (await start(opened, { ...LIVES, select })).json
  await play(cache)
  await opened.plane.control.experiments.turn()
  const { json } = await opened.call('GET', `experiments/${id}/`, { as: 'viewer' })
  expect(json.plan.select).toEqual(select)
  const selected = Array.from({ length: 300 }, (_, item) => `item:${item}`).filter(
    (key) => key !== 'item:1' && /^item:(1|2\d)/.test(key),
  )
  expect(json.judgement.covered).toBeGreaterThan((0.75 * selected.length) / 300)
  expect(json.judgement.covered).toBeLessThan(selected.length / 300)
  expect(json.judgement).toMatchObject({ verdict: 'better', winner: 'longer' })
  const apply = (body: object) => opened.call('POST', `experiments/${id}/apply/`, { as: 'editor', body })
  for (const body of [{}, { dry_run: true }, { arm: 'longer', whole: false }])
    expect((await apply(body)).json).toMatchObject({
      status: 409,
      code: 'covered_a_part',
      detail: expect.stringContaining('keys: item:1*, ^item:2[0-9]+$; except: item:1; share: 0.9'),
    })
  expect(cache.describe().defaults.ttl_seconds).toBe(0.001)
  expect((await apply({ whole: true })).json).toMatchObject({ state: 'completed' })
  expect(cache.describe().defaults.ttl_seconds).toBe(3600)
})

it('applies what was found on a share of all keys without more ado, and refuses a selection that cannot be', async () => {
  const { cache, opened } = await site()
  for (const [select, detail] of [
    [{ keys: '^(a' }, 'the pattern'],
    [{ tenants: ['a'], tenant_share: 0.5 }, 'has no effect on tenants that are named'],
    [{ share: 2 }, ''],
    [{ key: 'a' }, ''],
    [{ keys: [] }, ''],
  ] as const) {
    const { status, json } = await start(opened, { ...LIVES, select })
    expect([status, JSON.stringify(json)]).toEqual([422, expect.stringContaining(detail)])
  }
  expect((await start(opened, { ...MEMORY, select: { share: 0.5 } })).status).toBe(422)
  const { id } = (await start(opened, { ...LIVES, select: { share: 0.5 } })).json
  const { json } = await opened.call('POST', `experiments/${id}/apply/`, { as: 'editor', body: { arm: 'longer' } })
  expect(json.state).toBe('completed')
  expect(cache.describe().defaults.ttl_seconds).toBe(3600)
})

it('keeps the undo: a result is not applied twice, and an incomplete rollback can be repeated', async () => {
  const { cache, opened } = await site()
  const { id } = (await start(opened, LIVES)).json
  const call = (act: string, body: object = {}) =>
    opened.call('POST', `experiments/${id}/${act}/`, { as: 'editor', body })
  const configure = vi.spyOn(cache, 'configure').mockRejectedValue(new Error('not now'))
  expect((await call('apply', { arm: 'longer' })).json.state).toBe('failed')
  expect((await opened.call('GET', `experiments/${id}/`, { as: 'viewer' })).json.applied).toBeNull()
  configure.mockRestore()
  expect((await call('apply', { arm: 'longer' })).json.state).toBe('completed')
  expect((await call('apply', { arm: 'longer' })).json).toMatchObject({ status: 409, code: 'is_applied' })
  const again = vi.spyOn(cache, 'configure').mockRejectedValue(new Error('not now'))
  expect((await call('roll_back')).json.state).toBe('failed')
  again.mockRestore()
  expect((await call('roll_back')).json.state).toBe('completed')
  expect(cache.describe().defaults.ttl_seconds).toBe(0.001)
})

it('applies no arm that its plan does not have, and nothing once no process of the cache is left', async () => {
  const { cache, opened } = await site()
  const { id } = (await start(opened, LIVES)).json
  const call = (act: string, body: object) => opened.call('POST', `experiments/${id}/${act}/`, { as: 'editor', body })
  expect((await call('apply', { arm: 'deleted' })).json).toMatchObject({
    status: 422,
    detail: expect.stringContaining('there is no arm "deleted": there are as it is, longer'),
  })
  await cache.close()
  const { status, json } = await call('stop', {})
  expect([status, json.state, json.judgement?.verdict]).toEqual([200, 'ended', 'not_enough_data'])
  expect((await call('apply', { arm: 'longer' })).json.state).not.toBe('completed')
})

it('runs the others if one fails', async () => {
  const { cache, opened } = await site()
  const { id } = (await start(opened, LIVES)).json
  await play(cache, 3000)
  const kept = await opened.store.read
    .selectFrom('experiments')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  // As a later release might have written it; it comes first.
  await opened.store.read
    .insertInto('experiments')
    .values({ ...kept, seq: 0, id: 'exp_0', cache: 'another', document: '{}' })
    .execute()
  const errors: unknown[] = []
  await opened.plane.control.experiments.turn((error) => errors.push(error))
  expect(errors).toHaveLength(1)
  const { judgement } = (await opened.call('GET', `experiments/${id}/`, { as: 'viewer' })).json
  expect(judgement.control.reads + judgement.arms[0].reads).toBe(3000)
})

it('continues after a restart of the control plane, with its counts, and the same keys in each arm', async () => {
  const { cache, opened } = await site()
  const { id } = (await start(opened, LIVES)).json
  await play(cache, 3000)
  await opened.plane.control.experiments.turn()
  const before = (await opened.call('GET', `experiments/${id}/`, { as: 'viewer' })).json
  // Another control plane over the same store: this process's own knowledge is gone.
  opened.plane.control.experiments.forget()
  await play(cache, 3000)
  await opened.plane.control.experiments.turn()
  const after = (await opened.call('GET', `experiments/${id}/`, { as: 'viewer' })).json
  const reads = ({ judgement: { control, arms } }: typeof before): number => control.reads + arms[0].reads
  expect(reads(before)).toBe(3000)
  expect(reads(after)).toBe(6000)
  expect(after.judgement.arms[0].keys).toBe(before.judgement.arms[0].keys)
})

it('keeps the counts of a process that has left', async () => {
  const { cache, opened } = await site()
  const { id } = (await start(opened, LIVES)).json
  await play(cache, 3000)
  await opened.plane.control.experiments.turn()
  // As if it were a new process: its counts begin anew, under another name.
  await opened.plane.control.fleet.ask('shop', 'experiment', { id: null, plan: null, phase: 'before' })
  await opened.plane.control.experiments.turn()
  await play(cache, 1000)
  await opened.plane.control.experiments.turn()
  const { judgement } = (await opened.call('GET', `experiments/${id}/`, { as: 'viewer' })).json
  expect(judgement.control.reads + judgement.arms[0].reads).toBe(4000)
})

it('ends automatically if an arm does harm, and records it as automatic', async () => {
  const { cache, opened } = await site({ defaults: { ttl: '1h' } })
  const { id } = (
    await start(opened, { ...LIVES, arms: [{ name: 'as it is' }, { name: 'short', ttl_seconds: 0.001 }] })
  ).json
  await play(cache)
  await opened.plane.control.experiments.turn()
  const { json } = await opened.call('GET', `experiments/${id}/`, { as: 'viewer' })
  expect(json).toMatchObject({ state: 'ended', ended: 'harm', judgement: { verdict: 'harm', winner: 'as it is' } })
  // No key has the arm's millisecond any more.
  for (let key = 0; key < 20; key++)
    expect((await cache.getOrSetEntry(`another:${key}`, () => 1)).ttlMs).toBeGreaterThan(60_000)
  const { data } = (await opened.call('GET', 'audit/?action=experiment.end', { as: 'auditor' })).json
  expect(data[0]).toMatchObject({ actor: 'auto', target: 'shop' })
})

it('applies no arm by itself that did harm after it had been found better', async () => {
  const { cache, opened } = await site()
  const arms = [{ name: 'as it is' }, { name: 'longer', ttl_seconds: 0.05 }]
  const { id } = (await start(opened, { ...LIVES, arms })).json
  const show = async () => (await opened.call('GET', `experiments/${id}/`, { as: 'viewer' })).json
  await play(cache)
  await opened.plane.control.experiments.turn()
  expect(await show()).toMatchObject({ state: 'running', decided: { verdict: 'better', winner: 'longer' } })
  // From now on the source has another value each time, so that what lives longer is stale.
  let value = 0
  await play({ getOrSet: (key) => cache.getOrSet(key, () => value++) as never }, 16_000)
  await opened.plane.control.experiments.turn()
  expect(await show()).toMatchObject({ ended: 'harm', judgement: { text: expect.stringContaining('stale') } })
  const apply = (body: object) => opened.call('POST', `experiments/${id}/apply/`, { as: 'editor', body })
  expect((await apply({ dry_run: true })).json).toMatchObject({
    status: 409,
    code: 'no_winner',
    detail: expect.stringContaining('longer does harm'),
  })
  // Whoever names it has read why.
  expect((await apply({ arm: 'longer', dry_run: true })).json).toEqual({ arm: 'longer', change: { ttl_seconds: 0.05 } })
})

it('tries another memory in a shadow cache, and applies it', async () => {
  const { cache, opened } = await site({
    tiers: [memory({ maxEntries: 100, policy: 'lru', pressure: false })],
    defaults: { ttl: '1h' },
  })
  const { id } = (await start(opened, MEMORY)).json
  await play(cache, 16_000, 150)
  await opened.plane.control.experiments.turn()
  const { json } = await opened.call('GET', `experiments/${id}/`, { as: 'viewer' })
  expect(json).toMatchObject({ kind: 'shadow', judgement: { verdict: 'better', winner: 'twice' } })
  expect((await opened.call('POST', `experiments/${id}/apply/`, { as: 'editor', body: {} })).json).toMatchObject({
    state: 'completed',
  })
  expect(cache.info().memory?.maxEntries).toBe(200)
  await opened.call('POST', `experiments/${id}/roll_back/`, { as: 'editor', body: {} })
  expect(cache.info().memory?.maxEntries).toBe(100)
})

it('refuses invalid requests, and callers without permission', async () => {
  const { cache, opened } = await site()
  expect((await start(opened, LIVES, 'viewer')).status).toBe(403)
  expect((await start(opened, LIVES, 'limited')).json.code).toBe('forbidden')
  expect(
    (await start(opened, { ...LIVES, arms: [LIVES.arms[0], { name: 'x', share: 0.01, ttl_seconds: 9 }] })).json,
  ).toMatchObject({
    status: 422,
    detail: expect.stringContaining('too small for a result'),
  })
  expect((await start(opened, { ...LIVES, armz: [] })).status).toBe(422)
  expect((await start(opened, { ...LIVES, dry_run: true })).json).toMatchObject({
    kind: 'keys',
    arms: [{ share: 0.5 }, { share: 0.5 }],
    alpha: 0.05,
  })
  expect((await opened.call('GET', 'experiments/', { as: 'viewer' })).json.data).toEqual([])
  expect((await opened.call('GET', 'experiments/exp_none/', { as: 'viewer' })).status).toBe(404)
  const { id } = (await start(opened, LIVES)).json
  expect((await start(opened, { ...LIVES, name: 'other' })).json).toMatchObject({ status: 409, code: 'is_running' })
  const stop = () => opened.call('POST', `experiments/${id}/stop/`, { as: 'editor', body: {} })
  expect((await opened.call('POST', `experiments/${id}/apply/`, { as: 'editor', body: {} })).json.code).toBe(
    'no_winner',
  )
  expect((await stop()).json).toMatchObject({
    state: 'ended',
    ended: 'stopped',
    judgement: { verdict: 'not_enough_data' },
  })
  expect((await stop()).json).toMatchObject({ status: 409, code: 'has_ended' })
  // Of somebody else's: the cache is divided already.
  const undivide = cache.divide({ armOf: () => 0, arms: [{}, {}] })
  expect((await start(opened, LIVES)).json).toMatchObject({
    status: 409,
    code: 'no_process',
    detail: expect.stringContaining('is already divided'),
  })
  undivide()
  const mine = await start(opened, { ...LIVES, namespace: 'mine' }, 'limited')
  expect(mine.status).toBe(201)
  expect((await opened.call('GET', 'experiments/', { as: 'limited' })).json.data).toHaveLength(1)
})
