// What raises an alert and what does not, how one ends, and whom it is told to.
import { createHmac } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCache, memory } from 'millpond'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { FreshnessTally } from '../src/agent/figures.ts'
import { isPublic } from '../src/alerts/addresses.ts'
import { fingerprintOf } from '../src/alerts/alerts.ts'
import { Evaluator } from '../src/alerts/evaluator.ts'
import type { Webhook } from '../src/alerts/settings.ts'
import { publicOnly, refusedUrl, Webhooks } from '../src/alerts/webhooks.ts'
import type { Collector, FleetSnapshot, Point } from '../src/metrics/collector.ts'
import { type Opened, open } from './setup.ts'

let opened: Opened
const cache = createCache({ name: 'shop' })
beforeAll(async () => {
  opened = await open(':memory:', { caches: [cache] })
})
afterAll(async () => {
  await opened.close()
  await cache.close()
})

interface State {
  readonly counters?: Record<string, number>
  readonly gauges?: Record<string, number>
  readonly isLate?: boolean
  readonly breaker?: string
  readonly uptime?: number
  readonly freshness?: FreshnessTally
  /** Processes that are seen in each second; 1 in all others. */
  readonly nodesAt?: Readonly<Record<number, number>>
}

/** Turns of an evaluator over what the test says is seen. */
function watching(refused = () => 0) {
  let state: State = {}
  const points = (): Point[] =>
    Array.from({ length: 120 }, (_, at) => ({
      at,
      seconds: 1,
      counters: state.counters ?? {},
      gauges: { nodes: state.nodesAt?.[at] ?? 1, ...state.gauges },
    }))
  const snapshot = (): FleetSnapshot => ({
    unseen: undefined,
    nodes: [
      {
        id: 'web-1',
        boot: 'b',
        cache: 'shop',
        isLocal: false,
        isLate: state.isLate ?? false,
        ageMs: 0,
        settings: undefined,
        report: {
          cache: 'shop',
          uptime_seconds: state.uptime ?? 3600,
          health: 'ok',
          counters: {},
          gauges: {},
          tiers: [
            {
              name: 'redis',
              scope: 'shared',
              enabled: true,
              breaker: state.breaker ?? 'closed',
              encrypted: null,
              key_since: null,
            },
          ],
          ledger: { tier: 'redis', is_up: true, pending: 0 },
          ttl_seconds: 300,
          namespaces: {},
          ...(state.freshness !== undefined && { freshness: state.freshness }),
        },
      },
    ],
  })
  const collector: Pick<Collector, 'snapshot' | 'recent'> = {
    snapshot,
    recent: (_, seconds = 120) => points().slice(-seconds),
  }
  const evaluator = new Evaluator({ ...opened.plane.control, collector }, refused)
  return async (next: State, turns = 1): Promise<string[]> => {
    state = next
    for (let turn = 0; turn < turns; turn++) await evaluator.turn()
    const { json } = await opened.call('GET', 'alerts/?state=firing', { as: 'viewer' })
    return json.data.map((alert: { rule: string; severity: string }) => `${alert.rule} ${alert.severity}`).sort()
  }
}

const reads = (hits: number, misses: number, ms = 1) => ({
  hits,
  misses,
  'get.n': hits + misses,
  'get.ms': (hits + misses) * ms,
})

