// One open cache file: opening it, checking that it is ours, setting a corrupt one aside, and detecting whether it is
// still the file at its path.
import { randomBytes } from 'node:crypto'
import { accessSync, constants, existsSync, renameSync, type Stats, statSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { isError, MillpondError, show } from '../../core/errors.ts'
import { classify, column, numberIn, textIn, texts, transaction } from '../../core/sqlite.ts'
import type { SqliteDriver, SqliteHandle, SqliteStatement, SqlValue } from './client.ts'
import type { SqliteSettings } from './options.ts'
import { APPLICATION_ID, SCHEMA, SCHEMA_VERSION } from './schema.ts'

export const IN_MEMORY = ':memory:'

/** An open file with its prepared statements. */
export class CacheFile {
  readonly #handle: SqliteHandle
  readonly #path: string
  readonly #identity: string
  readonly #statements = new Map<string, SqliteStatement>()
  readonly #arrays = new Map<string, SqliteStatement>()

  constructor(handle: SqliteHandle, path: string, identity: string) {
    this.#handle = handle
    this.#path = path
    this.#identity = identity
  }

  /** Returns a cached prepared statement. */
  sql(text: string): SqliteStatement {
    let statement = this.#statements.get(text)
    if (statement === undefined) {
      statement = this.#handle.prepare(text)
      this.#statements.set(text, statement)
    }
    return statement
  }

  /**
   * The only column of the first row; undefined if there is none. Uses array rows if the driver supports them: an
   * object per row costs a tenth of a read.
   */
  value(text: string, name: string, ...values: SqlValue[]): unknown {
    let statement = this.#arrays.get(text)
    if (statement === undefined) {
      statement = this.#handle.prepare(text)
      if (statement.raw !== undefined) statement.raw(true)
      else statement.setReturnArrays?.(true)
      this.#arrays.set(text, statement)
    }
    const row = statement.get(...values)
    return Array.isArray(row) ? row[0] : column(row, name)
  }

  /** Runs SQL without caching a statement. */
  exec(text: string): void {
    this.#handle.exec(text)
  }

  /** Whether this is still the file at the path. One `stat`. */
  get isCurrent(): boolean {
    return this.#path === IN_MEMORY || identify(this.#path) === this.#identity
  }

  close(): void {
    this.#statements.clear()
    this.#arrays.clear()
    this.#handle.close()
  }
}

/**
 * Opens the file, creates or checks its tables, and begins new epochs if the file is not the same as before (restored,
 * copied, moved). A corrupt file is set aside under another name and replaced.
 * @throws MillpondError `OPTION_INVALID` (cannot be written, another program's), `SCHEMA_NEWER`. Errors of SQLite
 * itself propagate, including `SQLITE_BUSY`.
 */
export function openFile(driver: SqliteDriver, settings: SqliteSettings): CacheFile {
  const { path } = settings
  if (path === IN_MEMORY) return prepare(driver.open(path), settings, IN_MEMORY)
  const full = resolve(path)
  checkWritable(full, path)
  for (let attempt = 0; ; attempt++) {
    const before = identify(full)
    let handle: SqliteHandle | undefined
    try {
      handle = driver.open(full)
      // Reads the header, and creates the file if there was none.
      checkOwner(handle, path)
      const after = identify(full)
      if (after === undefined || (before !== undefined && after !== before))
        throw new Error(`${full} was replaced while it was being opened`)
      return prepare(handle, { ...settings, path: full }, after)
    } catch (error) {
      handle?.close()
      if (attempt < 3 && classify(error) === 'corrupt') {
        setAside(settings, full, before, error)
        continue
      }
      if (handle === undefined)
        throw new MillpondError(
          'OPTION_INVALID',
          `sqlite path: ${show(path)} cannot be opened: choose a file in a folder that can be written`,
          { cause: error },
        )
      throw error
    }
  }
}

/** Renames a corrupt file with its companion files, unless it has been replaced already. */
export function setAside(settings: SqliteSettings, path: string, identity: string | undefined, cause: unknown): void {
  if (identify(path) !== identity) return
  const aside = `${path}.corrupt-${new Date().toISOString().replace(/[:.]/g, '-')}-${randomBytes(2).toString('hex')}`
  for (const suffix of ['-wal', '-shm', '']) {
    try {
      renameSync(path + suffix, aside + suffix)
    } catch (error) {
      if (!(isError(error) && 'code' in error && error.code === 'ENOENT')) throw error
    }
  }
  settings.warn({
    kind: 'corrupt',
    message: `the cache file ${show(path)} was corrupt: it is kept as ${show(aside)} and replaced by a new one`,
    cause,
  })
}

/** Identifies a file, as opposed to a copy of it. */
export function identify(path: string): string | undefined {
  const stats: Stats | undefined = statSync(path, { throwIfNoEntry: false })
  return stats && `${stats.ino}:${stats.birthtimeMs}`
}

function checkWritable(full: string, path: string): void {
  const folder = dirname(full)
  const fail = (what: string, remedy: string, cause?: unknown): never => {
    throw new MillpondError('OPTION_INVALID', `sqlite path: ${show(path)} cannot be written: ${what}; ${remedy}`, {
      cause,
    })
  }
  const stats = statSync(folder, { throwIfNoEntry: false })
  if (stats === undefined) fail(`the folder ${show(folder)} does not exist`, 'create it or choose another path')
  if (stats?.isDirectory() === false) fail(`${show(folder)} is not a folder`, 'choose another path')
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
  } catch (error) {
    fail(
      `the folder ${show(folder)} may not be written by this user`,
      'change its permissions or choose another path',
      error,
    )
  }
  if (!existsSync(full)) return
  if (!statSync(full).isFile()) fail(`${show(basename(full))} is not a file`, 'choose another path')
  try {
    accessSync(full, constants.R_OK | constants.W_OK)
  } catch (error) {
    fail('the file may not be read and written by this user', 'change its permissions or choose another path', error)
  }
}

