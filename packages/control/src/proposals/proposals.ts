// Proposals: acts that one has proposed and another decides. A row goes one way: waiting, running, approved or failed;
// or rejected, or past its time. What a row would do never changes.
import { may, mayTouch, type Principal, type Scope } from '../access/roles.ts'
import { newId } from '../access/tokens.ts'
import { appendAudit, type Caller } from '../audit/audit.ts'
import { notFound, Problem } from '../http/problem.ts'
import type { ProposalTable } from '../store/schema.ts'
import type { Store, Writer } from '../store/store.ts'
import type { Act } from './act.ts'

export const KEPT_MS = 24 * 60 * 60 * 1000
/** Of one proposer, waiting at a time. */
const MOST = 100
const LEASE_MS = 30_000
/** Renewed so often while the act runs. */
export const RENEW_MS = 10_000
/** Of an answer, in characters: what is longer is left out. */
const MOST_ANSWER = 65_536

export const STATES = ['waiting', 'running', 'approved', 'failed', 'interrupted', 'rejected', 'expired'] as const
export type ProposalState = (typeof STATES)[number]

export type ProposalRow = Omit<ProposalTable, 'seq'> & { readonly seq: number }

export interface NewProposal {
  readonly act: Act
  readonly summary: string
  readonly scope: Scope
  readonly reason: string
  readonly by: string
}

export function stateOf({ state, expires_at, lease_until }: ProposalRow, now: number): ProposalState {
  if (state === 'waiting') return Number(expires_at) <= now ? 'expired' : 'waiting'
  if (state === 'running') return Number(lease_until) < now ? 'interrupted' : 'running'
  return STATES.find((one) => one === state) ?? 'failed'
}

export const actOf = (row: ProposalRow): Act => ({
  method: row.method,
  path: row.path,
  query: JSON.parse(row.query),
  body: row.body === null ? null : JSON.parse(row.body),
})

/**
 * A user's own proposals, and those of proposers who reach no further than the user does, if the user could approve
 * them or may read the audit log.
 */
export function maySee(principal: Principal, row: ProposalRow): boolean {
  if (row.user_id === principal.userId) return true
  return reaches(principal, row) && (may(principal, row.scope as Scope) || may(principal, 'audit:read'))
}

/** Nobody approves their own proposal. */
export const isOwn = (principal: Principal, { user_id }: ProposalRow): boolean => user_id === principal.userId

/** A proposer without limits may mean caches that a limited approver knows nothing of. */
function reaches(principal: Principal, { namespaces }: ProposalRow): boolean {
  if (principal.namespaces === undefined) return true
  const theirs: unknown = namespaces === null ? undefined : JSON.parse(namespaces)
  return Array.isArray(theirs) && theirs.every((name) => mayTouch(principal, String(name)))
}

/** @throws Problem 409 where too many of theirs wait */
export function propose(store: Store, principal: Principal, caller: Caller, given: NewProposal): Promise<ProposalRow> {
  return store.write(async (tx) => {
    const now = await store.now(tx)
    const { waiting } = await tx
      .selectFrom('proposals')
      .select((eb) => eb.fn.countAll<number>().as('waiting'))
      .where('state', '=', 'waiting')
      .where('user_id', '=', principal.userId)
      .where('expires_at', '>', now)
      .executeTakeFirstOrThrow()
    if (Number(waiting) >= MOST)
      throw new Problem(
        409,
        'too_many_waiting',
        `${MOST} proposals of ${principal.name} are waiting: a person has to approve or reject some`,
      )
    const { act, summary, scope, reason, by } = given
    const row = await tx
      .insertInto('proposals')
      .values({
        id: newId('prp'),
        state: 'waiting',
        method: act.method,
        path: act.path,
        query: JSON.stringify(act.query),
        body: act.body === null ? null : JSON.stringify(act.body),
        summary,
        scope,
        reason,
        made_by: by,
        actor: principal.name,
        user_id: principal.userId,
        namespaces: principal.namespaces === undefined ? null : JSON.stringify(principal.namespaces),
        created_at: now,
        expires_at: now + KEPT_MS,
        lease_until: 0,
      })
      .returningAll()
      .executeTakeFirstOrThrow()
    const detail = { id: row.id, query: act.query, body: act.body, reason, by }
    const target = `${act.method} ${act.path}`
    await appendAudit(store, tx, { ...caller, kind: 'plan', action: 'proposal.create', target, detail })
    return row
  })
}

/** @throws Problem 404, also for one that this principal may not see */
export async function proposalOf(store: Store, principal: Principal, id: string): Promise<ProposalRow> {
  const row = await store.read.selectFrom('proposals').selectAll().where('id', '=', id).executeTakeFirst()
  if (row === undefined || !maySee(principal, row)) throw notFound(`proposal ${id}`)
  return row
}

