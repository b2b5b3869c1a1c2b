// The tier's operations on its table.
import type { Stored, TierItem } from '../../core/contracts.ts'
import type { Position } from '../../core/ledger.ts'
import { bytesIn, numberIn, numbers } from '../../core/sqlite.ts'
import { deadlineIn } from '../deadline.ts'
import { checkOf } from '../head-check.ts'
import { restore } from '../record-head.ts'
import type { CacheFile } from './file.ts'

export interface Bounds {
  readonly maxEntries: number
  readonly maxBytes: number
}

const encoder = new TextEncoder()
/**
 * A row as one binary value, which `record-head.ts` parses: each additional column costs a tenth of the lookup, and a
 * damaged one may hold anything, including text that is not UTF-8.
 */
const READ = `SELECT CAST(CAST(epoch AS BLOB) || ':' || seq || ':' || head || ':' || ifnull(expires, '') || x'0a' || body AS BLOB) AS record
  FROM entry WHERE key = ?`

/** The entry, unless it is absent, expired or cannot be read. */
export function readEntry(file: CacheFile, key: string, now: number): Stored | undefined {
  const record = file.value(READ, 'record', key)
  // Rows of version 2 have no checksum, so no record.
  if (!(record instanceof Uint8Array)) return undefined
  return restore(
    Buffer.isBuffer(record) ? record : Buffer.from(record.buffer, record.byteOffset, record.byteLength),
    now,
  )
}

/** The checksum over what the body's own checksum does not cover. */
const headOf = ({ epoch, seq }: Position, expires: number | null): number => checkOf(`${epoch}:${seq}:${expires ?? ''}`)

/**
 * Stores or replaces. An item that has expired, or is larger than the whole tier may be, only removes the previous one.
 */
export function writeEntry(file: CacheFile, item: TierItem, now: number, bounds: Bounds): void {
  const { key, body, expiresAt, asOf } = item
  if (expiresAt <= now || encoder.encode(key).length + body.length > bounds.maxBytes) {
    file.sql('DELETE FROM entry WHERE key = ?').run(key)
    return
  }
  const expires = deadlineIn(expiresAt) ?? null
  file
    .sql('INSERT OR REPLACE INTO entry (key, epoch, seq, expires, head, body) VALUES (?, ?, ?, ?, ?, ?)')
    .run(key, asOf.epoch, asOf.seq, expires, headOf(asOf, expires), body)
}

export function dropEntry(file: CacheFile, key: string): number {
  return Number(file.sql('DELETE FROM entry WHERE key = ?').run(key).changes)
}

/** Brings the table back within its limits: expired rows first, then the oldest. */
export function enforceBounds(file: CacheFile, bounds: Bounds, now: number): void {
  for (let step = 16; ; step *= 2) {
    const total = file.sql(`SELECT ${numbers('entries', 'bytes')} FROM total`).get()
    const entries = numberIn(total, 'entries')
    const bytes = numberIn(total, 'bytes')
    const surplus = entries - bounds.maxEntries
    if (entries === 0 || (surplus <= 0 && bytes <= bounds.maxBytes)) return
    if (sweepExpired(file, now, step) > 0) continue
    const share = bytes > bounds.maxBytes ? Math.ceil((entries * (bytes - bounds.maxBytes)) / bytes) : 0
    // Rows differ in size: at most `step` at a time, so that no more rows than necessary are evicted.
    const leaving = Math.max(1, surplus, Math.min(share, step))
    file.sql('DELETE FROM entry WHERE id IN (SELECT id FROM entry ORDER BY id LIMIT ?)').run(leaving)
  }
}

/** Deletes up to `limit` expired rows; returns how many. */
export function sweepExpired(file: CacheFile, now: number, limit: number): number {
  const sql = 'DELETE FROM entry WHERE id IN (SELECT id FROM entry WHERE expires <= ? ORDER BY expires LIMIT ?)'
  return Number(file.sql(sql).run(now, limit).changes)
}

/** Deletes up to `limit` keys under the prefix. */
export function clearSome(file: CacheFile, prefix: string, limit: number): number {
  const sql = `DELETE FROM entry WHERE id IN (SELECT id FROM entry WHERE key >= ? AND key < CAST(? AS TEXT) LIMIT ?)`
  return Number(file.sql(sql).run(prefix, above(prefix), limit).changes)
}

/** Up to `limit` keys under the prefix, after the key `after`, in byte order. Expired rows are skipped. */
export function listSome(
  file: CacheFile,
  prefix: string,
  after: string | undefined,
  limit: number,
  now: number,
): string[] {
  // Keys are read as bytes: a driver may cut text at a NUL.
  const sql = `SELECT CAST(key AS BLOB) AS key FROM entry WHERE key ${after === undefined ? '>=' : '>'} ? AND key < CAST(? AS TEXT)
    AND (expires IS NULL OR expires > ?) ORDER BY key LIMIT ?`
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  return file
    .sql(sql)
    .all(after ?? prefix, above(prefix), now, limit)
    .map((row) => decoder.decode(bytesIn(row, 'key')))
}

/**
 * Keys are compared by their UTF-8 bytes, which never contain 0xFF: prefix + 0xFF is above every key under the prefix.
 */
function above(prefix: string): Uint8Array {
  return Buffer.concat([encoder.encode(prefix), Uint8Array.of(0xff)])
}
