// Advice that is carried out by itself: only where it is allowed, one change at a time, and taken back where it does
// harm.
import { type Cache, createCache, memory } from 'millpond'
import { createInsight, type Insight } from 'millpond/insight'
import { afterEach, expect, it, vi } from 'vitest'
import { within } from '../src/auto/auto.ts'
import { autoSettings } from '../src/auto/settings.ts'
import { type Opened, open } from './setup.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

interface Site {
  readonly cache: Cache
  readonly insight: Insight
  readonly opened: Opened
  readonly keys: { count: number }
  turn: () => Promise<void>
}

/** Ten hot keys, and a loop over more keys than there is room for: another policy and more memory are surely better. */
async function site(): Promise<Site> {
  const cache = createCache({ name: 'shop', tiers: [memory({ maxEntries: 100, policy: 'lru', pressure: false })] })
  const insight = createInsight({ caches: [cache] })
  const opened = await open(':memory:', { caches: [cache], insight })
  ends.push(
    () => cache.close(),
    () => insight.close(),
    () => opened.close(),
  )
  return { cache, insight, opened, keys: { count: 150 }, turn: () => opened.plane.control.auto.turn() }
}

async function play({ cache, insight, keys }: Site, reads = 12_000): Promise<void> {
  for (let read = 0; read < reads; read++) {
    const key =
      keys.count >= 1000
        ? `user:${read % keys.count}`
        : read % 2 === 0
          ? `hot:${read % 20}`
          : `user:${(read >> 1) % keys.count}`
    if (cache.peek(key) === undefined) {
      await cache.get(key)
      await cache.set(key, read)
    }
    if (read % 1000 === 0) insight.sizing('shop')
  }
}

const allow = ({ opened }: Site, body: object) =>
  opened.call('PUT', 'optimizations/auto/', {
    as: 'editor',
    body: { enabled: true, window_seconds: 0.1, min_impact_score: 50, ...body },
  })
const seen = async ({ opened }: Site) => (await opened.call('GET', 'optimizations/auto/', { as: 'viewer' })).json
/** Newest first. */
const changesIn = async ({ opened }: Site): Promise<readonly { readonly id: string }[]> =>
  (await opened.call('GET', 'optimizations/applied/', { as: 'viewer' })).json.data
const aWindow = () => new Promise((resolve) => setTimeout(resolve, 110))

/** Advice is in force, and watched. */
async function watched(): Promise<Site> {
  const one = await site()
  await allow(one, {})
  await play(one)
  await one.turn()
  await play(one, 3000)
  await aWindow()
  await one.turn()
  expect((await seen(one)).state.phase).toBe('watching')
  expect(one.cache.info().memory?.policy).not.toBe('lru')
  return one
}

/** What is asked for no longer fits at all, by whosever fault, for two windows. */
async function regress(one: Site): Promise<void> {
  one.keys.count = 3000
  await play(one, 6000)
  await aWindow()
  await aWindow()
  await one.turn()
}

it('does nothing until it is switched on', async () => {
  const one = await site()
  await play(one)
  await one.turn()
  expect(await seen(one)).toMatchObject({
    cache_name: 'shop',
    settings: { enabled: false, min_impact_score: 80, kinds: ['policy'] },
    state: { phase: 'idle' },
  })
  expect(
    (await one.opened.call('PUT', 'optimizations/auto/', { as: 'operator', body: { enabled: true } })).status,
  ).toBe(403)
  expect(
    (await one.opened.call('PUT', 'optimizations/auto/', { as: 'limited', body: { enabled: true } })).json.code,
  ).toBe('forbidden')
  expect(
    (await one.opened.call('PUT', 'optimizations/auto/', { as: 'editor', body: { enabled: true, dry_run: true } })).json
      .settings.enabled,
  ).toBe(true)
  expect((await seen(one)).settings.enabled).toBe(false)
  expect(one.cache.info().memory?.policy).toBe('lru')
})

