// Audit rows for other programs: newline-delimited JSON, or CSV that is safe from formula injection.
import type { AuditRow } from './audit.ts'

export function viewOf(row: AuditRow) {
  const { previous: _, detail, at, seq, ...rest } = row
  return { ...rest, seq: Number(seq), at: new Date(Number(at)).toISOString(), detail: JSON.parse(detail) as unknown }
}

export const ndjsonOf = (rows: readonly AuditRow[]): string =>
  rows.map((row) => `${JSON.stringify(viewOf(row))}\n`).join('')

const COLUMNS = [
  'seq',
  'id',
  'at',
  'kind',
  'actor',
  'via',
  'address',
  'action',
  'target',
  'detail',
  'outcome',
  'request_id',
  'hash',
] as const

export function csvOf(rows: readonly AuditRow[]): string {
  const lines = rows.map((row) => {
    const view = viewOf(row)
    return COLUMNS.map((column) => cell(column === 'detail' ? row.detail : view[column])).join(',')
  })
  return [COLUMNS.join(','), ...lines, ''].join('\r\n')
}

/** RFC 4180, with an apostrophe before what a spreadsheet would run as a formula. */
function cell(value: unknown): string {
  const text = value === null || value === undefined ? '' : String(value)
  const safe = /^[=+\-@\t\r\n]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
