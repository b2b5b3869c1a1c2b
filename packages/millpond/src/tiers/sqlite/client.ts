// The few operations that Millpond needs of an embedded SQLite, over libsql, Node's own module, or a class passed in.
import { check } from '../../core/checks.ts'
import { MillpondError } from '../../core/errors.ts'
import { isNotInstalled, loadPackage } from '../../core/packages.ts'

export type SqlValue = string | number | Uint8Array | null

/** A prepared statement as libsql, better-sqlite3 and node:sqlite all have it. */
export interface SqliteStatement {
  /** Runs it for its effect; returns how many rows it changed. */
  run(...values: SqlValue[]): { readonly changes: number | bigint }
  /** The first row; undefined if there is none. */
  get(...values: SqlValue[]): unknown
  /** All rows. */
  all(...values: SqlValue[]): unknown[]
  /** Returns rows as arrays from now on: libsql and better-sqlite3. */
  raw?(isRaw: boolean): unknown
  /** The same for node:sqlite, since Node 24. */
  setReturnArrays?(isOn: boolean): unknown
}

export interface SqliteHandle {
  /** Runs statements that return nothing and take no values. */
  exec(sql: string): unknown
  /** Compiles one statement; throws if its SQL is wrong. */
  prepare(sql: string): SqliteStatement
  /** Closes the file; the handle cannot be used afterwards. */
  close(): unknown
}

/** The class that better-sqlite3 and libsql export, and `DatabaseSync` of node:sqlite. */
export type SqliteClass = new (path: string) => SqliteHandle

export interface SqliteDriver {
  /** Names the driver in messages: `libsql`, `node`, or the name of the class. */
  readonly name: string
  /** Opens the file, creating it if it does not exist. Throws what the driver throws. */
  open(path: string): SqliteHandle
}

/** An arrow function is not a class: `new` of it would fail later, and elsewhere. */
export const DRIVER = check(
  (value): value is 'libsql' | 'node' | SqliteClass =>
    value === 'libsql' || value === 'node' || (typeof value === 'function' && value.prototype !== undefined),
  "'libsql', 'node', or better-sqlite3's class",
)

/**
 * The driver by name, the first one installed, or the class passed in.
 * @throws MillpondError `OPTION_INVALID` when it is not installed.
 */
export function loadDriver(driver: 'libsql' | 'node' | SqliteClass | undefined): SqliteDriver {
  if (typeof driver === 'function') return { name: driver.name, open: (path) => new driver(path) }
  const tried = driver === undefined ? [libsql, builtIn] : driver === 'libsql' ? [libsql] : [builtIn]
  let cause: unknown
  for (const find of tried) {
    try {
      return find()
    } catch (error) {
      if (!isNotInstalled(error)) throw error
      cause = error
    }
  }
  const missing =
    driver === 'node'
      ? 'this Node has no node:sqlite'
      : driver === 'libsql'
        ? 'libsql is not installed'
        : 'neither libsql nor node:sqlite is available'
  throw new MillpondError(
    'OPTION_INVALID',
    `sqlite driver: ${missing} (Node ${process.versions.node}): run "npm install libsql", or pass better-sqlite3's class as "driver"`,
    { cause },
  )
}

/** Both trust the module's shape: it is one that this file names. */
function libsql(): SqliteDriver {
  const found = loadPackage('libsql') as SqliteClass
  return { name: 'libsql', open: (path) => new found(path) }
}

function builtIn(): SqliteDriver {
  const found = loadPackage('node:sqlite') as { readonly DatabaseSync: SqliteClass }
  return { name: 'node', open: (path) => new found.DatabaseSync(path) }
}
