// How tables and rows are named as models, so that every report of a change, by any adapter, reaches the same entries.
import { isName } from '../../core/key.ts'

/** The tag of every entry: for writes of which it is not known what they change. */
export const EVERY_TABLE = 'every-table'
/** For rows that did not exist before: lists of the table are invalidated, answers about existing rows are not. */
export const NEW_ROW = 'new-row'

/** The model of a table, `users` or `shop.users` in lower case. */
export function modelOf(table: string): string {
  const lower = table.toLowerCase()
  if (isName(lower)) return lower
  // Two tables that get the same name share their tags, and are invalidated together.
  const plain = lower.replace(/[^a-z0-9_.-]/g, '-').slice(0, 100)
  return `t-${plain}`
}
