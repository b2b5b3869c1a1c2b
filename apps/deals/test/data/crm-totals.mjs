// Totals of a sales pipeline, computed from the text alone: shares no code with the service.
// node crm-totals.mjs FOLDER DAYS prints JSON.
// @ts-check
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const [folder = '.', days = '365'] = process.argv.slice(2)
const [, ...lines] = readFileSync(join(folder, 'sales_pipeline.csv'), 'utf8').split('\n')

/** @param {string} text `dd-mm-yy` */
const day = (text) => {
  const [d, m, y] = text.split('-')
  return text === '' ? null : Math.round(Date.parse(`20${y}-${m}-${d}T00:00:00Z`) / 86400000)
}
const seen = new Set()
/** @type {{ account: string, stage: string, opened: number | null, closed: number | null, cents: number | null }[]} */
const deals = []
for (const line of lines) {
  const [id = '', , , account = '', stage = '', engaged = '', closed = '', value = ''] = line
    .replace('\r', '')
    .split(',')
  if (id === '' || seen.has(id)) continue
  const deal = {
    account,
    stage: stage.toLowerCase(),
    opened: day(engaged),
    closed: day(closed),
    cents: value === '' ? null : Number(value) * 100,
  }
  if (
    Number.isNaN(deal.opened) ||
    Number.isNaN(deal.closed) ||
    (deal.opened !== null && deal.closed !== null && deal.closed < deal.opened)
  )
    continue
  if (!['won', 'lost', 'engaging', 'prospecting'].includes(deal.stage)) continue
  seen.add(id)
  deals.push(deal)
}
const to = Math.max(...deals.flatMap(({ opened, closed }) => [opened ?? 0, closed ?? 0]))
const from = to - Number(days) + 1
/** @param {number | null} at */
const within = (at) => at !== null && at >= from && at <= to
/** @param {typeof deals} some */
const totals = (some) => {
  const won = some.filter((deal) => deal.stage === 'won' && within(deal.closed))
  return {
    opened: some.filter((deal) => within(deal.opened)).length,
    won: won.length,
    lost: some.filter((deal) => deal.stage === 'lost' && within(deal.closed)).length,
    won_value_cents: won.reduce((sum, deal) => sum + (deal.cents ?? 0), 0),
  }
}
const accounts = [...new Set(deals.map((deal) => deal.account))]
const stages = ['prospecting', 'engaging', 'won', 'lost']
console.log(
  JSON.stringify({
    all: totals(deals),
    byStage: Object.fromEntries(stages.map((stage) => [stage, deals.filter((deal) => deal.stage === stage).length])),
    byAccount: Object.fromEntries(
      accounts.map((account) => [account, totals(deals.filter((deal) => deal.account === account))]),
    ),
  }),
)
