// Several processes of one cache: one view over all, invalidations acknowledged by each, settings in force in each, and
// one that stands still.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { openCaches } from '@millpond/control/agent'
import { memoryNodes } from 'millpond/nodes'
import { fakeClock } from 'millpond/testing'
import { redis } from 'millpond/tiers/redis'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeWith, type RedisService, startRedis } from '../../millpond/test/services/index.ts'
import { type Opened, open, tokenOf } from './setup.ts'

const CHILD = fileURLToPath(new URL('./node-child.mjs', import.meta.url))

interface Child {
  readonly process: ChildProcess
  ask(line: string): Promise<unknown>
}

/** Also those that a hook which gave up has not seen ready. */
const started = new Set<ChildProcess>()

async function start(place: string, id: string): Promise<Child> {
  const child = spawn(process.execPath, [CHILD, place, id], { stdio: ['pipe', 'pipe', 'inherit'] })
  started.add(child)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<string> => (await lines.next()).value ?? ''
  expect(await next()).toBe('ready')
  return {
    process: child,
    async ask(line) {
      child.stdin.write(`${line}\n`)
      return JSON.parse(await next())
    },
  }
}

function fleetSuite(placeOf: () => string, isWhole: boolean): void {
  let one: Child
  let two: Child
  let desk: Opened

  beforeAll(async () => {
    const place = placeOf()
    ;[one, two] = await Promise.all([start(place, 'web-1'), start(place, 'web-2')])
    const meeting = place.startsWith('redis') ? redis({ url: place }) : sqlite({ path: place })
    if (meeting.nodes === undefined) throw new Error('a tier without a meeting place')
    desk = await open(':memory:', { meetingPlaces: [meeting.nodes] })
    await desk.plane.start()
    closing.push(() => meeting.close())
  })
  const closing: (() => Promise<void>)[] = []
  afterAll(async () => {
    await desk?.close()
    for (const child of started) {
      child.kill('SIGCONT')
      child.kill('SIGKILL')
    }
    started.clear()
    for (const close of closing) await close()
  })
  const nodes = async () => (await desk.call('GET', 'nodes/', { as: 'viewer' })).json.data
  const invalidate = async (body: object) =>
    (await desk.call('POST', 'invalidations/invalidate_keys/', { as: 'operator', body })).json

  it('are found through the server alone, and seen as one', async () => {
    await one.ask('set a')
    await expect.poll(() => two.ask('get a')).toBe('of web-1')
    await expect
      .poll(async () => (await nodes()).map((node: { id: string; is_here: boolean }) => [node.id, node.is_here]))
      .toEqual([
        ['web-1', false],
        ['web-2', false],
      ])
    await expect
      .poll(async () => (await desk.call('GET', 'metrics/summary/', { as: 'viewer' })).json.caches[0]?.total.sets)
      .toBe(1)
    const explained = async () => (await desk.call('GET', 'explain/?key=a', { as: 'viewer' })).json.nodes
    await expect
      .poll(async () => (await explained()).map((node: { node: string; verdict: string }) => [node.node, node.verdict]))
      .toEqual([
        ['web-1', 'hit'],
        ['web-2', 'hit'],
      ])
  })

  it('report their events to viewers', async () => {
    const answer = await desk.plane.fetch(
      new Request('http://127.0.0.1/api/admin/caching/stream/?topics=events', {
        headers: { Authorization: `Bearer ${tokenOf('viewer')}` },
      }),
    )
    const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader()
    const told = new Set<string>()
    const reading = (async () => {
      for (let text = ''; ; ) {
        const { value = '', done = true } = (await reader?.read()) ?? {}
        text += value
        for (const [, node = ''] of text.matchAll(/"key":"told:\d+"[^}]*"node":"([^"]+)"/g)) told.add(node)
        if (done) return
      }
    })()
    let at = 0
    // What they did before they had heard that somebody looks is not told: they go on meanwhile.
    await expect
      .poll(async () => {
        at++
        await Promise.all([one.ask(`get told:${at}`), two.ask(`get told:${at}`)])
        return [...told].sort()
      })
      .toEqual(['web-1', 'web-2'])
    await reader?.cancel()
    await reading
  })

  it('acknowledge an invalidation one by one, and serve nothing old afterwards', async () => {
    await one.ask('set b')
    await expect.poll(() => two.ask('get b')).toBe('of web-1')
    const { id } = await invalidate({ tags: ['all'] })
    // A process that has to wait for a processor is late, and says so when it is back.
    await expect
      .poll(async () => {
        const { state, result } = (await desk.call('GET', `operations/${id}/`, { as: 'viewer' })).json
        return [
          state,
          ...result.caches.fleet.nodes.map((node: { id: string; status: string }) => `${node.id} ${node.status}`),
        ]
      })
      .toEqual(['completed', 'web-1 acked', 'web-2 acked'])
    expect([await one.ask('get b'), await two.ask('get b')]).toEqual([null, null])
  })

  it('apply a stored setting within two seconds, and the next process when it starts', async () => {
    await desk.call('POST', 'configurations/', { as: 'admin', body: { name: 'fleet', ttl_seconds: 77 } })
    await expect.poll(() => Promise.all([one.ask('ttl'), two.ask('ttl')]), { interval: 100 }).toEqual([77, 77])
    const three = await start(placeOf(), 'web-3')
    await expect.poll(() => three.ask('ttl'), { interval: 100 }).toBe(77)
    three.process.stdin?.write('end\n')
    await new Promise((resolve) => three.process.once('exit', resolve))
    await expect.poll(nodes).toHaveLength(2)
  })

  if (!isWhole) return

  it('make an operation partial while one is frozen; when it returns it serves nothing old, and the operation completes', async () => {
    await one.ask('set c')
    await expect.poll(() => two.ask('get c')).toBe('of web-1')
    two.process.kill('SIGSTOP')
    const done = await invalidate({ keys: ['c'] })
    expect(done.state).toBe('partial')
    expect(done.result.caches.fleet.nodes.find((node: { id: string }) => node.id === 'web-2').status).toBe('late')
    two.process.kill('SIGCONT')
    expect(await two.ask('get c')).toBeNull()
    await expect
      .poll(async () => (await desk.call('GET', `operations/${done.id}/`, { as: 'viewer' })).json.state, {
        interval: 200,
      })
      .toBe('completed')
  })

  it('get caches by the names of configurations, including later ones', async () => {
    const place = placeOf()
    const meeting = place.startsWith('redis') ? redis({ url: place }) : sqlite({ path: place })
    if (meeting.nodes === undefined) throw new Error('a tier without a meeting place')
    const warnings: string[] = []
    const caches = await openCaches({
      store: meeting.nodes,
      nodeId: 'shop-1',
      onWarning: (message) => warnings.push(message),
      fallback: [{ name: 'by_code', ttl_seconds: 5 }],
    })
    expect(() => caches.get('product_cache')).toThrow(
      /there is no configuration "product_cache": there are by_code, fleet/,
    )
    expect(caches.get('by_code').describe().defaults.ttl_seconds).toBe(5)
    const made = (
      await desk.call('POST', 'configurations/', {
        as: 'admin',
        body: { name: 'product_cache', ttl_seconds: 9, max_size_mb: 2 },
      })
    ).json
    await expect.poll(() => caches.names).toContain('product_cache')
    const cache = caches.get('product_cache')
    await cache.set('a', 1)
    expect([
      await cache.get('a'),
      cache.describe().defaults.ttl_seconds,
      caches.get('product_cache') === cache,
    ]).toEqual([1, 9, true])
    // It is a cache of memory alone, and met where the configurations are published.
    await expect
      .poll(
        async () => (await desk.call('GET', 'nodes/?cache_name=product_cache', { as: 'viewer' })).json.data?.[0]?.id,
      )
      .toBe('shop-1')
    const put = (fields: object) =>
      desk.call('PUT', `configurations/${made.id}/`, { as: 'admin', body: { ...made, ...fields } })
    await put({ ttl_seconds: 4 })
    await expect.poll(() => cache.describe().defaults.ttl_seconds).toBe(4)
    expect(cache.describe().defaults.priority).toBe('medium')
    await put({ priority: 5 })
    await expect.poll(() => cache.describe().defaults.priority).toBe('high')
    await put({ priority: 101, strategy: 'write_around' })
    await expect.poll(() => cache.describe().defaults.priority).toBe('low')
    await expect
      .poll(() => warnings)
      .toContainEqual(
        expect.stringMatching(
          /^product_cache now has the strategy write_around but was created with cache_aside: restart/,
        ),
      )
    await put({})
    await expect.poll(() => cache.describe().defaults.priority).toBe('medium')
    await put({ is_active: false })
    await expect.poll(() => cache.get('a')).toBeUndefined()
    await put({ is_active: true })
    await expect.poll(() => cache.describe().tiers[0]?.enabled).toBe(true)
    await desk.call('POST', 'configurations/', { as: 'admin', body: { name: 'far', cache_type: 'redis' } })
    await expect.poll(() => caches.names).toContain('far')
    expect(() => caches.get('far')).toThrow(/there is no tier for that type/)
    await desk.call('DELETE', `configurations/${made.id}/`, { as: 'admin' })
    await caches.close()
    await meeting.close()
  })
}

