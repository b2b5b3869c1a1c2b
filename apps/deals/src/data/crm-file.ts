// One CSV file of the sales pipeline: its named columns, and every fault found in it.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { StartError } from '../start-error.ts'
import { parseCsv } from './csv.ts'

export interface Finding {
  readonly file: string
  readonly line: number
  /** `repaired`: imported after a correction. `noted`: imported as it is. `refused`: not imported. */
  readonly outcome: 'repaired' | 'noted' | 'refused'
  /** The kind of fault, for the summary. */
  readonly fault: string
  readonly detail: string
}

export type Note = (outcome: Finding['outcome'], fault: string, detail: string) => void

/** A line of the file by column names; `note` records a fault of this line. */
export interface Line<C extends string> {
  readonly at: number
  readonly get: (column: C) => string
  readonly note: Note
}

/** Reads a file. A missing file or column ends the start; a line with the wrong number of fields is refused. */
export function readLines<C extends string>(
  folder: string,
  file: string,
  columns: readonly C[],
  findings: Finding[],
): Line<C>[] {
  const path = join(folder, file)
  if (!existsSync(path))
    throw new StartError(
      `--data ${folder}: there is no ${file} in this folder; choose the folder with accounts, products, sales_teams and sales_pipeline`,
    )
  const [header, ...records] = parseCsv(readFileSync(path, 'utf8'))
  const names = header?.fields.map((name) => name.trim().toLowerCase()) ?? []
  const missing = columns.filter((column) => !names.includes(column))
  if (missing.length > 0)
    throw new StartError(
      `${path}: the column ${missing.join(', ')} is missing from ${JSON.stringify(names.join(','))}; correct the first line`,
    )
  const lines: Line<C>[] = []
  for (const record of records) {
    const note: Note = (outcome, fault, detail) => findings.push({ file, line: record.line, outcome, fault, detail })
    if (record.fields.length !== names.length) {
      note(
        'refused',
        'wrong number of fields',
        `${record.fields.length} fields, ${names.length} expected: ${JSON.stringify(record.fields.join(','))}`,
      )
      continue
    }
    const values = new Map(names.map((name, index) => [name, (record.fields[index] ?? '').trim()]))
    lines.push({ at: record.line, get: (column) => values.get(column) ?? '', note })
  }
  return lines
}
