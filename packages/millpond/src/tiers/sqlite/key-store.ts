// Tenants' keys in a separate SQLite file, never that of the entries: shredding is as final as the file and its
// backups.
import { checkOptions, required, type Shape, text } from '../../core/checks.ts'
import type { KeyStore } from '../../core/contracts.ts'
import { textIn, texts } from '../../core/sqlite.ts'
import { DRIVER, type SqliteClass } from './client.ts'
import { openOwnFile, retried } from './own-file.ts'

export interface SqliteKeyStoreOptions {
  /**
   * The file, in an existing folder that only its owner may read. Processes of one host may share it. Not the file of a
   * tier.
   */
  readonly path: string
  /** Which SQLite: the package libsql, Node's own, or a class like libsql's. */
  readonly driver?: 'libsql' | 'node' | SqliteClass | undefined
}

const OPTIONS: Shape<SqliteKeyStoreOptions> = { path: required(text), driver: DRIVER }
const SCHEMA = 'CREATE TABLE IF NOT EXISTS tenant_key (tenant TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID'
const STEP = 500

/**
 * Keeps tenants' keys (wrapped, see `tenantKeyring`) in a SQLite file. What is replaced is overwritten in the file, and
 * the write-ahead log is emptied, before `put` resolves.
 * @throws MillpondError `OPTION_INVALID` when the file cannot be opened: it is left as it is.
 */
export function sqliteKeyStore(options: SqliteKeyStoreOptions): KeyStore {
  checkOptions<SqliteKeyStoreOptions>(options, OPTIONS, 'sqliteKeyStore')
  const handle = openOwnFile(options, SCHEMA, ['sqliteKeyStore', 'a key store'])
  let isClosed = false
  /** The log still holds replaced versions, because readers kept it busy. */
  let isOwed = false
  const forgetFormer = async (): Promise<void> => {
    await retried('key store', () => emptyLog(handle.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()))
    isOwed = false
  }
  return {
    async get(tenant) {
      // A caller that repeats a finished `put` changes nothing, so the pending cleanup is done on `get` too.
      if (isOwed) await forgetFormer()
      const row = await retried('key store', () =>
        handle.prepare(`SELECT ${texts('record')} FROM tenant_key WHERE tenant = ?`).get(tenant),
      )
      return row === undefined || row === null ? undefined : textIn(row, 'record')
    },
    async put(tenant, record, before) {
      const { changes } = await retried('key store', () =>
        before === undefined
          ? handle.prepare('INSERT OR IGNORE INTO tenant_key (tenant, record) VALUES (?, ?)').run(tenant, record)
          : handle
              .prepare('UPDATE tenant_key SET record = ? WHERE tenant = ? AND record = ?')
              .run(record, tenant, before),
      )
      const isDone = Number(changes) === 1
      if (isDone && before !== undefined) {
        isOwed = true
        await forgetFormer()
      }
      return isDone
    },
    async *list() {
      for (let after = ''; ; ) {
        const from = after
        const rows = await retried('key store', () =>
          handle
            .prepare(
              `SELECT ${texts('tenant')} FROM tenant_key WHERE tenant > ? ORDER BY tenant_key.tenant LIMIT ${STEP}`,
            )
            .all(from),
        )
        const tenants = rows.map((row) => textIn(row, 'tenant'))
        if (tenants.length > 0) yield tenants
        if (tenants.length < STEP) return
        after = tenants.at(-1) ?? ''
      }
    },
    async close() {
      if (!isClosed) handle.close()
      isClosed = true
    },
  }
}

/** A concurrent reader keeps the log from being emptied: retried, as for a lock. */
export function emptyLog(row: unknown): void {
  const isBusy = typeof row === 'object' && row !== null && 'busy' in row && row.busy !== 0
  if (isBusy) throw Object.assign(new Error('the log is being read'), { code: 'SQLITE_BUSY' })
}