const folder = mkdtempSync(join(tmpdir(), 'millpond-fleet-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('processes over a SQLite file', () => fleetSuite(() => join(folder, 'fleet.db'), false))

describeWith('redis', 'processes over Redis', () => {
  let server: RedisService
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server?.stop())
  fleetSuite(() => server.url, true)
})

it('T11 a configuration says whether its cache compresses, and what was compressed is read without it, too', async () => {
  const path = join(folder, 'compressed.db')
  const opened = (compression_enabled: boolean) =>
    openCaches({
      store: memoryNodes(),
      tiers: { database: () => sqlite({ path }) },
      fallback: [{ name: 'pages', cache_type: 'database', compression_enabled }],
    })
  const text = 'hello '.repeat(5000)
  const [packing, plain] = [await opened(true), await opened(false)]
  await packing.get('pages').set('page', text)
  expect(packing.get('pages').stats().compression?.bytesOut).toBeLessThan(text.length / 10)
  expect(await plain.get('pages').get('page')).toBe(text)
  await plain.get('pages').set('other', text)
  expect(plain.get('pages').stats().compression?.bytesOut ?? text.length).toBeGreaterThanOrEqual(text.length)
  await Promise.all([packing.close(), plain.close()])
})

it('T11 a stored strategy says how collections write that name none in code, and a priority which label entries carry', async () => {
  const caches = await openCaches({
    store: memoryNodes(),
    options: { defaults: { priority: 'high' } },
    fallback: [
      { name: 'as_code' },
      { name: 'through', strategy: 'write_through', priority: 0 },
      { name: 'around', strategy: 'write_around', priority: 1000 },
      { name: 'behind', strategy: 'write_back' },
    ],
  })
  const made = Object.fromEntries(
    caches.names.map((name) => {
      const cache = caches.get(name)
      const store = (): void => {}
      return [
        name,
        [
          cache.collection('rows', { store }).write,
          cache.collection('read', { load: (id: number) => id }).write,
          cache.collection('own', { store, write: 'write-through' }).write,
          cache.collection('queued', { store, writeBehind: { durability: 'memory' } }).write,
          cache.describe().defaults.priority,
        ],
      ]
    }),
  )
  expect(made).toEqual({
    as_code: ['write-through', 'cache-aside', 'write-through', 'write-behind', 'high'],
    through: ['write-through', 'cache-aside', 'write-through', 'write-behind', 'high'],
    around: ['write-around', 'cache-aside', 'write-through', 'write-behind', 'low'],
    behind: ['write-through', 'cache-aside', 'write-through', 'write-behind', 'high'],
  })
  await caches.close()
})

it('T11 a stored priority that is withdrawn gives entries that of code again, also in a process that began with it', async () => {
  const store = memoryNodes()
  const plain = await openCaches({ store, fallback: [{ name: 'shop', priority: 5 }] })
  const high = await openCaches({
    store,
    nodeId: 'other',
    options: { defaults: { priority: 'high' } },
    fallback: [{ name: 'shop', priority: 500 }],
  })
  const caches = [plain.get('shop'), high.get('shop')]
  const priorities = () => caches.map((cache) => cache.describe().defaults.priority)
  expect(priorities()).toEqual(['high', 'low'])
  const desk = await open(':memory:', { meetingPlaces: [store] })
  await desk.plane.start()
  const body = { name: 'shop', priority: 100 }
  const { json: made } = await desk.call('POST', 'configurations/', { as: 'admin', body })
  await expect.poll(priorities).toEqual(['medium', 'high'])
  await desk.call('PUT', `configurations/${made.id}/`, { as: 'admin', body: { ...made, priority: 101 } })
  await expect.poll(priorities).toEqual(['low', 'low'])
  await desk.call('DELETE', `configurations/${made.id}/`, { as: 'admin' })
  await expect.poll(priorities).toEqual(['medium', 'high'])
  await desk.close()
  // Also by a control plane in its own process, which attaches it once more.
  const own = await open(':memory:', { caches: [plain.get('shop')] })
  await own.plane.start()
  const { json: low } = await own.call('POST', 'configurations/', {
    as: 'admin',
    body: { name: 'shop', priority: 101 },
  })
  await expect.poll(priorities).toEqual(['low', 'high'])
  await own.call('PUT', `configurations/${low.id}/`, { as: 'admin', body: { ...low, priority: 100 } })
  await expect.poll(priorities).toEqual(['medium', 'high'])
  await own.close()
  await Promise.all([plain.close(), high.close()])
})

it('T11 a stored strategy leaves those of code that do not concern writes', async () => {
  const clock = fakeClock()
  const caches = await openCaches({
    store: memoryNodes(),
    options: { clock, strategy: ['write-through', 'refresh-ahead'] },
    fallback: [{ name: 'shop', strategy: 'write_around' }],
  })
  let loads = 0
  const rows = caches.get('shop').collection('rows', { load: () => ++loads, store: (): void => {}, ttl: '10s' })
  expect(rows.write).toBe('write-around')
  expect([await rows.get(1), await rows.get(1)]).toEqual([1, 1])
  await clock.run(9000)
  // Past 0.8 of the TTL what is read repeatedly is served, and loaded again in the background.
  expect(await rows.get(1)).toBe(1)
  await clock.run(500)
  expect(loads).toBe(2)
  await caches.close()
})
