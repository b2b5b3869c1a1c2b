// Aligned columns, including wide characters, that fit the terminal: the flexible column is cut.
import { cut, type Part, padded, Safe, styled, text, widthOf } from './text.ts'

export interface Column {
  readonly title: string
  readonly isNumber?: boolean
  /** Is cut if the terminal is too narrow. */
  readonly gives?: boolean
}

const GAP = 2
const LEAST = 8

/** @param width columns of the terminal; without one nothing is cut */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly Part[])[],
  width: number | undefined,
): readonly Safe[] {
  const widths = columns.map(({ title }, at) => Math.max(title.length, ...rows.map((row) => widthOf(row[at] ?? ''))))
  if (width !== undefined) shrink(columns, widths, width)
  const line = (cells: readonly Part[]): Safe =>
    cells.reduce<Safe>((all, cell, at) => {
      const column = columns[at]
      const size = widths[at] ?? 0
      const isLast = at === columns.length - 1
      const fitted = cut(cell, size)
      const set = column?.isNumber === true ? padded(fitted, size, 'left') : isLast ? fitted : padded(fitted, size)
      return new Safe([...all.segments, ...(at === 0 ? [] : text`  `.segments), ...set.segments])
    }, new Safe([]))
  return [
    styled('dim', line(columns.map(({ title }) => new Safe([{ text: title, style: undefined }])))),
    ...rows.map(line),
  ]
}

function shrink(columns: readonly Column[], widths: number[], width: number): void {
  const over = (): number => widths.reduce((all, one) => all + one, GAP * (widths.length - 1)) - width
  const passes = [
    { gives: true, least: LEAST },
    { gives: false, least: 4 },
    { gives: true, least: 1 },
  ]
  for (const { gives, least } of passes)
    for (let at = columns.length - 1; at >= 0; at--) {
      if ((columns[at]?.gives === true) !== gives || over() <= 0) continue
      const now = widths[at] ?? 0
      widths[at] = Math.max(Math.min(now, least), now - over())
    }
}
