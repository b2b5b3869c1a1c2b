// A file of SQLite for doors.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Sqlite from 'libsql'
import { TABLES } from './door-contract.ts'

export interface SqliteFile {
  readonly path: string
  behind(sql: string): Promise<unknown>
  close(): Promise<void>
  /** Without the file. */
  leave(): void
  remove(): void
}

export function openFile(): SqliteFile {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-sqlite-'))
  const path = join(folder, 'shop.db')
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  const db = new Sqlite(path)
  db.exec('PRAGMA journal_mode = WAL')
  db.exec('PRAGMA busy_timeout = 10000')
  for (const sql of TABLES) db.exec(sql)
  return {
    path,
    behind: async (sql) => db.exec(sql),
    close: async () => {
      db.close()
      remove()
    },
    leave: () => void db.close(),
    remove,
  }
}

/** One at a time: SQLite has one writer. */
export function inTurn(): <T>(work: () => Promise<T>) => Promise<T> {
  let before: Promise<unknown> = Promise.resolve()
  return (work) => {
    const turn = before.then(work)
    before = turn.catch(() => undefined)
    return turn
  }
}
