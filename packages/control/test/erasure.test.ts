// Erasure through the control plane: planned, confirmed, run in every process that has something open, and on record
// without the name of whom it was about.
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Attached, attach } from '@millpond/control/agent'
import { type Cache, createCache, memory } from 'millpond'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { CodeErasures } from '../src/operations/code-erasures.ts'
import { type CallOptions, type Opened, open } from './setup.ts'

const folder = mkdtempSync(join(tmpdir(), 'millpond-erasure-'))
const path = join(folder, 'shop.db')
let shop: Cache
let elsewhere: Cache
let attached: Attached
let opened: Opened
const make = (): Cache => createCache({ name: 'shop', tiers: [memory(), sqlite({ path })] })
const post = (body: object, as: CallOptions['as'] = 'admin') => opened.call('POST', 'erasures/', { as, body })
const auditText = async (): Promise<string> =>
  (await opened.call('GET', 'audit/?format=ndjson', { as: 'auditor' })).text

beforeAll(async () => {
  shop = make()
  elsewhere = make()
  attached = attach(elsewhere, { id: 'web-2' })
  await attached.join()
  opened = await open(':memory:', { caches: [shop], nodeId: 'web-1' })
  await opened.plane.start()
})
afterAll(async () => {
  await opened.close()
  await attached.close()
  await Promise.all([shop.close(), elsewhere.close()])
  rmSync(folder, { recursive: true, force: true })
})

it('erases a tenant in every process and tier, and proves it by an audit row without names', async () => {
  await shop.for({ tenant: 'acme' }).set('plan', 'gold')
  await elsewhere.namespace('reports').for({ tenant: 'acme' }).set('q1', 7)
  await shop.for({ tenant: 'globex' }).set('plan', 'silver')
  const { plan } = (await post({ tenant: 'acme', dry_run: true })).json
  expect(plan).toMatchObject({
    subject: { tenant: 'acme' },
    confirm: 'acme',
    caches: [{ cache_name: 'shop', entries: 1 }],
  })
  expect(plan.caches[0].namespaces).toEqual(['default~acme', 'reports~acme'])
  expect(await post({ plan_id: plan.id })).toMatchObject({ status: 409, json: { code: 'needs_confirmation' } })
  expect(await shop.for({ tenant: 'acme' }).get('plan')).toBe('gold')
  const { json: done } = await post({ plan_id: plan.id, confirm: 'acme', reason: 'request 4711' })
  expect(done).toMatchObject({ kind: 'erase', state: 'completed', reason: 'request 4711', result: { is_proven: true } })
  expect(await shop.for({ tenant: 'acme' }).get('plan')).toBeUndefined()
  expect(await elsewhere.namespace('reports').for({ tenant: 'acme' }).get('q1')).toBeUndefined()
  expect(await shop.for({ tenant: 'globex' }).get('plan')).toBe('silver')

  const { json: receipt } = await opened.call('GET', `erasures/${done.id}/receipt/`, { as: 'admin' })
  expect(receipt).toMatchObject({
    subject: { tenant: 'acme' },
    audit: { actor: 'admin', detail: { state: 'completed' } },
  })
  const digest = createHash('sha256')
    .update(JSON.stringify([receipt.salt, 'acme', null, null]))
    .digest('hex')
  expect(done.request.subject_digest).toBe(digest)
  const { seq, hash } = receipt.audit
  expect((await opened.call('GET', `audit/verify/?seq=${seq}&hash=${hash}`, { as: 'auditor' })).json.ok).toBe(true)
  const text = await auditText()
  expect(text).toContain(digest)
  expect(text).toContain('request 4711')
  expect(text).toContain('erasure.receipt')
  expect(text).not.toContain('acme')
})

it('erases by tags and by keys, in the process that has the namespace open', async () => {
  await elsewhere.namespace('only-there').set('a', 1, { tags: ['user:7'] })
  await shop.set('b', 2, { tags: ['user:7'] })
  await shop.set(['c', 1], 3)
  const tags = (await post({ tags: ['user:7'], confirm: 'user:7' })).json
  expect(tags).toMatchObject({ state: 'completed' })
  expect(tags.result.caches.shop.parts.flatMap(({ namespaces }: { namespaces: string[] }) => namespaces)).toContain(
    'only-there',
  )
  expect(await shop.get('b')).toBeUndefined()
  expect(await elsewhere.namespace('only-there').get('a')).toBeUndefined()
  const keys = await post({ keys: [['c', 1]], confirm: '["c",1]', namespace: 'default' })
  expect([keys.status, keys.json.state]).toEqual([200, 'completed'])
  expect(await shop.get(['c', 1])).toBeUndefined()
})

it('keeps no erased key in its own plans', async () => {
  await shop.set('private:9', 1, { tags: ['user:9'] })
  await shop.get('private:9')
  const before = (
    await opened.call('POST', 'invalidations/invalidate_keys/', { as: 'operator', body: { tags: ['user:9'] } })
  ).json
  expect(JSON.stringify((await opened.store.read.selectFrom('operations').select('plan').execute()).flat())).toContain(
    'private:9',
  )
  await post({ tags: ['user:9'], confirm: 'user:9' })
  expect(JSON.stringify(await opened.store.read.selectFrom('operations').select('plan').execute())).not.toContain(
    'private:9',
  )
  expect(await opened.store.read.selectFrom('plans').selectAll().execute()).toEqual([])
  expect((await opened.call('POST', `invalidations/${before.id}/undo/`, { as: 'operator', body: {} })).json.code).toBe(
    'nothing_known',
  )
})

