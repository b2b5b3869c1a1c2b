// Without a server: over the store itself, with processes that run, and with none.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { attach } from '@millpond/control/agent'
import { createCache, memory } from 'millpond'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { patient } from '../../millpond/test/services/index.ts'
import { type Desk, openDesk, runHere, type Started, tokenOf } from './desk.ts'

let desk: Desk
beforeAll(async () => {
  desk = await openDesk()
})
afterAll(() => desk.close())

const run = (args: readonly string[], more: { typed?: readonly string[] } = {}) =>
  runHere([...args, '--local', join(desk.folder, 'control.db')], { env: { HOME: desk.folder }, ...more }, desk.folder)
const deep = (): readonly string[] => ['--sqlite', join(desk.folder, 'deep.db')]

describe('--local', () => {
  it('does everything over the store alone that needs no cache, as an administrator, and is recorded', async () => {
    expect(await run(['config', 'list'])).toMatchObject({
      code: 0,
      out: expect.stringContaining('no configuration is stored'),
    })
    expect((await run(['whoami', '--json'])).json).toMatchObject({ role: 'admin', url_from: '--local' })
    const { token } = (await run(['token', 'create', 'lost-mine', '--role', 'admin', '--json'])).json
    expect((await desk.run(['whoami', '--json'], { as: null, env: { MILLPOND_TOKEN: token } })).json).toMatchObject({
      name: 'lost-mine',
    })
    const { data } = (await run(['audit', '--json', '--limit', '1', '--action', 'token.create'])).json
    expect(data[0]).toMatchObject({ via: 'local', actor: expect.stringMatching(/^local-/) })
  })

  it('finds the processes that meet at a tier, and they apply its invalidations', async () => {
    await desk.deep.set('a', 1, { tags: ['t'] })
    // A process that has had to wait for a processor is late, and told of so, until it has said that it lives.
    const caches = async () => (await run(['status', '--json', ...deep()])).json?.caches
    await expect.poll(caches).toMatchObject([{ cache_name: 'deep', nodes: { total: 1, late: [] } }])
    const invalidated = () => run(['invalidate', '--tags', 't', '--yes', ...deep()])
    await expect.poll(invalidated).toMatchObject({ code: 0, out: expect.stringMatching(/completed[\s\S]*acked/) })
    expect(await desk.deep.get('a')).toBeUndefined()
    expect((await run(['explain', 'a', ...deep()])).out).toMatch(/invalidated_tag[\s\S]*by local-/)
  })

  it('opens a cache over its tier if no process runs it, once its namespace is named', async () => {
    const path = join(desk.folder, 'dead.db')
    const open = () =>
      createCache({ name: 'dead', tiers: [memory(), patient(sqlite({ path }))], dependencies: 'declared' })
    const before = open()
    const attached = attach(before, { id: 'gone' })
    await attached.join()
    for (const space of [before, before.namespace('other')]) await space.set('a', 1, { tags: ['t'] })
    await before.namespace('other').set('of b', 1, { dependsOn: ['b'] })
    await before.flush()
    await attached.close()
    await before.close()
    const call = ['invalidate', '--tags', 't', '--yes', '--sqlite', path]
    expect(await run(call)).toMatchObject({
      code: 2,
      err: expect.stringContaining('no process runs dead: use --namespace'),
    })
    expect(await run([...call, '--cache-name', 'dead', '--namespace', 'other', '--dry-run'])).toMatchObject({ code: 0 })
    expect(await run([...call, '--cache-name', 'dead', '--namespace', 'other'])).toMatchObject({ code: 0 })
    const key = ['invalidate', '--key', 'b', '--yes', '--sqlite', path, '--cache-name', 'dead', '--namespace', 'other']
    expect(await run(key)).toMatchObject({ code: 0 })
    const after = open()
    expect([await after.get('a'), ...(await after.namespace('other').getMany(['a', 'of b']))]).toEqual([
      1,
      undefined,
      undefined,
    ])
    await after.close()
  })

  it('creates no store for a mistyped path, and accepts no missing tier', async () => {
    const path = join(desk.folder, 'contrl.db')
    const ran = await runHere(['status', '--local', path], { env: { HOME: desk.folder } }, desk.folder)
    expect([ran.code, existsSync(path)]).toEqual([5, false])
    expect(await run(['status', '--sqlite', join(desk.folder, 'nope.db')])).toMatchObject({ code: 2 })
    expect(existsSync(join(desk.folder, 'nope.db'))).toBe(false)
  })

  it('works as a process of its own, and ends', async () => {
    const { code, out } = await desk.start(['status', '--local', join(desk.folder, 'control.db'), ...deep()]).ended
    expect([code, out]).toEqual([0, expect.stringMatching(/deep +health/)])
  })
})

describe('ui', () => {
  let started: Started | undefined
  afterEach(async () => {
    started?.kill('SIGKILL')
    await started?.ended
  })
  const open = async (...args: readonly string[]): Promise<{ readonly ui: Started; readonly url: string }> => {
    const ui = desk.start(['ui', '--port', '0', ...args])
    started = ui
    const url = await new Promise<string>((resolve) =>
      ui.stdout.on('data', (chunk) => resolve(/(http:\S+?)\/ shows/.exec(String(chunk))?.[1] ?? '')),
    )
    return { ui, url }
  }

  it('serves the page, forwards calls without a token of its own, and rejects other host names', async () => {
    const { ui, url } = await open()
    const call = (path: string, init: RequestInit = {}) => fetch(url + path, init)
    expect(await (await call('/')).text()).toContain('<!doctype html>')
    expect((await call('/api/admin/caching/session/')).status).toBe(401)
    const headers = { Authorization: `Bearer ${tokenOf('viewer')}` }
    expect(await (await call('/api/admin/caching/session/', { headers })).json()).toMatchObject({ name: 'viewer' })
    const { request } = await import('node:http')
    const foreign = await new Promise((resolve) =>
      request(`${url}/`, { headers: { Host: 'evil.example' } }, ({ statusCode }) => resolve(statusCode)).end(),
    )
    expect(foreign).toBe(403)
    ui.kill('SIGINT')
    expect((await ui.ended).code).toBe(0)
  })

  it('offers no actions with --read-only', async () => {
    const { ui, url } = await open('--read-only')
    const headers = { Authorization: `Bearer ${tokenOf('admin')}`, 'Content-Type': 'application/json' }
    const refused = await fetch(`${url}/api/admin/caching/events/markers/`, {
      method: 'POST',
      headers,
      body: '{"message":"x"}',
    })
    expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([403, 'read_only'])
    ui.kill('SIGTERM')
    expect((await ui.ended).code).toBe(0)
  })
})
