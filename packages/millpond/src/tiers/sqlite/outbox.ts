// The outbox: invalidations that could not reach the ledger, in a SQLite file of their own. It is no cache, so nothing in it is set aside or dropped.
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { checkOptions, required, type Shape, text } from '../../core/checks.ts'
import type { Outbox, OutboxChange } from '../../core/contracts.ts'
import { MillpondError, show } from '../../core/errors.ts'
import { classify, numberIn, textIn, texts } from '../../core/sqlite.ts'
import { DRIVER, loadDriver, type SqliteClass, type SqliteHandle } from './client.ts'

export interface SqliteOutboxOptions {
  /** The file, in a folder that exists. Processes of one host may share it. */
  readonly path: string
  readonly driver?: 'libsql' | 'node' | SqliteClass
}

/** How long a call waits for another process's lock before it rejects. */
const DEADLINE_MS = 2000
/** Before the number of a record whose own id cannot be read. */
const NUMBERED = '#'
const OPTIONS: Shape<SqliteOutboxOptions> = {
  path: required(text),
  driver: DRIVER,
}

/**
 * An outbox in a SQLite file. An acknowledged `add` survives a kill of the process and a power loss.
 * @throws MillpondError `OPTION_INVALID` when the file cannot be opened or is no outbox: it is left as it is.
 */
export function sqliteOutbox(options: SqliteOutboxOptions): Outbox {
  checkOptions<SqliteOutboxOptions>(options, OPTIONS, 'sqliteOutbox')
  const { path } = options
  if (typeof path !== 'string' || path === '')
    throw new MillpondError('OPTION_INVALID', `sqliteOutbox path: ${show(path)} is not a path: name a file in a folder that exists`)
  const handle = open(options)
  let isClosed = false
  return {
    async add(namespace, change) {
      const id = randomUUID()
      const kept: OutboxChange = { targets: change.targets, mode: change.mode, reason: change.reason, id: change.id, drop: change.drop }
      await retried(() =>
        handle.prepare('INSERT INTO outbox (id, namespace, change) VALUES (?, ?, ?)').run(id, namespace, JSON.stringify(kept)),
      )
      return id
    },
    async list(namespace) {
      const rows = await retried(() =>
        handle.prepare(`SELECT number, ${texts('id', 'change')} FROM outbox WHERE namespace = ? ORDER BY number`).all(namespace),
      )
      return rows.map((row) => ({
        id: readable(row, 'id') ?? `${NUMBERED}${numberIn(row, 'number')}`,
        change: parse(readable(row, 'change')),
      }))
    },
    async remove(ids) {
      await retried(() => {
        for (const id of ids)
          if (id.startsWith(NUMBERED)) handle.prepare('DELETE FROM outbox WHERE number = ?').run(Number(id.slice(NUMBERED.length)))
          else handle.prepare('DELETE FROM outbox WHERE id = ?').run(id)
      })
    },
    async close() {
      if (!isClosed) handle.close()
      isClosed = true
    },
  }
}

function open({ path, driver }: SqliteOutboxOptions): SqliteHandle {
  let handle: SqliteHandle | undefined
  try {
    handle = loadDriver(driver).open(path)
    handle.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 20')
    handle.exec(
      'CREATE TABLE IF NOT EXISTS outbox (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, namespace TEXT NOT NULL, change TEXT NOT NULL)',
    )
    return handle
  } catch (cause) {
    handle?.close()
    if (cause instanceof MillpondError) throw cause
    throw new MillpondError(
      'OPTION_INVALID',
      `sqliteOutbox path: ${show(path)} cannot be used: name a new file, or an outbox that this user may write`,
      { cause },
    )
  }
}

/** Tries again, without blocking, while another process holds the lock. */
async function retried<T>(step: () => T): Promise<T> {
  const end = performance.now() + DEADLINE_MS
  for (let round = 0; ; round++) {
    try {
      return step()
    } catch (cause) {
      if (classify(cause) !== 'busy' || performance.now() >= end)
        throw new MillpondError('TIER_FAILED', '[sqlite] outbox: the file could not be read or written', { cause })
    }
    await pause(Math.random() * Math.min(20, 1 + round * 2))
  }
}

/** Undefined for text that is not UTF-8: that of a damaged file. */
function readable(row: unknown, name: string): string | undefined {
  try {
    return textIn(row, name)
  } catch {
    return undefined
  }
}

/** A record that cannot be read concerns everything: it can only forget too much. */
function parse(text: string | undefined): OutboxChange {
  try {
    const change: OutboxChange = JSON.parse(text ?? '')
    if (Array.isArray(change.targets) && Array.isArray(change.drop)) return change
  } catch {
    // as below
  }
  return { targets: [{ kind: 'all' }], mode: 'delete', reason: 'manual', id: 'unreadable', drop: [] }
}
