// Browsers: signing in by a cookie, writes that no other site can cause, and the event stream.
import { ROLE_SCOPES } from '@millpond/control'
import { createCache } from 'millpond'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { tellEvents } from '../src/stream/tail.ts'
import { type Opened, open, tokenOf } from './setup.ts'

const cache = createCache({ name: 'shop' })
let opened: Opened
beforeAll(async () => {
  opened = await open(':memory:', { caches: [cache] })
  await opened.plane.start()
})
afterAll(async () => {
  await opened.close()
  await cache.close()
})

const signIn = async (as: 'admin' | 'viewer' = 'admin'): Promise<string> => {
  const { headers } = await opened.call('POST', 'session/', { as, body: {} })
  return headers.get('set-cookie')?.split(';')[0] ?? ''
}
const OWN = { 'X-Requested-With': 'millpond' }

describe('a session', () => {
  it('is a cookie that scripts cannot read and other sites cannot send, secure on a secure connection', async () => {
    const { status, headers, json } = await opened.call('POST', 'session/', { as: 'viewer', body: {} })
    expect([status, json.role]).toEqual([200, 'viewer'])
    expect(headers.get('set-cookie')).toMatch(
      /^millpond-[0-9a-f]{8}=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200$/,
    )
    const tls = await opened.plane.fetch(
      new Request('https://shop.example/api/admin/caching/session/', {
        method: 'POST',
        headers: { Authorization: `Bearer ${tokenOf('viewer')}` },
      }),
    )
    expect(tls.headers.get('set-cookie')).toMatch(
      /^__Host-millpond-[0-9a-f]{8}=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=43200; Secure$/,
    )
    const stored = await opened.store.read.selectFrom('sessions').selectAll().execute()
    expect(JSON.stringify(stored)).not.toContain(/=([\w-]{43});/.exec(headers.get('set-cookie') ?? '')?.[1])
  })

  it('reads freely, and writes only with its header and from its own pages', async () => {
    const cookie = await signIn()
    const write = (headers: Record<string, string>) =>
      opened.call('POST', 'events/markers/', { body: { message: 'm' }, headers: { cookie, ...headers } })
    expect((await opened.call('GET', 'session/', { headers: { cookie } })).json.name).toBe('admin')
    expect((await write({})).json.code).toBe('csrf')
    expect((await write({ 'X-Requested-With': 'XMLHttpRequest' })).status).toBe(403)
    expect((await write({ ...OWN, 'Sec-Fetch-Site': 'cross-site' })).status).toBe(403)
    expect((await write({ ...OWN, 'Sec-Fetch-Site': 'same-origin' })).status).toBe(201)
    // Without TLS a browser may say the origin alone.
    for (const Origin of ['https://evil.example', 'null', 'http://127.0.0.1.evil.example', 'http://127.0.0.1:1', ''])
      expect((await write({ ...OWN, Origin })).json, Origin).toMatchObject({ status: 403, code: 'csrf' })
    for (const Origin of ['http://127.0.0.1', 'https://127.0.0.1'])
      expect((await write({ ...OWN, Origin })).status, Origin).toBe(201)
    const audit = await opened.call('GET', 'audit/?action=marker&limit=1', { headers: { cookie } })
    expect(audit.json.data[0]).toMatchObject({ actor: 'admin', via: 'session' })
  })

  it('of a host application creates tokens for existing users, and says so if none is named', async () => {
    const hosted = await open(':memory:', {
      authorize: () => ({
        ...{ name: 'ana', userId: 'host:1', via: 'host', role: 'admin', scopes: new Set(ROLE_SCOPES.admin) },
        ...{ namespaces: undefined, maxKeys: undefined },
      }),
    })
    expect(await hosted.call('POST', 'tokens/', { body: { name: 'ci' } })).toMatchObject({
      status: 422,
      json: { errors: [{ pointer: '/role', code: 'no_user' }] },
    })
    expect((await hosted.call('POST', 'tokens/', { body: { name: 'ci', role: 'operator' } })).status).toBe(201)
    await hosted.close()
  })

  it('ends when it is ended, when its token is revoked, and when it expires', async () => {
    const status = async (cookie: string) => (await opened.call('GET', 'session/', { headers: { cookie } })).status
    const ended = await signIn()
    const out = await opened.call('DELETE', 'session/', { headers: { cookie: ended, ...OWN } })
    expect(out.headers.get('set-cookie')).toContain('Max-Age=0')
    const made = (await opened.call('POST', 'tokens/', { as: 'admin', body: { name: 'brief' } })).json
    const { headers } = await opened.call('POST', 'session/', { token: made.token, body: {} })
    const revoked = headers.get('set-cookie')?.split(';')[0] ?? ''
    expect(await status(revoked)).toBe(200)
    await opened.call('DELETE', `tokens/${made.id}/`, { as: 'admin' })
    const old = await signIn()
    await opened.store.read.updateTable('sessions').set({ expires_at: 1 }).execute()
    expect([
      await status(ended),
      await status(revoked),
      await status(old),
      await status(old.replace(/=.*/, '=made-up')),
    ]).toEqual([401, 401, 401, 401])
  })

  it('coexists with that of another control plane on the host: browsers share cookies between ports (OctoPrint/OctoPrint#1479, requarks/wiki#228)', async () => {
    const other = await open(':memory:')
    const jar = new Map<string, string>()
    const keep = ({ headers }: { readonly headers: Headers }) => {
      const [name = '', value = ''] = headers.get('set-cookie')?.split(/[=;]/) ?? []
      jar.set(name, value)
    }
    const cookie = () => [...jar].map((pair) => pair.join('=')).join('; ')
    const seen = () =>
      Promise.all(
        [opened, other].map(
          async (each) => (await each.call('GET', 'session/', { headers: { cookie: cookie() } })).status,
        ),
      )
    for (const each of [opened, other]) keep(await each.call('POST', 'session/', { as: 'admin', body: {} }))
    expect(await seen()).toEqual([200, 200])
    keep(await other.call('DELETE', 'session/', { headers: { cookie: cookie(), ...OWN } }))
    expect(await seen()).toEqual([200, 401])
    await other.close()
  })

  it('begins with a token of its own, not with another session', async () => {
    const cookie = await signIn()
    expect((await opened.call('POST', 'session/', { body: {}, headers: { cookie, ...OWN } })).status).toBe(409)
  })
})

