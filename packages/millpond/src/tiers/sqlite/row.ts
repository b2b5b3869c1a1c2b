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

export function textIn(row: unknown, name: string): string {
  const value = column(row, name)
  if (typeof value === 'string') return value
  throw new TypeError(`the column ${name} holds ${typeof value}, not text`)
}

/** libsql answers blobs as ArrayBuffer from `all` and as Buffer from `get`. */
export function bytesIn(row: unknown, name: string): Uint8Array {
  const value = column(row, name)
  if (value instanceof Uint8Array) return value
  if (value instanceof ArrayBuffer) return new Uint8Array(value)
  throw new TypeError(`the column ${name} holds ${typeof value}, not bytes`)
}
