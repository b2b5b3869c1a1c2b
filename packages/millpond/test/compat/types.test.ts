// What users write is typed from end to end. The compiler judges; run, it says whether each is there.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { KeyValueCache } from '@apollo/utils.keyvaluecache'
import { createCache as createManager } from 'cache-manager'
import type { FastifyInstance } from 'fastify'
import type { MiddlewareHandler } from 'hono'
import { Keyv } from 'keyv'
import type { Middleware } from 'koa'
import { type Generated, Kysely, SqliteDialect } from 'kysely'
import Sqlite from 'libsql'
import { type Cache, createCache, type Key } from 'millpond'
import { apolloCache } from 'millpond/apollo'
import { type AstroCacheContext, type AstroCacheProvider, astroCache } from 'millpond/astro'
import { bentocache } from 'millpond/compat/bentocache'
import { cacheManager } from 'millpond/compat/cache-manager'
import type { HttpCache } from 'millpond/http'
import { fastifyCache } from 'millpond/http/fastify'
import { cachedFetch } from 'millpond/http/fetch'
import { honoCache } from 'millpond/http/hono'
import { koaCache } from 'millpond/http/koa'
import { wrappers } from 'millpond/http/wrappers'
import { keyvStore } from 'millpond/keyv'
import { Cached, type CacheInterceptor, CacheTTL, InvalidateTags, MillpondModule } from 'millpond/nest'
import {
  type NextCacheEntry,
  type NextFound,
  type NextIncrementalValue,
  nextIncrementalCache,
  nextUseCache,
} from 'millpond/next'
import { ocacheStorage } from 'millpond/ocache'
import { kyselyCache } from 'millpond/orm/kysely'
import { libsqlCache } from 'millpond/orm/libsql'
import { pgCache } from 'millpond/orm/pg'
import { prismaCache } from 'millpond/orm/prisma'
import { sqlite3Cache } from 'millpond/orm/sqlite3'
import { typeOrmCache } from 'millpond/orm/typeorm'
import { cacheGet } from 'millpond/simple'
import { unstorageDriver } from 'millpond/unstorage'
import { defineCachedFunction } from 'ocache'
import pg from 'pg'
import { DataSource } from 'typeorm'
import { createStorage } from 'unstorage'
import { afterAll, expect, expectTypeOf, it } from 'vitest'

interface User {
  id: number
  name: string
}
const cache = createCache()
afterAll(() => cache.close())

it('Keyv', () => {
  const users = new Keyv<User>({ store: keyvStore(cache) })
  expectTypeOf(users.get('7')).resolves.toEqualTypeOf<User | undefined>()
})

it('Apollo', () => {
  expectTypeOf(apolloCache(cache)).toExtend<KeyValueCache>()
  expectTypeOf(apolloCache<User>(cache).get('7')).resolves.toEqualTypeOf<User | undefined>()
})

it('unstorage', () => {
  const storage = createStorage<User>({ driver: unstorageDriver(cache) })
  expectTypeOf(storage.getItem('7')).resolves.toEqualTypeOf<User | null>()
})

it('ocache', () => {
  const nameOf = defineCachedFunction(async (id: number): Promise<User> => ({ id, name: 'Ada' }), {
    storage: ocacheStorage(cache),
  })
  expectTypeOf(nameOf(7)).resolves.toEqualTypeOf<User>()
})

it('bentocache', () => {
  const bento = bentocache(cache)
  expectTypeOf(
    bento.getOrSet({ key: '7', factory: async () => ({ id: 7, name: 'Ada' }) }),
  ).resolves.toEqualTypeOf<User>()
})

it('ORMs', async () => {
  const orm = kyselyCache({ cache, database: 'types' })
  const dialect = orm.dialect(new SqliteDialect({ database: new Sqlite(':memory:') }))
  const db = new Kysely<{ users: { id: Generated<number>; name: string } }>({
    dialect,
    plugins: [orm.cached({ ttl: '1m' })],
  })
  const query = db.selectFrom('users').selectAll()
  expectTypeOf(query.execute).returns.resolves.toEqualTypeOf<User[]>()
  await db.destroy()
  const work = async (): Promise<User[]> => []
  expectTypeOf(pgCache({ cache, database: 'types' }).module(pg)).toEqualTypeOf<typeof pg>()
  expectTypeOf(pgCache({ cache, database: 'typed' }).cached({}, work)).resolves.toEqualTypeOf<User[]>()
  expectTypeOf(prismaCache({ cache, database: 'types' }).cached({}, work)).resolves.toEqualTypeOf<User[]>()
  expectTypeOf(libsqlCache({ cache }).cached({}, work)).resolves.toEqualTypeOf<User[]>()
  expectTypeOf(sqlite3Cache({ cache }).cached({}, work)).resolves.toEqualTypeOf<User[]>()
  const typed = typeOrmCache({ cache })
  expectTypeOf(typed.cached({}, work)).resolves.toEqualTypeOf<User[]>()
  expectTypeOf(
    typed.source(new DataSource({ type: 'better-sqlite3', database: ':memory:', driver: Sqlite })),
  ).toEqualTypeOf<DataSource>()
})

