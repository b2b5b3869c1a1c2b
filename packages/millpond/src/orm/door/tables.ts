// How tables and rows are named as models, so that whatever tells of a change, by whichever door, means the same
// entries.
import { isName } from '../../core/key.ts'

/** Carried by every entry: for writes that do not tell what they change. */
export const EVERY_TABLE = 'every-table'
/** Stands for rows that were not there before: what lists the table goes, rows that were there stay. */
export const NEW_ROW = 'new-row'

/** The model of a table, `users` or `shop.users` in lower case. */
export function modelOf(table: string): string {
  const lower = table.toLowerCase()
  if (isName(lower)) return lower
  // Two that come to the same name share their tags, and go together.
  const plain = lower.replace(/[^a-z0-9_.-]/g, '-').slice(0, 100)
  return `t-${plain}`
}
