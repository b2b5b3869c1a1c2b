// Compliance: each control with its evidence, what violates it, and the alert that it raises.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Cache, createCache, memory } from 'millpond'
import { keyring, memoryKeyStore, type StoredKeyring, storedKeyring } from 'millpond/codec'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { patient } from '../../millpond/test/services/index.ts'
import { CONTROLS } from '../src/compliance/controls.ts'
import { type Opened, open } from './setup.ts'

const folder = mkdtempSync(join(tmpdir(), 'millpond-compliance-'))
let sealed: Cache
let plain: Cache
let ring: StoredKeyring
let opened: Opened
const get = async (path: string, as: 'auditor' | 'viewer' = 'auditor') => (await opened.call('GET', path, { as })).json
const put = (path: string, body: object) => opened.call('PUT', path, { as: 'admin', body })
const factOf = async (name: string) => (await get('compliance/')).evidence[name]
const controlsBy = async (regime: string, evidence: string) =>
  (await get(`compliance/?regime=${regime}`)).regimes[0].controls.filter(
    (one: { evidence: string | null }) => one.evidence === evidence,
  )
const firing = async (): Promise<string[]> =>
  (await opened.call('POST', 'alerts/evaluate/', { as: 'admin', body: {} })).json.data.map(
    ({ fingerprint }: { fingerprint: string }) => fingerprint,
  )

beforeAll(async () => {
  const by = keyring({ current: 'k1', keys: { k1: randomBytes(32) } })
  ring = await storedKeyring({ by, store: memoryKeyStore() })
  sealed = createCache({
    name: 'sealed',
    tiers: [memory(), patient(sqlite({ path: join(folder, 'a.db') }))],
    codec: { encrypt: ring },
  })
  plain = createCache({ name: 'plain', tiers: [memory(), patient(sqlite({ path: join(folder, 'b.db') }))] })
  opened = await open(':memory:', { caches: [sealed, plain] })
})
afterAll(async () => {
  await opened.close()
  await Promise.all([sealed.close(), plain.close(), ring.close()])
  rmSync(folder, { recursive: true, force: true })
})

it('has every regime, and for each control its evidence or the reason why it is not covered', async () => {
  const { regimes, evidence } = await get('compliance/')
  expect(regimes.map(({ name }: { name: string }) => name)).toEqual(Object.keys(CONTROLS))
  for (const { controls, counts } of regimes) {
    const all = Object.values(counts).reduce<number>((sum, n) => sum + Number(n), 0)
    expect(all).toBe(controls.length)
    for (const { state, detail, evidence: by } of controls) {
      expect(detail).not.toBe('')
      expect(by === null).toBe(state === 'not_covered')
      if (by !== null) expect(evidence).toHaveProperty(by)
    }
  }
  expect((await opened.call('GET', 'compliance/', { as: 'viewer' })).status).toBe(403)
  expect((await opened.call('GET', 'audit/?action=compliance.report', { as: 'auditor' })).json.data).not.toEqual([])
})

it('reports what is encrypted and how old the keys are, and raises an alert if required encryption is missing', async () => {
  expect(await factOf('encryption')).toMatchObject({
    state: 'violated',
    detail: 'what is written to plain/sqlite is not encrypted',
    evidence: { coverage: 0.5 },
  })
  // Nobody has required it yet.
  expect(await controlsBy('gdpr', 'encryption')).toMatchObject([{ state: 'unknown' }])
  expect(await firing()).toEqual([])
  expect(await put('compliance/settings/', { regimes: ['gdpr'], require_encryption: true })).toMatchObject({
    status: 200,
  })
  expect(await controlsBy('gdpr', 'encryption')).toMatchObject([{ id: 'Art. 32(1)(a)', state: 'violated' }])
  expect(await firing()).toContain('compliance//encryption')
  await put('compliance/settings/', { require_encryption: true, unencrypted_allowed: ['plain/sqlite'] })
  for (let turn = 0; turn < 3; turn++) await firing()
  expect(await firing()).toEqual([])
  expect(await factOf('encryption')).toMatchObject({ state: 'met' })
  expect((await factOf('keys')).evidence.keys).toEqual([{ cache: 'sealed', tier: 'sqlite', age_days: 0 }])
  const { tiers } = (await get('metrics/summary/?cache_name=sealed', 'viewer')).caches[0]
  expect(tiers).toMatchObject([{ encrypted: null }, { name: 'sqlite', encrypted: true, key_since: expect.any(Number) }])
  await Promise.all([sealed, plain].map((cache) => cache.set('a', 'x'.repeat(1000))))
  const { caches } = await get('metrics/summary/', 'viewer')
  expect(caches.map((one: { tiers: object[] }) => one.tiers[1])).toMatchObject([
    { encrypted_ratio: 0, read_bytes: 0, written_bytes: expect.any(Number) },
    { encrypted_ratio: 1 },
  ])
})

