// What was reported of other admin APIs and exporters, tried on this one. Each names the report that it comes from.
import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { sql } from 'kysely'
import { createCache } from 'millpond'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { publicOnly, refusedUrl } from '../src/alerts/webhooks.ts'
import { type Opened, open, tokenOf } from './setup.ts'

const ODD = `key_12345'"'");|]*^@{\n&lt;^@>\u{1f4a9} %2F/../?#\u0000`
const cache = createCache({ name: 'shop' })
let opened: Opened
beforeAll(async () => {
  opened = await open(':memory:', { caches: [cache], nodeId: 'web"1\\' })
})
afterAll(async () => {
  await opened.close()
  await cache.close()
})

const fetchAt = (url: string, init: RequestInit = {}) => opened.plane.fetch(new Request(url, init))
const API = 'http://127.0.0.1/api/admin/caching'
const bearer = { Authorization: `Bearer ${tokenOf('admin')}` }

describe('a page of another site', () => {
  it('that uses this address gets nothing, since requests carry no credential by themselves (georgenijo/agent-mesh#61)', async () => {
    for (const route of opened.plane.routes) {
      const path = `${route.base ?? '/api/admin/caching'}/${route.path.replaceAll(/\{\w+\}/g, 'none')}`
      const answer = await fetchAt(`http://evil.example:8090${path}`, {
        method: route.method,
        headers: { Host: 'evil.example:8090' },
      })
      expect([answer.status, answer.headers.get('access-control-allow-origin')], path).toEqual([401, null])
    }
  })

  it('cannot write by a form with a session’s cookie, whatever its content type (goblogplatform/goblog#571)', async () => {
    const signedIn = await fetchAt(`${API}/session/`, { method: 'POST', headers: bearer })
    const cookie = signedIn.headers.get('set-cookie')?.split(';')[0] ?? ''
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      undefined,
    ]) {
      const headers = { cookie, ...(type !== undefined && { 'Content-Type': type }) }
      const body = new TextEncoder().encode('{"message":"deploy"}')
      const answer = await fetchAt(`${API}/events/markers/`, { method: 'POST', headers, body })
      expect([answer.status, await answer.text()], type).toEqual([403, expect.stringContaining('"code":"csrf"')])
    }
  })

  it('does not prevent a token beside the cookie: the token decides (langgenius/dify#39871, mastodon/mastodon#17975)', async () => {
    const signedIn = await fetchAt(`${API}/session/`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${tokenOf('viewer')}` },
    })
    const cookie = signedIn.headers.get('set-cookie')?.split(';')[0] ?? ''
    const headers = { ...bearer, cookie, 'Content-Type': 'application/json' }
    const answer = await fetchAt(`${API}/events/markers/`, { method: 'POST', headers, body: '{"message":"deploy"}' })
    expect(answer.status).toBe(201)
    const wrong = { Authorization: 'Bearer not-a-token', cookie }
    expect((await fetchAt(`${API}/session/`, { headers: wrong })).status).toBe(401)
  })
})

describe('figures', () => {
  const text = async (accept = 'text/plain') =>
    (await opened.call('GET', 'metrics/prometheus/', { as: 'viewer', headers: { accept } })).text

  it('contain labels that cannot end their line (headroomlabs-ai/headroom#2463, claws/aioprometheus#91)', async () => {
    await cache.set('a', 1)
    const lines = (await text()).trimEnd().split('\n')
    expect(
      lines.filter(
        (line) =>
          !line.startsWith('#') && !/^[a-z_]+(\{([a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*\})? [0-9.e+-]+$/.test(line),
      ),
    ).toEqual([])
    expect(lines.some((line) => line.includes('node="web\\"1\\\\"'))).toBe(true)
  })

  it('escape quotes of HELP only in OpenMetrics, since the older format does not (micrometer-metrics/micrometer#3242)', async () => {
    const helps = (of: string): string => (of.match(/^# HELP .*$/gm) ?? []).join('\n')
    expect(helps(await text())).not.toContain('\\"')
    const open = await text('application/openmetrics-text; version=1.0.0')
    expect(helps(open)).not.toMatch(/(?<!\\)"/)
    expect(open.endsWith('# EOF\n')).toBe(true)
  })

  it('come in the announced format (airlift/airlift#1098)', async () => {
    const asked = { as: 'viewer', headers: { accept: 'application/openmetrics-text;q=0.9,text/plain;q=0.5' } } as const
    const { headers } = await opened.call('GET', 'metrics/prometheus/', asked)
    expect([headers.get('content-type'), headers.get('vary')]).toEqual([
      'application/openmetrics-text; version=1.0.0; charset=utf-8',
      'Accept',
    ])
  })
})

describe('keys', () => {
  const invalidate = (body: object) => opened.call('POST', 'invalidations/invalidate_keys/', { as: 'operator', body })

  it('with any characters are found, explained and deleted (redis/redis#13358, ekondur/RedisUI#39)', async () => {
    await cache.set(ODD, 1)
    const named = `?key=${encodeURIComponent(ODD)}`
    expect((await opened.call('GET', `explain/${named}`, { as: 'viewer' })).json).toMatchObject({
      key: ODD,
      verdict: 'hit',
    })
    expect((await opened.call('GET', `keys/-/value/${named}`, { as: 'admin' })).json).toMatchObject({
      found: true,
      value: 1,
    })
    expect((await invalidate({ keys: [ODD] })).json.state).toBe('completed')
    expect(await cache.get(ODD)).toBeUndefined()
  })

  it('that look like patterns match only themselves (redis/RedisInsight#1289)', async () => {
    for (const key of ['user:*', 'user:1', 'user:[ab]', 'user:a']) await cache.set(key, 1)
    await invalidate({ keys: ['user:*', 'user:[ab]'] })
    expect(await cache.getMany(['user:*', 'user:1', 'user:[ab]', 'user:a'])).toEqual([undefined, 1, undefined, 1])
  })

  it('are not reported as gone from an unknown cache', async () => {
    const { status, json } = await invalidate({ keys: ['a'], cache_name: 'nowhere' })
    expect([status, json.code]).toEqual([404, 'cache_unknown'])
  })
})

describe('the event stream', () => {
  // arizona-framework/roadrunner#63, fanout/django-eventstream#185, mpetrunic/fastify-sse-v2#110,
  // rexxars/sse-channel#42, nestjs/nest#16686
  it('contains texts that cannot begin a field of their own', async () => {
    const own = createCache({ name: 'shop' })
    const desk = await open(':memory:', { caches: [own] })
    await desk.plane.start()
    const answer = await desk.plane.fetch(new Request(`${API}/stream/?topics=operations`, { headers: bearer }))
    const reader = answer.body?.getReader()
    const evil = 'price\r\revent: bye\rdata: {}\r\r\n\nid: 9\u2028retry: 0'
    expect(
      (await desk.call('POST', 'invalidations/invalidate_keys/', { as: 'admin', body: { keys: ['a'], reason: evil } }))
        .status,
    ).toBe(200)
    await desk.plane.close()
    let text = ''
    for (;;) {
      const chunk = await reader?.read()
      if (chunk === undefined || chunk.done) break
      text += new TextDecoder().decode(chunk.value)
    }
    await desk.close()
    await own.close()
    const lines = text.split(/\r\n|\r|\n/).filter((line) => line !== '')
    expect(
      lines.filter((line) => !/^(?:retry: \d+|id: [\w-]+-\d+|event: (?:op|bye)|data: \{.*\})$/s.test(line)),
    ).toEqual([])
    expect(lines.some((line) => line.startsWith('data: ') && JSON.parse(line.slice(6)).reason === evil)).toBe(true)
  })

  // Ayushh-Sharmaa/NexaSphere#721, decolua/9router#751, cluesmith/codev#580, dust-tt/dust#24357
  it('drops listeners whose connection was cut, silently and however often', async () => {
    const server = createAdaptorServer({ fetch: opened.plane.fetch })
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const { port } = server.address() as AddressInfo // listening on TCP
    const { hub } = opened.plane.control
    for (let round = 0; round < 4; round++) {
      const sockets = await Promise.all(
        Array.from({ length: 6 }, async () => {
          const socket = connect(port, '127.0.0.1')
          socket.write(
            `GET /api/admin/caching/stream/ HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: ${bearer.Authorization}\r\n\r\n`,
          )
          await once(socket, 'data')
          return socket
        }),
      )
      expect(hub.size).toBe(6)
      for (const socket of sockets) socket.resetAndDestroy()
      await expect.poll(() => hub.size).toBe(0)
    }
    server.close()
  })
})

describe('a webhook', () => {
  it('does not call this network by another notation of its addresses', () => {
    const written = {
      'OneUptime/oneuptime#2578': ['[::ffff:127.0.0.1]', '[::ffff:169.254.169.254]'],
      'documenso/documenso#2901': ['[::ffff:7f00:1]', '[0:0:0:0:0:ffff:a9fe:a9fe]'],
      'vulnerability-lookup/vulnerability-lookup#540': [
        '[64:ff9b::a9fe:a9fe]',
        '[2002:7f00:1::1]',
        '[2001:0:4136:e378:8000:63bf:3fff:fdd2]',
      ],
      'oblien/openship#209': [
        '2130706433',
        '0x7f000001',
        '0177.0.0.1',
        '127.1',
        'metadata.google.internal',
        '100.64.0.1',
        '[fd00::1]',
        '[fe80::1]',
      ],
    }
    for (const [report, hosts] of Object.entries(written))
      for (const host of hosts)
        expect(refusedUrl(`https://${host}/hook`, false), `${report}: ${host}`).toBeTypeOf('string')
    expect(refusedUrl('https://hooks.example.com/x', false)).toBeUndefined()
  })

  it('is not called if one of a name’s addresses is in this network (spupuz/VibeNVR#297)', async () => {
    // localhost is 127.0.0.1 or ::1, or both: none of them is a place to go to.
    const told = await new Promise<Error | null>((done) =>
      publicOnly()('localhost', { all: true }, (error) => done(error)),
    )
    expect(told?.message).toContain('an address in a private network')
  })
})

