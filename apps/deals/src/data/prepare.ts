// Opens the database and fills it when it is empty: generated data, or a sales pipeline.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Database, openDatabase } from '../db/database.ts'
import type { Settings } from '../settings.ts'
import { StartError } from '../start-error.ts'
import { type Import, readCrm } from './crm.ts'
import { type Fill, fill } from './fill.ts'
import { DEFAULT_SIZES, generate, type Sizes } from './generate.ts'
import { summarise, writeReport } from './report.ts'

export interface Prepared {
  readonly db: Database
  /** A new one with every fill: cached answers of other data are never accepted. */
  readonly dataset: string
  /** "Now" for statistics. */
  readonly today: number
}

export type Say = (line: string) => void

const CRM_FILES = ['accounts.csv', 'products.csv', 'sales_teams.csv', 'sales_pipeline.csv'] as const

interface Source extends Fill {
  readonly deals: number
  /** Undefined for generated data. */
  readonly imported: Import | undefined
  /** The user asked for this data, not for existing data. */
  readonly isAsked: boolean
}

/** @throws StartError if the data or the database cannot be used; then nothing was created. */
export async function prepareData(settings: Settings, say: Say): Promise<Prepared> {
  const source = readSource(settings)
  const db = await openDatabase(
    settings.databaseUrl === undefined
      ? { engine: 'sqlite', path: join(settings.folder, source.isAsked ? sqliteFile(source.source) : 'deals.sqlite') }
      : { engine: 'postgres', url: settings.databaseUrl },
  )
  try {
    const found = (await readMeta(db)).get('source')
    if (found !== undefined && found !== source.source && source.isAsked && !settings.isReset) {
      throw new StartError(
        `${db.location} holds other data (${found}): add --reset to replace it with ${source.source}, or choose another database`,
      )
    }
    if (found === undefined || settings.isReset) await fillFrom(db, source, settings, say)
    else say(`data: kept what is in ${db.location}`)
    const meta = await readMeta(db)
    return { db, dataset: meta.get('dataset') ?? 'none', today: settings.asOf ?? Number(meta.get('newest_day')) }
  } catch (error) {
    await db.close()
    throw error
  }
}

function readSource({ data, sizes = DEFAULT_SIZES }: Settings): Source {
  if (data === undefined) {
    return {
      source: sourceName(sizes),
      produce: (add) => generate(sizes, add),
      deals: sizes.deals,
      imported: undefined,
      isAsked: sizes !== DEFAULT_SIZES,
    }
  }
  if (!existsSync(data)) throw new StartError(`--data ${data}: there is no such folder`)
  const imported = readCrm(data)
  const hash = createHash('sha256')
  for (const file of CRM_FILES) hash.update(readFileSync(join(data, file)))
  return {
    source: `pipeline ${hash.digest('hex').slice(0, 12)}`,
    produce: imported.produce,
    deals: imported.lines,
    imported,
    isAsked: true,
  }
}

/** What identifies generated data. */
export function sourceName({ organizations, users, deals, seed }: Sizes): string {
  return `generated ${organizations} organisations, ${users} users, ${deals} deals, seed ${seed}`
}

/** Each kind of data that somebody asks for has a file of its own, so that trying one does not cost the other. */
export function sqliteFile(source: string): string {
  return `deals-${createHash('sha256').update(source).digest('hex').slice(0, 8)}.sqlite`
}

async function fillFrom(db: Database, source: Source, { folder }: Settings, say: Say): Promise<void> {
  const from = performance.now()
  say(`data: filling ${db.location} with ${source.source}`)
  let shown = 0
  const counts = await fill(db, {
    ...source,
    progress: (deals) => {
      const tenth = Math.floor((deals / Math.max(1, source.deals)) * 5)
      if (tenth > shown && tenth < 5)
        say(`data: ${deals.toLocaleString('en')} of ${source.deals.toLocaleString('en')} deals`)
      shown = Math.max(shown, tenth)
    },
  })
  const rows = Object.values(counts).reduce((sum, count) => sum + count, 0)
  say(`data: ${rows.toLocaleString('en')} rows in ${((performance.now() - from) / 1000).toFixed(1)} s`)
  if (source.imported) reportImport(source.imported, counts.deals, folder, say)
}

function reportImport({ findings, lines }: Import, deals: number, folder: string, say: Say): void {
  mkdirSync(folder, { recursive: true })
  const path = join(folder, 'import-report.txt')
  writeReport(path, findings)
  say(
    `import: ${lines.toLocaleString('en')} lines of the pipeline, ${deals.toLocaleString('en')} imported, ${(lines - deals).toLocaleString('en')} refused`,
  )
  for (const line of summarise(findings)) say(`import:   ${line}`)
  say(`import: every finding with its line is in ${path}`)
}

async function readMeta(db: Database): Promise<Map<string, string>> {
  const rows = await db.kysely.selectFrom('meta').selectAll().execute()
  return new Map(rows.map((row) => [row.key, row.value]))
}
