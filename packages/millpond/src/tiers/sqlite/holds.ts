// The rows of holds: keys and tags that a source is about to write. Every function runs inside its caller's
// transaction.
import type { Change } from '../../core/contracts.ts'
import type { Target } from '../../core/ledger.ts'
import { numberIn, numbers, textIn, texts } from '../../core/sqlite.ts'
import { MAX_EXPIRED, type Retain } from '../retain.ts'
import type { CacheFile } from './file.ts'
import { type LedgerRecord, NAME, nameIn, nameOf, recordChange, targetOf } from './ledger-rows.ts'

/** Whether the key is held by another step than the numbered one. */
export function isHeld(file: CacheFile, ns: string, key: string, but = -1): boolean {
  const row = file
    .sql("SELECT 1 FROM hold WHERE ns = ? AND kind = 'key' AND name = ? AND seq <> ? LIMIT 1")
    .get(ns, key, but)
  return row !== undefined && row !== null
}

export function addHolds(
  file: CacheFile,
  ns: string,
  { seq }: LedgerRecord,
  { hold, targets, id }: Change,
  now: number,
): void {
  if (hold === undefined) return
  const insert = file.sql('INSERT OR REPLACE INTO hold (ns, kind, name, seq, until, receipt) VALUES (?, ?, ?, ?, ?, ?)')
  for (const target of targets)
    if (target.kind === 'key' || target.kind === 'tag')
      insert.run(ns, target.kind, nameOf(target), seq, now + Math.ceil(hold), id)
}

export function endHolds(file: CacheFile, ns: string, { epoch }: LedgerRecord, { targets, settles }: Change): void {
  if (settles?.epoch !== epoch) return
  const end = file.sql('DELETE FROM hold WHERE ns = ? AND kind = ? AND name = ? AND seq = ?')
  targets.forEach((target, at) => {
    const seq = settles.seqs[at]
    if (seq !== undefined) end.run(ns, target.kind, nameOf(target), seq)
  })
}

/** Whether a hold has expired. */
export function isDue(file: CacheFile, ns: string, now: number): boolean {
  const row = file.sql('SELECT 1 FROM hold WHERE ns = ? AND until <= ? LIMIT 1').get(ns, now)
  return row !== undefined && row !== null
}

/** The outcome of an expired hold is unknown: its targets are invalidated now. Returns the record after that. */
export function expireHolds(
  file: CacheFile,
  ns: string,
  record: LedgerRecord,
  retain: Retain,
  now: number,
): LedgerRecord {
  if (!isDue(file, ns, now)) return record
  const due = file
    .sql(`SELECT DISTINCT ${numbers('seq')} FROM hold WHERE ns = ? AND until <= ? LIMIT ?`)
    .all(ns, now, MAX_EXPIRED)
  const targets = new Map<string, Target>()
  const receipts = new Set<string>()
  for (const row of due) {
    const seq = numberIn(row, 'seq')
    for (const held of file
      .sql(`SELECT ${texts('kind', 'receipt')}, ${NAME} FROM hold WHERE ns = ? AND seq = ?`)
      .all(ns, seq)) {
      const target = targetOf(textIn(held, 'kind'), nameIn(held))
      targets.set(`${target.kind} ${nameOf(target)}`, target)
      receipts.add(textIn(held, 'receipt'))
    }
    file.sql('DELETE FROM hold WHERE ns = ? AND seq = ?').run(ns, seq)
  }
  const id = `hold ${[...receipts].join(' ')}`
  return recordChange(
    file,
    ns,
    record,
    { targets: [...targets.values()], mode: 'delete', reason: 'data_changed', id, drop: [], write: [] },
    retain,
    now,
  )
}