it('a body that an earlier parser has consumed is not taken for an empty one, which may ask for more (stormpath/express-stormpath#290)', async () => {
  for (const headers of [{ 'Content-Length': '16' }, { 'Transfer-Encoding': 'chunked' }])
    expect(
      await opened.call('POST', 'maintenance/cleanup/', {
        as: 'admin',
        headers: { 'Content-Type': 'application/json', ...headers },
      }),
    ).toMatchObject({
      status: 400,
      json: { code: 'body_lost' },
    })
  expect(
    (
      await opened.call('POST', 'maintenance/cleanup/', {
        as: 'admin',
        headers: { 'Content-Type': 'application/json', 'Content-Length': '0' },
      })
    ).status,
  ).toBe(200)
})

// jetkvm/cloud-api#85
it('a token is accepted only after its scheme, in any case and after any number of spaces', async () => {
  const status = async (Authorization: string) =>
    (await fetchAt(`${API}/session/`, { headers: { Authorization } })).status
  const token = tokenOf('viewer')
  for (const given of [`bearer ${token}`, `BEARER   ${token}`]) expect(await status(given), given).toBe(200)
  for (const given of [
    token,
    `Bearer${token}`,
    `Bearer ${token.toUpperCase()}`,
    `Bearer ${token} x`,
    `Bearer ${token}, Bearer ${token}`,
  ])
    expect(await status(given), given).toBe(401)
})

