// Cached Kysely queries, invalidated when the transaction that changes their rows has committed.
// @ts-check
import { Kysely, SqliteDialect } from 'kysely'
import Database from 'libsql'
import { createCache } from 'millpond'
import { kyselyCache } from 'millpond/orm/kysely'

/** @typedef {{ users: { id: number, name: string } }} Shop */

const cache = createCache({ name: 'shop' })
const orm = kyselyCache({ cache })
/** @type {Kysely<Shop>} */
const db = new Kysely({ dialect: orm.dialect(new SqliteDialect({ database: new Database(':memory:') })) })
const cached = db.withPlugin(orm.cached({ ttl: '1m' }))
const name = async () => (await cached.selectFrom('users').select('name').where('id', '=', 1).executeTakeFirst())?.name

await db.schema
  .createTable('users')
  .addColumn('id', 'integer', (column) => column.primaryKey())
  .addColumn('name', 'text')
  .execute()
await db.insertInto('users').values({ id: 1, name: 'Ada' }).execute()
const before = [await name(), await name()]
await db.transaction().execute((trx) => trx.updateTable('users').set({ name: 'Grace' }).where('id', '=', 1).execute())
// Prints: kysely Ada, Ada, then Grace; hits: 1
console.log(`kysely ${before.join(', ')}, then ${await name()}; hits: ${cache.stats().hits}`)
await db.destroy()
await cache.close()
