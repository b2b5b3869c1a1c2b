// The outbox: invalidations that could not reach the ledger, in a separate SQLite file. It is not a cache, so nothing
// in it is set aside or evicted.
import { randomUUID } from 'node:crypto'
import { checkOptions, required, type Shape, text } from '../../core/checks.ts'
import type { Outbox, OutboxChange } from '../../core/contracts.ts'
import { numberIn, textIn, texts } from '../../core/sqlite.ts'
import { DRIVER, type SqliteClass } from './client.ts'
import { openOwnFile, retried } from './own-file.ts'

export interface SqliteOutboxOptions {
  /** The file, in a folder that exists. Processes of one host may share it. */
  readonly path: string
  /** Which SQLite: the package libsql, Node's own, or a class like libsql's. */
  readonly driver?: 'libsql' | 'node' | SqliteClass | undefined
}

/** Prefix of the number of a record whose own id cannot be read. */
const NUMBERED = '#'
const SCHEMA =
  'CREATE TABLE IF NOT EXISTS outbox (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, namespace TEXT NOT NULL, change TEXT NOT NULL)'
const OPTIONS: Shape<SqliteOutboxOptions> = {
  path: required(text),
  driver: DRIVER,
}

/**
 * An outbox in a SQLite file. An acknowledged `add` survives a kill of the process and a power loss.
 * @throws MillpondError `OPTION_INVALID` if the file cannot be opened or is not an outbox: it is left as it is.
 */
export function sqliteOutbox(options: SqliteOutboxOptions): Outbox {
  checkOptions<SqliteOutboxOptions>(options, OPTIONS, 'sqliteOutbox')
  const handle = openOwnFile(options, SCHEMA, ['sqliteOutbox', 'an outbox'])
  let isClosed = false
  return {
    async add(namespace, change) {
      const id = randomUUID()
      const kept: OutboxChange = {
        targets: change.targets,
        mode: change.mode,
        reason: change.reason,
        id: change.id,
        drop: change.drop,
      }
      await retried('outbox', () =>
        handle
          .prepare('INSERT INTO outbox (id, namespace, change) VALUES (?, ?, ?)')
          .run(id, namespace, JSON.stringify(kept)),
      )
      return id
    },
    async list(namespace) {
      const rows = await retried('outbox', () =>
        handle
          .prepare(`SELECT number, ${texts('id', 'change')} FROM outbox WHERE namespace = ? ORDER BY number`)
          .all(namespace),
      )
      return rows.map((row) => ({
        id: readable(row, 'id') ?? `${NUMBERED}${numberIn(row, 'number')}`,
        change: parse(readable(row, 'change')),
      }))
    },
    async remove(ids) {
      await retried('outbox', () => {
        for (const id of ids)
          if (id.startsWith(NUMBERED))
            handle.prepare('DELETE FROM outbox WHERE number = ?').run(Number(id.slice(NUMBERED.length)))
          else handle.prepare('DELETE FROM outbox WHERE id = ?').run(id)
      })
    },
    async close() {
      if (!isClosed) handle.close()
      isClosed = true
    },
  }
}

/** Undefined for text that is not UTF-8, from a damaged file. */
function readable(row: unknown, name: string): string | undefined {
  try {
    return textIn(row, name)
  } catch {
    return undefined
  }
}

/** A record that cannot be read invalidates everything: too much rather than too little. */
function parse(text: string | undefined): OutboxChange {
  try {
    const change: OutboxChange = JSON.parse(text ?? '')
    if (Array.isArray(change.targets) && Array.isArray(change.drop)) return change
  } catch {
    // as below
  }
  return { targets: [{ kind: 'all' }], mode: 'delete', reason: 'manual', id: 'unreadable', drop: [] }
}
