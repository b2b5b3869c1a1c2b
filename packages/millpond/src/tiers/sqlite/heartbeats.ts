// Which processes use the file, and the position of each: a heartbeat for each process, and a row for each namespace
// that it uses, written when its position changes. Every function runs inside a transaction of its caller.
import type { Heartbeat, LedgerNode } from '../../core/contracts.ts'
import { numberIn, numbers, textIn, texts } from '../../core/sqlite.ts'
import type { CacheFile } from './file.ts'
import { BY_HEARTBEAT } from './schema.ts'

/** A process that is silent for this long counts as ended. */
const NODE_MS = 3000

/**
 * Part of a heartbeat, with as many namespaces as the lock, held for a few milliseconds, has time for. Returns what
 * `LedgerStore.heartbeat` does.
 */
export function beat(file: CacheFile, id: string, { count, moved, left }: Heartbeat): boolean {
  const now = Date.now()
  const last = file.sql(`SELECT ${numbers('count')} FROM heartbeat WHERE id = ?`).get(id)
  const ahead = last === undefined || last === null ? Number.NaN : count - numberIn(last, 'count')
  if (ahead < 0) return true
  file.sql('INSERT OR REPLACE INTO heartbeat (id, count, at) VALUES (?, ?, ?)').run(id, count, now)
  for (const { namespace, position } of moved)
    file
      .sql('INSERT OR REPLACE INTO node (ns, id, epoch, seq, at) VALUES (?, ?, ?, ?, ?)')
      .run(namespace, id, position.epoch, position.seq, BY_HEARTBEAT)
  for (const namespace of left) file.sql('DELETE FROM node WHERE ns = ? AND id = ?').run(namespace, id)
  if (Number.isNaN(ahead)) clearEnded(file, now)
  // A file that was restored may know the process as it was earlier, without what it has told since.
  return ahead <= 1
}

/**
 * The processes of a namespace that are in its current epoch; processes of an earlier version report with a time
 * instead.
 */
export function nodesIn(file: CacheFile, ns: string): LedgerNode[] {
  const now = Date.now()
  const rows = file
    .sql(
      `SELECT ${texts('id')}, ${numbers('node.seq', 'node.at')}, ifnull((SELECT CASE typeof(h.at) WHEN 'integer' THEN h.at END FROM heartbeat h WHERE h.id = node.id), 0) AS beat
       FROM node JOIN ledger USING (ns, epoch) WHERE ns = ?`,
    )
    .all(ns)
  return rows.flatMap((row) => {
    const at = numberIn(row, 'at')
    const ageMs = Math.max(0, now - (at === BY_HEARTBEAT ? numberIn(row, 'beat') : at))
    return ageMs > NODE_MS ? [] : [{ id: textIn(row, 'id'), seq: numberIn(row, 'seq'), ageMs }]
  })
}

/** Deletes the rows of ended processes, in both tables. */
function clearEnded(file: CacheFile, now: number): void {
  file.sql('DELETE FROM node WHERE at < ?').run(now - NODE_MS)
  file
    .sql(`DELETE FROM node WHERE id IN (SELECT id FROM heartbeat WHERE at < ?) AND at = ${BY_HEARTBEAT}`)
    .run(now - NODE_MS)
  file.sql('DELETE FROM heartbeat WHERE at < ?').run(now - NODE_MS)
}
