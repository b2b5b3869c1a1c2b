// Real databases for doors.
import Sqlite from 'libsql'
import pg from 'pg'
import { type PostgresService, startPostgres } from '../services/index.ts'
import { TABLES } from './door-contract.ts'

export interface SqliteFile {
  readonly db: InstanceType<typeof Sqlite>
  behind(sql: string): Promise<unknown>
}

export function openSqlite(): SqliteFile {
  const db = new Sqlite(':memory:')
  for (const sql of TABLES) db.exec(sql)
  return { db, behind: async (sql) => db.exec(sql) }
}

/** One server for all suites of a worker: each has a database of its own. */
let server: Promise<PostgresService> | undefined
let databases = 0

export interface PostgresDatabase {
  readonly url: string
  readonly pool: pg.Pool
  behind(sql: string): Promise<unknown>
  close(): Promise<void>
}

export async function openPostgres(): Promise<PostgresDatabase> {
  server ??= startPostgres()
  const { url } = await server
  const name = `doors_${++databases}`
  await (await server).query(`CREATE DATABASE ${name}`)
  const own = url.replace(/\/postgres$/, `/${name}`)
  const pool = new pg.Pool({ connectionString: own, max: 8 })
  pool.on('error', () => undefined)
  for (const sql of TABLES) await pool.query(sql)
  return { url: own, pool, behind: (sql) => pool.query(sql), close: () => pool.end() }
}
