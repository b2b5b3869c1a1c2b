// The import of a real sales pipeline: accounts are the organisations, agents and managers the users, regional offices
// the teams. Every fault is repaired or reported with its line; nothing is dropped in silence.
import { parseIsoDay } from '../db/days.ts'
import type { Stage } from '../db/schema.ts'
import { type Directory, readDirectory } from './crm-directory.ts'
import { type Finding, readLines } from './crm-file.ts'
import { addEveryone } from './crm-people.ts'
import { loose, quarterOf, readCents, readDay } from './crm-values.ts'
import { type AddRow, searchText } from './rows.ts'

const PIPELINE = 'sales_pipeline.csv'
const COLUMNS = [
  'opportunity_id',
  'sales_agent',
  'product',
  'account',
  'deal_stage',
  'engage_date',
  'close_date',
  'close_value',
] as const
const DERIVED = ['engage_quarter', 'close_quarter'] as const
const STAGE_NAMES = new Map<string, Stage>([
  ['prospecting', 'prospecting'],
  ['engaging', 'engaging'],
  ['won', 'won'],
  ['lost', 'lost'],
])

export interface Import {
  readonly findings: Finding[]
  /** Lines of the pipeline, without its header. */
  readonly lines: number
  readonly produce: (add: AddRow) => Iterable<number>
}

type PipelineLine = ReturnType<typeof readLines<(typeof COLUMNS)[number]>>[number]

/** A line of the pipeline once it is understood. */
interface Opportunity {
  readonly reference: string
  readonly agent: string
  readonly product: string
  readonly account: string
  readonly stage: Stage
  readonly opened: number | null
  readonly closed: number | null
  readonly amount: number | null
}

/** Reads the folder. Throws `StartError` when a file or a column is missing. */
export function readCrm(folder: string): Import {
  const findings: Finding[] = []
  const directory = readDirectory(folder, findings)
  const rows = readLines(folder, PIPELINE, COLUMNS, findings)
  const seen = new Set<string>()
  const opportunities: Opportunity[] = []
  for (const line of rows) {
    const deal = understand(line, directory, seen)
    if (deal) opportunities.push(deal)
  }
  checkDerived(folder, findings)
  const refused = findings.filter((finding) => finding.file === PIPELINE && finding.outcome === 'refused').length
  return { findings, lines: opportunities.length + refused, produce: (add) => produce(add, directory, opportunities) }
}

function understand(line: PipelineLine, directory: Directory, seen: Set<string>): Opportunity | undefined {
  const reference = line.get('opportunity_id')
  const refuse = (fault: string, detail: string) => {
    line.note('refused', fault, detail)
    return undefined
  }
  if (reference === '') return refuse('no opportunity id', 'the line contains no opportunity')
  if (seen.has(reference)) return refuse('opportunity listed twice', `${reference} was imported from an earlier line`)
  const stage = STAGE_NAMES.get(line.get('deal_stage').toLowerCase())
  if (!stage) return refuse('unknown stage', JSON.stringify(line.get('deal_stage')))
  const agent = line.get('sales_agent')
  if (agent === '') return refuse('no sales agent', `${reference} has no agent`)
  const dates = readDates(line, stage)
  if (!dates) return undefined
  const value = line.get('close_value')
  const amount = value === '' ? null : readCents(value)
  if (amount === undefined) return refuse('unreadable value', `close_value ${JSON.stringify(value)}`)
  if (amount === null && (stage === 'won' || stage === 'lost'))
    return refuse('closed without a value', `${reference} is ${stage}`)
  if (amount === null)
    line.note('noted', 'open deal without a value', `${reference} counts as a deal, but its value is unknown`)
  seen.add(reference)
  return {
    reference,
    agent: directory.agent(agent, line.note),
    product: readProduct(line, directory),
    account: directory.account(line.get('account'), line.note),
    stage,
    amount,
    ...dates,
  }
}