describe('a body', () => {
  const mark = (body: Uint8Array<ArrayBuffer>) =>
    fetchAt(`${API}/events/markers/`, {
      method: 'POST',
      headers: { ...bearer, 'Content-Type': 'application/json' },
      body,
    })

  it('is accepted with the byte order mark that Windows editors and shells prepend (Badgerati/Pode#1604)', async () => {
    const answer = await mark(new TextEncoder().encode('\ufeff{"message":"v812"}'))
    expect([answer.status, await answer.json()]).toMatchObject([201, { message: 'v812' }])
  })

  it('in another encoding is refused, and does not change the names in it (node-fetch/node-fetch#1879)', async () => {
    const latin1 = Uint8Array.from(Buffer.from('{"message":"caf\xe9"}', 'latin1'))
    const answer = await mark(latin1)
    expect([answer.status, await answer.json()]).toMatchObject([
      400,
      { code: 'malformed', detail: expect.stringContaining('UTF-8') },
    ])
  })
})

describe('a parameter', () => {
  const cleanUp = (query: string) =>
    opened.call('POST', `configurations/${query}`, { as: 'admin', body: { name: 'never-made' } })

  it('that says no is not taken for yes, nor is one that says neither (solana-foundation/solana-developer-platform#782)', async () => {
    for (const query of ['?dry_run=True', '?dry_run=1'])
      expect((await cleanUp(query)).json.plan, query).toMatchObject({ dry_run: true })
    for (const query of ['?dry_run=', '?dry_run=2', '?dry_run=nope'])
      expect((await cleanUp(query)).status, query).toBe(422)
    const made = await cleanUp('?dry_run=False')
    expect(made.status).toBe(201)
    await opened.call('DELETE', `configurations/${made.json.id}/`, { as: 'admin' })
  })

  it('with the name of an inherited property is unknown like any other (Alain00/blobatar#6)', async () => {
    for (const name of ['constructor', 'toString', '__proto__'])
      expect((await opened.call('GET', `silences/?${name}=1`, { as: 'viewer' })).json, name).toMatchObject({
        status: 422,
        errors: [{ pointer: `?${name}`, code: 'unknown_field' }],
      })
  })

  it('whose other half is missing is refused: a chain that was not compared is not intact', async () => {
    const { last } = (await opened.call('GET', 'audit/verify/', { as: 'auditor' })).json
    for (const query of [`?seq=${last.seq}`, `?hash=${last.hash}`])
      expect((await opened.call('GET', `audit/verify/${query}`, { as: 'auditor' })).status, query).toBe(422)
  })
})

