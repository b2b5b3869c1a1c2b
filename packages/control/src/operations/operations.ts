// Work that acts on caches: an intent in the audit log before it, a result after it, and in between a row that anyone
// can look at.
import { sql } from 'kysely'
import { newId } from '../access/tokens.ts'
import { appendAudit, type Caller } from '../audit/audit.ts'
import { notFound, Problem } from '../http/problem.ts'
import { storable } from '../http/storable.ts'
import type { OperationTable } from '../store/schema.ts'
import type { Store } from '../store/store.ts'

export type OperationState = 'running' | 'cancelling' | 'completed' | 'partial' | 'failed' | 'cancelled' | 'interrupted'
export type EndState = 'completed' | 'partial' | 'failed' | 'cancelled'

export interface NewOperation {
  /** `invalidate`, `warm`, `benchmark`, `erase`. */
  readonly kind: string
  /** The prefix of its id: `inv`, `op`, `ers`. */
  readonly prefix: string
  readonly caches: readonly string[]
  readonly request: unknown
  readonly plan?: unknown
  readonly reason: string | undefined
}

/** The result of the work. */
export interface Outcome {
  readonly state: EndState
  readonly result: unknown
  /** Of the ledger. */
  readonly receipts?: readonly string[]
  /** The result as the audit log gets it, which is kept longer than the operation. */
  readonly audited?: unknown
}

export interface OperationView {
  /** Such as `inv_…`, unique in the store. */
  readonly id: string
  /** `invalidate`, `warm`, `benchmark`, `erase`. */
  readonly kind: string
  /** `partial`: some caches or processes failed. `interrupted`: the process that ran it has gone. */
  readonly state: OperationState
  /** The names of the caches that it concerns. */
  readonly caches: readonly string[]
  /** The name of the user who requested it. */
  readonly actor: string
  /** The reason given; `null`: none. */
  readonly reason: string | null
  /** What was requested, as it was sent. */
  readonly request: unknown
  /** What it would do, as shown before confirmation; `null` if it was not planned. */
  readonly plan: unknown
  /** The result so far; `null` before there is one. */
  readonly result: unknown
  /** RFC 3339. */
  readonly created_at: string
  /** RFC 3339: its last progress. */
  readonly updated_at: string
  /** RFC 3339; `null` while it runs. */
  readonly ended_at: string | null
}

export interface Filter {
  readonly kind?: string | undefined
  /** Those that concern this cache, possibly among others. */
  readonly cache?: string | undefined
  /** Only rows below this number. */
  readonly before?: number | undefined
  readonly limit: number
}

/**
 * A row lists its caches separated by commas. Compared as exact text, since a name may contain the wildcards of a
 * pattern.
 */
function concerns(cache: string) {
  const all = sql`',' || ${sql.ref('cache')} || ','`
  return sql<boolean>`(replace(${all}, ${`,${cache},`}, '') <> ${all})`
}

const LEASE_MS = 30_000
const RENEW_MS = 10_000

export class Operations {
  readonly #store: Store
  readonly holder = newId('ctl')
  readonly #listeners = new Set<(view: OperationView) => void>()

  constructor(store: Store) {
    this.#store = store
  }

