// The ledger's rows: the record of a namespace, its targets in force, its log. Every function runs inside a transaction
// of its caller.
import { randomBytes } from 'node:crypto'
import type { Change } from '../../core/contracts.ts'
import type { Line, Target } from '../../core/ledger.ts'
import { bytesIn, column, numberIn, numbers, textIn, texts } from '../../core/sqlite.ts'
import type { Page } from '../paged-snapshots.ts'
import { MAX_PATTERNS, type Retain } from '../retain.ts'
import type { CacheFile } from './file.ts'

export interface LedgerRecord {
  readonly epoch: string
  readonly seq: number
  readonly floor: number
  readonly commitFloor: number
  readonly external: boolean
}

export function findRecord(file: CacheFile, ns: string): LedgerRecord | undefined {
  const row = file
    .sql(`SELECT ${texts('epoch')}, ${numbers('seq', 'floor', 'commit_floor', 'external')} FROM ledger WHERE ns = ?`)
    .get(ns)
  if (row === undefined || row === null) return undefined
  return {
    epoch: textIn(row, 'epoch'),
    seq: numberIn(row, 'seq'),
    floor: numberIn(row, 'floor'),
    commitFloor: numberIn(row, 'commit_floor'),
    external: numberIn(row, 'external') === 1,
  }
}

export function saveRecord(file: CacheFile, ns: string, record: LedgerRecord): void {
  const sql = `INSERT INTO ledger (ns, epoch, seq, floor, commit_floor, external) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (ns) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq, floor = excluded.floor,
      commit_floor = excluded.commit_floor, external = excluded.external`
  file.sql(sql).run(ns, record.epoch, record.seq, record.floor, record.commitFloor, record.external ? 1 : 0)
}

/** The record, or one of a new epoch, with a random name, so that no two histories share one. Not saved. */
export function recordOf(file: CacheFile, ns: string, external: boolean): LedgerRecord {
  const record = findRecord(file, ns)
  if (record === undefined) return newEpoch(file, ns, external)
  return external && !record.external ? { ...record, external } : record
}

export function newEpoch(file: CacheFile, ns: string, external: boolean): LedgerRecord {
  forget(file, ns)
  file.sql('DELETE FROM hold WHERE ns = ?').run(ns)
  return { epoch: randomBytes(9).toString('base64url'), seq: 0, floor: 0, commitFloor: 0, external }
}

function forget(file: CacheFile, ns: string): void {
  file.sql('DELETE FROM ledger_target WHERE ns = ?').run(ns)
  file.sql('DELETE FROM ledger_line WHERE ns = ?').run(ns)
}

/** Writes the line and its targets; returns the record after it. */
export function recordChange(
  file: CacheFile,
  ns: string,
  before: LedgerRecord,
  change: Change,
  retain: Retain,
  now: number,
): LedgerRecord {
  const seq = before.seq + 1
  const line = collapse(file, ns, change)
  let record: LedgerRecord = { ...before, seq }
  if (line.mode === 'delete' && line.targets.some((target) => target.kind === 'all')) {
    // Everything older is invalid: older targets mean nothing any more, and followers need this line alone.
    forget(file, ns)
    record = { ...record, floor: seq }
  }
  const upsert = file.sql(
    'INSERT OR REPLACE INTO ledger_target (ns, kind, name, mode, seq, reason, receipt) VALUES (?, ?, ?, ?, ?, ?, ?)',
  )
  for (const target of line.targets)
    upsert.run(ns, target.kind, nameOf(target), line.mode, seq, change.reason, change.id)
  file
    .sql('INSERT INTO ledger_line (ns, seq, at, mode, reason, receipt, targets) VALUES (?, ?, ?, ?, ?, ?, ?)')
    .run(
      ns,
      seq,
      now,
      line.mode,
      change.reason,
      change.id,
      JSON.stringify(line.targets.map((target) => [target.kind, nameOf(target)])),
    )
  return prune(file, ns, record, retain, now)
}