describe('an alert', () => {
  it('is raised once after two bad evaluations, escalates, and ends after three good ones', async () => {
    const see = watching()
    expect(await see({ counters: reads(75, 25) })).toEqual([])
    expect(await see({ counters: reads(75, 25) })).toEqual(['hit_ratio medium'])
    expect(await see({ counters: reads(60, 40) })).toEqual(['hit_ratio high'])
    expect(await see({ counters: reads(40, 60) }, 5)).toEqual(['hit_ratio critical'])
    // Just above the threshold it hovers: neither new nor over.
    expect(await see({ counters: reads(81, 19) }, 9)).toEqual(['hit_ratio critical'])
    expect(await see({ counters: reads(95, 5) }, 2)).toEqual(['hit_ratio critical'])
    expect(await see({ counters: reads(95, 5) })).toEqual([])
    const { json } = await opened.call('GET', 'alerts/?state=resolved&limit=1', { as: 'viewer' })
    expect(json.data[0]).toMatchObject({ rule: 'hit_ratio', resolved_by: 'itself', cache_name: 'shop' })
  })

  it('about a ratio needs 200 reads, and a cache that is no longer cold', async () => {
    const see = watching()
    expect(await see({ counters: reads(1, 2) }, 5)).toEqual([])
    expect(await see({ counters: reads(10, 90), uptime: 60 }, 5)).toEqual([])
    expect(await see({ counters: reads(1, 9) }, 2)).toEqual(['hit_ratio critical']) // 10 a second: 300 in half a minute
    await see({ counters: reads(100, 0) }, 3)
  })

  it('about CPU time is raised while the same processes have been seen for a minute', async () => {
    const look = watching()
    const busy = { counters: { process_cpu_seconds: 1.2 } }
    // The last look saw one of three: the CPU time of all of them is not that one's.
    expect(await look({ ...busy, nodesAt: { 70: 3, 71: 3 } }, 3)).toEqual([])
    // One came back as the minute began: its first step has the CPU time of its absence.
    expect(await look({ ...busy, nodesAt: { 59: 2 } }, 3)).toEqual([])
    expect(await look({ ...busy, gauges: { late_nodes: 1 } }, 3)).toEqual([])
    expect(await look(busy, 2)).toEqual(['process_cpu_ratio medium'])
    expect(await look({ counters: { process_cpu_seconds: 0.3 } }, 3)).toEqual([])
  })

  it('about memory is not raised for a full memory that works well', async () => {
    const see = watching()
    const full = { bytes: 99, max_bytes: 100 }
    expect(await see({ counters: reads(100, 0), gauges: full }, 5)).toEqual([])
    expect(await see({ counters: { ...reads(100, 0), young_evictions: 3 }, gauges: full }, 2)).toEqual([
      'memory_ratio critical',
    ])
    expect(await see({ counters: reads(100, 0), gauges: full }, 3)).toEqual([])
  })

  it('is raised for slow gets, a bypassed tier, a silent node and refused credentials', async () => {
    let refused = 0
    const see = watching(() => refused)
    expect(await see({ counters: reads(100, 0, 120) }, 2)).toEqual(['response_ms high'])
    expect(await see({ counters: reads(100, 0) }, 3)).toEqual([])
    expect(await see({ breaker: 'open' }, 2)).toEqual(['tier_down high'])
    expect(await see({ breaker: 'closed' }, 3)).toEqual([])
    expect(await see({ isLate: true }, 2)).toEqual(['late_node high'])
    expect(await see({}, 3)).toEqual([])
    refused = 500
    expect(await see({}, 2)).toEqual(['refused_credentials critical'])
    refused = 0
    expect(await see({}, 3)).toEqual([])
  })

  it('about stale reads is raised once so many are sure, whatever else they are', async () => {
    const see = watching()
    const stale = (stale: number, checked = 1000) => ({ freshness: { objective: 0.01, checked, stale } })
    // One of twenty says little: from 0.9 to 24 %.
    expect(await see(stale(1, 20), 5)).toEqual([])
    expect(await see(stale(12), 5)).toEqual([])
    expect(await see(stale(40), 2)).toEqual(['stale_reads medium'])
    expect(await see(stale(100))).toEqual(['stale_reads high'])
    const { json } = await opened.call('GET', 'alerts/?state=firing', { as: 'viewer' })
    expect(json.data[0].message).toBe(
      'at least 8.3 % of reads are answered with what the source has changed since: the objective is 1.0 %',
    )
    // Not checked any more is no news; what was checked and is fresh is.
    expect(await see({}, 5)).toEqual([])
    expect(await see(stale(100), 2)).toEqual(['stale_reads high'])
    expect(await see(stale(2), 3)).toEqual([])
  })

  it('that was resolved by hand returns only after its cause has gone', async () => {
    const see = watching()
    await see({ breaker: 'open' }, 2)
    const { json } = await opened.call('GET', 'alerts/?state=firing', { as: 'viewer' })
    const path = `alerts/${json.data[0].id}/resolve/`
    expect((await opened.call('POST', path, { as: 'viewer', body: {} })).status).toBe(403)
    expect((await opened.call('POST', path, { as: 'operator', body: { note: 'known' } })).json).toMatchObject({
      state: 'resolved',
      resolved_by: 'operator',
      note: 'known',
    })
    expect((await opened.call('POST', path, { as: 'operator', body: {} })).status).toBe(409)
    expect(await see({ breaker: 'open' }, 4)).toEqual([])
    await see({ breaker: 'closed' }, 3)
    expect(await see({ breaker: 'open' }, 2)).toEqual(['tier_down high'])
    await see({ breaker: 'closed' }, 3)
  })

  it('uses the rules that were set', async () => {
    const see = watching()
    const put = (body: object) => opened.call('PUT', 'alert_rules/', { as: 'editor', body })
    expect((await put({ hit_ratio: { levels: { critical: 0.1 } }, nonsense: {} })).status).toBe(422)
    expect(
      (await put({ hit_ratio: { levels: { critical: 0.1 } }, tier_down: { enabled: false, levels: {} } })).json
        .hit_ratio.levels,
    ).toEqual({ critical: 0.1 })
    expect(await see({ counters: reads(40, 60), breaker: 'open' }, 3)).toEqual([])
    expect((await put({})).json.hit_ratio.levels.medium).toBe(0.8)
  })

  it('is raised for a real breaker that opens', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'millpond-alerts-'))
    const deep = createCache({ name: 'deep', tiers: [memory(), sqlite({ path: join(folder, 'deep.db') })] })
    const other = await open(':memory:', { caches: [deep] })
    const { control } = other.plane
    const evaluator = new Evaluator(control, () => 0)
    const turn = async () => {
      await control.collector.look(await control.store.now())
      await evaluator.turn()
    }
    for (let at = 0; at < 50; at++)
      await deep
        .breaker('sqlite')
        .protect(() => Promise.reject(new Error('gone')))
        .catch(() => undefined)
    await turn()
    await turn()
    expect((await other.call('GET', 'alerts/', { as: 'viewer' })).json.data).toMatchObject([
      { rule: 'tier_down', fingerprint: 'tier_down/deep/sqlite' },
    ])
    expect(
      (await other.call('GET', 'optimizations/health_check/', { as: 'viewer' })).json.caches[0].parts.find(
        (part: { name: string }) => part.name === 'errors',
      ),
    ).toMatchObject({ deduction: 20 })
    await other.close()
    await deep.close()
    rmSync(folder, { recursive: true, force: true })
  })
})

