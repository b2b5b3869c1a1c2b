// The position of a reader in untrusted bytes, and how many items it may still create: state of the one value being
// read, synchronously. For packed values and MessagePack, whose numbers have the same encoding.
import { DecodeError } from './revive.ts'

const NOTHING: Buffer = Buffer.alloc(0)

export const cursor = { bytes: NOTHING, at: 0, end: 0, left: 0 }

export function startAt(bytes: Buffer, at: number, end: number, left: number): void {
  cursor.bytes = bytes
  cursor.at = at
  cursor.end = end
  cursor.left = left
}

/** Releases the reference to the bytes. */
export function release(): void {
  cursor.bytes = NOTHING
}

/** The next byte. */
export function next(): number {
  if (cursor.at >= cursor.end) throw malformed()
  return cursor.bytes[cursor.at++]!
}

/** The start of the next `length` bytes, which are skipped. */
export function skip(length: number): number {
  const from = cursor.at
  cursor.at += length
  if (cursor.at > cursor.end) throw malformed()
  return from
}

/** Half the cost of Buffer's own; most numbers are read here. */
export function uint16(): number {
  const from = skip(2)
  const { bytes } = cursor
  return (bytes[from]! << 8) | bytes[from + 1]!
}

export const uint32 = (): number => uint16() * 65_536 + uint16()

export const float64 = (): number => cursor.bytes.readDoubleBE(skip(8))

/** Counts items against the limits before any are created. */
export function count(items: number, levels: number): void {
  if (levels === 0) throw new DecodeError('too_deep', 'nested too deep')
  cursor.left -= items || 1
  if (cursor.left < 0) throw new DecodeError('too_many', 'too many items')
}

/**
 * Instead of assignment, for names that exist on `Object.prototype`: `__proto__` has a setter, and if the prototype is
 * frozen, the others cannot be assigned either.
 */
export function define(fields: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(fields, name, { value, enumerable: true, configurable: true, writable: true })
}

export const malformed = (): DecodeError => new DecodeError('malformed', 'unexpected bytes')
