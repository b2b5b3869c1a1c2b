// Parameters and bodies: malformed is 400, well-formed but not allowed is 422.
import type { z } from 'zod'
import { STAGES } from '../db/schema.ts'
import { ANALYTICS_TYPES, type AnalyticsType } from '../queries/answers.ts'
import type { SearchQuestion } from '../queries/search.ts'
import { PERIODS, type Period } from '../queries/window.ts'
import type { Ctx } from './context.ts'
import { malformed, Problem, unprocessable } from './problem.ts'

const MAX_ID = 2_147_483_647
const MAX_SEARCH = 100
const MAX_PAGE = 10_000
const MOST_WAIT_S = 60
const DEFAULT_PERIOD: Period = 30

export function readId(at: string, text: string): number {
  const id = /^[1-9]\d{0,9}$/.test(text) ? Number(text) : 0
  if (id === 0 || id > MAX_ID) throw malformed(at, `${JSON.stringify(text)} is not an id: give a whole number from 1`)
  return id
}

export function readPeriod(text: string | undefined): Period {
  if (text === undefined) return DEFAULT_PERIOD
  const period = PERIODS.find((each) => each === readWhole('days', text))
  if (period === undefined)
    throw unprocessable([{ at: 'days', detail: `${text} is not available: use ${PERIODS.join(', ')}` }])
  return period
}

export function readAnalyticsType(text = 'overview'): AnalyticsType {
  const type = ANALYTICS_TYPES.find((each) => each === text)
  if (type === undefined)
    throw unprocessable([
      { at: 'type', detail: `${JSON.stringify(text)} is not available: use ${ANALYTICS_TYPES.join(', ')}` },
    ])
  return type
}

/**
 * Refuses unknown and repeated parameters: neither must be silently ignored.
 * @throws Problem 422
 */
export function onlyQuery(c: Ctx, ...names: readonly string[]): void {
  const remedy = `this path takes ${names.length === 0 ? 'none' : names.join(', ')}`
  const faults = Object.entries(c.req.queries()).flatMap(([name, values]) => {
    if (name !== 'access_token' && !names.includes(name))
      return [{ at: name, detail: `unknown name in the query: ${remedy}` }]
    return values.length > 1 ? [{ at: name, detail: `is given ${values.length} times: give it once` }] : []
  })
  if (faults.length > 0) throw unprocessable(faults)
}

/** Normalises the words, so that equal searches share a cache entry. */
export function readSearch(c: Ctx): SearchQuestion {
  const given = c.req.query('q') ?? ''
  const stage = c.req.query('stage') ?? null
  const page = readWhole('page', c.req.query('page') ?? '1')
  const text = given.toLowerCase().trim().replace(/\s+/gu, ' ')
  const faults = [
    ...(text.length > MAX_SEARCH ? [{ at: 'q', detail: `${text.length} characters: give at most ${MAX_SEARCH}` }] : []),
    ...(text.includes('\0') || !text.isWellFormed()
      ? [{ at: 'q', detail: 'contains characters that no deal can have' }]
      : []),
    ...(stage !== null && !STAGES.some((each) => each === stage)
      ? [{ at: 'stage', detail: `${JSON.stringify(stage)} is not a stage: give ${STAGES.join(', ')}` }]
      : []),
    ...(page < 1 || page > MAX_PAGE ? [{ at: 'page', detail: `give a number from 1 to ${MAX_PAGE}` }] : []),
  ]
  if (faults.length > 0) throw unprocessable(faults)
  return { text, stage, page }
}

function readWhole(at: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw malformed(at, `${JSON.stringify(text)} is not a whole number`)
  return Number(text)
}

/** The id in an unchecked body: a caller without permission gets that error first, not validation errors. */
export async function peekId(c: Ctx, name: string): Promise<number | undefined> {
  const given: unknown = await c.req
    .text()
    .then(JSON.parse)
    .catch(() => undefined)
  const id: unknown = typeof given === 'object' && given !== null ? Reflect.get(given, name) : undefined
  return typeof id === 'number' && Number.isInteger(id) && id > 0 && id <= MAX_ID ? id : undefined
}

/** The JSON body, validated. @throws Problem 400, 415, 422 */
export async function readBody<S extends z.ZodType>(c: Ctx, schema: S): Promise<z.infer<S>> {
  if (!/^application\/(.+\+)?json *(;|$)/i.test(c.req.header('content-type') ?? '')) {
    throw new Problem(415, 'send the body as JSON, with Content-Type: application/json')
  }
  let given: unknown
  try {
    given = JSON.parse(await c.req.text())
  } catch {
    throw new Problem(400, 'the body is not JSON')
  }
  const checked = schema.safeParse(given)
  if (checked.success) return checked.data
  throw unprocessable(checked.error.issues.map((issue) => ({ at: `/${issue.path.join('/')}`, detail: issue.message })))
}

/** How long the client will wait (RFC 7240, 4.3): `wait`, or `wait=30`; 0 by default. */
export function waitMs(c: Ctx): number {
  const preference = (c.req.header('prefer') ?? '').split(',').find((one) => /^\s*wait\s*(=|$)/i.test(one))
  if (preference === undefined) return 0
  const seconds = /=\s*(\d{1,4})\s*$/.exec(preference)?.[1]
  return Math.min(MOST_WAIT_S, seconds === undefined ? MOST_WAIT_S : Number(seconds)) * 1000
}
