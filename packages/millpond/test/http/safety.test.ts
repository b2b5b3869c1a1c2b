// S5, G23: what one user may see never reaches another. The published classes of cache poisoning and deception, each
// with its source, and a canary.
import { Agent } from 'node:http'
import { afterEach, describe, expect, it } from 'vitest'
import {
  type Backing,
  createHttpCache,
  type HttpCacheOptions,
  type Reply,
  type Upstream,
} from '../../src/http/index.ts'
import { RequestFacts } from '../../src/http/rules/request.ts'
import { sized } from '../form.ts'
import { ask, type Play, type Stage, stage, verdictOf } from './stage.ts'

let open: Stage | undefined
afterEach(async () => {
  await open?.close()
  open = undefined
})
async function play(application: Play): Promise<Stage> {
  open = await stage(application, { defaultTtl: 0 })
  return open
}

describe('web cache deception (O. Gil, "Web Cache Deception Attack", 2017; S. A. Mirheidari et al., "Cached and Confused", USENIX Security 2020)', () => {
  it.each([
    '/account/x.css',
    '/account;x.js',
    '/account%2fx.png',
    '/account/.jpg',
    '/account%00.css',
    '/account?x.css',
    '/account%23x.ico',
    '/static/..%2faccount',
  ])('a page that looks like a file is stored only if it says so: %s', async (path) => {
    const { ask: asked } = await play((request, response) => {
      response.setHeader('Content-Type', 'text/html')
      response.end(`hello ${request.headers.cookie}`)
    })
    expect((await asked(path, { headers: { Cookie: 'id=alice' } })).body).toBe('hello id=alice')
    const stolen = await asked(path)
    expect([stolen.body, verdictOf(stolen)]).toEqual(['hello undefined', expect.stringMatching(/^fwd=/)])
  })
  it('nor is a page to somebody who is signed in, whatever its lifetime', async () => {
    const { ask: asked } = await play((request, response) => {
      response.setHeader('Cache-Control', 'max-age=600')
      response.end(String(request.headers.cookie ?? request.headers.authorization))
    })
    for (const headers of [{ Cookie: 'id=alice' }, { Authorization: 'Bearer alice' }])
      await asked('/account', { headers })
    expect((await asked('/account')).body).toBe('undefined')
  })
})

