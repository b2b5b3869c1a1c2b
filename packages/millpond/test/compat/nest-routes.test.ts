// Nest's interceptor over its servers of Express and Fastify: what users of others report, played on ours.
import 'reflect-metadata'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import {
  Controller,
  type ExecutionContext,
  Get,
  Header,
  type INestApplication,
  Param,
  Post,
  Query,
  Req,
  Res,
  Scope,
  Sse,
  UseGuards,
  UseInterceptors,
} from '@nestjs/common'
import { type Cache, createCache } from 'millpond'
import { Cached, CacheInterceptor, CacheKey, CacheTags, CacheTTL, InvalidateTags, MillpondModule } from 'millpond/nest'
import { fakeClock } from 'millpond/testing'
import type { Observable } from 'rxjs'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { bringInstalled } from '../installed.ts'

type Server = Pick<INestApplication, 'listen' | 'getUrl' | 'close' | 'useGlobalInterceptors' | 'get'>
const home = bringInstalled('nest')
const own = createRequire(join(home, 'any.cjs'))
const { NestFactory } = own('@nestjs/core')
// Nest looks for its own.
const { HttpException, StreamableFile } = own('@nestjs/common') as typeof import('@nestjs/common')
const { of } = own('rxjs') as typeof import('rxjs')
const platforms: Readonly<Record<string, () => object>> = {
  Express: () => new (own('@nestjs/platform-express').ExpressAdapter)(),
  Fastify: () => new (own('@nestjs/platform-fastify').FastifyAdapter)(),
}

/** Applies decorators to a method, and to its parameters, as TypeScript compiles them. */
function method(of: { prototype: object }, name: string, decorators: unknown[], parameters: unknown[] = []): void {
  const descriptor = Object.getOwnPropertyDescriptor(of.prototype, name) ?? expect.fail(`no method ${name}`)
  for (const [at, one] of parameters.entries()) (one as ParameterDecorator)(of.prototype, name, at)
  for (const one of decorators.toReversed()) (one as MethodDecorator)(of.prototype, name, descriptor)
  Object.defineProperty(of.prototype, name, descriptor)
}

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function start(platform: string, controller: new () => object, cache: Cache, path = 'deals') {
  Controller(path)(controller)
  class App {}
  const module = { module: App, imports: [MillpondModule.forRoot(cache)], controllers: [controller] }
  const app: Server = await NestFactory.create(module, platforms[platform]?.(), { logger: false })
  await app.listen(0, '127.0.0.1')
  closing.push(() => app.close())
  const url = await app.getUrl()
  return async (at: string, init?: RequestInit) => {
    const response = await fetch(`${url}/${path}${at}`, init)
    return { status: response.status, x: response.headers.get('x-cache'), text: await response.text(), response }
  }
}
const open = (options: Parameters<typeof createCache>[0] = {}): Cache => {
  const cache = createCache(options)
  closing.push(() => cache.close())
  return cache
}