it('applies one change, keeps it if it does no harm, and records it as automatic', async () => {
  const one = await site()
  await allow(one, {})
  await play(one)
  await one.turn()
  expect((await seen(one)).state).toMatchObject({
    phase: 'counting',
    change: { policy: expect.any(String) },
    undo: { policy: 'lru' },
  })
  expect(one.cache.info().memory?.policy).toBe('lru')
  await play(one, 3000)
  await aWindow()
  await one.turn()
  expect((await seen(one)).state.phase).toBe('watching')
  expect(one.cache.info().memory?.policy).not.toBe('lru')
  await play(one, 3000)
  await aWindow()
  await aWindow()
  await one.turn()
  const { state } = await seen(one)
  expect(state).toMatchObject({
    phase: 'idle',
    paused_until: null,
    history: [{ outcome: 'held', undo: { policy: 'lru' }, rolled_back_by: null }],
  })
  expect(state.operation).toBeNull()
  expect((await changesIn(one)).map(({ id }) => id)).toEqual([state.history[0].operation])
  const { data } = (await one.opened.call('GET', 'audit/?actor=auto', { as: 'auditor' })).json
  expect(data.map(({ action }: { action: string }) => action)).toEqual(expect.arrayContaining(['optimize', 'auto.end']))
})

it('rolls back an injected regression within two windows, and pauses', async () => {
  const one = await watched()
  await regress(one)
  const { state } = await seen(one)
  expect(state).toMatchObject({
    phase: 'idle',
    history: [{ outcome: 'taken_back', why: expect.stringContaining('of reads miss that would otherwise hit') }],
  })
  const [attempt] = state.history
  expect((await changesIn(one)).map(({ id }) => id)).toEqual([attempt.rolled_back_by, attempt.operation])
  expect(Date.parse(state.paused_until)).toBeGreaterThan(Date.now() + 23 * 3_600_000)
  expect(one.cache.info().memory?.policy).toBe('lru')
  await one.turn()
  expect(one.cache.info().memory?.policy).toBe('lru')
})

it('rolls back a change with too few reads to judge within ten windows, and then permits an experiment', async () => {
  const one = await watched()
  await play(one, 300)
  for (let window = 0; window < 9; window++) await aWindow()
  await one.turn()
  const { state } = await seen(one)
  expect(state).toMatchObject({
    phase: 'idle',
    history: [
      { outcome: 'not_enough_evidence', why: expect.stringMatching(/^3\d\d reads since the change: 1000 are needed/) },
    ],
  })
  expect(Date.parse(state.paused_until)).toBeGreaterThan(Date.now() + 23 * 3_600_000)
  expect(one.cache.info().memory?.policy).toBe('lru')
  const arms = [{ name: 'a' }, { name: 'b', ttl_seconds: 60 }]
  expect((await one.opened.call('POST', 'experiments/', { as: 'editor', body: { name: 'x', arms } })).status).toBe(201)
})

it('continues watching after a restart of the control plane, and if it is switched off meanwhile', async () => {
  const one = await watched()
  one.opened.plane.control.auto.forget()
  await one.opened.call('PUT', 'optimizations/auto/', { as: 'editor', body: { enabled: false, window_seconds: 0.1 } })
  await regress(one)
  expect((await seen(one)).state.history).toMatchObject([{ outcome: 'taken_back' }])
  expect(one.cache.info().memory?.policy).toBe('lru')
})

it('reports a process that does not roll back', async () => {
  const one = await watched()
  const configure = vi.spyOn(one.cache, 'configure').mockRejectedValue(new Error('not now'))
  await regress(one)
  configure.mockRestore()
  expect((await seen(one)).state.history).toMatchObject([
    { outcome: 'taken_back', why: expect.stringContaining('not every process rolled it back') },
  ])
})

it('watches the other caches if one cannot be examined', async () => {
  const one = await watched()
  const { store, plane } = one.opened
  const kept = await store.read
    .selectFrom('documents')
    .selectAll()
    .where('name', '=', 'auto-state:shop')
    .executeTakeFirstOrThrow()
  // As a later release might have written it; this cache comes first.
  await store.read
    .insertInto('documents')
    .values({ ...kept, name: 'auto-state:another', document: '{}' })
    .execute()
  const names = vi.spyOn(plane.control.fleet, 'names', 'get').mockReturnValue(['another', 'shop'])
  const errors: unknown[] = []
  one.turn = () => plane.control.auto.turn((error) => errors.push(error))
  await regress(one)
  names.mockRestore()
  expect(errors).toHaveLength(1)
  expect((await seen(one)).state.history).toMatchObject([{ outcome: 'taken_back' }])
})

