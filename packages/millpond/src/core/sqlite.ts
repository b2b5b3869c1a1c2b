// An embedded SQLite as the tier and the job table use it: transactions, error classification, and rows that are
// validated when read.

import { isError } from './errors.ts'

/** What a failed call means for the caller. */
export type Failure = 'busy' | 'corrupt' | 'other'

/** Reads the codes of all three drivers: `SQLITE_BUSY` by name, or the numbers that node:sqlite gives. */
export function classify(error: unknown): Failure {
  if (error instanceof LockHeld) return 'busy'
  if (!isError(error)) return 'other'
  const named = 'code' in error && typeof error.code === 'string' ? error.code : ''
  const numbered = 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : -1
  if (/^SQLITE_(BUSY|LOCKED)/.test(named) || numbered === 5 || numbered === 6) return 'busy'
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(named) || numbered === 11 || numbered === 26) return 'corrupt'
  return 'other'
}

/** Another writer holds the lock: nothing was begun, and nothing needs to be cleaned up. */
export class LockHeld extends Error {}

/** The whole step or nothing. It is synchronous, so that nothing else runs in between. */
export function transaction<T>(
  handle: { exec(sql: string): unknown },
  begin: 'BEGIN' | 'BEGIN IMMEDIATE',
  step: () => T,
): T {
  try {
    // Not prepared: libsql leaves a prepared statement that met a lock half-way, and no transaction could be committed
    // then.
    handle.exec(begin)
  } catch (cause) {
    throw classify(cause) === 'busy' ? new LockHeld('database is locked', { cause }) : cause
  }
  try {
    const answer = step()
    handle.exec('COMMIT')
    return answer
  } catch (error) {
    rollback(handle)
    throw error
  }
}

/** Some failures (a full disk) have rolled back already, and then there is nothing to roll back. */
function rollback(handle: { exec(sql: string): unknown }): void {
  try {
    handle.exec('ROLLBACK')
  } catch (error) {
    if (classify(error) === 'corrupt') throw error
  }
}

export function column(row: unknown, name: string): unknown {
  return typeof row === 'object' && row !== null ? Reflect.get(row, name) : undefined
}

/** A number of a column selected by `numbers`, or computed by SQLite. */
export function numberIn(row: unknown, name: string): number {
  const value = column(row, name)
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  const error = new TypeError(`the column ${name} holds ${typeof value}, not a number`)
  throw value === null || value === undefined ? error : Object.assign(error, CORRUPT)
}

/** As SQLite itself says of a damaged file. */
const CORRUPT = { code: 'SQLITE_CORRUPT' }

// libsql aborts the process on text that is not UTF-8. In a damaged file any column may contain such text: one bit in a
// row's header turns a number or bytes into it. So whatever is read from a table is requested as bytes if it is text.

/**
 * Columns of numbers, to be read by `numberIn`. Order by `table.column`: the bare name would mean the expression, which
 * no index covers.
 */
export function numbers(...names: readonly string[]): string {
  return names
    .map((name) => `CASE typeof(${name}) WHEN 'text' THEN CAST(${name} AS BLOB) ELSE ${name} END AS ${bare(name)}`)
    .join(', ')
}

const bare = (name: string): string => name.slice(name.indexOf('.') + 1)

/** Columns of bytes, to be read by `bytesIn`, or of text, to be read by `textIn`. */
export function texts(...names: readonly string[]): string {
  return names.map((name) => `CAST(${name} AS BLOB) AS ${name}`).join(', ')
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Text that is not UTF-8 means a corrupt file, and fails as SQLite itself fails when it finds one. */
export function textIn(row: unknown, name: string): string {
  const bytes = bytesIn(row, name)
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    throw Object.assign(new Error(`the column ${name} holds text that is not UTF-8`, { cause }), CORRUPT)
  }
}

/** libsql returns blobs as ArrayBuffer from `all` and as Buffer from `get`. */
export function bytesIn(row: unknown, name: string): Uint8Array {
  const value = column(row, name)
  if (value instanceof Uint8Array) return value
  if (value instanceof ArrayBuffer) return new Uint8Array(value)
  throw new TypeError(`the column ${name} holds ${typeof value}, not bytes`)
}