describe.each(Object.keys(platforms))('routes over %s', (platform) => {
  it('reads once for each URL, for all who ask at a time, and anew when its tag is invalidated', async () => {
    class Deals {
      reads = 0
      async find(id: string, sort?: string): Promise<object> {
        await new Promise((resolve) => setTimeout(resolve, 20))
        return { id, sort, reads: ++this.reads, at: new Date(0), none: undefined }
      }
      async move(): Promise<void> {}
    }
    method(
      Deals,
      'find',
      [Get(':id'), UseInterceptors(CacheInterceptor), CacheTags(['deals'])],
      [Param('id'), Query('sort')],
    )
    method(Deals, 'move', [Post(), InvalidateTags(['deals'])])
    const ask = await start(platform, Deals, open())
    const all = await Promise.all(Array.from({ length: 20 }, () => ask('/7?sort=a')))
    expect(new Set(all.map(({ text }) => text))).toEqual(
      new Set(['{"id":"7","sort":"a","reads":1,"at":"1970-01-01T00:00:00.000Z"}']),
    )
    const { x, text, response } = await ask('/7?sort=a')
    expect([x, text, response.headers.get('content-type')]).toEqual([
      'HIT',
      all[0]?.text,
      all[0]?.response.headers.get('content-type'),
    ])
    expect((await ask('/7?sort=b')).x).toBe('MISS')
    await ask('', { method: 'POST' })
    expect(JSON.parse((await ask('/7?sort=a')).text).reads).toBe(3)
  })

  // nestjs/nest#4997, #10225: values that are false, and none.
  it('keeps texts, numbers, false, null and lists as they are, and no undefined', async () => {
    const values: Record<string, unknown> = { text: 'a', zero: 0, no: false, nothing: null, list: [], none: undefined }
    class Deals {
      reads = 0
      async reading(): Promise<number> {
        return this.reads
      }
      at(name: string): unknown {
        this.reads++
        return values[name]
      }
    }
    method(Deals, 'reading', [Get('reading')])
    method(Deals, 'at', [Get(':name'), UseInterceptors(CacheInterceptor)], [Param('name')])
    const ask = await start(platform, Deals, open())
    for (const name of Object.keys(values)) {
      const [one, two] = [await ask(`/${name}`), await ask(`/${name}`)]
      expect([two.text, two.status, two.response.headers.get('content-type'), two.x]).toEqual([
        one.text,
        one.status,
        one.response.headers.get('content-type'),
        name === 'none' ? 'MISS' : 'HIT',
      ])
    }
    expect((await ask('/reading')).text).toBe('7')
  })

  // nestjs/nest#2401, #10575: responses that the handler writes, and files; some got the first one's, or none.
  it('gives each caller a file, a stream and a response of its own', async () => {
    class Deals {
      file(): object {
        return new StreamableFile(Buffer.from('a,b'))
      }
      written(response: { status(code: number): { send(text: string): void } }): void {
        setTimeout(() => response.status(202).send('written'), 20)
      }
      bytes(): object {
        return new StreamableFile(Readable.from([Buffer.from('a'), Buffer.from('b')]))
      }
    }
    for (const [name, parameters] of [
      ['file', []],
      ['written', [Res()]],
      ['bytes', []],
    ] as const)
      method(Deals, name, [Get(name), UseInterceptors(CacheInterceptor)], [...parameters])
    const ask = await start(platform, Deals, open())
    for (const name of ['file', 'written', 'bytes']) {
      const all = await Promise.all(Array.from({ length: 5 }, () => ask(`/${name}`)))
      all.push(await ask(`/${name}`))
      expect(new Set(all.map(({ status, text }) => `${status} ${text}`))).toEqual(
        new Set([{ file: '200 a,b', written: '202 written', bytes: '200 ab' }[name]]),
      )
    }
  })

  it('keeps nothing of an error, nor of what only one may see', async () => {
    class Deals {
      reads = 0
      async fails(): Promise<never> {
        this.reads++
        throw new HttpException({ reads: this.reads }, 409)
      }
      async mine(request: { headers: Record<string, string> }): Promise<object> {
        return { who: request.headers.authorization ?? request.headers.cookie ?? 'nobody' }
      }
      async post(): Promise<number> {
        return ++this.reads
      }
    }
    method(Deals, 'fails', [Get('fails'), UseInterceptors(CacheInterceptor)])
    method(Deals, 'mine', [Get('mine'), UseInterceptors(CacheInterceptor)], [Req()])
    method(Deals, 'post', [Post('post'), UseInterceptors(CacheInterceptor)])
    const ask = await start(platform, Deals, open())
    for (const reads of [1, 2]) expect(await ask('/fails')).toMatchObject({ status: 409, text: `{"reads":${reads}}` })
    for (const reads of ['3', '4']) expect((await ask('/post', { method: 'POST' })).text).toBe(reads)
    const who = async (headers: Record<string, string>) => JSON.parse((await ask('/mine', { headers })).text).who
    expect([
      await who({}),
      await who({ authorization: 'ada' }),
      await who({ cookie: 'session=bob' }),
      await who({}),
    ]).toEqual(['nobody', 'ada', 'session=bob', 'nobody'])
  })

  // nestjs/nest#3883, #8273: keys of one's own by a function, by a subclass, beside a time to live.
  it('takes keys from decorators and subclasses, each time anew', async () => {
    class ByLanguage extends CacheInterceptor {
      protected override async trackBy(context: ExecutionContext): Promise<string | null | undefined> {
        const url = await super.trackBy(context)
        return url && `${url} ${context.switchToHttp().getRequest().headers['accept-language']}`
      }
    }
    class Deals {
      reads = 0
      async said(request: { headers: Record<string, string> }): Promise<string> {
        return `${request.headers['accept-language']} ${++this.reads}`
      }
      async named(request: { headers: Record<string, string> }): Promise<string> {
        return `${request.headers.authorization} ${++this.reads}`
      }
    }
    method(Deals, 'said', [Get('said'), UseInterceptors(ByLanguage), CacheTTL('1m')], [Req()])
    const byUser = (context: ExecutionContext) => context.switchToHttp().getRequest().headers.authorization
    method(Deals, 'named', [Get('named'), CacheKey(byUser), UseInterceptors(CacheInterceptor)], [Req()])
    const cache = open()
    const ask = await start(platform, Deals, cache)
    const said = async (language: string) => (await ask('/said', { headers: { 'accept-language': language } })).text
    expect([await said('en'), await said('fr'), await said('en')]).toEqual(['en 1', 'fr 2', 'en 1'])
    const named = async (headers: Record<string, string>) => (await ask('/named', { headers })).text
    expect([
      await named({ authorization: 'ada' }),
      await named({ authorization: 'bob' }),
      await named({ authorization: 'ada' }),
      await named({}),
      await named({}),
    ]).toEqual(['ada 3', 'bob 4', 'ada 3', 'undefined 5', 'undefined 6'])
    await cache.delete('ada')
    expect(await named({ authorization: 'ada' })).toBe('ada 7')
  })

  it('keeps nothing for a user whom a guard knows, nor with a status that the handler sets', async () => {
    const guard = {
      canActivate(context: ExecutionContext): boolean {
        const request = context.switchToHttp().getRequest()
        request.user = request.headers['x-api-key']
        return true
      },
    }
    class Deals {
      reads = 0
      async mine(request: { user?: string }): Promise<object> {
        return { who: request.user ?? 'nobody' }
      }
      async find(response: { status(code: number): unknown }): Promise<object> {
        if (++this.reads < 3) response.status(404)
        return { reads: this.reads }
      }
    }
    method(Deals, 'mine', [Get('mine'), UseGuards(guard), UseInterceptors(CacheInterceptor)], [Req()])
    method(Deals, 'find', [Get('find'), UseInterceptors(CacheInterceptor)], [Res({ passthrough: true })])
    const ask = await start(platform, Deals, open())
    const who = async (headers: Record<string, string>) => JSON.parse((await ask('/mine', { headers })).text).who
    expect([
      await who({ 'x-api-key': 'ada' }),
      await who({ 'x-api-key': 'bob' }),
      await who({}),
      await who({ 'x-api-key': 'ada' }),
    ]).toEqual(['ada', 'bob', 'nobody', 'ada'])
    const found = []
    for (let round = 0; round < 4; round++) found.push(await ask('/find'))
    expect(found.map(({ status, text, x }) => `${status} ${text} ${x}`)).toEqual([
      '404 {"reads":1} MISS',
      '404 {"reads":2} MISS',
      '200 {"reads":3} MISS',
      '200 {"reads":3} HIT',
    ])
  })

  it('server-sent events pass', async () => {
    class Deals {
      events(): Observable<object> {
        return of({ data: 'a' }, { data: 'b' })
      }
    }
    method(Deals, 'events', [Sse('events'), UseInterceptors(CacheInterceptor)])
    const ask = await start(platform, Deals, open())
    for (let round = 0; round < 2; round++) {
      const { text, x } = await ask('/events')
      expect([text.match(/data: \w/g), x]).toEqual([['data: a', 'data: b'], null])
    }
  })
})