it('leaves alone what a person has changed, and waits for an experiment', async () => {
  const one = await site()
  await allow(one, {})
  await play(one)
  const arms = [{ name: 'a' }, { name: 'b', ttl_seconds: 60 }]
  const { id } = (await one.opened.call('POST', 'experiments/', { as: 'editor', body: { name: 'x', arms } })).json
  await one.turn()
  expect((await seen(one)).state).toMatchObject({
    phase: 'idle',
    why: expect.stringContaining('an experiment is running'),
  })
  await one.opened.call('POST', `experiments/${id}/stop/`, { as: 'editor', body: {} })
  await one.opened.call('POST', 'optimizations/apply/', {
    as: 'editor',
    body: { cache_name: 'shop', change: { max_entries: 101 } },
  })
  await allow(one, {})
  await one.turn()
  expect((await seen(one)).state.why).toContain('editor changed the cache recently')
})

const applied = ({ opened }: Site, change: object) =>
  opened.call('POST', 'optimizations/apply/', { as: 'editor', body: { cache_name: 'shop', change } })

it('leaves to a person what they change while the figures before a change are taken', async () => {
  const one = await site()
  await allow(one, {})
  await play(one)
  await one.turn()
  expect((await seen(one)).state.phase).toBe('counting')
  await applied(one, { max_entries: 500, policy: 'sieve' })
  await play(one, 3000)
  await aWindow()
  await one.turn()
  expect((await seen(one)).state).toMatchObject({ phase: 'idle', why: expect.stringContaining('editor'), history: [] })
  expect(one.cache.info().memory).toMatchObject({ maxEntries: 500, policy: 'sieve' })
})

it('leaves to a person what they change while a change is watched, and takes nothing back over it', async () => {
  const one = await watched()
  await applied(one, { policy: 'sieve' })
  await regress(one)
  const { state } = await seen(one)
  expect(state).toMatchObject({
    phase: 'idle',
    history: [{ outcome: 'superseded', why: expect.stringContaining('editor changed the cache') }],
  })
  expect(one.cache.info().memory?.policy).toBe('sieve')
})

it('leaves to a person what they change while the processes are asked for their figures', async () => {
  const one = await watched()
  one.keys.count = 3000
  await play(one, 6000)
  const { fleet } = one.opened.plane.control
  const ask = fleet.ask.bind(fleet)
  const asked = vi.spyOn(fleet, 'ask').mockImplementationOnce(async (...args: Parameters<typeof ask>) => {
    const replies = await ask(...args)
    await applied(one, { policy: 'sieve' })
    return replies as never
  })
  await one.turn()
  asked.mockRestore()
  expect((await seen(one)).state.history).toMatchObject([{ outcome: 'superseded' }])
  expect(one.cache.info().memory?.policy).toBe('sieve')
})

it('rolls back a regression although a person has changed another field, or tried a configuration, meanwhile', async () => {
  const one = await watched()
  const configuration = { name: 'shop', ttl_seconds: 600, max_size_mb: 7 }
  const planned = await one.opened.call('POST', 'configurations/?dry_run=true', { as: 'editor', body: configuration })
  expect(planned.json.plan).toMatchObject({ dry_run: true })
  await applied(one, { max_entries: 101 })
  await regress(one)
  expect((await seen(one)).state.history).toMatchObject([{ outcome: 'taken_back' }])
  expect(one.cache.info().memory).toMatchObject({ maxEntries: 101, policy: 'lru' })
})

it('changes the size one step at a time, within its limits', () => {
  const settings = autoSettings.parse({ kinds: ['size'], max_entries: 110 })
  expect(within(settings, { max_entries: 200 }, { max_entries: 100 })).toEqual({ max_entries: 110 })
  expect(within({ ...settings, max_entries: undefined }, { max_entries: 200 }, { max_entries: 100 })).toEqual({
    max_entries: 120,
  })
  expect(within(settings, { max_entries: 400 }, { max_entries: 200 })).toBeUndefined()
  expect(within(settings, { max_bytes: 50 }, { max_bytes: 100 })).toBeUndefined()
  expect(within(settings, { policy: 'sieve' }, { policy: 'lru' })).toEqual({ policy: 'sieve' })
})