/** Only reads: a rejected file is left unchanged. */
function checkOwner(handle: SqliteHandle, path: string): void {
  // Tables are created together with the marks: if there are tables, the marks, read after them, are those of their
  // creator.
  const tables = numberIn(handle.prepare('SELECT count(*) AS tables FROM sqlite_master').get(), 'tables')
  const owner = numberIn(handle.prepare('PRAGMA application_id').get(), 'application_id')
  const version = numberIn(handle.prepare('PRAGMA user_version').get(), 'user_version')
  if (owner !== APPLICATION_ID && tables > 0) {
    throw new MillpondError(
      'OPTION_INVALID',
      `sqlite path: ${show(path)} is the database of another program: give the cache its own file`,
    )
  }
  if (owner === APPLICATION_ID && version > SCHEMA_VERSION) {
    throw new MillpondError(
      'SCHEMA_NEWER',
      `sqlite path: ${show(path)} has schema version ${version}, but this Millpond supports only ${SCHEMA_VERSION}: update Millpond, or choose another file`,
    )
  }
}

function prepare(handle: SqliteHandle, settings: SqliteSettings, identity: string): CacheFile {
  handle.exec(`PRAGMA busy_timeout = ${settings.busyMs}`)
  // The journal mode is kept in the file; the size limit lets the log shrink again after a burst.
  if (settings.path !== IN_MEMORY) handle.exec('PRAGMA journal_mode = WAL')
  handle.exec(
    `PRAGMA synchronous = ${settings.synchronous}; PRAGMA journal_size_limit = 16777216; PRAGMA recursive_triggers = ON; PRAGMA temp_store = MEMORY; PRAGMA secure_delete = ON`,
  )
  const file = new CacheFile(handle, settings.path, identity)
  const version = numberIn(handle.prepare('PRAGMA user_version').get(), 'user_version')
  if (version === SCHEMA_VERSION && storedIdentity(file) === identity) return file
  transaction(handle, 'BEGIN IMMEDIATE', () => {
    handle.exec(SCHEMA)
    if (!hasHead(file)) handle.exec('ALTER TABLE entry ADD COLUMN head INTEGER')
    handle.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}`)
    if (storedIdentity(file) !== identity) {
      // A restored or copied file holds an older state: without a ledger record, the next request begins a new epoch.
      handle.exec(
        'DELETE FROM ledger; DELETE FROM ledger_target; DELETE FROM ledger_line; DELETE FROM lease; DELETE FROM node; DELETE FROM heartbeat',
      )
      // Nor are its nodes and requests those of this file.
      handle.exec(
        'DELETE FROM channel; DELETE FROM channel_node; DELETE FROM channel_request; DELETE FROM channel_reply',
      )
      handle.prepare('INSERT OR REPLACE INTO mark (name, value) VALUES (?, ?)').run('identity', identity)
    }
  })
  return file
}

/** Since version 3. */
function hasHead(file: CacheFile): boolean {
  return (
    numberIn(file.sql("SELECT count(*) AS found FROM pragma_table_info('entry') WHERE name = 'head'").get(), 'found') >
    0
  )
}

function storedIdentity(file: CacheFile): string | undefined {
  const row = file.sql(`SELECT ${texts('value')} FROM mark WHERE name = 'identity'`).get()
  return row === undefined ? undefined : textIn(row, 'value')
}
