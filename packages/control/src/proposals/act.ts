// What a proposal would do: one call of a route, checked as the route itself would when it is proposed, and never
// changed since.
import { createHash } from 'node:crypto'
import { parse } from '../http/parse.ts'
import { invalid, Problem } from '../http/problem.ts'
import { isProposable } from '../http/proposable.ts'
import type { Route } from '../http/route.ts'

export interface Act {
  readonly method: string
  /** Below the base, each part encoded, with a slash at its end. */
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  /** Null: none. */
  readonly body: unknown
}

export interface Proposable {
  readonly act: Act
  readonly route: Route
}

/** A person answers these, when they have seen the plan. */
const OF_THE_APPROVER = ['plan_id', 'confirm', 'dry_run']

/**
 * @throws Problem 422 for a call that the route would refuse for its form, that does not exist, or that cannot be
 * proposed
 */
export function proposable(routes: readonly Route[], given: Act): Proposable {
  const parts = partsOf(given.path)
  const route = routes.find((one) => one.method === given.method && one.base === undefined && fits(one, parts))
  if (route === undefined || !isProposable(route))
    throw invalid([
      {
        pointer: '/path',
        code: 'not_proposable',
        detail: `${given.method} ${given.path} is not an act that can be proposed: openapi.json marks those with x-proposable`,
      },
    ])
  const [theirs] = OF_THE_APPROVER.filter((name) => name in given.query || (isRecord(given.body) && name in given.body))
  if (theirs !== undefined)
    throw invalid([
      { pointer: `/body/${theirs}`, code: 'of_the_approver', detail: 'the person who approves says this' },
    ])
  within('/query/', () => checkQuery(route, given.query))
  within('/body', () => checkBody(route, given.body))
  const path = `${parts.map(encodeURIComponent).join('/')}/`
  return { act: { method: given.method, path, query: given.query, body: given.body }, route }
}

/** @throws Problem 422 for what leads out of the base */
function partsOf(path: string): readonly string[] {
  const detail = 'is a path below the base, such as warming/warm_keys/, with each part encoded'
  const parts = path.replace(/\/$/, '').split('/')
  const decoded = parts.map((part) => {
    try {
      return decodeURIComponent(part)
    } catch {
      throw invalid([{ pointer: '/path', code: 'path', detail }])
    }
  })
  if (/[?#\\]/.test(path) || decoded.some((part) => part === '' || part === '.' || part === '..'))
    throw invalid([{ pointer: '/path', code: 'path', detail }])
  return decoded
}

function fits({ path }: Route, parts: readonly string[]): boolean {
  const wanted = path.replace(/\/$/, '').split('/')
  return wanted.length === parts.length && wanted.every((part, at) => part.startsWith('{') || part === parts[at])
}

function checkQuery(route: Route, query: Act['query']): void {
  const [first] = Object.keys(query)
  if (route.query !== undefined) parse(route.query, query, '?')
  else if (first !== undefined)
    throw invalid([{ pointer: `?${first}`, code: 'unknown_field', detail: 'this route takes no parameters' }])
}

function checkBody(route: Route, body: unknown): void {
  if (route.body !== undefined) parse(route.body, body ?? {}, '')
  else if (body !== null && !(isRecord(body) && Object.keys(body).length === 0))
    throw invalid([{ pointer: '', code: 'unexpected', detail: 'this route takes no body' }])
}

/** Faults of a part, named by where the part is. */
function within(place: string, check: () => void): void {
  try {
    check()
  } catch (error) {
    if (!(error instanceof Problem) || error.more.errors === undefined) throw error
    throw invalid(error.more.errors.map((one) => ({ ...one, pointer: place + one.pointer.replace(/^\?/, '') })))
  }
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Of the act, and of what it would change as that was shown: an approval names it. */
export const digestOf = ({ method, path, query, body }: Act, before: unknown): string =>
  createHash('sha256')
    .update(JSON.stringify([method, path, Object.entries(query).sort(), body, before]))
    .digest('hex')

/** JSON if it is, the text itself otherwise. */
export function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
