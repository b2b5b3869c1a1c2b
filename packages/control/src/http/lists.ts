// Lists: newest or oldest first by a number that only grows, so that rows inserted meanwhile neither repeat nor hide
// others.
import { z } from 'zod'
import { Problem } from './problem.ts'

const MOST = 200
const USUAL = 50

export const listQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(MOST).default(USUAL).describe(`rows per page, 1 to ${MOST}`),
  cursor: z.string().max(200).optional().describe('next_cursor of the previous page'),
})

export const page = <T extends z.ZodType>(row: T) =>
  z.object({ data: z.array(row), has_more: z.boolean(), next_cursor: z.string().nullable() })

/** A cursor includes the list's name and filters, so that a cursor of another list is refused. */
export function readCursor(cursor: string | undefined, list: string): number | undefined {
  if (cursor === undefined) return undefined
  const [name, at] = decode(cursor)
  if (name !== list || !Number.isSafeInteger(at)) {
    throw new Problem(
      400,
      'cursor_invalid',
      'this cursor belongs to another list or other filters: start again without one',
      {
        errors: [
          {
            pointer: '?cursor',
            code: 'cursor_invalid',
            detail: 'use next_cursor of the previous page with the same filters',
          },
        ],
      },
    )
  }
  return Number(at)
}

function decode(cursor: string): readonly unknown[] {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    return Array.isArray(parsed) ? parsed : []
  } catch {
    return []
  }
}

/** @param rows one more than the limit if there are more */
export function pageOf<Row, Shown>(
  rows: readonly Row[],
  limit: number,
  list: string,
  at: (row: Row) => number,
  show: (row: Row) => Shown,
) {
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  const has_more = rows.length > limit
  const next_cursor =
    has_more && last !== undefined ? Buffer.from(JSON.stringify([list, at(last)])).toString('base64url') : null
  return { data: shown.map(show), has_more, next_cursor }
}