describe('web cache poisoning (J. Kettle, "Practical Web Cache Poisoning", 2018, and "Web Cache Entanglement", 2020)', () => {
  it('by the content of a GET ("fat GET")', async () => {
    const { ask: asked } = await play(async (request, response) => {
      let body = ''
      for await (const chunk of request) body += chunk
      response.setHeader('Cache-Control', 'max-age=600')
      response.end(body || 'clean')
    })
    expect((await asked('/a', { body: 'poison', headers: { 'Content-Length': '6' } })).body).toBe('poison')
    expect((await asked('/a')).body).toBe('clean')
  })
  it('by a target that is normalised: paths and queries count as they are written', async () => {
    const { ask: asked } = await play((request, response) => {
      response.setHeader('Cache-Control', 'max-age=600')
      response.end(request.url)
    })
    const paths = [
      '/a',
      '/a/',
      '//a',
      '/./a',
      '/%61',
      '/A',
      '/a?',
      '/a?x=1&y=2',
      '/a?y=2&x=1',
      '/a?x=1;y=2',
      '/a?x=1&x=1',
      '/a?%78=1',
    ]
    for (const path of paths) expect((await asked(path)).body).toBe(path)
    for (const path of paths) expect((await asked(path)).body).toBe(path)
  })
  it.each([
    'X-Forwarded-Host',
    'X-Original-URL',
    'X-HTTP-Method-Override',
    'Forwarded',
    'X-Forwarded-Scheme',
    'X-Rewrite-URL',
  ])('by %s, which is in no URL: it is part of the key', async (name) => {
    const {
      ask: asked,
      http,
      port,
    } = await play((request, response) => {
      response.setHeader('Cache-Control', 'max-age=600')
      response.end(String(request.headers[name.toLowerCase()]))
    })
    for (const value of ['evil', 'worse']) expect((await asked('/a', { headers: { [name]: value } })).body).toBe(value)
    expect((await asked('/a')).body).toBe('undefined')
    expect(verdictOf(await asked('/a', { headers: { [name]: 'evil' } }))).toBe('hit')
    await http.purge({ urls: [`http://127.0.0.1:${port}/a`] })
    expect(verdictOf(await asked('/a', { headers: { [name]: 'evil' } }))).toMatch(/^fwd=/)
  })
  it('by Host: other hosts have other answers, and no host has none', async () => {
    const { ask: asked, port } = await play((request, response) => {
      response.setHeader('Cache-Control', 'max-age=600')
      response.end(`<script src="//${request.headers.host}/x.js">`)
    })
    await asked('/', { headers: { Host: 'evil.example' } })
    expect((await asked('/')).body).toContain(`127.0.0.1:${port}`)
    expect((await asked('/', { headers: { Host: 'a@evil.example' } })).status).toBe(400)
  })
  it('by Origin, if an application lets any origin read its answer and does not say that it varies by that (J. Kettle, "Exploiting CORS misconfigurations", 2016)', async () => {
    const made = await play((request, response) => {
      const { origin } = request.headers
      response.writeHead(200, {
        'Cache-Control': 'max-age=1',
        ETag: '"a"',
        Vary: 'Accept',
        ...(origin === undefined ? {} : { 'Access-Control-Allow-Origin': origin }),
      })
      response.end('data')
    })
    const allowed = async (origin: string): Promise<unknown> =>
      (await made.ask('/a', { headers: { Origin: origin } })).headers['access-control-allow-origin']
    for (let round = 0; round < 2; round++) {
      expect([await allowed('https://evil.example'), await allowed('https://shop.example')]).toEqual([
        'https://evil.example',
        'https://shop.example',
      ])
      expect(made.seen).toHaveLength(2 + 2 * round)
      expect(await made.verdict('/a', { headers: { Origin: 'https://shop.example' } })).toBe('hit')
      made.clock.now += 5000
    }
    expect((await made.ask('/a')).headers['access-control-allow-origin']).toBeUndefined()
  })
  it('by a HEAD that is answered with an error, or a method that is overridden', async () => {
    const { ask: asked } = await play((request, response) => {
      response.setHeader('Cache-Control', 'max-age=600')
      if (request.method === 'HEAD') response.statusCode = 500
      response.end(request.method)
    })
    await asked('/a', { method: 'HEAD' })
    expect((await asked('/a')).body).toBe('GET')
  })
})

describe('cache-poisoned denial of service (H. V. Nguyen, L. Lo Iacono, H. Federrath, "Your Cache Has Fallen", CCS 2019)', () => {
  it.each([400, 413, 414, 431, 501, 502, 503])(
    'an error %i that says nothing is not given to others',
    async (status) => {
      const { ask: asked } = await play((request, response) => {
        if (request.headers['x-oversized'] !== undefined) response.statusCode = status
        response.setHeader('X-Kind', 'page')
        response.end(status === 200 ? '' : String(response.statusCode))
      })
      await asked('/a', { headers: { 'X-Oversized': 'y'.repeat(4000) } })
      expect((await asked('/a')).body).toBe('200')
    },
  )
  it('a conditional or ranged request leaves the whole answer for others', async () => {
    const { ask: asked } = await play((request, response) => {
      response.setHeader('Cache-Control', 'max-age=600')
      response.setHeader('ETag', '"e"')
      if (request.headers['if-none-match'] !== undefined) response.writeHead(304).end()
      else if (request.headers.range !== undefined) response.writeHead(206, { 'Content-Range': 'bytes 0-0/5' }).end('h')
      else response.end('hello')
    })
    await asked('/a', { headers: { Range: 'bytes=0-0' } })
    await asked('/a', { headers: { 'If-None-Match': '"e"' } })
    expect((await asked('/a')).body).toBe('hello')
  })
})

