// A table that folds into cards on narrow screens, and keeps its roles.
import type { ReactNode } from 'react'

export interface Column<Row> {
  readonly name: string
  /** Visually hidden, for columns of buttons. */
  readonly isSilent?: boolean
  readonly isNumber?: boolean
  /** Its layout as a card: full width, to the right of the name, or omitted. */
  readonly folded?: 'wide' | 'right' | 'skip'
  readonly cell: (row: Row) => ReactNode
}

export function Table<Row>({
  caption,
  columns,
  rows,
  keyOf,
  toneOf,
  footer,
  isDense = false,
}: {
  readonly caption: string
  /** The first names the row. */
  readonly columns: readonly Column<Row>[]
  readonly rows: readonly Row[]
  readonly keyOf: (row: Row) => string
  readonly toneOf?: (row: Row) => 'wrong' | 'quiet' | undefined
  readonly footer?: ReactNode
  /** For many rows: compact as cards, too. */
  readonly isDense?: boolean
}) {
  const [first, ...rest] = columns
  return (
    // biome-ignore-start lint/a11y/noRedundantRoles: a table that is displayed as a grid loses them
    // biome-ignore-start lint/a11y/useSemanticElements: the elements are the right ones already
    <table role="table" className={`fold ${isDense ? 'dense' : ''}`}>
      <caption className="sr">{caption}</caption>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map((column) => (
            <th key={column.name} scope="col" role="columnheader" className={column.isNumber ? 'num' : undefined}>
              {column.isSilent ? <span className="sr">{column.name}</span> : column.name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map((row) => (
          <tr role="row" key={keyOf(row)} className={toneOf?.(row)}>
            <th scope="row" role="rowheader">
              {first?.cell(row)}
            </th>
            {rest.map((column) => (
              <td
                key={column.name}
                role="cell"
                data-l={column.isSilent || column.folded === 'right' ? undefined : column.name}
                className={
                  [column.isNumber ? 'num' : '', FOLDED[column.folded ?? 'usual']].join(' ').trim() || undefined
                }
              >
                {column.cell(row)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
      {footer}
    </table>
    // biome-ignore-end lint/a11y/useSemanticElements: see above
    // biome-ignore-end lint/a11y/noRedundantRoles: see above
  )
}

const FOLDED = { usual: '', wide: 'wide', right: 'right-s', skip: 'skip-s' } as const
