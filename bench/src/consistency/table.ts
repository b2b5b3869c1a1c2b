// The comparison as a table: a line per row, a column per contender.
import { formatTable } from '../table.ts'
import type { Cell, Extent } from './field.ts'

export interface Results {
  readonly about: About
  /** Contender -> its cells. */
  readonly cells: ReadonlyMap<string, readonly Cell[]>
}

export interface About {
  readonly date: string
  readonly machine: string
  /** Contender -> version and setup. */
  readonly versions: ReadonlyMap<string, string>
  readonly extent: Extent
}

const WARNINGS: Readonly<Record<Extent, string>> = {
  quick: '\n\nA quick run: it shows that everything works, not how well.',
  brief: '\n\nA brief run: fewer tries and shorter loads.',
  full: '',
}

/** Lines for a terminal or a page. */
export function comparisonTable({ cells }: Results): string {
  const names = [...cells.keys()]
  const rows = [...new Set([...cells.values()].flat().map((cell) => cell.row))]
  const cellOf = (name: string, row: string): string => cells.get(name)?.find((cell) => cell.row === row)?.text ?? ''
  return formatTable([['', ...names], ...rows.map((row) => [row, ...names.map((name) => cellOf(name, row))])])
}

/** The table with what a reader must know about it. */
export function markdown(results: Results): string {
  const { about } = results
  const setups = [...about.versions].map(([name, setup]) => `- **${name}** ${setup}`)
  const head = `Measured ${about.date} on ${about.machine}, all in one run, in turn, on the same Redis.`
  const warning = WARNINGS[about.extent]
  return [`${head}${warning}`, comparisonTable(results), setups.join('\n')].join('\n\n')
}

export function asJson({ about, cells }: Results): string {
  const plain = { ...about, versions: Object.fromEntries(about.versions), cells: Object.fromEntries(cells) }
  return JSON.stringify(plain, null, 2)
}