/** Patterns are matched one by one on each read: too many become one clear. */
function collapse(file: CacheFile, ns: string, change: Change): Pick<Change, 'targets' | 'mode'> {
  const patterns = new Set(change.targets.flatMap((target) => (target.kind === 'pattern' ? [target.pattern] : [])))
  if (patterns.size === 0) return change
  const rows = file.sql(`SELECT ${NAME} FROM ledger_target WHERE ns = ? AND kind = 'pattern'`).all(ns)
  for (const row of rows) patterns.add(nameIn(row))
  return patterns.size > MAX_PATTERNS ? { mode: 'delete', targets: [...change.targets, { kind: 'all' }] } : change
}

/** A little with each step, so that no step is long. */
function prune(file: CacheFile, ns: string, record: LedgerRecord, retain: Retain, now: number): LedgerRecord {
  let pruned = pruneLog(file, ns, record, retain, now)
  const every = Math.max(1, Math.min(256, Math.floor(retain.targets / 16)))
  if (record.seq % every === 0) {
    pruned = pruneTargets(file, ns, pruned, retain, ["'key'"])
    pruned = pruneTargets(file, ns, pruned, retain, ["'tag'", "'pattern'"])
  }
  return pruned
}

/** Removes lines beyond the window or the count, and with them the key targets of their time. */
function pruneLog(file: CacheFile, ns: string, record: LedgerRecord, retain: Retain, now: number): LedgerRecord {
  const rows = file
    .sql(`SELECT ${numbers('seq', 'at')} FROM ledger_line WHERE ns = ? ORDER BY ledger_line.seq LIMIT 4`)
    .all(ns)
  let upTo = 0
  for (const row of rows) {
    const seq = numberIn(row, 'seq')
    if (seq >= record.seq || (numberIn(row, 'at') > now - retain.windowMs && seq > record.seq - retain.targets)) break
    upTo = seq
  }
  if (upTo === 0) return record
  file.sql('DELETE FROM ledger_line WHERE ns = ? AND seq <= ?').run(ns, upTo)
  if (record.external) return record
  file.sql("DELETE FROM ledger_target WHERE ns = ? AND kind = 'key' AND seq <= ?").run(ns, upTo)
  return { ...record, commitFloor: Math.max(record.commitFloor, upTo) }
}

/**
 * Above the count, removes the oldest tenth; the floor (for keys the commit floor) rises to cover what it invalidated.
 */
function pruneTargets(
  file: CacheFile,
  ns: string,
  record: LedgerRecord,
  retain: Retain,
  kinds: readonly string[],
): LedgerRecord {
  const among = `ns = ? AND kind IN (${kinds.join(', ')})`
  const count = numberIn(file.sql(`SELECT count(*) AS count FROM ledger_target WHERE ${among}`).get(ns), 'count')
  if (count <= retain.targets) return record
  const leaving = count - Math.floor(retain.targets * 0.9)
  const row = file
    .sql(`SELECT ${numbers('seq')} FROM ledger_target WHERE ${among} ORDER BY ledger_target.seq LIMIT 1 OFFSET ?`)
    .get(ns, leaving - 1)
  const upTo = Math.min(numberIn(row, 'seq'), record.seq)
  file.sql(`DELETE FROM ledger_target WHERE ${among} AND seq <= ?`).run(ns, upTo)
  return kinds[0] === "'key'"
    ? { ...record, commitFloor: Math.max(record.commitFloor, upTo) }
    : { ...record, floor: Math.max(record.floor, upTo) }
}

/** Read as bytes: libsql cuts text at a NUL. */
export const NAME = texts('name')
const TARGET = `${texts('kind', 'name', 'mode', 'reason', 'receipt')}, ${numbers('seq')}`
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

export function nameIn(row: unknown): string {
  return decoder.decode(bytesIn(row, 'name'))
}

/** More targets than this are read in pages, with turns of the event loop in between. */
const MAX_AT_ONCE = 2000

/**
 * Every target still in force, as lines in the order of their numbers; undefined if there are too many for one step.
 */
export function linesInForce(file: CacheFile, ns: string, floor: number): Line[] | undefined {
  const sql = `SELECT ${TARGET} FROM ledger_target WHERE ns = ? AND seq >= ? LIMIT ?`
  const rows = file.sql(sql).all(ns, floor, MAX_AT_ONCE + 1)
  return rows.length > MAX_AT_ONCE ? undefined : linesOf(rows)
}