it('judges tokens, retention and the audit by the settings', async () => {
  // Nobody has said how long one may last.
  expect(await factOf('tokens')).toMatchObject({
    state: 'unknown',
    detail: expect.stringMatching(/^(\d+) of \1 tokens never expire/),
    evidence: { too_long: [] },
  })
  await put('compliance/settings/', { regimes: ['soc2'], max_token_days: 90 })
  expect(await factOf('tokens')).toMatchObject({
    state: 'violated',
    detail: expect.stringMatching(/^the token tok_\S+ of \w+ lasts longer/),
  })
  expect(await firing()).toContain('compliance//tokens')
  expect(await factOf('retention')).toMatchObject({ state: 'met' })
  await put('maintenance/retention/', { days: 365 })
  expect(await factOf('retention')).toMatchObject({ state: 'violated', evidence: { days: 365 } })
  await put('maintenance/retention/', { days: 30, is_automatic: false })
  expect(await factOf('retention')).toMatchObject({ state: 'violated' })
  expect(await factOf('audit')).toMatchObject({ state: 'met' })
  const { seq } = await opened.store.read.selectFrom('audit').select('seq').orderBy('seq').executeTakeFirstOrThrow()
  await opened.store.read.updateTable('audit').set({ actor: 'somebody else' }).where('seq', '=', seq).execute()
  expect(await factOf('audit')).toMatchObject({ state: 'violated', evidence: { broken: { seq: 1 } } })
})

// refractionPOINT/documentation#336, hubblestack/nova#24, inspec/inspec#1975, msaad00/agent-bom#3819
it('does not accept what is not monitored: disabled alerts, tiers of unseen processes', async () => {
  expect(await factOf('alerts')).toMatchObject({ state: 'met', evidence: { off: [], webhooks: 0 } })
  for (const refused_credentials of [{ enabled: false, levels: { high: 20 } }, { levels: {} }]) {
    expect((await put('alert_rules/', { refused_credentials })).status).toBe(200)
    expect(await factOf('alerts')).toMatchObject({ state: 'violated', evidence: { off: ['refused_credentials'] } })
  }
  expect(await controlsBy('soc2', 'alerts')).toMatchObject([{ id: 'CC7.2', state: 'violated' }])
  await put('alert_rules/', {})
  const alone = await open(':memory:')
  const { evidence } = (await alone.call('GET', 'compliance/', { as: 'auditor' })).json
  expect(evidence.encryption).toMatchObject({
    state: 'unknown',
    detail: 'no process is visible that could report what it stores',
  })
  await alone.close()
  const hosted = await open(':memory:', { authorize: () => undefined })
  const { access } = (await hosted.call('GET', 'compliance/', { as: 'auditor' })).json.evidence
  expect(access).toMatchObject({
    state: 'unknown',
    detail: expect.stringContaining('has to provide evidence of its own'),
    evidence: { by_application: true },
  })
  await hosted.close()
})

it('treats an unproven erasure as open until the same one is proven', async () => {
  const at = await opened.store.now()
  const row = (id: string, state: string) => ({
    id,
    kind: 'erase',
    state,
    cache: 'plain',
    actor: 'admin',
    reason: null,
    request: '{}',
    plan: JSON.stringify({ subject: { tenant: 'acme' }, salt: 's' }),
    result: null,
    holder: 'h',
    lease_until: at,
    created_at: at,
    updated_at: at,
    ended_at: at,
  })
  await opened.store.read.insertInto('operations').values(row('ers_1', 'partial')).execute()
  expect(await factOf('erasure')).toMatchObject({ state: 'violated', evidence: { unproven: ['ers_1'] } })
  await opened.store.read.insertInto('operations').values(row('ers_2', 'completed')).execute()
  expect(await factOf('erasure')).toMatchObject({ state: 'met' })
})

it('refuses invalid settings', async () => {
  for (const body of [
    { regimes: ['iso'] },
    { max_key_age_days: 0 },
    { require_encription: true },
    { max_token_days: '9' },
  ])
    expect((await put('compliance/settings/', body)).status, JSON.stringify(body)).toBe(422)
  expect((await put('maintenance/retention/', { days: 0 })).status).toBe(422)
})