describe('what answers tell caches in odd ways', () => {
  it.each([
    'private=""',
    'private, private="x"',
    'Private',
    'private="set-cookie',
    'max-age=600; private',
    'no-store="x"',
    'max-age=600,,private',
    ' PRIVATE ,max-age=600',
  ])('Cache-Control: %s reaches no other user', async (control) => {
    const { ask: asked, seen } = await play((_, response) => {
      response.setHeader('Cache-Control', control.includes('max-age') ? control : `max-age=600, ${control}`)
      response.end('secret')
    })
    await asked('/a')
    await asked('/a')
    expect(seen).toHaveLength(2)
  })
  it('a cookie for one user is given to one user', async () => {
    let count = 0
    const { ask: asked } = await play((_, response) => {
      response.setHeader('Cache-Control', 'public, max-age=600')
      response.setHeader('Set-Cookie', `session=${++count}`)
      response.end()
    })
    expect((await asked('/a')).headers['set-cookie']).toEqual(['session=1'])
    expect((await asked('/a')).headers['set-cookie']).toEqual(['session=2'])
  })
})

describe('tenants of one URL (G23)', () => {
  it('share nothing, whatever the application says of its answers, and are purged by themselves', async () => {
    const play: Play = (request, response) => {
      response.setHeader('Cache-Control', 'public, max-age=600')
      response.setHeader('Surrogate-Key', 'all')
      response.end(`for ${request.headers['x-tenant']}`)
    }
    open = await stage(play, { tenant: (request) => request.get('x-tenant') })
    const { ask: asked, verdict, http } = open
    const names = ['a', 'b', 'a" TENANT "b', '\\', '']
    for (let round = 0; round < 2; round++) {
      for (const name of names)
        expect((await asked('/x?a+b', { headers: { 'X-Tenant': name } })).body).toBe(`for ${name}`)
      expect((await asked('/x?a+b')).body).toBe('for undefined')
    }
    expect(open.seen).toHaveLength(names.length + 1)
    await http.purge({ tenant: 'a' })
    expect(await verdict('/x?a+b', { headers: { 'X-Tenant': 'a' } })).toMatch(/^fwd=/)
    expect(await verdict('/x?a+b', { headers: { 'X-Tenant': 'b' } })).toBe('hit')
    await http.purge({ tags: ['all'] })
    for (const name of names) expect(await verdict('/x?a+b', { headers: { 'X-Tenant': name } })).toMatch(/^fwd=/)
  })
})

describe('who asks', () => {
  it('is anonymous if that cannot be told: no request fails, and the errors are reported', async () => {
    const broken: HttpCacheOptions['session'][] = [
      () => {
        throw new Error('no cookie')
      },
      () => 7 as unknown as string,
      () => '',
    ]
    for (const session of broken) {
      open = await stage((_, response) => response.setHeader('Cache-Control', 'max-age=60').end('ok'), { session })
      for (const _ of 'ab') expect((await open.ask('/a')).body).toBe('ok')
      expect(open.seen).toHaveLength(1)
      expect(open.errors.length).toBeGreaterThan(0)
      await open.close()
    }
    open = undefined
  })
  it('needs a cache that tells sessions apart', () => {
    const none = () => undefined
    const cache = { peek: none, getEntry: none, getOrSet: none, set: none } as unknown as Backing
    expect(() => createHttpCache(cache, { session: () => 'a' })).toThrow(/no for\(\{ session \}\)/)
  })
})