it('is partial if the process that has a namespace open cannot do it', async () => {
  const third = make()
  await third.namespace('only-third').set('a', 1, { tags: ['user:3'] })
  const stuck = attach(third, { id: 'web-3' })
  await stuck.join()
  stuck.nodes.answer('erase', () => {
    throw new Error('the disk of redis://me:secret@db is full')
  })
  const { json } = await post({ tags: ['user:3'], confirm: 'user:3' })
  expect(json).toMatchObject({ state: 'partial', result: { is_proven: false } })
  expect(json.result.caches.shop.error).toMatch(/web-3: the disk/)
  expect(json.result.caches.shop.error).not.toContain('secret')
  await stuck.close()
  await third.close()
})

it('collects what every process had queued, and what it dropped', async () => {
  const queue = (of: Cache, journal: string) =>
    of.collection<number, { name: string }>('user', {
      tags: ({ name }) => [`person:${name}`],
      store: () => new Promise<void>(() => undefined),
      write: 'write-behind',
      writeBehind: { journal: join(folder, journal), maxDelay: '1h', drainTimeout: 50 },
    })
  const [here, there] = [queue(shop, 'here'), queue(elsewhere, 'there')]
  await here.set(7, { name: 'ann' })
  await here.set(8, { name: 'bob' })
  await there.set(9, { name: 'ann' })
  const { json: done } = await post({ tags: ['person:ann'], confirm: 'person:ann' })
  expect(done).toMatchObject({ state: 'completed' })
  const { parts, writes_elsewhere, queues_unknown } = done.result.caches.shop
  const own = parts.flatMap((part: { writes: { key: string }[] }) => part.writes)
  expect([own.length, writes_elsewhere.length, queues_unknown]).toEqual([1, 1, []])
  expect([...own, ...writes_elsewhere].map(({ key }: { key: string }) => key).sort()).toEqual([
    '["user",7]',
    '["user",9]',
  ])
  expect(writes_elsewhere[0]).toMatchObject({
    node: expect.stringMatching(/^web-[12]$/),
    namespace: 'default',
    was_sent: false,
  })
  const row = (await auditText()).split('\n').find((line) => line.includes(done.id) && line.includes('dropped_writes'))
  expect(row).toMatch(/dropped_writes\W+2\b/)
  expect(row).not.toContain('ann')
})

it('records erasures that a program started itself, once, and those of the control plane not again', async () => {
  const rows = async (): Promise<{ actor: string; detail: { receipt: string; namespace: string } }[]> =>
    (await opened.call('GET', 'audit/?action=erase.code', { as: 'auditor' })).json.data
  await elsewhere.namespace('reports').set('q1', 7, { tags: ['person:carl'] })
  const [there, here] = [
    await elsewhere.namespace('reports').erase({ tags: ['person:carl'] }),
    await shop.erase({ keys: ['k'] }),
  ]
  await post({ tags: ['person:dora'], confirm: 'person:dora' })
  await expect.poll(async () => (await rows()).length, { timeout: 15_000, interval: 250 }).toBe(2)
  const told = await rows()
  expect(told.map(({ actor }) => actor).sort()).toEqual(['process:web-1', 'process:web-2'])
  expect(told.map(({ detail }) => detail.receipt).sort()).toEqual([there.id, here.id].sort())
  expect(await auditText()).not.toContain('carl')
  // Another control plane, and the next start of this one, find them there.
  const again = new CodeErasures()
  await again.look(opened.plane.control)
  expect(await rows()).toHaveLength(2)
  expect((await opened.call('GET', 'audit/verify/', { as: 'auditor' })).json.ok).toBe(true)
})

it('refuses no subject and several, plans of another kind, and callers without permission', async () => {
  for (const body of [{}, { tenant: 'a', tags: ['b'] }, { tenant: '' }, { tenant: 'a', dry_runn: true }])
    expect((await post(body)).status, JSON.stringify(body)).toBe(422)
  expect((await post({ tenant: 'a', cache_name: 'none' })).status).toBe(404)
  expect((await post({ tenant: 'a' }, 'editor')).status).toBe(403)
  const { plan } = (await opened.call('POST', 'invalidations/plan/', { as: 'admin', body: { tags: ['x'] } })).json
  expect((await post({ plan_id: plan.id, confirm: 'x' })).status).toBe(404)
  const other = (await post({ tags: ['x'], dry_run: true })).json.plan
  const asked = { as: 'admin', body: { plan_id: other.id } } as const
  expect((await opened.call('POST', 'invalidations/invalidate_keys/', asked)).status).toBe(404)
  expect((await post({ plan_id: other.id, confirm: 'x', tags: ['y'] })).status).toBe(422)
})

it('shows erasures only to those who may erase', async () => {
  const { json } = await opened.call('GET', 'erasures/', { as: 'auditor' })
  expect(json.data.length).toBeGreaterThan(1)
  expect((await opened.call('GET', `operations/${json.data[0].id}/`, { as: 'viewer' })).status).toBe(404)
  expect((await opened.call('GET', 'operations/?kind=erase', { as: 'viewer' })).json.data).toEqual([])
  expect((await opened.call('GET', 'erasures/', { as: 'viewer' })).status).toBe(403)
})