interface Event {
  readonly event: string
  readonly id?: string
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into whatever came
  readonly data: any
}

async function listen(
  query = '',
  { as = 'viewer', headers = {} }: { as?: 'viewer' | 'limited'; headers?: Record<string, string> } = {},
) {
  const response = await opened.plane.fetch(
    new Request(`http://127.0.0.1/api/admin/caching/stream/${query}`, {
      headers: { Authorization: `Bearer ${tokenOf(as)}`, ...headers },
    }),
  )
  const reader = response.body?.getReader()
  const decoder = new TextDecoder()
  let text = ''
  return {
    response,
    /** The next event of that name. */
    async next(name: string): Promise<Event> {
      for (;;) {
        const end = text.indexOf('\n\n')
        if (end < 0) {
          const chunk = await reader?.read()
          if (chunk === undefined || chunk.done) return { event: 'end', data: undefined }
          text += decoder.decode(chunk.value, { stream: true })
          continue
        }
        const fields = new Map(
          text
            .slice(0, end)
            .split('\n')
            .map((line): [string, string] => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
        )
        text = text.slice(end + 2)
        const id = fields.get('id')
        if (fields.get('event') === name)
          return { event: name, data: JSON.parse(fields.get('data') ?? 'null'), ...(id !== undefined && { id }) }
      }
    },
    close: async () => reader?.cancel(),
  }
}

describe('the event stream', () => {
  it('sends metrics, operations and alerts as they come, and computes nothing without listeners', async () => {
    const { hub, alerts } = opened.plane.control
    expect(hub.hears('summary')).toBe(false)
    const stream = await listen()
    expect(stream.response.headers.get('content-type')).toBe('text/event-stream')
    expect(hub.hears('summary')).toBe(true)
    expect((await stream.next('tick')).data.series.map((one: { name: string }) => one.name)).toContain('hit_ratio')
    expect((await stream.next('summary')).data.cache_name).toBe('shop')
    await opened.call('POST', 'invalidations/invalidate_keys/', { as: 'operator', body: { keys: ['a'] } })
    expect((await stream.next('op')).data).toMatchObject({ kind: 'invalidate', state: 'running' })
    await alerts.raise({
      rule: 'tier_down',
      cache: 'shop',
      subject: 'redis',
      severity: 'high',
      value: 1,
      threshold: 1,
      message: 'gone',
    })
    expect((await stream.next('alert')).data).toMatchObject({ rule: 'tier_down', state: 'firing' })
    await stream.close()
    expect(hub.size).toBe(0)
  })

  it('replays what was missed, says if it cannot, and hides what a listener may not see', async () => {
    const { hub } = opened.plane.control
    const stream = await listen('?topics=operations')
    hub.tell('operations', 'op', ['shop'], { number: 1 })
    const first = await stream.next('op')
    await stream.close()
    hub.tell('operations', 'op', ['shop'], { number: 2 })
    hub.tell('operations', 'op', ['mine'], { number: 3 })
    const again = await listen('?topics=operations', { headers: { 'Last-Event-ID': first.id ?? '' } })
    expect([(await again.next('op')).data.number, (await again.next('op')).data.number]).toEqual([2, 3])
    await again.close()
    const limited = await listen('?topics=operations', { as: 'limited', headers: { 'Last-Event-ID': first.id ?? '' } })
    expect((await limited.next('op')).data.number).toBe(3)
    await limited.close()
    const lost = await listen('?topics=operations', { headers: { 'Last-Event-ID': 'other-5' } })
    expect((await lost.next('gap')).data).toEqual({ dropped: null })
    await lost.close()
  })

  it('costs a slow listener its events, but the process no memory', async () => {
    const { hub } = opened.plane.control
    const stream = await listen('?topics=operations')
    const large = 'x'.repeat(100_000)
    for (let at = 0; at < 50; at++) hub.tell('operations', 'op', ['shop'], { at, large })
    let taken = 0
    for (; taken < 10; taken++) await stream.next('op')
    hub.tell('operations', 'op', ['shop'], { at: 'last' })
    expect((await stream.next('gap')).data.dropped).toBeGreaterThan(30)
    expect((await stream.next('op')).data.at).toBe('last')
    await stream.close()
  })

  it('is given six times to one principal, and not for HEAD or an unknown topic', async () => {
    const streams = await Promise.all(Array.from({ length: 6 }, () => listen('?topics=alerts')))
    expect((await opened.call('GET', 'stream/', { as: 'viewer' })).status).toBe(429)
    await Promise.all(streams.map((stream) => stream.close()))
    for (let at = 0; at < 8; at++) expect((await opened.call('HEAD', 'stream/', { as: 'viewer' })).status).toBe(200)
    expect((await opened.call('GET', 'stream/?topics=secrets', { as: 'viewer' })).status).toBe(422)
  })

  it('sends individual reads and writes only on request, filtered by namespace, and costs nothing otherwise', async () => {
    const { hub } = opened.plane.control
    const usual = await listen()
    expect(hub.hears('events')).toBe(false)
    await usual.close()
    const [stream, limited] = await Promise.all([listen('?topics=events'), listen('?topics=events', { as: 'limited' })])
    const mine = cache.namespace('mine')
    const rows: { kind: string; namespace: string }[] = []
    // The first round only begins to listen: what happened before is not reported.
    await tellEvents(opened.plane.control)
    await cache.get('nobody')
    await mine.set('a', 1)
    await mine.get('a')
    await mine.invalidateTags(['left'])
    while (!rows.some(({ kind }) => kind === 'invalidate')) rows.push(...(await stream.next('event')).data.rows)
    const [miss, set, hit, invalidation] = rows
    expect(miss).toMatchObject({ kind: 'miss', namespace: 'default', key: 'nobody', cause: 'cold' })
    expect(set).toMatchObject({ kind: 'set', namespace: 'mine', key: 'a' })
    expect(hit).toMatchObject({ kind: 'hit', tier: 'memory' })
    expect(invalidation).toMatchObject({ mode: 'hard', targets: [{ kind: 'tag', name: 'left' }], more: 0 })
    const seen = (await limited.next('event')).data
    expect(seen.rows.map((row: { namespace: string }) => row.namespace).every((name: string) => name === 'mine')).toBe(
      true,
    )
    expect(seen.seen).toBeNull()
    await Promise.all([stream.close(), limited.close()])
  })

  it('says goodbye when the control plane stops', async () => {
    const own = createCache({ name: 'brief' })
    const other = await open(':memory:', { caches: [own] })
    const answer = await other.plane.fetch(
      new Request('http://127.0.0.1/api/admin/caching/stream/', {
        headers: { Authorization: `Bearer ${tokenOf('viewer')}` },
      }),
    )
    await other.close()
    expect(await answer.text()).toContain('event: bye')
    await own.close()
  })
})

describe('a batch of requests', () => {
  it('is answered, authorised and refused like single requests', async () => {
    const get = ['metrics/summary/', 'audit/', 'nowhere/', 'keys/?cache_name=none', 'stream/', '../../x', 'session/']
    const { json, status } = await opened.call('POST', 'batch/', { as: 'viewer', body: { get } })
    const answers: { status: number; body: { code?: string; role?: string } | null }[] = json.answers
    expect([status, ...answers.map((answer) => answer.status)]).toEqual([200, 200, 403, 404, 404, 406, 404, 200])
    expect(answers.map(({ body }) => body?.code ?? body?.role)).toEqual([
      undefined,
      'forbidden',
      'not_found',
      'cache_unknown',
      undefined,
      'not_found',
      'viewer',
    ])
    expect((await opened.call('POST', 'batch/', { body: { get } })).status).toBe(401)
    expect(
      (await opened.call('POST', 'batch/', { as: 'viewer', body: { get: Array(21).fill('session/') } })).status,
    ).toBe(422)
  })

  it('has the peer and the principal that the host application determined for the whole', async () => {
    const known = new WeakMap<Request, string>()
    const hosted = await open(':memory:', {
      addressOf: (request) => known.get(request),
      authorize: (request) =>
        known.has(request)
          ? {
              name: 'ana',
              userId: 'host:1',
              via: 'host',
              role: 'viewer',
              scopes: new Set(['metrics:read']),
              namespaces: undefined,
              maxKeys: undefined,
            }
          : undefined,
    })
    const request = new Request('http://127.0.0.1/api/admin/caching/batch/', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ get: ['session/', 'audit/'] }),
    })
    known.set(request, '192.0.2.7')
    const { answers } = (await (await hosted.plane.fetch(request)).json()) as {
      answers: { status: number; body: { name?: string } }[]
    }
    expect(answers.map(({ status, body }) => [status, body.name])).toEqual([
      [200, 'ana'],
      [403, undefined],
    ])
    expect((await hosted.call('GET', 'audit/', { as: 'admin' })).json.data[0]).toMatchObject({
      actor: 'ana',
      address: '192.0.2.7',
    })
    await hosted.close()
  })

  it('can start with one that lists every route and cache', async () => {
    const { json } = await opened.call('GET', 'session/', { as: 'viewer' })
    expect(json.routes).toHaveLength(opened.plane.routes.length)
    expect(json.routes).toEqual(
      expect.arrayContaining(['GET session/', 'POST batch/', 'GET stream/', 'GET keys/{key}/']),
    )
    expect(json.caches).toEqual(opened.plane.control.fleet.names)
  })
})
