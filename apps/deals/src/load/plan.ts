// The plan of a run: which users make which requests. Derived from the seed only, so that two runs are the same.
import { createRandom, type Random } from '../data/random.ts'
import { STAGES } from '../db/schema.ts'
import type { Company, Person } from './people.ts'

export interface Step {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT'
  readonly path: string
  readonly as: Person
  readonly body?: object
  /** Milliseconds between the answer before and this request. */
  readonly thinkMs: number
}

/** One visit: its steps follow each other, each after the answer to the one before. */
export interface Session {
  readonly startMs: number
  readonly steps: readonly Step[]
}

export interface PlanOptions {
  readonly companies: readonly Company[]
  readonly seconds: number
  readonly rate: number
  readonly seed: number
  readonly thinkMs: number
}

const WRITES = 0.02
const MEAN_STEPS = 12
const WORDS = [
  'pilot',
  'rollout',
  'renewal',
  'weir',
  'mill',
  'sluice',
  'harbour',
  'migration',
  'enterprise',
  'upgrade',
] as const

export function makePlan({ companies, seconds, rate, seed, thinkMs }: PlanOptions): Session[] {
  const random = createRandom(seed ^ 0x5eed)
  // Zipf with exponent 1: the second organisation is requested half as often as the first.
  const popularity = companies.map((_, rank) => 1 / (rank + 1))
  const sessions: Session[] = []
  const meanGapMs = (1000 * MEAN_STEPS) / rate
  for (let startMs = 0; startMs < seconds * 1000; startMs += -Math.log(1 - random.next()) * meanGapMs) {
    const company = companies[random.weighted(popularity)]
    if (company) sessions.push({ startMs, steps: visit(random, company, thinkMs) })
  }
  return sessions
}

function visit(random: Random, company: Company, meanThinkMs: number): Step[] {
  const think = () => Math.round(meanThinkMs * (0.4 + 1.2 * random.next()))
  const as = random.pick(company.members)
  const get = (path: string, thinkMs = think()): Step => ({ method: 'GET', path, as, thinkMs })
  const steps = [
    get(`/api/cached/organizations/${company.id}/info/`, 0),
    get('/api/cached/users/permissions/', 0),
    get('/api/cached/users/dashboard/', 5),
  ]
  const more = MEAN_STEPS - 3 + random.whole(-4, 4)
  for (let count = 0; count < more; count++) {
    // Opening a visit never writes, so the other steps write a little more often.
    if (random.chance((WRITES * MEAN_STEPS) / (MEAN_STEPS - 3))) steps.push(change(random, company, as, think()))
    else steps.push(get(look(random, company)))
  }
  return steps
}

function look(random: Random, { id }: Company): string {
  const days = () => [7, 30, 90, 365][random.weighted([3, 4, 2, 1])] ?? 30
  switch (random.weighted([34, 22, 12, 10, 8, 8, 6])) {
    case 0:
      return `/api/cached/organizations/${id}/statistics/?days=${days()}`
    case 1:
      return `/api/cached/analytics/deal-analytics/?days=${days()}&type=${random.pick(['overview', 'overview', 'trends', 'sources', 'payments', 'pipeline'])}`
    case 2:
      return `/api/cached/search/?q=${WORDS[Math.floor(random.next() ** 2 * WORDS.length)] ?? ''}${random.chance(0.2) ? '&stage=won' : ''}`
    case 3:
      return '/api/cached/users/dashboard/'
    case 4:
      return '/api/cached/analytics/performance-metrics/'
    case 5:
      return '/api/dashboard/overview-advanced/'
    default:
      return `/api/cached/organizations/${id}/roles/`
  }
}

function change(random: Random, company: Company, visitor: Person, thinkMs: number): Step {
  const editor = company.editors.some((each) => each.userId === visitor.userId)
    ? visitor
    : random.pick(company.editors.length > 0 ? company.editors : [visitor])
  const deal = company.openDeals.length === 0 ? undefined : random.pick(company.openDeals)
  const kind = random.weighted([55, 15, 15, 9, 6])
  if (deal !== undefined && kind === 0) {
    const body = random.chance(0.6) ? { stage: random.pick(STAGES) } : { amount_cents: random.whole(10, 90_000) * 100 }
    return { method: 'PATCH', path: `/api/deals/${deal}/`, as: editor, body, thinkMs }
  }
  if (deal !== undefined && kind === 2) {
    return {
      method: 'POST',
      path: `/api/deals/${deal}/activities/`,
      as: editor,
      body: { kind: 'call', minutes: random.whole(1, 60) },
      thinkMs,
    }
  }
  const { administrator } = company
  if (administrator && kind === 4) {
    const role = company.roles.find((each) => each.name === 'viewer')
    const permissions = [
      'dashboard.view',
      'deals.view',
      'analytics.view',
      ...(random.chance(0.5) ? ['cache.view'] : []),
    ]
    return {
      method: 'PATCH',
      path: `/api/organizations/${company.id}/roles/${role?.id ?? 0}/`,
      as: administrator,
      body: { permissions },
      thinkMs,
    }
  }
  if (kind === 3)
    return {
      method: 'PATCH',
      path: '/api/users/me/',
      as: visitor,
      body: { title: `Desk ${random.whole(1, 500)}` },
      thinkMs,
    }
  const body = {
    title: `Call-off ${random.whole(1, 9_999)}`,
    product: 'Weir Analytics',
    source: 'referral',
    amount_cents: random.whole(10, 90_000) * 100,
  }
  return { method: 'POST', path: '/api/deals/', as: editor, body, thinkMs }
}
