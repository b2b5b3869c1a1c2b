// S5, G23: what one user may see never reaches another. The published classes of cache poisoning and deception, each with its source, and a canary.
import { afterEach, describe, expect, it } from 'vitest'
import { sized } from '../form.ts'
import { type Asking, ask, type Play, type Stage, stage, verdictOf } from './stage.ts'

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
    for (const headers of [{ Cookie: 'id=alice' }, { Authorization: 'Bearer alice' }]) await asked('/account', { headers })
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
    const paths = ['/a', '/a/', '//a', '/./a', '/%61', '/A', '/a?', '/a?x=1&y=2', '/a?y=2&x=1', '/a?x=1;y=2', '/a?x=1&x=1', '/a?%78=1']
    for (const path of paths) expect((await asked(path)).body).toBe(path)
    for (const path of paths) expect((await asked(path)).body).toBe(path)
  })
  it.each(['X-Forwarded-Host', 'X-Original-URL', 'X-HTTP-Method-Override', 'Forwarded', 'X-Forwarded-Scheme', 'X-Rewrite-URL'])(
    'by %s, which is in no URL: it is part of the key',
    async (name) => {
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
    },
  )
  it('by Host: other hosts have other answers, and no host has none', async () => {
    const { ask: asked, port } = await play((request, response) => {
      response.setHeader('Cache-Control', 'max-age=600')
      response.end(`<script src="//${request.headers.host}/x.js">`)
    })
    await asked('/', { headers: { Host: 'evil.example' } })
    expect((await asked('/')).body).toContain(`127.0.0.1:${port}`)
    expect((await asked('/', { headers: { Host: 'a@evil.example' } })).status).toBe(400)
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
  it.each([400, 413, 414, 431, 501, 502, 503])('an error %i that says nothing is not given to others', async (status) => {
    const { ask: asked } = await play((request, response) => {
      if (request.headers['x-oversized'] !== undefined) response.statusCode = status
      response.setHeader('X-Kind', 'page')
      response.end(status === 200 ? '' : String(response.statusCode))
    })
    await asked('/a', { headers: { 'X-Oversized': 'y'.repeat(4000) } })
    expect((await asked('/a')).body).toBe('200')
  })
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
  ])('Cache-Control: %s reaches nobody else', async (control) => {
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

describe('the canary', () => {
  it('of two users over random requests: nobody sees the other’s name in what is not public', async () => {
    const random = seeded(7)
    const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T
    const made = await play((request, response) => {
      const [path = '', query = ''] = (request.url ?? '').split('?')
      const control = new URLSearchParams(query).get('c')
      if (control !== null && control !== '') response.setHeader('Cache-Control', control)
      if (path.endsWith('/vary')) response.setHeader('Vary', 'Cookie, Authorization, X-User')
      if (path.endsWith('/cookie')) response.setHeader('Set-Cookie', 'a=b')
      if (path.endsWith('/tag')) response.setHeader('ETag', `"${who(request.headers)}"`)
      if (request.headers['if-none-match'] === `"${who(request.headers)}"`) response.writeHead(304).end()
      else response.end(`for ${who(request.headers)}`)
    })
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
    const rounds = Number(process.env.MILLPOND_CANARY ?? sized(2000, 20_000))
    const batch = 50
    for (let round = 0; round < rounds; round += batch) {
      if (random() < 0.2) made.clock.now += random() * 100_000
      await Promise.all(
        Array.from({ length: batch }, async () => {
          const user = pick(users)
          const headers: Record<string, string> = random() < 0.5 ? { Cookie: `id=${user}` } : { Authorization: `Bearer ${user}` }
          if (random() < 0.1) headers['If-None-Match'] = `"${pick(users)}"`
          if (random() < 0.1) headers.Range = 'bytes=0-100'
          if (random() < 0.1) headers['Cache-Control'] = pick(['no-cache', 'max-age=0', 'max-stale=100', 'only-if-cached'])
          const asking: Asking = { headers, method: random() < 0.03 ? 'POST' : 'GET' }
          const shown = await ask(made.port, `${pick(paths)}?c=${encodeURIComponent(pick(controls))}`, asking)
          if (shown.body.startsWith('for ')) expect(shown.body).toBe(`for ${user}`)
        }),
      )
    }
    expect(made.errors).toEqual([])
    expect(made.http.stats().failed).toBe(0)
  }, 120_000)
})

function who(headers: { readonly cookie?: string | undefined; readonly authorization?: string | undefined }): string {
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