function readDates(line: PipelineLine, stage: Stage): { opened: number | null; closed: number | null } | undefined {
  const texts = { opened: line.get('engage_date'), closed: line.get('close_date') }
  const opened = texts.opened === '' ? null : readDay(texts.opened)
  const closed = texts.closed === '' ? null : readDay(texts.closed)
  const isFinal = stage === 'won' || stage === 'lost'
  if (opened === undefined || closed === undefined) {
    line.note(
      'refused',
      'unreadable date',
      `engage_date ${JSON.stringify(texts.opened)}, close_date ${JSON.stringify(texts.closed)}`,
    )
  } else if (isFinal && (opened === null || closed === null)) {
    line.note(
      'refused',
      'closed without dates',
      `stage ${stage}, engage_date ${JSON.stringify(texts.opened)}, close_date ${JSON.stringify(texts.closed)}`,
    )
  } else if (opened !== null && closed !== null && closed < opened) {
    line.note('refused', 'closed before it was engaged', `engage_date ${texts.opened}, close_date ${texts.closed}`)
  } else {
    if (!isFinal && closed !== null)
      line.note('repaired', 'open deal with a close date', `the date ${texts.closed} was left out`)
    if (opened === null) line.note('noted', 'open deal without an engage date', `stage ${stage}: not yet engaged`)
    return { opened, closed: isFinal ? closed : null }
  }
  return undefined
}

function readProduct(line: PipelineLine, directory: Directory): string {
  const given = line.get('product')
  const known = directory.products.get(loose(given))
  if (known === undefined) line.note('noted', 'product not in products.csv', JSON.stringify(given))
  else if (known !== given)
    line.note('repaired', 'product spelled differently', `${JSON.stringify(given)} is ${JSON.stringify(known)}`)
  return known ?? given
}

/** The quarter columns only repeat the dates: a contradiction is reported, the dates are trusted. */
function checkDerived(folder: string, findings: Finding[]): void {
  let lines: ReturnType<typeof readLines<string>>
  try {
    lines = readLines<string>(folder, PIPELINE, [...COLUMNS, ...DERIVED], [])
  } catch {
    return // the derived columns may be absent; the others were checked before
  }
  for (const line of lines) {
    for (const [quarter, date] of [
      ['engage_quarter', 'engage_date'],
      ['close_quarter', 'close_date'],
    ] as const) {
      const day = readDay(line.get(date))
      const expected = day === undefined ? '' : quarterOf(day)
      if (line.get(quarter) !== expected) {
        findings.push({
          file: PIPELINE,
          line: line.at,
          outcome: 'repaired',
          fault: 'quarter contradicts its date',
          detail: `${quarter} ${JSON.stringify(line.get(quarter))}, ${date} ${JSON.stringify(line.get(date))}: the date is trusted`,
        })
      }
    }
  }
}

function* produce(add: AddRow, directory: Directory, opportunities: readonly Opportunity[]): Generator<number> {
  const first = Math.min(...opportunities.map((deal) => deal.opened ?? Number.POSITIVE_INFINITY))
  const people = addEveryone(
    add,
    directory,
    opportunities,
    Number.isFinite(first) ? first : (parseIsoDay('2016-01-01') ?? 0),
  )
  let id = 0
  let activity = 0
  for (const deal of opportunities) {
    id++
    const { organizationId, ownerId, teamId } = people(deal)
    const text = { title: `${deal.product} for ${deal.account}`, reference: deal.reference, product: deal.product }
    add('deals', {
      id,
      ...text,
      organization_id: organizationId,
      owner_id: ownerId,
      team_id: teamId,
      stage: deal.stage,
      source: 'not recorded',
      amount_cents: deal.amount,
      opened_day: deal.opened,
      closed_day: deal.closed,
      search_text: searchText(text),
    })
    // The two dates of the pipeline are the only activity that it knows.
    const events = [
      ['engaged', deal.opened],
      [deal.stage, deal.closed],
    ] as const
    for (const [kind, day] of events) {
      if (day !== null) add('activities', { id: ++activity, deal_id: id, user_id: ownerId, kind, day, minutes: 0 })
    }
    if (id % 500 === 0) yield id
  }
  yield id
}