export interface Asked {
  readonly state: ProposalState | undefined
  readonly before: number | undefined
  readonly limit: number
}

/** Newest first. */
export async function listProposals(store: Store, { state, before, limit }: Asked): Promise<readonly ProposalRow[]> {
  const now = await store.now()
  const stored = state === 'expired' ? 'waiting' : state === 'interrupted' ? 'running' : state
  return store.read
    .selectFrom('proposals')
    .selectAll()
    .$if(stored !== undefined, (query) => query.where('state', '=', stored ?? ''))
    .$if(state === 'waiting', (query) => query.where('expires_at', '>', now))
    .$if(state === 'expired', (query) => query.where('expires_at', '<=', now))
    .$if(state === 'running', (query) => query.where('lease_until', '>=', now))
    .$if(state === 'interrupted', (query) => query.where('lease_until', '<', now))
    .$if(before !== undefined, (query) => query.where('seq', '<', before ?? 0))
    .orderBy('seq', 'desc')
    .limit(limit)
    .execute()
}

/** One of those who decide at once is first; the others are told so. @throws Problem 409 */
export function claim(
  store: Store,
  row: ProposalRow,
  caller: Caller,
  note: string | null,
  digest: string,
): Promise<void> {
  return store.write(async (tx) => {
    const now = await store.now(tx)
    const { numUpdatedRows } = await tx
      .updateTable('proposals')
      .set({ state: 'running', decided_by: caller.actor, decided_at: now, note, lease_until: now + LEASE_MS })
      .where('id', '=', row.id)
      .where('state', '=', 'waiting')
      .where('expires_at', '>', now)
      .executeTakeFirst()
    if (numUpdatedRows !== 1n) throw await decided(tx, row.id, now)
    const act = actOf(row)
    const detail = { id: row.id, digest, query: act.query, body: act.body, proposed_by: row.actor, note }
    const target = `${row.method} ${row.path}`
    await appendAudit(store, tx, { ...caller, kind: 'intent', action: 'proposal.approve', target, detail })
  })
}

export async function renew(store: Store, id: string): Promise<void> {
  const until = (await store.now()) + LEASE_MS
  await store.read.updateTable('proposals').set({ lease_until: until }).where('id', '=', id).execute()
}

/** What the act was answered with. A refusal changed nothing: the proposal waits again. */
export function settle(
  store: Store,
  { id, method, path }: ProposalRow,
  caller: Caller,
  { status, text }: { readonly status: number; readonly text: string },
): Promise<void> {
  const isRefused = status >= 400 && status < 500
  return store.write(async (tx) => {
    await tx
      .updateTable('proposals')
      .set(
        isRefused
          ? { state: 'waiting', decided_by: null, decided_at: null, note: null, lease_until: 0 }
          : {
              state: status < 400 ? 'approved' : 'failed',
              answer_status: status,
              answer: text.length > MOST_ANSWER ? null : text,
            },
      )
      .where('id', '=', id)
      .where('state', '=', 'running')
      .execute()
    await appendAudit(store, tx, {
      ...caller,
      kind: 'result',
      action: 'proposal.approve',
      target: `${method} ${path}`,
      detail: { id, status },
      outcome: isRefused ? 'refused' : status < 400 ? 'ok' : 'failed',
    })
  })
}

/** @throws Problem 409 where it waits no more */
export function reject(store: Store, row: ProposalRow, caller: Caller, note: string | null): Promise<void> {
  return store.write(async (tx) => {
    const now = await store.now(tx)
    const { numUpdatedRows } = await tx
      .updateTable('proposals')
      .set({ state: 'rejected', decided_by: caller.actor, decided_at: now, note })
      .where('id', '=', row.id)
      .where('state', '=', 'waiting')
      .where('expires_at', '>', now)
      .executeTakeFirst()
    if (numUpdatedRows !== 1n) throw await decided(tx, row.id, now)
    const [detail, target] = [{ id: row.id, note }, `${row.method} ${row.path}`]
    await appendAudit(store, tx, { ...caller, kind: 'change', action: 'proposal.reject', target, detail })
  })
}

async function decided(tx: Writer, id: string, now: number): Promise<Problem> {
  const row = await tx.selectFrom('proposals').selectAll().where('id', '=', id).executeTakeFirst()
  if (row === undefined) return notFound(`proposal ${id}`)
  const state = stateOf(row, now)
  const by = row.decided_by === null ? '' : ` by ${row.decided_by}`
  return new Problem(409, 'not_waiting', `proposal ${id} is not waiting any more: it is ${state}${by}`)
}
