// Proposals: made by somebody who may not act alone, or by an assistant that shall not; shown with what they would do;
// approved or rejected by somebody else. What is approved is sent as a request of the approver's own.
import { z } from 'zod'
import { may, type Principal, type Scope } from '../access/roles.ts'
import type { Control } from '../control.ts'
import { listQuery, page, pageOf, readCursor } from '../http/lists.ts'
import { invalid, Problem } from '../http/problem.ts'
import { lacks, refuse } from '../http/refuse.ts'
import { type Call, defineRoute, json, type Route } from '../http/route.ts'
import { digestOf, proposable } from '../proposals/act.ts'
import { approved, bind, refusalOf } from '../proposals/approval.ts'
import { type Preview, previewOf, type Send } from '../proposals/preview.ts'
import {
  type Asked,
  actOf,
  claim,
  isOwn,
  listProposals,
  maySee,
  type ProposalRow,
  proposalOf,
  propose,
  RENEW_MS,
  reject,
  renew,
  STATES,
  settle,
  stateOf,
} from '../proposals/proposals.ts'
import { proposal, viewOf } from './proposal-view.ts'

const MOST_BODY = 65_536
const MOST_DEPTH = 32
const preview = z.object({
  proposal,
  kind: z.enum(['plan', 'dry_run', 'before', 'none']).describe('what `answer` is; before: what would be replaced'),
  status: z.number().nullable().describe('of `answer`; 400 and above: why it cannot be approved now'),
  answer: z.unknown(),
  digest: z.string().nullable().describe('of what was shown; an approval names it. null: it cannot be approved now'),
  plan_id: z.string().nullable().describe('of an invalidation: the plan that an approval runs, valid for 5 minutes'),
  confirm: z.string().nullable().describe('the text that an approval needs besides'),
})
const note = z.string().max(1000).optional()

const isShallow = (value: unknown, levels: number): boolean =>
  typeof value !== 'object' ||
  value === null ||
  (levels > 0 && Object.values(value).every((part) => isShallow(part, levels - 1)))

const oneOf = ({ control, principal, params }: Call): Promise<ProposalRow> =>
  proposalOf(control.store, principal, params.id ?? '')

/** As many as were asked for of those that they may see: what others propose hides none of it. */
async function seenOf({ store }: Control, principal: Principal, asked: Asked): Promise<readonly ProposalRow[]> {
  const seen: ProposalRow[] = []
  let before = asked.before
  for (;;) {
    const rows = await listProposals(store, { ...asked, before })
    seen.push(...rows.filter((row) => maySee(principal, row)))
    if (seen.length >= asked.limit || rows.length < asked.limit) return seen.slice(0, asked.limit)
    before = Number(rows.at(-1)?.seq)
  }
}

/**
 * Refuses a caller who may not decide on the proposal now.
 * @throws Problem 403, recorded in the audit log
 */
async function checkMayDecide(call: Call, row: ProposalRow, isOwnAllowed: boolean): Promise<void> {
  const own = isOwn(call.principal, row)
  if (own && isOwnAllowed) return
  if (!own && may(call.principal, row.scope as Scope)) return
  const problem = own
    ? new Problem(403, 'own_proposal', `${row.id} was proposed by ${row.actor}: somebody else has to approve it`)
    : lacks(call.principal, row.scope)
  await refuse(
    call.control.store,
    call.caller,
    { action: `proposal ${row.method} ${row.path}`, target: row.id },
    problem,
  )
}

/**
 * @param all the routes of the finished app
 * @param ask answers one request
 * @param begun told of each request with the one that it came in, whose peer is its peer
 */
