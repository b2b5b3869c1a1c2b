// What users write is typed from end to end. The compiler judges; run, it says whether each is there.
import type { KeyValueCache } from '@apollo/utils.keyvaluecache'
import { Keyv } from 'keyv'
import { type Generated, Kysely, SqliteDialect } from 'kysely'
import Sqlite from 'libsql'
import { createCache } from 'millpond'
import { apolloCache } from 'millpond/apollo'
import { bentocache } from 'millpond/compat/bentocache'
import { keyvStore } from 'millpond/keyv'
import { ocacheStorage } from 'millpond/ocache'
import { kyselyCache } from 'millpond/orm/kysely'
import { pgCache } from 'millpond/orm/pg'
import { prismaCache } from 'millpond/orm/prisma'
import { unstorageDriver } from 'millpond/unstorage'
import { defineCachedFunction } from 'ocache'
import pg from 'pg'
import { createStorage } from 'unstorage'
import { afterAll, expectTypeOf, it } from 'vitest'

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
})
