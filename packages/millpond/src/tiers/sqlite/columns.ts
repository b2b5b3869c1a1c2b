// Reads columns of a row that a driver answered, checked instead of assumed.

export function column(row: unknown, name: string): unknown {
  return typeof row === 'object' && row !== null ? Reflect.get(row, name) : undefined
}

export function numberIn(row: unknown, name: string): number {
  const value = column(row, name)
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  throw new TypeError(`the column ${name} holds ${typeof value}, not a number`)
}

/** Columns of text, to be read by `textIn`: as bytes, since libsql ends the process over text that is not UTF-8, and a damaged file may hold any. */
export function texts(...names: readonly string[]): string {
  return names.map((name) => `CAST(${name} AS BLOB) AS ${name}`).join(', ')
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Text that is not UTF-8 is that of a corrupt file, and fails as SQLite itself fails where it finds one. */
export function textIn(row: unknown, name: string): string {
  const bytes = bytesIn(row, name)
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    throw Object.assign(new Error(`the column ${name} holds text that is not UTF-8`, { cause }), { code: 'SQLITE_CORRUPT' })
  }
}

/** libsql answers blobs as ArrayBuffer from `all` and as Buffer from `get`. */
export function bytesIn(row: unknown, name: string): Uint8Array {
  const value = column(row, name)
  if (value instanceof Uint8Array) return value
  if (value instanceof ArrayBuffer) return new Uint8Array(value)
  throw new TypeError(`the column ${name} holds ${typeof value}, not bytes`)
}