  /** Called at each step; returns a function that unsubscribes. */
  onStep(listener: (view: OperationView) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * Runs the work between an intent and a result. An error that it throws ends the operation as failed, and is thrown
   * on.
   * @param work gets the id, a function that reports progress, and one that tells whether it was cancelled
   */
  async run(given: NewOperation, caller: Caller, work: (step: Step) => Promise<Outcome>): Promise<OperationView> {
    const id = newId(given.prefix)
    await this.#begin(id, given, caller)
    // A lease that is lost shows as interrupted.
    const renewing = setInterval(() => void this.#renew(id).catch(() => undefined), RENEW_MS)
    renewing.unref()
    try {
      const outcome = await work({
        id,
        progress: (so_far) => this.#note(id, so_far),
        isCancelled: async () => (await this.#row(id))?.state === 'cancelling',
      })
      await this.#end(id, given, caller, outcome)
    } catch (error) {
      const detail =
        error instanceof Problem
          ? { error: error.message, code: error.code }
          : { error: 'an internal error occurred and was logged' }
      await this.#end(id, given, caller, { state: 'failed', result: detail })
      throw error
    } finally {
      clearInterval(renewing)
    }
    return this.get(id)
  }

  /** Completes an operation that was partial: a late node has caught up. */
  async complete(id: string, result: unknown): Promise<void> {
    const now = await this.#store.now()
    await this.#store.read
      .updateTable('operations')
      .set({ state: 'completed', result: JSON.stringify(result), updated_at: now })
      .where('id', '=', id)
      .where('state', '=', 'partial')
      .execute()
    await this.#tell(id)
  }

  /** @throws Problem 404 */
  async get(id: string): Promise<OperationView> {
    const row = await this.#row(id)
    if (row === undefined) throw notFound(`operation ${id}`)
    return viewOf(row, await this.#store.now())
  }

  /** What it has brought, as measured last. */
  async keepOutcome(id: string, outcome: unknown): Promise<void> {
    const text = JSON.stringify(outcome)
    await this.#store.read.updateTable('operations').set({ outcome: text }).where('id', '=', id).execute()
  }

  /** `null`: not measured. */
  async outcomeOf(id: string): Promise<unknown> {
    const outcome = (await this.#row(id))?.outcome
    return outcome === null || outcome === undefined ? null : JSON.parse(outcome)
  }

  /** The plan in full. */
  async planOf(id: string): Promise<unknown> {
    const plan = (await this.#row(id))?.plan
    return plan === null || plan === undefined ? null : JSON.parse(plan)
  }

  async ofReceipt(receipt: string): Promise<OperationView | undefined> {
    const found = await this.#store.read
      .selectFrom('operation_receipts')
      .select('operation_id')
      .where('receipt', '=', receipt)
      .executeTakeFirst()
    return found === undefined ? undefined : this.get(found.operation_id)
  }

  /** Newest first. */
  async list({
    kind,
    cache,
    before,
    limit,
  }: Filter): Promise<readonly { readonly seq: number; readonly view: OperationView }[]> {
    let rows = this.#store.read.selectFrom('operations').selectAll().orderBy('seq', 'desc').limit(limit)
    if (kind !== undefined) rows = rows.where('kind', '=', kind)
    if (cache !== undefined) rows = rows.where(concerns(cache))
    if (before !== undefined) rows = rows.where('seq', '<', before)
    const now = await this.#store.now()
    return (await rows.execute()).map((row) => ({ seq: Number(row.seq), view: viewOf(row, now) }))
  }

  /** Those of the last `ms` that some node has not acknowledged. */
  async partial(ms: number): Promise<readonly OperationView[]> {
    const now = await this.#store.now()
    const rows = await this.#store.read
      .selectFrom('operations')
      .selectAll()
      .where('state', '=', 'partial')
      .where('kind', '=', 'invalidate')
      .where('created_at', '>', now - ms)
      .execute()
    return rows.map((row) => viewOf(row, now))
  }

  /** @throws Problem 404; 409 for one that has ended */
  async cancel(id: string, caller: Caller): Promise<OperationView> {
    await this.#store.write(async (tx) => {
      const { numUpdatedRows } = await tx
        .updateTable('operations')
        .set({ state: 'cancelling' })
        .where('id', '=', id)
        .where('state', '=', 'running')
        .executeTakeFirst()
      if (numUpdatedRows === 1n)
        return void (await appendAudit(this.#store, tx, {
          ...caller,
          kind: 'change',
          action: 'operation.cancel',
          target: id,
        }))
      // By the transaction, which holds SQLite's only connection.
      const row = await tx.selectFrom('operations').select('state').where('id', '=', id).executeTakeFirst()
      if (row === undefined) throw notFound(`operation ${id}`)
      throw new Problem(409, 'has_ended', `operation ${id} is ${row.state}: there is nothing to cancel`)
    })
    return this.get(id)
  }

  async #begin(id: string, { kind, caches, request, plan, reason }: NewOperation, caller: Caller): Promise<void> {
    await this.#store.write(async (tx) => {
      const now = await this.#store.now(tx)
      await tx
        .insertInto('operations')
        .values({
          id,
          kind,
          state: 'running',
          cache: caches.join(','),
          actor: storable(caller.actor),
          reason: reason === undefined ? null : storable(reason),
          request: JSON.stringify(request),
          plan: plan === undefined ? null : JSON.stringify(plan),
          result: null,
          outcome: null,
          holder: this.holder,
          lease_until: now + LEASE_MS,
          created_at: now,
          updated_at: now,
          ended_at: null,
        })
        .execute()
      await appendAudit(this.#store, tx, {
        ...caller,
        kind: 'intent',
        action: kind,
        target: caches.join(','),
        detail: { id, reason, request },
      })
    })
    await this.#tell(id)
  }

  async #end(
    id: string,
    { kind, caches }: NewOperation,
    caller: Caller,
    { state, result, receipts = [], audited }: Outcome,
  ): Promise<void> {
    await this.#store.write(async (tx) => {
      const now = await this.#store.now(tx)
      await tx
        .updateTable('operations')
        .set({ state, result: JSON.stringify(result), updated_at: now, ended_at: now })
        .where('id', '=', id)
        .execute()
      for (const receipt of receipts)
        await tx
          .insertInto('operation_receipts')
          .values({ receipt, operation_id: id })
          .onConflict((conflict) => conflict.doNothing())
          .execute()
      await appendAudit(this.#store, tx, {
        ...caller,
        kind: 'result',
        action: kind,
        target: caches.join(','),
        detail: { id, state, receipts, ...(audited !== undefined && { proof: audited }) },
        outcome: state === 'failed' ? 'failed' : 'ok',
      })
    })
    await this.#tell(id)
  }

  async #note(id: string, result: unknown): Promise<void> {
    const now = await this.#store.now()
    await this.#store.read
      .updateTable('operations')
      .set({ result: JSON.stringify(result), updated_at: now })
      .where('id', '=', id)
      .execute()
    await this.#tell(id)
  }

  async #renew(id: string): Promise<void> {
    await this.#store.read
      .updateTable('operations')
      .set({ lease_until: (await this.#store.now()) + LEASE_MS })
      .where('id', '=', id)
      .execute()
  }

  async #tell(id: string): Promise<void> {
    if (this.#listeners.size === 0) return
    const view = await this.get(id)
    for (const listener of this.#listeners) listener(view)
  }

  #row(id: string) {
    return this.#store.read.selectFrom('operations').selectAll().where('id', '=', id).executeTakeFirst()
  }
}

export interface Step {
  readonly id: string
  readonly progress: (soFar: unknown) => Promise<void>
  readonly isCancelled: () => Promise<boolean>
}

/** Hundreds of keys are only for the undo; an erasure's subject is only for those who may erase. */
const UNSHOWN: ReadonlySet<string> = new Set(['hottest', 'subject', 'salt'])
function shownPlan(plan: unknown): unknown {
  if (typeof plan !== 'object' || plan === null) return plan
  return Object.fromEntries(Object.entries(plan).filter(([name]) => !UNSHOWN.has(name)))
}

const STATES: readonly OperationState[] = ['running', 'cancelling', 'completed', 'partial', 'failed', 'cancelled']
const timeOf = (ms: number): string => new Date(Number(ms)).toISOString()

function viewOf(row: Omit<OperationTable, 'seq'>, now: number): OperationView {
  const state = STATES.find((one) => one === row.state) ?? 'failed'
  const isDead = (state === 'running' || state === 'cancelling') && Number(row.lease_until) < now
  return {
    id: row.id,
    kind: row.kind,
    state: isDead ? 'interrupted' : state,
    caches: row.cache.split(','),
    actor: row.actor,
    reason: row.reason,
    request: JSON.parse(row.request),
    plan: row.plan === null ? null : shownPlan(JSON.parse(row.plan)),
    result: row.result === null ? null : JSON.parse(row.result),
    created_at: timeOf(row.created_at),
    updated_at: timeOf(row.updated_at),
    ended_at: row.ended_at === null ? null : timeOf(row.ended_at),
  }
}
