// What anybody writes into watched tables of PostgreSQL, told by the database itself: raw SQL, other programs, cascades
// and triggers are seen too.
import { checkOptions, fn, listOf, refused, required, type Shape, text, withMethods } from '../core/checks.ts'
import { systemClock } from '../core/clock.ts'
import {
  type ChangesFollower,
  followPostgresChanges,
  installChangesSql,
  type ListenClient,
} from '../invalidate/index.ts'
import type { OrmCache } from './door/options.ts'
import { modelOf } from './door/tables.ts'
import { PART_END, rowId } from './statements/row-ids.ts'

/** What is used of a pool of `pg`. */
export interface NotifyPool {
  /** Installs the triggers. */
  query(sql: string): Promise<unknown>
  /** What connections are made with. */
  readonly options: object
}

/** What is used of a client of `pg`; each pool knows how to make one. */
interface NotifyClient extends ListenClient {
  connect(): Promise<unknown>
}

/** Which tables are watched, and which models they belong to. */
export interface NotifyOptions {
  /** Whose answers go. */
  readonly cache: Pick<OrmCache, 'changes'>
  /** A pool of `pg`: its user needs TRIGGER on the tables and CREATE on their schema. */
  readonly pool: NotifyPool
  /** `users`, `shop.orders`, or `{ table: 'membership', key: ['org_id', 'user_id'] }` where the key is not `id`. */
  readonly tables: readonly (string | { readonly table: string; readonly key: string | readonly string[] })[]
  /** Of the notifications. Default `'millpond_changes'`. */
  readonly channel?: string | undefined
  /** Told of connections that are lost, and of what could not be invalidated. */
  readonly onError?: ((error: unknown) => void) | undefined
}

const OPTIONS: Shape<NotifyOptions> = {
  cache: required((value, at) => {
    const changes: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'changes') : undefined
    if (typeof changes !== 'object' || changes === null || !('transaction' in changes))
      throw refused(value, at, 'a cache of createCache')
    return value as NotifyOptions['cache']
  }),
  pool: required((value, at) => {
    withMethods<NotifyPool & { readonly Client: () => unknown }>('a pool of pg', 'query', 'Client')(value, at)
    return value as NotifyPool
  }),
  tables: required(
    listOf<NotifyOptions['tables'][number]>((value, at) => {
      if (typeof value === 'string') return text(value, at)
      checkOptions<{ table: string; key: string | readonly string[] }>(value, TABLE, at)
      return value
    }, "a list of tables, such as ['users']"),
  ),
  channel: text,
  onError: fn(),
}
const columns = listOf<string>(text, "a list of columns, such as ['org_id', 'user_id']")
const TABLE: Shape<{ table: string; key: string | readonly string[] }> = {
  table: required(text),
  key: required((value, at) => (typeof value === 'string' ? text(value, at) : columns(value, at))),
}

/**
 * Installs triggers on the tables, and invalidates what they tell of: rows by their keys, in the order of commits.
 * After a lost connection, whole tables. Resolves when it listens; `close()` of what it resolves with ends it, and
 * leaves the triggers.
 * @throws MillpondError `OPTION_INVALID`; what the database throws when the triggers are installed.
 * @example
 * const changes = await notifyChanges({ cache, pool, tables: ['users', 'posts'] })
 */
export async function notifyChanges(options: NotifyOptions): Promise<ChangesFollower> {
  checkOptions<NotifyOptions>(options, OPTIONS, 'notifyChanges')
  const { cache, pool, channel, onError } = options
  const tables = options.tables.map((one) => {
    const { table, key = 'id' } = typeof one === 'string' ? { table: one } : one
    return { table, key, model: modelOf(table.replace(/^public\./i, '')) }
  })
  const sql = { tables, ...(channel === undefined ? {} : { channel }) }
  await pool.query(installChangesSql(sql))
  const follower = followPostgresChanges({
    ...sql,
    clock: systemClock(),
    connect: async () => {
      const Client = Reflect.get(pool, 'Client') as new (options: object) => NotifyClient
      const client = new Client(pool.options)
      await client.connect()
      return client
    },
    changed: async (changes) => {
      const transaction = cache.changes.transaction()
      for (const { model, id, kind } of changes)
        transaction.modelChanged(model, id === undefined ? undefined : rowId(id.split(PART_END)), kind)
      await transaction.commit()
    },
    onError,
  })
  await follower.ready
  return follower
}
