// Lists, page by page: rows are printed as they arrive, so that a million of them do not fill memory.
import type { Context } from '../command.ts'
import type { Column } from '../terminal/table.ts'
import { type Part, text } from '../terminal/text.ts'
import type { Client } from './client.ts'
import { at, type Row, rowsAt, textAt } from './read.ts'

const MOST = 200
const USUAL = 50

export interface ListOf {
  readonly schema: string
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | undefined>>
  readonly columns: readonly Column[]
  readonly row: (row: Row) => readonly Part[]
  readonly none: string
}

/** `--limit` rows, all with `--all`. */
export async function list(
  { given, out }: Context,
  client: Client,
  { schema, path, query, columns, row, none }: ListOf,
): Promise<void> {
  const wanted = given.flag('all') ? Number.POSITIVE_INFINITY : (given.count('limit') ?? USUAL)
  const kept: Row[] = []
  let [seen, cursor, hasMore] = [0, '', true]
  while (hasMore && seen < wanted && !out.isGone) {
    const { body } = await client.get(path, {
      ...query,
      limit: Math.min(MOST, wanted - seen),
      ...(cursor !== '' && { cursor }),
    })
    const rows = rowsAt(body, 'data').slice(0, wanted - seen)
    seen += rows.length
    cursor = textAt(body, 'next_cursor')
    hasMore = at(body, 'has_more') === true && cursor !== ''
    if (!out.isNdjson) kept.push(...rows)
    else for (const one of rows) await out.row(one)
  }
  if (out.isNdjson) return
  await out.answer(schema, { data: kept, has_more: hasMore }, () => {
    if (kept.length === 0) return out.line(text`${none}`)
    out.table(columns, kept.map(row))
    if (hasMore) out.note(text`there are more: use --limit N or --all`)
  })
}
