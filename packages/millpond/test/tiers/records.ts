// Stored records as they lie in a table: each column as bytes, so that the suite can flip every bit of them.
import pg from 'pg'
import { column } from '../../src/core/sqlite.ts'
import type { StoredRecord } from '../../src/testing/tier.ts'
import type { SqliteHandle } from '../../src/tiers/sqlite/client.ts'
import { openRaw } from './folder.ts'

/** A whole number as the eight bytes that a table holds. */
function eightBytes(value: unknown): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt(String(value)))
  return bytes
}

const numberIn = (bytes: Uint8Array | undefined): bigint => Buffer.from(bytes ?? new Uint8Array(8)).readBigInt64BE()

/** Numbers go as text: a driver may take no number beyond 2^53. */
export function sqliteRecord(path: () => string): StoredRecord & { close(): void } {
  let opened: { readonly path: string; readonly handle: SqliteHandle } | undefined
  const handle = (): SqliteHandle => {
    if (opened?.path !== path()) {
      opened?.handle.close()
      opened = { path: path(), handle: openRaw(path()) }
      // Slow disks are none of its business.
      opened.handle.exec('PRAGMA busy_timeout = 1000; PRAGMA synchronous = OFF')
    }
    return opened.handle
  }
  const sql = (text: string, ...values: (string | Uint8Array | null)[]): unknown => {
    const statement = handle().prepare(text)
    return text.startsWith('SELECT') ? statement.get(...values) : statement.run(...values)
  }
  return {
    load: async (key) => {
      const row = sql(
        'SELECT CAST(epoch AS BLOB) AS epoch, CAST(seq AS TEXT) AS seq, CAST(head AS TEXT) AS head, body, CAST(expires AS TEXT) AS expires FROM entry WHERE key = ?',
        key,
      )
      const [epoch, body] = [column(row, 'epoch'), column(row, 'body')]
      if (!(epoch instanceof Uint8Array && body instanceof Uint8Array)) throw new Error(`no row ${key}`)
      const expires = column(row, 'expires')
      return [
        epoch,
        eightBytes(column(row, 'seq')),
        eightBytes(column(row, 'head')),
        body,
        ...(expires === null ? [] : [eightBytes(expires)]),
      ]
    },
    store: async (key, [epoch = new Uint8Array(), seq, head, body = new Uint8Array(), expires]) => {
      sql(
        `INSERT OR REPLACE INTO entry (key, epoch, seq, head, body, expires)
          VALUES (?, CAST(? AS TEXT), CAST(? AS INTEGER), CAST(? AS INTEGER), ?, CAST(? AS INTEGER))`,
        key,
        epoch,
        String(numberIn(seq)),
        String(numberIn(head)),
        body,
        expires === undefined ? null : String(numberIn(expires)),
      )
      return true
    },
    close: () => opened?.handle.close(),
  }
}

/** On one connection, made when it is first needed. */
export function postgresRecord(url: () => string, schema: () => string): StoredRecord & { close(): Promise<void> } {
  let connected: Promise<pg.Client> | undefined
  const client = (): Promise<pg.Client> => {
    connected ??= (async () => {
      const made = new pg.Client({ connectionString: url() })
      await made.connect()
      return made
    })()
    return connected
  }
  const row = async (key: string): Promise<Record<string, unknown>> => {
    const text = `SELECT epoch, seq::text, head::text, body, expires::text FROM ${schema()}.entry WHERE key = $1`
    const [found] = (await (await client()).query(text, [Buffer.from(key)])).rows
    return found ?? {}
  }
  return {
    load: async (key) => {
      const { epoch, seq, head, body, expires } = await row(key)
      if (!(body instanceof Uint8Array)) throw new Error(`no row ${key}`)
      return [
        Buffer.from(String(epoch)),
        eightBytes(seq),
        eightBytes(head),
        body,
        ...(expires === null ? [] : [eightBytes(expires)]),
      ]
    },
    store: async (key, [epoch, seq, head, body, expires]) => {
      const text = `INSERT INTO ${schema()}.entry (key, epoch, seq, head, body, expires)
        VALUES ($1, convert_from($2, 'UTF8'), $3::bigint, $4::bigint, $5, $6::bigint)
        ON CONFLICT (key) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq, head = excluded.head, body = excluded.body, expires = excluded.expires`
      const numbers = [String(numberIn(seq)), String(numberIn(head))]
      const values = [
        Buffer.from(key),
        epoch,
        ...numbers,
        body,
        expires === undefined ? null : String(numberIn(expires)),
      ]
      // A server refuses text that is not UTF-8.
      return (await client()).query(text, values).then(
        () => true,
        () => false,
      )
    },
    close: async () => {
      if (connected !== undefined) await (await connected).end()
    },
  }
}