describe('an interceptor for all', () => {
  // nestjs/cache-manager#74, nestjs/nest#11119, #10755: times to live that did not count.
  it('lets entries live as long as the method says, then the controller, then the cache', async () => {
    const clock = fakeClock({ now: Date.now() })
    class Deals {
      reads = 0
      async short(): Promise<number> {
        return ++this.reads
      }
      async long(): Promise<number> {
        return ++this.reads
      }
      async ever(): Promise<number> {
        return ++this.reads
      }
      async computed(): Promise<number> {
        return ++this.reads
      }
    }
    method(Deals, 'short', [Get('short'), CacheTTL(1000), Header('x-own', 'kept')])
    method(Deals, 'long', [Get('long')])
    method(Deals, 'ever', [Get('ever'), CacheTTL(0)])
    method(Deals, 'computed', [Get('computed'), CacheTTL(async () => '2s' as const)])
    CacheTTL('10s')(Deals)
    UseInterceptors(CacheInterceptor)(Deals)
    const ask = await start('Express', Deals, open({ clock, defaults: { ttl: '1h', jitter: 0 } }))
    const all = async () => {
      const answers = []
      for (const name of ['short', 'long', 'ever', 'computed']) answers.push((await ask(`/${name}`)).text)
      return answers.join()
    }
    expect([await all(), await all()]).toEqual(['1,2,3,4', '1,2,3,4'])
    expect((await ask('/short')).response.headers.get('x-own')).toBe('kept')
    await clock.advance(1001)
    expect(await all()).toBe('5,2,3,4')
    await clock.advance(1000)
    expect(await all()).toBe('6,2,3,7')
    await clock.advance(7_200_000)
    expect(await all()).toBe('8,9,3,10')
  })

  it('keeps no instance of a class, whose serializer may leave something out, and says so once', async () => {
    const { Logger } = await import('@nestjs/common')
    const warned = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => {})
    class User {
      name = 'Ada'
    }
    class Deals {
      reads = 0
      async one(): Promise<object> {
        return { users: [new User()], reads: ++this.reads }
      }
    }
    method(Deals, 'one', [Get('one'), UseInterceptors(CacheInterceptor)])
    const ask = await start('Express', Deals, open())
    expect([(await ask('/one')).text, (await ask('/one')).text]).toEqual([
      '{"users":[{"name":"Ada"}],"reads":1}',
      '{"users":[{"name":"Ada"}],"reads":2}',
    ])
    expect(warned.mock.calls.map(([text]) => text)).toEqual([
      'Deals.one is not cached: it returns an instance of User. Return plain objects, or name ClassSerializerInterceptor after CacheInterceptor',
    ])
    warned.mockRestore()
  })

  it('answers where the cache cannot, and where something else lies under its key', async () => {
    class Deals {
      reads = 0
      async one(): Promise<number> {
        return ++this.reads
      }
    }
    method(Deals, 'one', [Get('one'), UseInterceptors(CacheInterceptor)])
    const cache = open()
    const ask = await start('Express', Deals, cache)
    await cache.set('/deals/one', 'of somebody else')
    expect([(await ask('/one')).text, (await ask(`/one?${'q'.repeat(3000)}`)).text]).toEqual(['1', '2'])
    expect((await ask(`/one?${'q'.repeat(3000)}`)).x).toBe('HIT')
    await cache.close()
    expect((await ask('/one')).text).toBe('3')
  })

  // nestjs/nest#3136, #1775: resolvers, and contexts without a request.
  it('lets GraphQL and messages pass, and caches a message that names its key', async () => {
    const cache = open()
    const interceptor = new CacheInterceptor(cache)
    let runs = 0
    const run = async (type: string, decorators: ((target: object, name: string, descriptor: object) => void)[]) => {
      const handler = (): void => {}
      for (const one of decorators) one(handler, 'handler', { value: handler })
      const context = { getType: () => type, getHandler: () => handler, getClass: () => class {} }
      const values: unknown[] = []
      const handled = await interceptor.intercept(context as never, { handle: () => of(++runs, 'more') })
      if (Symbol.iterator in handled) values.push(...(handled as unknown as Iterable<unknown>))
      else await handled.forEach((value: unknown) => void values.push(value))
      return values.join()
    }
    const key = CacheKey('message') as never
    expect([await run('graphql', []), await run('graphql', [key]), await run('rpc', []), await run('ws', [])]).toEqual([
      '1,more',
      '2,more',
      '3,more',
      '4,more',
    ])
    expect([await run('rpc', [key]), await run('rpc', [key])]).toEqual(['5,more', '5,more'])
  })

  it('refuses what is not a key, a time or tags', () => {
    expect(() => CacheKey('' as never)).toThrow(/CacheKey: .* give a text/)
    expect(() => CacheTTL('soon' as never)).toThrow(/CacheTTL: "soon" is not a duration/)
    expect(() => CacheTags([''])).toThrow(/CacheTags: .* give an array of tags/)
  })
})

it('cached methods of a controller that is made for each request share one read', async () => {
  class Deals {
    static reads = 0
    async find(id: string): Promise<string> {
      return `${id} ${++Deals.reads}`
    }
  }
  method(Deals, 'find', [Get(':id'), Cached() as never], [Param('id')])
  Controller({ path: 'deals', scope: Scope.REQUEST })(Deals)
  const cache = open()
  class App {}
  const module = { module: App, imports: [MillpondModule.forRoot(cache)], controllers: [Deals] }
  const app: Server = await NestFactory.create(module, platforms.Fastify?.(), { logger: false })
  await app.listen(0, '127.0.0.1')
  closing.push(() => app.close())
  const ask = async (id: number) => (await fetch(`${await app.getUrl()}/deals/${id}`)).text()
  expect(await Promise.all([ask(7), ask(7), ask(8)])).toEqual(['7 1', '7 1', '8 2'])
})
