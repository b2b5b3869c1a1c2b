// Reads columns of a result row, checked instead of assumed.
import type { Row } from './call.ts'

export function textAt(row: Row | undefined, index: number): string {
  const value = row?.[index]
  if (typeof value === 'string') return value
  throw new TypeError(`column ${index} holds nothing`)
}

export function numberAt(row: Row | undefined, index: number): number {
  const value = Number(textAt(row, index))
  if (Number.isSafeInteger(value)) return value
  throw new TypeError(`column ${index} holds no whole number`)
}

/** The bytes of a hex-encoded column; clients that ignore type parsers return the digits. */
export function bytesAt(row: Row | undefined, index: number): Buffer {
  const value = row?.[index]
  return Buffer.isBuffer(value) ? value : Buffer.from(textAt(row, index), 'hex')
}