it('Nest', () => {
  Cached<[id: number, wide?: boolean]>({
    key: (args) => {
      expectTypeOf(args).toEqualTypeOf<[id: number, wide?: boolean]>()
      return ['deal', args[0]] satisfies Key
    },
    tags: ([id]) => {
      expectTypeOf(id).toEqualTypeOf<number>()
      return [`deal:${id}`]
    },
  })
  type Descriptor<A extends unknown[], T> = TypedPropertyDescriptor<(...args: A) => Promise<T>>
  const cached = Cached<[id: number]>({ tags: ([id]) => [`deal:${id}`] })
  const invalidates = InvalidateTags<[id: number]>(([id]) => [`deal:${id}`])
  // As decorators are applied; the compiler judges, nothing is called.
  const applied = [
    () => cached({}, 'find', {} as Descriptor<[number], User>),
    () => invalidates({}, 'move', {} as Descriptor<[number, string], void>),
    // @ts-expect-error: the tags are made of a number
    () => cached({}, 'find', {} as Descriptor<[string], User>),
    // @ts-expect-error: what is not asynchronous cannot be awaited
    () => cached({}, 'find', {} as TypedPropertyDescriptor<(id: number) => User>),
  ]
  expectTypeOf(applied).toEqualTypeOf<(() => void)[]>()
  expectTypeOf(MillpondModule.forRootAsync).parameter(0).not.toBeAny()
  expectTypeOf(MillpondModule.forRoot).parameter(0).toEqualTypeOf<Cache>()
})

it('Next', () => {
  const handler = nextUseCache(cache)
  expectTypeOf(handler.get('key', [])).resolves.toEqualTypeOf<NextCacheEntry | undefined>()
  expectTypeOf(handler.getExpiration).returns.resolves.toEqualTypeOf<number>()
  interface Fetched extends NextIncrementalValue {
    readonly data: { readonly body: string }
  }
  const pages = new (nextIncrementalCache(cache, { buildId: '1' }))()
  expectTypeOf(pages.get<Fetched>('/a', { kind: 'FETCH' })).resolves.toEqualTypeOf<NextFound<Fetched> | null>()
  expectTypeOf<NextFound<Fetched>['value']>().toEqualTypeOf<Fetched | null>()
})

it('Astro', () => {
  const make = astroCache(cache, { query: { exclude: ['utm_*'] } })
  expectTypeOf(make).returns.toEqualTypeOf<AstroCacheProvider>()
  expectTypeOf<AstroCacheProvider['onRequest']>().parameter(0).toEqualTypeOf<AstroCacheContext>()
  expectTypeOf<AstroCacheProvider['onRequest']>().returns.resolves.toEqualTypeOf<Response>()
})

it('cache-manager, itself over our store and replaced', () => {
  const over = createManager({ stores: [new Keyv({ store: keyvStore(cache) })] })
  const instead = cacheManager(cache)
  for (const manager of [over, instead]) {
    expectTypeOf(manager.wrap('7', async (): Promise<User> => ({ id: 7, name: 'Ada' }))).resolves.toEqualTypeOf<User>()
    expectTypeOf(manager.get<User>('7')).resolves.toEqualTypeOf<User | undefined>()
  }
  expectTypeOf(instead.wrap('7', () => 7, { raw: true })).resolves.toEqualTypeOf<{
    value: number
    expires: number | undefined
  }>()
  // What is written for cache-manager compiles over ours; `stores` alone is not there.
  expectTypeOf(instead.get).parameters.toEqualTypeOf<Parameters<typeof over.get>>()
  expectTypeOf(instead.mdel).toEqualTypeOf<typeof over.mdel>()
  expectTypeOf(instead).not.toHaveProperty('stores')
})

it('HTTP', async () => {
  expectTypeOf(fastifyCache).returns.toEqualTypeOf<(app: FastifyInstance) => Promise<void>>()
  expectTypeOf(honoCache).returns.toEqualTypeOf<MiddlewareHandler>()
  expectTypeOf(koaCache).returns.toEqualTypeOf<Middleware>()
  expectTypeOf(cachedFetch).parameter(0).toEqualTypeOf<HttpCache>()
  expectTypeOf(cachedFetch).returns.toEqualTypeOf<(request: Request) => Promise<Response>>()
  const { cachedMethod } = wrappers(cache)
  const userOf = cachedMethod({ ttl: '1m', keyPrefix: 'typed-user' })(
    async (id: number, wide = false): Promise<User & { wide: boolean }> => ({ id, name: 'Ada', wide }),
  )
  expectTypeOf(userOf).toBeCallableWith(7, true)
  expectTypeOf(userOf).parameter(0).toEqualTypeOf<number>()
  expectTypeOf(userOf(7)).resolves.toEqualTypeOf<User & { wide: boolean }>()
})

it('Nest, responses', () => {
  expectTypeOf(CacheTTL).parameter(0).not.toBeAny()
  expectTypeOf<CacheInterceptor['intercept']>().returns.not.toBeAny()
})

it('functions alone', () => {
  expectTypeOf(cacheGet<User>('7')).resolves.toEqualTypeOf<User | undefined>()
})

/** Where any function, and any arguments of one, are meant: nothing narrower takes them all. */
const MEANT = [
  /\(\.\.\.\w+: any\[\]\) =>/,
  /extends (readonly )?any\[\]/,
  /^ {4}\.\.\.any\[\]$/,
  /^type Unknown = any;$/,
  /duplicate\(options\?: any\): NodeRedisClient/,
]

it.each(['millpond', 'control', 'cdn', 'proxy', 'dashboard', 'cli'])('nothing public of %s is `any`', (name) => {
  const api = readFileSync(fileURLToPath(new URL(`../../../../docs/api/${name}.txt`, import.meta.url)), 'utf8')
  const lines = api
    .split('\n')
    .filter((line) => /(?<!['\w])any(?!['\w])/.test(line) && !/^\s*(\*|\/\*\*|\/\/|#)/.test(line))
  expect(lines.filter((line) => !MEANT.some((form) => form.test(line)))).toEqual([])
})