/** A page of targets in the order of their names. */
export function pageInForce(file: CacheFile, ns: string, after: string | undefined): Page {
  const sql = `SELECT ${TARGET} FROM ledger_target t WHERE ns = ? AND (kind, name, mode) > (?, ?, ?) ORDER BY t.kind, t.name, t.mode LIMIT ?`
  const [kind = '', name = '', mode = ''] = after === undefined ? [] : parseCursor(after)
  const rows = file.sql(sql).all(ns, kind, name, mode, MAX_AT_ONCE)
  const last = rows.at(-1)
  const next =
    rows.length < MAX_AT_ONCE ? undefined : JSON.stringify([textIn(last, 'kind'), nameIn(last), textIn(last, 'mode')])
  return { lines: linesOf(rows), next }
}

function parseCursor(text: string): string[] {
  const parsed: unknown = JSON.parse(text)
  return Array.isArray(parsed) ? parsed.map(String) : []
}

function linesOf(rows: readonly unknown[]): Line[] {
  const lines = new Map<string, Line & { readonly targets: Target[] }>()
  for (const row of rows) {
    const seq = numberIn(row, 'seq')
    const mode = modeIn(row)
    const target = targetOf(textIn(row, 'kind'), nameIn(row))
    const known = lines.get(`${mode} ${seq}`)
    if (known !== undefined) known.targets.push(target)
    else
      lines.set(`${mode} ${seq}`, {
        seq,
        mode,
        reason: textIn(row, 'reason'),
        id: textIn(row, 'receipt'),
        targets: [target],
      })
  }
  return [...lines.values()].sort((a, b) => a.seq - b.seq)
}

/** The log after `after`; undefined if it does not reach back that far. */
export function linesAfter(file: CacheFile, ns: string, after: number, last: number): Line[] | undefined {
  if (after === last) return []
  const rows = file
    .sql(
      `SELECT ${numbers('seq')}, ${texts('mode', 'reason', 'receipt', 'targets')} FROM ledger_line WHERE ns = ? AND seq > ? ORDER BY ledger_line.seq`,
    )
    .all(ns, after)
  if (rows.length !== last - after) return undefined
  return rows.map((row) => ({
    seq: numberIn(row, 'seq'),
    mode: modeIn(row),
    reason: textIn(row, 'reason'),
    id: textIn(row, 'receipt'),
    targets: parseTargets(textIn(row, 'targets')),
  }))
}

/** The last number of the target, in either mode; 0 if it never moved. */
export function lastMove(file: CacheFile, ns: string, target: Target): number {
  // The sum keeps SQLite from walking the index by number instead of looking up the name.
  const sql = 'SELECT max(seq + 0) AS seq FROM ledger_target WHERE ns = ? AND kind = ? AND name = ?'
  const row = file.sql(sql).get(ns, target.kind, nameOf(target))
  return column(row, 'seq') === null ? 0 : numberIn(row, 'seq')
}

/** The last number of any pattern, in either mode; 0 if there is none. */
export function lastPattern(file: CacheFile, ns: string): number {
  const row = file.sql("SELECT max(seq + 0) AS seq FROM ledger_target WHERE ns = ? AND kind = 'pattern'").get(ns)
  return column(row, 'seq') === null ? 0 : numberIn(row, 'seq')
}

export function nameOf(target: Target): string {
  return target.kind === 'key'
    ? target.key
    : target.kind === 'tag'
      ? target.tag
      : target.kind === 'pattern'
        ? target.pattern
        : ''
}

export function targetOf(kind: string, name: string): Target {
  if (kind === 'key') return { kind, key: name }
  if (kind === 'tag') return { kind, tag: name }
  if (kind === 'pattern') return { kind, pattern: name }
  // An unknown kind (of a later version) counts as a clear, which can only invalidate too much.
  return { kind: 'all' }
}

function modeIn(row: unknown): 'delete' | 'expire' {
  return textIn(row, 'mode') === 'expire' ? 'expire' : 'delete'
}

function parseTargets(text: string): Target[] {
  const parsed: unknown = JSON.parse(text)
  if (!Array.isArray(parsed)) return [{ kind: 'all' }]
  return parsed.map((pair: unknown) =>
    Array.isArray(pair) ? targetOf(String(pair[0]), String(pair[1])) : { kind: 'all' },
  )
}