describe('the canary', () => {
  const users = ['alice', 'bob']
  const paths = ['/a', '/a/vary', '/a/cookie', '/a/tag', '/a/x.css']
  const controls = [
    '',
    'private',
    'max-age=60',
    'private="x", private',
    'max-age=0',
    'no-cache',
    'max-age=60, stale-while-revalidate=60',
    'must-understand, no-store, private',
    'max-age=60, stale-if-error=60',
    'no-store',
  ]
  /** An application that says of each answer for whom it is. */
  function answerTo(
    url: string,
    headers: Credentials,
  ): { status: number; headers: Record<string, string>; body: string } {
    const [path = '', query = ''] = url.split('?')
    const answer: Record<string, string> = {}
    const control = new URLSearchParams(query).get('c')
    if (control !== null && control !== '') answer['Cache-Control'] = control
    if (path.endsWith('/vary')) answer.Vary = 'Cookie, Authorization, X-User'
    if (path.endsWith('/cookie')) answer['Set-Cookie'] = 'a=b'
    if (path.endsWith('/tag')) answer.ETag = `"${who(headers)}"`
    const isSame = headers['if-none-match'] === `"${who(headers)}"`
    return { status: isSame ? 304 : 200, headers: answer, body: isSame ? '' : `for ${who(headers)}` }
  }
  type Send = (path: string, asking: { method: string; headers: Record<string, string> }) => Promise<string>

  async function overSockets(): Promise<{ made: Stage; send: Send; end: () => void }> {
    const agent = new Agent({ keepAlive: true, maxSockets: 50 })
    const made = await play((request, response) => {
      const { status, headers, body } = answerTo(request.url ?? '', request.headers)
      response.writeHead(status, headers).end(body)
    })
    const send: Send = async (path, asking) => (await ask(made.port, path, { ...asking, agent })).body
    return { made, send, end: () => agent.destroy() }
  }
  async function byExchange(): Promise<{ made: Stage; send: Send; end: () => void }> {
    const made = await play(() => {})
    const send: Send = (path, { method, headers }) =>
      new Promise((resolve) => {
        const fields = ['Host', 'a.example', ...Object.entries(headers).flat()]
        const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
        const upstream: Upstream = {
          isRepeatable: true,
          ask({ fields: asked }, sink) {
            const condition = asked[asked.findIndex((name) => name.toLowerCase() === 'if-none-match') + 1]
            const answer = answerTo(path, {
              ...lower,
              'if-none-match': asked.includes('If-None-Match') ? condition : undefined,
            })
            setImmediate(() => {
              sink.start(answer.status, '', Object.entries(answer.headers).flat())
              sink.write(Buffer.from(answer.body))
              sink.end()
            })
            return { abort() {}, resume() {} }
          },
        }
        void made.http.exchange(
          { facts: new RequestFacts(method, fields), url: `http://a.example${path}` },
          replyTo(resolve),
          upstream,
        )
      })
    return { made, send, end: () => {} }
  }
  function replyTo(resolve: (body: string) => void): Reply {
    let text = ''
    return {
      isOpen: true,
      isStarted: false,
      inform() {},
      send: (_, body = '') => resolve(body.toString()),
      start() {},
      write(chunk) {
        text += Buffer.from(chunk).toString()
        return true
      },
      end: () => resolve(text),
      cut: () => resolve('cut'),
      onDrain() {},
      onClose() {},
    }
  }

  it.each([
    ['over sockets', overSockets, sized(1000, 20_000)],
    ['without a server', byExchange, sized(9000, 80_000)],
  ] as const)(
    'of two users over random requests %s: neither sees the other’s name',
    async (_, open, rounds) => {
      const random = seeded(7)
      const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T
      const { made, send, end } = await open()
      const batch = 50
      for (let round = 0; round < rounds; round += batch) {
        if (random() < 0.2) made.clock.now += random() * 100_000
        await Promise.all(
          Array.from({ length: batch }, async () => {
            const user = pick(users)
            const headers: Record<string, string> =
              random() < 0.5 ? { Cookie: `id=${user}` } : { Authorization: `Bearer ${user}` }
            if (random() < 0.1) headers['If-None-Match'] = `"${pick(users)}"`
            if (random() < 0.1) headers.Range = 'bytes=0-100'
            if (random() < 0.1)
              headers['Cache-Control'] = pick(['no-cache', 'max-age=0', 'max-stale=100', 'only-if-cached'])
            const body = await send(`${pick(paths)}?c=${encodeURIComponent(pick(controls))}`, {
              headers,
              method: random() < 0.03 ? 'POST' : 'GET',
            })
            if (body.startsWith('for ')) expect(body).toBe(`for ${user}`)
          }),
        )
      }
      end()
      expect(made.errors).toEqual([])
      expect(made.http.stats().failed).toBe(0)
      expect(made.http.stats().stored).toBeGreaterThan(0)
    },
    300_000,
  )
})

type Credentials = Readonly<Record<string, string | string[] | undefined>> & {
  readonly cookie?: string | undefined
  readonly authorization?: string | undefined
}

function who(headers: Credentials): string {
  return headers.cookie?.replace('id=', '') ?? headers.authorization?.replace('Bearer ', '') ?? 'nobody'
}

/** Mulberry32. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}
