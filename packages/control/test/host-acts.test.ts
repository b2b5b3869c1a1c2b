// What a host application does through its control plane, for people that it has let in itself.
import { ControlProblem } from '@millpond/control'
import { type Cache, createCache } from 'millpond'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Opened, open } from './setup.ts'

let shop: Cache
let opened: Opened
const ANA = { actor: 'ana', address: '192.0.2.7' }

beforeAll(async () => {
  shop = createCache({ name: 'shop' })
  const warmed = { warmed: 3, fresh: 2, failed: 1 }
  const waits = ({ signal }: { signal: AbortSignal }) =>
    new Promise((resolve) => signal.addEventListener('abort', () => resolve(null)))
  opened = await open(':memory:', {
    caches: [shop],
    application: {
      cacheTypes: {
        told: { plans: () => [{ name: 'told', run: async () => warmed }] },
        endless: { plans: () => [{ name: 'endless', run: waits }] },
      },
    },
  })
  await opened.plane.start()
})
afterAll(async () => {
  await opened.close()
  await shop.close()
})

const auditOf = async (action: string) =>
  (await opened.call('GET', `audit/?action=${action}`, { as: 'auditor' })).json.data

it('is recorded in its own words', async () => {
  await opened.plane.record({ ...ANA, action: 'import', target: 'prices', detail: { rows: 7 } })
  const row = { ...ANA, via: 'host', action: 'host.import', target: 'prices', detail: { rows: 7 }, outcome: 'ok' }
  expect(await auditOf('host.import')).toMatchObject([row])
  await expect(opened.plane.record({ action: 'import', target: 'prices' } as never)).rejects.toThrow(/actor/)
})

it('is an ordinary invalidation: planned, acknowledged, probed, in the caller’s name; without a confirmation', async () => {
  for (let at = 0; at < 3; at++) await shop.set(`price:${at}`, at, { tags: ['prices'] })
  const view = await opened.plane.invalidate({ tags: ['prices'], mode: 'soft', reason: 'import' }, ANA)
  expect(view).toMatchObject({
    kind: 'invalidate',
    state: 'completed',
    actor: 'ana',
    reason: 'import',
    plan: { keys: 3, mode: 'soft' },
  })
  expect(view.result).toMatchObject({
    caches: { shop: { probe: { checked: 3, old: [] }, nodes: [{ status: 'acked' }] } },
  })
  expect(await auditOf('invalidate')).toMatchObject([
    { kind: 'result', ...ANA },
    { kind: 'intent', ...ANA, detail: { reason: 'import' } },
  ])
  await shop.set('price:9', 9)
  expect((await opened.plane.invalidate({ all: true }, ANA)).state).toBe('completed')
  expect(await shop.get('price:9')).toBeUndefined()
})

it('is refused with the reason, and changes nothing', async () => {
  await shop.set('price:1', 1, { tags: ['prices'] })
  for (const [asked, status, words] of [
    [{}, 422, /name keys, tags/],
    [{ tagz: ['prices'] }, 422, /tagz/],
    [{ tags: ['prices'], cache_name: 'none' }, 404, /no cache "none"/],
    [{ tags: ['prices'], max_keys: 0 }, 409, /more than max_keys 0/],
  ] as const) {
    const error = await opened.plane.invalidate(asked as never, ANA).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(ControlProblem)
    expect(error).toMatchObject({ status, message: expect.stringMatching(words) })
  }
  await expect(opened.plane.invalidate({ tags: ['prices'] }, { actor: '' } as never)).rejects.toThrow(/actor/)
  expect(await shop.get('price:1')).toBe(1)
})

it('warms what was registered: with its figures, followed and cancelled by its id', async () => {
  const told = await opened.plane.warm({ cache_type: 'told' }, ANA)
  expect(await told.ended).toMatchObject({
    id: told.id,
    actor: 'ana',
    state: 'partial',
    result: { loaded: 3, fresh: 2, failed: 1 },
  })
  const endless = await opened.plane.warm({ cache_type: 'endless' }, ANA)
  expect((await opened.call('DELETE', `operations/${endless.id}/`, { as: 'operator' })).status).toBe(200)
  expect((await endless.ended).state).toBe('cancelled')
  await expect(opened.plane.warm({ cache_type: 'none' }, ANA)).rejects.toMatchObject({
    status: 422,
    code: 'unknown_name',
  })
})