// block/cachew#333, 365Werk/etagconditionals#7, nginx/nginx#1570
it('If-Match takes a list, one of which must match; a weak tag never does, and the error names the cause', async () => {
  const { id } = (await opened.call('POST', 'configurations/', { as: 'admin', body: { name: 'matched' } })).json
  const put = (tags: string) =>
    opened.call('PUT', `configurations/${id}/`, {
      as: 'admin',
      body: { name: 'matched' },
      headers: { 'If-Match': tags },
    })
  expect((await put('"v7", "v1"')).status).toBe(200)
  expect(await put('"v1","v7"')).toMatchObject({
    status: 412,
    json: { version: 2, detail: expect.stringContaining('not 1 or 7') },
  })
  expect(await put('W/"v2"')).toMatchObject({ status: 412, json: { detail: expect.stringContaining('without W/') } })
  await opened.call('DELETE', `configurations/${id}/`, { as: 'admin' })
})

// fullstackhero/dotnet-starter-kit#1333, ietf-wg-httpapi/idempotency#46
it('a replayed answer has the status and headers of the first, and says so', async () => {
  const ask = async () => {
    const headers = { 'Idempotency-Key': 'reported-1' }
    return opened.call('POST', 'configurations/', { as: 'admin', body: { name: 'once' }, headers })
  }
  const [first, second] = [await ask(), await ask()]
  const told = ({ status, headers, text }: typeof first) => [status, headers.get('etag'), headers.get('location'), text]
  expect(first.status).toBe(201)
  expect(told(second)).toEqual(told(first))
  expect([first, second].map(({ headers }) => headers.get('idempotency-replayed'))).toEqual([null, 'true'])
  await opened.call('DELETE', `configurations/${first.json.id}/`, { as: 'admin' })
})

// microsoft/agent-governance-toolkit#4095, Stellar-VaultLink/invofi#282
it('a partial export of the audit log links to its next part', async () => {
  const own = await open()
  await sql`with recursive n(i) as (select 1 union all select i + 1 from n where i < 10001)
    insert into audit select 100000 + i, 'aud_' || i, i, 'change', 'x', 'code', null, 'many', '', 'null', 'ok', 'r', '', '' from n`.execute(
    own.store.read,
  )
  const part = (query: string) => own.call('GET', `audit/${query}`, { as: 'auditor' })
  const first = await part('?format=csv&action=many')
  const next = /^<(\?.*)>; rel="next"$/.exec(first.headers.get('link') ?? '')?.[1] ?? ''
  const second = await part(next)
  expect([first, second].map(({ text }) => text.trim().split('\r\n').length - 1)).toEqual([10_000, 1])
  expect(second.text).toContain('\r\n100001,aud_1,')
  expect(second.headers.get('link')).toBeNull()
  await own.close()
})

it('a silence that ends before it begins, or never, is refused (prometheus/alertmanager#1096)', async () => {
  for (const duration_seconds of [0, -1, 1e15])
    expect(
      (await opened.call('POST', 'silences/', { as: 'operator', body: { duration_seconds } })).status,
      `${duration_seconds}`,
    ).toBe(422)
})

it('a body cannot set inherited properties (prototype pollution)', async () => {
  for (const text of [
    '{"message":"m","__proto__":{"role":"admin"}}',
    '{"message":"m","constructor":{"prototype":{"x":1}}}',
  ]) {
    const asked = { as: 'operator', text, headers: { 'Content-Type': 'application/json' } } as const
    expect((await opened.call('POST', 'events/markers/', asked)).status, text).toBe(422)
  }
  expect(Reflect.get({}, 'role')).toBeUndefined()
})
