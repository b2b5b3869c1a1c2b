// The entities that the pipeline refers to: accounts, products, agents with their managers and offices.
import { type Finding, type Note, readLines } from './crm-file.ts'
import { loose, NO_ACCOUNT, readCents, readWhole, spell } from './crm-values.ts'

export interface Account {
  readonly name: string
  readonly sector: string
  readonly location: string
  readonly founded: number | null
  readonly employees: number | null
  readonly revenue: number | null
  readonly parent: string
}

export interface Agent {
  readonly name: string
  /** Empty if none is named. */
  readonly manager: string
  readonly office: string
}

/** Names as the reference files spell them. Unlisted accounts and agents are added. */
export interface Directory {
  readonly accounts: ReadonlyMap<string, Account>
  readonly agents: ReadonlyMap<string, Agent>
  /** Product names by their loose form. */
  readonly products: ReadonlyMap<string, string>
  account(given: string, note: Note): string
  agent(given: string, note: Note): string
}

const UNKNOWN = {
  sector: 'not recorded',
  location: 'not recorded',
  founded: null,
  employees: null,
  revenue: null,
  parent: '',
}
const ACCOUNT_COLUMNS = [
  'account',
  'sector',
  'year_established',
  'revenue',
  'employees',
  'office_location',
  'subsidiary_of',
] as const
const MILLION = 1_000_000

export function readDirectory(folder: string, findings: Finding[]): Directory {
  const products = new Map(
    readLines(folder, 'products.csv', ['product'], findings).map((line) => [
      loose(line.get('product')),
      line.get('product'),
    ]),
  )
  const accounts = readAccounts(folder, findings)
  const agents = readAgents(folder, findings)
  return {
    accounts,
    agents,
    products,
    account: (given, note) => {
      if (given === '') {
        note('repaired', 'no account', `listed under ${JSON.stringify(NO_ACCOUNT)}`)
        accounts.set(loose(NO_ACCOUNT), { name: NO_ACCOUNT, ...UNKNOWN })
        return NO_ACCOUNT
      }
      const known = accounts.get(loose(given))
      if (known && known.name !== given)
        note('repaired', 'account spelled differently', `${JSON.stringify(given)} is ${JSON.stringify(known.name)}`)
      if (known) return known.name
      note('repaired', 'account not in accounts.csv', `${JSON.stringify(given)} becomes a separate organisation`)
      accounts.set(loose(given), { name: given, ...UNKNOWN })
      return given
    },
    agent: (given, note) => {
      const known = agents.get(loose(given))
      if (known) return known.name
      note('repaired', 'agent not in sales_teams.csv', `${JSON.stringify(given)} becomes a user without a team`)
      agents.set(loose(given), { name: given, manager: '', office: '' })
      return given
    },
  }
}

function readAccounts(folder: string, findings: Finding[]): Map<string, Account> {
  const accounts = new Map<string, Account>()
  for (const line of readLines(folder, 'accounts.csv', ACCOUNT_COLUMNS, findings)) {
    const name = line.get('account')
    if (name === '' || accounts.has(loose(name))) {
      line.note('refused', name === '' ? 'account without a name' : 'account listed twice', JSON.stringify(name))
      continue
    }
    const spelt = (column: 'sector' | 'office_location') => {
      const right = spell(line.get(column))
      if (right !== line.get(column))
        line.note('repaired', 'misspelt', `${column} ${JSON.stringify(line.get(column))} is ${JSON.stringify(right)}`)
      return right
    }
    const figure = (
      column: 'year_established' | 'employees' | 'revenue',
      read: (text: string) => number | undefined,
    ) => {
      const value = read(line.get(column))
      if (value === undefined)
        line.note(
          'noted',
          'account figure unreadable or empty',
          `${column} ${JSON.stringify(line.get(column))}: unknown`,
        )
      return value ?? null
    }
    accounts.set(loose(name), {
      name,
      sector: spelt('sector'),
      location: spelt('office_location'),
      founded: figure('year_established', readWhole),
      employees: figure('employees', readWhole),
      // The file counts revenue in millions.
      revenue: figure('revenue', (text) => scaled(readCents(text), MILLION)),
      parent: line.get('subsidiary_of'),
    })
  }
  return accounts
}

function readAgents(folder: string, findings: Finding[]): Map<string, Agent> {
  const agents = new Map<string, Agent>()
  for (const line of readLines(folder, 'sales_teams.csv', ['sales_agent', 'manager', 'regional_office'], findings)) {
    const agent = { name: line.get('sales_agent'), manager: line.get('manager'), office: line.get('regional_office') }
    if (agent.name === '') line.note('refused', 'agent without a name', `manager ${JSON.stringify(agent.manager)}`)
    else if (agents.has(loose(agent.name))) line.note('refused', 'agent listed twice', JSON.stringify(agent.name))
    else agents.set(loose(agent.name), agent)
  }
  return agents
}

function scaled(value: number | undefined, factor: number): number | undefined {
  return value === undefined ? undefined : value * factor
}