export function proposalRoutes(
  all: () => readonly Route[],
  ask: (request: Request) => Promise<Response>,
  begun: (part: Request, whole: Request) => unknown,
): readonly Route[] {
  /** As the caller: their credential, their limits, their name in the audit. */
  const sending =
    (call: Call): Send =>
    async (method, path, { query = {}, body, headers = {} } = {}) => {
      const url = new URL(`${call.base}/${path}`, call.request.url)
      for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
      const own = new Headers(call.request.headers)
      for (const name of ['content-type', 'content-length', 'transfer-encoding', 'idempotency-key', 'if-match'])
        own.delete(name)
      own.set('x-request-id', call.requestId)
      if (body !== undefined) own.set('content-type', 'application/json')
      for (const [name, value] of Object.entries(headers)) own.set(name, value)
      const part = new Request(url, {
        method,
        headers: own,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
      begun(part, call.request)
      const answer = await ask(part)
      return { status: answer.status, text: await answer.text() }
    }
  const look = (call: Call, row: ProposalRow): Promise<Preview> => previewOf(all(), actOf(row), sending(call))

  return [
    defineRoute({
      method: 'POST',
      path: 'proposals/',
      summary: 'Propose an act for somebody else to approve: it waits for a day, and nothing is done',
      scope: 'any',
      body: z.strictObject({
        method: z.enum(['POST', 'PUT', 'PATCH', 'DELETE']),
        path: z.string().min(1).max(20_000).describe('below the base, each part encoded: warming/warm_keys/'),
        query: z.record(z.string().max(64), z.string().max(16_384)).default({}),
        body: z
          .unknown()
          .optional()
          .refine((value) => isShallow(value, MOST_DEPTH), `at most ${MOST_DEPTH} levels deep`),
        reason: z.string().trim().min(1).max(500).describe('for the person who decides'),
        by: z.string().max(100).default('').describe('what the proposing program calls itself'),
      }),
      answers: { 201: { description: 'It is waiting', schema: proposal } },
      async handle({ control, principal, caller, body: given }) {
        const bytes = JSON.stringify([given.path, given.query, given.body ?? null]).length
        if (bytes > MOST_BODY)
          throw invalid([
            { pointer: '/body', code: 'too_large', detail: `a proposal has at most ${MOST_BODY} characters` },
          ])
        const { act, route } = proposable(all(), { ...given, body: given.body ?? null })
        const { summary, scope } = route
        if (scope === 'any') throw new Problem(500, 'internal', `${route.path} has no permission of its own`)
        const { reason, by } = given
        const row = await propose(control.store, principal, caller, { act, summary, scope, reason, by })
        return json(201, viewOf(row, principal, Number(row.created_at)))
      },
    }),
    defineRoute({
      method: 'GET',
      path: 'proposals/',
      summary: 'List proposals that you made or may approve, newest first',
      scope: 'any',
      query: listQuery.extend({ state: z.enum(STATES).optional() }),
      answers: { 200: { description: 'A page', schema: page(proposal) } },
      async handle({ control, principal, query: { state, limit, cursor } }) {
        const list = `proposals ${state ?? ''}`
        const rows = await seenOf(control, principal, { state, before: readCursor(cursor, list), limit: limit + 1 })
        const now = await control.store.now()
        const at = ({ seq }: ProposalRow): number => Number(seq)
        return json(
          200,
          pageOf(rows, limit, list, at, (row) => viewOf(row, principal, now)),
        )
      },
    }),
    defineRoute({
      method: 'GET',
      path: 'proposals/{id}/',
      summary: 'Show a proposal, and what came of it',
      scope: 'any',
      answers: { 200: { description: 'Its current state', schema: proposal } },
      async handle(call) {
        return json(200, viewOf(await oneOf(call), call.principal, await call.control.store.now()))
      },
    }),
    defineRoute({
      method: 'POST',
      path: 'proposals/{id}/plan/',
      summary: 'Show what a proposal would do now; an approval names the digest of what was shown',
      scope: 'any',
      rate: 'read',
      answers: { 200: { description: 'What it would do', schema: preview } },
      async handle(call) {
        const { control, principal } = call
        const row = await oneOf(call)
        await checkMayDecide(call, row, false)
        const { before, version: _, ...shown } = await look(call, row)
        if (shown.plan_id !== null) await bind(control, shown.plan_id, row.id)
        const now = await control.store.now()
        const isOpen = stateOf(row, now) === 'waiting' && (shown.status === null || shown.status < 400)
        const digest = isOpen ? digestOf(actOf(row), before) : null
        return json(200, { proposal: viewOf(row, principal, now), ...shown, digest })
      },
    }),
    defineRoute({
      method: 'POST',
      path: 'proposals/{id}/approve/',
      summary: 'Carry out a proposal of somebody else, once, as your own act; what was shown must still hold',
      scope: 'any',
      body: z.strictObject({
        digest: z.string().max(64).describe('of what proposals/{id}/plan/ showed'),
        plan_id: z.string().max(64).optional().describe('of an invalidation: the plan that was shown'),
        confirm: z.string().max(1024).optional().describe('the text requested by the plan'),
        note,
      }),
      answers: {
        200: {
          description: 'Approved, or failed: with the answer of the act, which is not tried again',
          schema: proposal,
        },
      },
      async handle(call) {
        const { control, principal, caller, body } = call
        const row = await oneOf(call)
        await checkMayDecide(call, row, false)
        const act = actOf(row)
        const { method, path, query, ...more } = await approved(control, call, row, act, look)
        await claim(control.store, row, caller, body.note ?? null, body.digest)
        // A proposal whose lease is lost shows as interrupted.
        const renewing = setInterval(() => void renew(control.store, row.id).catch(() => {}), RENEW_MS)
        renewing.unref()
        try {
          const answer = await sending(call)(method, path, {
            query,
            ...more,
            headers: { ...more.headers, ...(method === 'POST' && { 'idempotency-key': row.id }) },
          })
          await settle(control.store, row, caller, answer)
          if (answer.status >= 400 && answer.status < 500) throw refusalOf(answer)
        } finally {
          clearInterval(renewing)
        }
        return json(200, viewOf(await oneOf(call), principal, await control.store.now()))
      },
    }),
    defineRoute({
      method: 'POST',
      path: 'proposals/{id}/reject/',
      summary: 'Reject a proposal, or withdraw your own',
      scope: 'any',
      body: z.strictObject({ note }),
      answers: { 200: { description: 'Rejected', schema: proposal } },
      async handle(call) {
        const { control, principal, caller, body } = call
        const row = await oneOf(call)
        await checkMayDecide(call, row, true)
        await reject(control.store, row, caller, body.note ?? null)
        return json(200, viewOf(await oneOf(call), principal, await control.store.now()))
      },
    }),
  ]
}
