// A proposal as the API shows it, to one who may see it.
import { z } from 'zod'
import { may, type Principal, type Scope } from '../access/roles.ts'
import { jsonOr } from '../proposals/act.ts'
import { actOf, isOwn, type ProposalRow, STATES, stateOf } from '../proposals/proposals.ts'
import { instant } from './schemas.ts'

export const proposal = z.object({
  id: z.string(),
  state: z.enum(STATES),
  method: z.string(),
  path: z.string().describe('below the base'),
  query: z.record(z.string(), z.string()),
  body: z.unknown().describe('null: none'),
  summary: z.string().describe('what the route does'),
  permission: z.string().describe('which the approver needs'),
  reason: z.string().describe("in the proposer's words"),
  by: z.string().describe('what the program of the proposer calls itself'),
  actor: z.string().describe('who proposed it'),
  created_at: instant,
  expires_at: instant,
  decided_by: z.string().nullable(),
  decided_at: instant.nullable(),
  note: z.string().nullable(),
  answer: z.object({ status: z.number(), body: z.unknown() }).nullable().describe('of the approved act'),
  may_approve: z.boolean().describe('whether the caller may: it waits, is not their own, and they have the permission'),
  may_reject: z.boolean(),
})
export function viewOf(row: ProposalRow, principal: Principal, now: number) {
  const state = stateOf(row, now)
  const time = (at: number): string => new Date(Number(at)).toISOString()
  const isOpen = state === 'waiting' && may(principal, row.scope as Scope)
  return {
    id: row.id,
    state,
    ...actOf(row),
    summary: row.summary,
    permission: row.scope,
    reason: row.reason,
    by: row.made_by,
    actor: row.actor,
    created_at: time(row.created_at),
    expires_at: time(row.expires_at),
    decided_by: row.decided_by,
    decided_at: row.decided_at === null ? null : time(row.decided_at),
    note: row.note,
    answer:
      row.answer_status === null
        ? null
        : { status: Number(row.answer_status), body: row.answer === null ? null : jsonOr(row.answer) },
    may_approve: isOpen && !isOwn(principal, row),
    may_reject: state === 'waiting' && (isOpen || isOwn(principal, row)),
  }
}
