// A Nest application with the module and its decorators: the one of the guide, compiled as Nest's users compile theirs.
import 'reflect-metadata'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Inject, Injectable, Scope, StreamableFile } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { type Cache, createCache } from 'millpond'
import { Cached, InjectCache, InvalidateTags, MILLPOND_CACHE, MillpondModule } from 'millpond/nest'
import { fakeClock } from 'millpond/testing'
import ts from 'typescript'
import { afterAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../../..', import.meta.url))
mkdirSync(join(root, '.cache'), { recursive: true })
const folder = mkdtempSync(join(root, '.cache', 'nest-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Deals {
  readonly reads: number
  stage(id: number): Promise<string | null>
  move(id: number, stage: string): Promise<void>
}

/** As a decorator would be applied. */
function decorate(
  prototype: object,
  name: string,
  ...decorators: ((target: object, name: string, descriptor: never) => void)[]
): void {
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name) as never
  for (const one of decorators) one(prototype, name, descriptor)
  Object.defineProperty(prototype, name, descriptor)
}

describe('the application of the guide', () => {
  it('reads once, and anew after an update', async () => {
    const page = readFileSync(join(root, 'docs/guide/drop-ins.md'), 'utf8')
    const code = /^```ts nest\n([\s\S]*?)^```/m.exec(page)?.[1] ?? expect.fail('the guide has no example')
    const { outputText } = ts.transpileModule(code, {
      compilerOptions: {
        module: ts.ModuleKind.ESNext,
        target: ts.ScriptTarget.ES2022,
        experimentalDecorators: true,
        emitDecoratorMetadata: true,
        useDefineForClassFields: false,
      },
    })
    writeFileSync(join(folder, 'app.mjs'), outputText)
    const application: { AppModule: new () => object; Deals: new () => Deals } = await import(join(folder, 'app.mjs'))
    const app = await NestFactory.createApplicationContext(application.AppModule, { logger: false })
    const deals = app.get<Deals>(application.Deals)
    expect(await Promise.all([deals.stage(7), deals.stage(7), deals.stage(8)])).toEqual(['lead', 'lead', null])
    expect(deals.reads).toBe(2)
    await deals.move(7, 'won')
    expect([await deals.stage(7), await deals.stage(8), deals.reads]).toEqual(['won', null, 3])
    await app.get<Cache>(MILLPOND_CACHE).close()
    await app.close()
  })
})

describe('the module', () => {
  it('makes a cache of other providers, and closes it with the application', async () => {
    class Settings {
      readonly name = 'configured'
    }
    class SettingsModule {}
    class Users {
      readonly cache: Cache
      constructor(cache: Cache) {
        this.cache = cache
      }
    }
    Injectable()(Users)
    InjectCache()(Users, undefined as never, 0)
    const module = {
      module: class {},
      imports: [
        MillpondModule.forRootAsync({
          imports: [{ module: SettingsModule, providers: [Settings], exports: [Settings] }],
          inject: [Settings],
          useFactory: async ({ name }: Settings) => createCache({ name }),
        }),
      ],
      providers: [Users],
    }
    const app = await NestFactory.createApplicationContext(module, { logger: false })
    const { cache } = app.get(Users)
    expect(cache.info().name).toBe('configured')
    await app.close()
    await expect(cache.get('k')).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it('leaves what cannot be a cache alone', async () => {
    expect(() => MillpondModule.forRoot({} as never)).toThrow(
      /forRoot: .* is not allowed: give a cache from createCache/,
    )
    const module = { module: class {}, imports: [MillpondModule.forRootAsync({ useFactory: () => ({}) as never })] }
    await expect(NestFactory.createApplicationContext(module, { logger: false, abortOnError: false })).rejects.toThrow(
      /useFactory: .* is not allowed/,
    )
  })
})

describe('decorators', () => {
  const cache = createCache()
  afterAll(() => cache.close())
  class Rows {
    reads = 0
    async read(id: number, flag = false): Promise<string> {
      this.reads++
      return `${id} ${flag}`
    }
    async write(id: number): Promise<number> {
      if (id < 0) throw new Error('refused')
      return id
    }
  }
  const route = (_target: object, _name: string, descriptor: PropertyDescriptor): void =>
    Reflect.defineMetadata('path', '/rows', descriptor.value)
  decorate(
    Rows.prototype,
    'read',
    route as never,
    Cached<[id: number]>({ key: ['row'], namespace: 'rows', tags: ([id]) => [`row:${id}`] }) as never,
  )
  decorate(Rows.prototype, 'write', InvalidateTags(['row:1'], { namespace: 'rows' }) as never)
  Inject(MILLPOND_CACHE)(Rows.prototype, 'other')

  it('say so where Nest has not made the object', () => {
    expect(() => new Rows().read(1)).toThrow(/Rows.read: no cache was injected: import MillpondModule.forRoot/)
  })

  it('keep keys, namespaces and the metadata of a route, and invalidate nothing for what rejects', async () => {
    const module = { module: class {}, imports: [MillpondModule.forRoot(cache)], providers: [Rows] }
    const app = await NestFactory.createApplicationContext(module, { logger: false })
    const rows = app.get(Rows)
    expect([await rows.read(1), await rows.read(1, true), await rows.read(1), rows.reads]).toEqual([
      '1 false',
      '1 true',
      '1 false',
      2,
    ])
    expect(await cache.namespace('rows').get(['row', 1])).toBe('1 false')
    expect(Reflect.getMetadata('path', rows.read)).toBe('/rows')
    await expect(rows.write(-1)).rejects.toThrow('refused')
    await rows.read(1)
    expect(rows.reads).toBe(2)
    expect(await rows.write(5)).toBe(5)
    await rows.read(1)
    expect(rows.reads).toBe(3)
    await app.close()
  })

  it('refuse what is not an option, as they are applied', () => {
    expect(() => Cached({ tll: '1m' } as never)).toThrow(/unknown option "Cached.tll": did you mean "ttl"/)
    expect(() => InvalidateTags('users' as never)).toThrow(
      /InvalidateTags: "users" is not allowed: give an array of tags/,
    )
  })
})

describe('what users of other decorators report', () => {
  const cache = createCache()
  afterAll(() => cache.close())

  // Of two classes that inherit a method, one would get what the other has read.
  it('keeps apart what two classes inherit, and an override from what it overrides', async () => {
    class Rows {
      readonly what: string = 'row'
      async find(id: number): Promise<string> {
        return `${this.what} ${id}`
      }
    }
    decorate(Rows.prototype, 'find', Cached() as never)
    class Users extends Rows {
      override readonly what = 'user'
    }
    class Deals extends Rows {
      override readonly what = 'deal'
      override async find(id: number): Promise<string> {
        return `own ${await super.find(id)}`
      }
    }
    decorate(Deals.prototype, 'find', Cached() as never)
    const providers = [Rows, Users, Deals]
    const module = { module: class {}, imports: [MillpondModule.forRoot(cache)], providers }
    const app = await NestFactory.createApplicationContext(module, { logger: false })
    for (let round = 0; round < 2; round++)
      expect(await Promise.all(providers.map((one) => app.get<Rows>(one).find(7)))).toEqual([
        'row 7',
        'user 7',
        'own deal 7',
      ])
    await app.close()
  })

  it('takes a parameter that was left out as one that is undefined, and stores no undefined', async () => {
    class Lists {
      reads = 0
      async list(page: number, filter?: string): Promise<string | undefined> {
        this.reads++
        return page === 0 ? undefined : `${page} ${filter}`
      }
    }
    decorate(Lists.prototype, 'list', Cached() as never)
    const module = { module: class {}, imports: [MillpondModule.forRoot(cache)], providers: [Lists] }
    const app = await NestFactory.createApplicationContext(module, { logger: false })
    const lists = app.get(Lists)
    expect([await lists.list(1), await lists.list(1, undefined), lists.reads]).toEqual([
      '1 undefined',
      '1 undefined',
      1,
    ])
    expect(await lists.list(1, 'undefined')).toBe('1 undefined')
    expect(lists.reads).toBe(2)
    // nestjs/nest#10225: "undefined" is not a cacheable value.
    expect([await lists.list(0), await lists.list(0), lists.reads]).toEqual([undefined, undefined, 4])
    await app.close()
  })

  it('rejects an argument that is no part of a key, and names the option that helps', async () => {
    class Lists {
      async list(filter: object): Promise<number> {
        return Object.keys(filter).length
      }
    }
    decorate(Lists.prototype, 'list', Cached() as never)
    const module = { module: class {}, imports: [MillpondModule.forRoot(cache)], providers: [Lists] }
    const app = await NestFactory.createApplicationContext(module, { logger: false })
    for (const odd of [{ a: 1 }, [1], new Date(0)])
      await expect(app.get(Lists).list(odd)).rejects.toMatchObject({
        code: 'KEY_INVALID',
        message: expect.stringMatching(/Lists\.list: the argument .* give Cached a key/),
      })
    await app.close()
  })

  // nestjs/nest#4997: what is false was read each time.
  it('keeps what is false, null, empty or zero, and no error', async () => {
    const values = [false, null, '', 0, []] as const
    class Lists {
      reads = 0
      async at(index: number): Promise<unknown> {
        this.reads++
        if (index >= values.length) throw new Error('refused')
        return values[index]
      }
    }
    decorate(Lists.prototype, 'at', Cached({ key: ['falsy'] }) as never)
    const module = { module: class {}, imports: [MillpondModule.forRoot(cache)], providers: [Lists] }
    const app = await NestFactory.createApplicationContext(module, { logger: false })
    const lists = app.get(Lists)
    for (let round = 0; round < 2; round++)
      expect(await Promise.all(values.map((_, index) => lists.at(index)))).toEqual(values)
    expect(lists.reads).toBe(values.length)
    for (let round = 0; round < 2; round++) await expect(lists.at(99)).rejects.toThrow('refused')
    expect(lists.reads).toBe(values.length + 2)
    await app.close()
  })

  // nestjs/nest#10575: from the second request on, a stream was what JSON makes of one.
  it('refuses a stream rather than keeping what cannot be read again', async () => {
    class Files {
      async sitemap(): Promise<StreamableFile> {
        return new StreamableFile(Buffer.from('<urlset/>'))
      }
    }
    decorate(Files.prototype, 'sitemap', Cached() as never)
    const module = { module: class {}, imports: [MillpondModule.forRoot(cache)], providers: [Files] }
    const app = await NestFactory.createApplicationContext(module, { logger: false })
    for (let round = 0; round < 2; round++)
      await expect(app.get(Files).sitemap()).rejects.toMatchObject({ code: 'VALUE_UNSUPPORTED' })
    await app.close()
  })

  // nestjs/cache-manager#74: the time to live of the module held for all.
  it('lets an entry live as long as its decorator says, not as the cache does', async () => {
    const clock = fakeClock()
    const own = createCache({ clock, defaults: { ttl: '1h' } })
    class Rates {
      reads = 0
      async now(): Promise<number> {
        return ++this.reads
      }
    }
    decorate(Rates.prototype, 'now', Cached({ ttl: 200 }) as never)
    const module = { module: class {}, imports: [MillpondModule.forRoot(own)], providers: [Rates] }
    const app = await NestFactory.createApplicationContext(module, { logger: false })
    const rates = app.get(Rates)
    expect([await rates.now(), await rates.now()]).toEqual([1, 1])
    await clock.advance(199)
    expect(await rates.now()).toBe(1)
    await clock.advance(2)
    expect(await rates.now()).toBe(2)
    await app.close()
    await own.close()
  })

  // nestjs/cache-manager#349: modules below did not find what was registered for all.
  it('is found in every module, by objects that are made anew for each request, and closed once', async () => {
    class Rows {
      static reads = 0
      async read(id: number): Promise<string> {
        Rows.reads++
        return `row ${id}`
      }
    }
    Injectable({ scope: Scope.REQUEST })(Rows)
    decorate(Rows.prototype, 'read', Cached() as never)
    class Below {}
    const module = {
      module: class {},
      imports: [
        MillpondModule.forRootAsync({ useFactory: async () => createCache() }),
        { module: Below, providers: [Rows], exports: [Rows] },
      ],
    }
    const app = await NestFactory.createApplicationContext(module, { logger: false })
    const [one, two] = [await app.resolve(Rows), await app.resolve(Rows)]
    expect(one).not.toBe(two)
    expect([await one.read(1), await two.read(1), Rows.reads]).toEqual(['row 1', 'row 1', 1])
    await app.close()
    await app.close()
    await expect(two.read(1)).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it('fails to start with what its factory throws', async () => {
    const useFactory = (): Promise<Cache> => Promise.reject(new Error('no settings'))
    const module = { module: class {}, imports: [MillpondModule.forRootAsync({ useFactory })] }
    await expect(NestFactory.createApplicationContext(module, { logger: false, abortOnError: false })).rejects.toThrow(
      'no settings',
    )
  })
})