describe('a webhook', () => {
  const told: { headers: IncomingMessage['headers']; body: string }[] = []
  let answers: number[] = []
  let server: Server
  let url: string
  beforeAll(async () => {
    server = createServer((request, response) => {
      let body = ''
      request.on('data', (chunk) => {
        body += chunk
      })
      request.on('end', () => {
        told.push({ headers: request.headers, body })
        response.writeHead(answers.shift() ?? 204, { Location: 'http://169.254.169.254/' }).end()
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?token=hidden`
  })
  afterAll(() => void server.close())
  const secret = 'a secret of sixteen or more'
  const alert = { id: 'alr_1', severity: 'high', state: 'firing' } as Parameters<Webhooks['tell']>[1]
  const hook = (): Webhook => ({ url, secret, severities: ['high'] })

  it('is called with a signature, retried after a failure, and does not follow redirects', async () => {
    const warnings: string[] = []
    const webhooks = new Webhooks({ allowPrivate: true, onWarning: (message) => warnings.push(message), retries: [1] })
    answers = [500]
    webhooks.tell([hook(), { ...hook(), severities: ['critical'] }], alert)
    await expect.poll(() => told.length).toBe(2)
    const [t = '', v1 = ''] = String(told[1]?.headers['x-millpond-signature']).split(',')
    expect(v1).toBe(
      `v1=${createHmac('sha256', secret)
        .update(`${t.slice(2)}.${told[1]?.body}`)
        .digest('hex')}`,
    )
    expect(JSON.parse(told[1]?.body ?? '')).toMatchObject({ type: 'alert.firing', alert: { id: 'alr_1' } })
    answers = [302]
    webhooks.tell([hook()], alert)
    await expect.poll(() => warnings).toEqual([expect.stringContaining('it answered 302')])
    expect(told).toHaveLength(3)
    expect(warnings.join()).not.toContain('hidden')
    await webhooks.close()
  })

  it('is told in order: a resolution waits until the alert that is retried has arrived', async () => {
    const warnings: string[] = []
    const onWarning = (message: string) => void warnings.push(message)
    const webhooks = new Webhooks({ allowPrivate: true, onWarning, retries: [200] })
    let before = told.length
    const heard = () => told.slice(before).map(({ body }) => JSON.parse(body))
    answers = [500]
    webhooks.tell([hook()], alert)
    webhooks.tell([hook()], { ...alert, state: 'resolved' })
    await expect.poll(() => heard().map(({ type }) => type)).toEqual(['alert.firing', 'alert.firing', 'alert.resolved'])
    // A retry is the same message, so that a receiver can tell.
    expect(heard()[0].id).toBe(heard()[1].id)
    await webhooks.close()
    // Another alert does not wait for it.
    const blocked = new Webhooks({ allowPrivate: true, onWarning, retries: [600_000] })
    before = told.length
    answers = [500]
    blocked.tell([hook()], alert)
    await expect.poll(() => told.length - before).toBe(1)
    blocked.tell([hook()], { ...alert, id: 'alr_2' })
    await expect.poll(() => heard().map((one) => one.alert.id)).toEqual(['alr_1', 'alr_2'])
    await blocked.close()
    expect(warnings).toEqual([])
  })

  it('hears of the end of what it was told about, whatever its severity has become', async () => {
    const { alerts } = opened.plane.control
    const sent: string[] = []
    const webhooks = new Webhooks({ allowPrivate: true, onWarning: (message) => sent.push(message) })
    const before = told.length
    const stop = alerts.onChange((one, had) => webhooks.tell([{ ...hook(), severities: ['critical'] }], one, had))
    onTestFinished(stop)
    const finding = {
      rule: 'hit_ratio',
      cache: 'shop',
      subject: 'severities',
      value: 0.4,
      threshold: 0.5,
      message: 'm',
    }
    await alerts.raise({ ...finding, severity: 'high' })
    await alerts.raise({ ...finding, severity: 'critical' })
    await alerts.raise({ ...finding, severity: 'medium' })
    await alerts.settle(fingerprintOf(finding))
    await expect.poll(() => told.length - before).toBe(3)
    const heard = told.slice(before).map(({ body }) => JSON.parse(body))
    expect(heard.map(({ type, alert: { severity } }) => `${type} ${severity}`)).toEqual([
      'alert.firing critical',
      'alert.firing medium',
      'alert.resolved medium',
    ])
    await webhooks.close()
    expect(sent).toEqual([])
  })

  it('is told although another one is dead, for which as many calls wait as may', async () => {
    const warnings: string[] = []
    const onWarning = (message: string) => void warnings.push(message)
    const webhooks = new Webhooks({ allowPrivate: true, onWarning, retries: [600_000] })
    const before = told.length
    const dead = { ...hook(), url: 'http://127.0.0.1:1/' }
    const ids = Array.from({ length: 250 }, (_, at) => `alr_${at}`)
    for (const id of ids) {
      webhooks.tell([dead], { ...alert, id })
      webhooks.tell([hook()], { ...alert, id })
      if (Number(id.slice(4)) % 50 === 49) await expect.poll(() => told.length - before).toBe(Number(id.slice(4)) + 1)
    }
    expect(warnings).toHaveLength(50)
    expect(
      warnings.filter((one) => !/:1 was not notified of alr_2\d\d: 200 calls are already waiting$/.test(one)),
    ).toEqual([])
    // Where one has been sent to, there is room.
    expect(new Set(told.slice(before).map(({ body }) => JSON.parse(body).alert.id))).toEqual(new Set(ids))
    await webhooks.close()
  })

  it('gives up a receiver that answers a byte at a time, and ends what is under way when it is closed', async () => {
    const slow = createTcpServer((socket) => {
      socket.on('error', () => undefined)
      socket.write('HTTP/1.1 200 OK\r\nX-Slow: ')
      const dripping = setInterval(() => socket.write('x'), 20)
      socket.on('close', () => clearInterval(dripping))
    })
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void slow.close())
    const at = { ...hook(), url: `http://127.0.0.1:${(slow.address() as AddressInfo).port}/` }
    const warnings: string[] = []
    const onWarning = (message: string) => void warnings.push(message)
    const hasty = new Webhooks({ allowPrivate: true, onWarning, retries: [], timeoutMs: 300 })
    hasty.tell([at], alert)
    await expect.poll(() => warnings).toEqual([expect.stringMatching(/alr_1: no answer within 300 ms$/)])
    await hasty.close()
    const patient = new Webhooks({ allowPrivate: true, onWarning, retries: [] })
    patient.tell([at], alert)
    patient.tell([at], { ...alert, state: 'resolved' })
    await patient.close()
    expect(warnings).toHaveLength(1)
  })

  it('never calls this machine or its networks, however they are written', async () => {
    for (const address of [
      '127.0.0.1',
      '10.1.2.3',
      '172.31.0.1',
      '192.168.1.1',
      '169.254.169.254',
      '168.63.129.16',
      '100.64.0.1',
      '0.0.0.0',
      '255.255.255.255',
      '::1',
      '::',
      'fe80::1%eth0',
      'fd00::1',
      '::ffff:10.0.0.1',
      '::ffff:a00:1',
      '64:ff9b::7f00:1',
      '2002:7f00:1::',
      '::127.0.0.1',
      'nonsense',
    ])
      expect(isPublic(address), address).toBe(false)
    for (const address of ['93.184.215.14', '2606:2800:21f:cb07:6820:80da:af6b:8b2c', '8.8.8.8'])
      expect(isPublic(address), address).toBe(true)
    for (const host of [
      '127.1',
      '0x7f.1',
      '2130706433',
      '017700000001',
      '[::1]',
      '[::ffff:127.0.0.1]',
      'localhost',
      'LOCALHOST.',
      'metadata.google.internal',
      'a.local',
      '169.254.169.254',
      '①②⑦.⓪.⓪.①',
    ])
      expect(refusedUrl(`http://${host}/`, false), host).toBeDefined()
    expect(refusedUrl('https://hooks.example.com/x', false)).toBeUndefined()
    expect(refusedUrl('https://user:password@hooks.example.com/', true)).toBeDefined()
    // A name that means this machine, found when it is looked up.
    const error = await new Promise((resolve) => publicOnly()('localhost', { all: false }, (why) => resolve(why)))
    expect(String(error)).toContain('private network')
    const before = told.length
    const warnings: string[] = []
    const webhooks = new Webhooks({ allowPrivate: false, onWarning: (message) => warnings.push(message) })
    webhooks.tell([hook()], alert)
    await expect.poll(() => warnings).toHaveLength(1)
    expect(told).toHaveLength(before)
    await webhooks.close()
  })

  it('does not follow a public name that resolves into this network by the time it is called, and resolves it once per connection', async () => {
    const before = told.length
    const { port } = new URL(url)
    const asked: string[] = []
    const warnings: string[] = []
    const leading = (...addresses: string[]) =>
      new Webhooks({
        allowPrivate: false,
        onWarning: (message) => warnings.push(message),
        resolve: (name, _options, callback) => {
          asked.push(name)
          callback(
            null,
            addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
          )
        },
      })
    for (const addresses of [['127.0.0.1'], ['::1'], ['93.184.215.14', '127.0.0.1'], ['169.254.169.254'], []]) {
      const webhooks = leading(...addresses)
      webhooks.tell([{ ...hook(), url: `http://127.0.0.1.nip.example:${port}/hook` }], alert)
      await expect
        .poll(() => warnings.splice(0), { message: String(addresses) })
        .toEqual([expect.stringContaining('an address in a private network')])
      await webhooks.close()
    }
    expect([asked.length, told.length]).toEqual([5, before])
  })

  it('is set by an administrator, and its secret is never shown', async () => {
    const put = (webhooks: object[]) => opened.call('PUT', 'webhooks/', { as: 'admin', body: { webhooks } })
    expect(await put([{ url: 'http://169.254.169.254/latest', secret }])).toMatchObject({
      status: 422,
      json: { errors: [{ pointer: '/webhooks/0/url', code: 'address_refused' }] },
    })
    expect((await put([{ url: 'file:///etc/passwd', secret }])).status).toBe(422)
    const set = await put([
      { url: 'https://hooks.example.com/services/T0/secret-path', secret, severities: ['critical'] },
    ])
    expect(set.json.data).toEqual([{ url: 'https://hooks.example.com', severities: ['critical'] }])
    const audit = (await opened.call('GET', 'audit/?action=webhooks&limit=5', { as: 'auditor' })).text
    expect(audit).toContain('hooks.example.com')
    for (const text of [audit, (await opened.call('GET', 'webhooks/', { as: 'admin' })).text])
      expect(text).not.toMatch(/secret-path|sixteen/)
    await put([])
  })

  it('is told of what still fires when its silence ends, and of the resolution of what it was told about (grafana/grafana#80996)', async () => {
    const { alerts } = opened.plane.control
    const heard: string[] = []
    const stop = alerts.onChange(
      (one) => void alerts.isSilent(one).then((isSilent) => heard.push(`${one.state} ${isSilent ? 'silent' : 'told'}`)),
    )
    const finding = {
      rule: 'tier_down',
      cache: 'shop',
      subject: 'redis',
      severity: 'critical',
      value: 1,
      threshold: 1,
      message: 'm',
    } as const
    const silence = async () =>
      (await opened.call('POST', 'silences/', { as: 'operator', body: { rule: 'tier_down', duration_seconds: 60 } }))
        .json.id
    const fingerprint = fingerprintOf(finding)
    const first = await silence()
    await alerts.raise(finding)
    await expect.poll(() => heard).toEqual(['firing silent'])
    await alerts.raise(finding)
    expect((await opened.call('DELETE', `silences/${first}/`, { as: 'operator' })).status).toBe(204)
    expect((await opened.call('DELETE', `silences/${first}/`, { as: 'operator' })).status).toBe(404)
    await alerts.raise(finding)
    await alerts.raise(finding)
    await expect.poll(() => heard.slice(1)).toEqual(['firing told'])
    const second = await silence()
    await alerts.settle(fingerprint)
    await expect.poll(() => heard.slice(2)).toEqual(['resolved told'])
    await alerts.raise(finding)
    await alerts.settle(fingerprint)
    await expect.poll(() => heard.slice(3)).toEqual(['firing silent', 'resolved silent'])
    await opened.call('DELETE', `silences/${second}/`, { as: 'operator' })
    stop()
  })

  it('is not told of silenced alerts', async () => {
    const made = await opened.call('POST', 'silences/', {
      as: 'operator',
      body: { rule: 'tier_down', duration_seconds: 60 },
    })
    expect(made.status).toBe(201)
    const { alerts } = opened.plane.control
    const about = { ...alert, cache_name: 'shop' }
    expect([
      await alerts.isSilent({ ...about, rule: 'tier_down' }),
      await alerts.isSilent({ ...about, rule: 'hit_ratio' }),
    ]).toEqual([true, false])
    expect((await opened.call('GET', 'silences/', { as: 'viewer' })).json.data).toHaveLength(1)
    await opened.call('DELETE', `silences/${made.json.id}/`, { as: 'operator' })
    expect(await alerts.isSilent({ ...about, rule: 'tier_down' })).toBe(false)
  })
})
