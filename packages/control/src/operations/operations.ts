// Work that acts on caches: an intent on the audit before it, a result after it, and between the two a row that
// everybody can look at.
import { sql } from 'kysely'
import { newId } from '../access/tokens.ts'
import { type AuditEntry, appendAudit } from '../audit/audit.ts'
import { notFound, Problem } from '../http/problem.ts'
import { storable } from '../http/storable.ts'
import type { OperationTable } from '../store/schema.ts'
import type { Store } from '../store/store.ts'

export type Who = Pick<AuditEntry, 'actor' | 'via' | 'address' | 'requestId'>
export type OperationState = 'running' | 'cancelling' | 'completed' | 'partial' | 'failed' | 'cancelled' | 'interrupted'
export type EndState = 'completed' | 'partial' | 'failed' | 'cancelled'

export interface NewOperation {
  /** `invalidate`, `warm`, `benchmark`, `erase`. */
  readonly kind: string
  /** Of its id: `inv`, `op`, `ers`. */
  readonly prefix: string
  readonly caches: readonly string[]
  readonly request: unknown
  readonly plan?: unknown
  readonly reason: string | undefined
}

/** What work came to. */
export interface Outcome {
  readonly state: EndState
  readonly result: unknown
  /** Of the ledger. */
  readonly receipts?: readonly string[]
  /** What the audit is told of the result: it is kept longer than the operation. */
  readonly audited?: unknown
}

export interface OperationView {
  readonly id: string
  readonly kind: string
  readonly state: OperationState
  readonly caches: readonly string[]
  readonly actor: string
  readonly reason: string | null
  readonly request: unknown
  readonly plan: unknown
  readonly result: unknown
  readonly created_at: string
  readonly updated_at: string
  readonly ended_at: string | null
}

export interface Filter {
  readonly kind?: string | undefined
  /** Those that concern it, maybe beside others. */
  readonly cache?: string | undefined
  /** Row numbers below it. */
  readonly before?: number | undefined
  readonly limit: number
}

/**
 * A row names its caches with commas between them. By exact text: a name may hold what stands for anything in a
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

  /** Told of each step; returns how to stop. */
  onStep(listener: (view: OperationView) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * Does the work between an intent and a result. What it throws ends the operation as failed, and is thrown on.
   * @param work gets the id, a function that tells how far it is, and one that says whether somebody has cancelled it
   */
  async run(given: NewOperation, who: Who, work: (step: Step) => Promise<Outcome>): Promise<OperationView> {
    const id = newId(given.prefix)
    await this.#begin(id, given, who)
    const renewing = setInterval(() => void this.#renew(id).catch(() => undefined), RENEW_MS) // a lease that is lost shows as interrupted
    renewing.unref()
    try {
      const outcome = await work({
        id,
        progress: (so_far) => this.#note(id, so_far),
        isCancelled: async () => (await this.#row(id))?.state === 'cancelling',
      })
      await this.#end(id, given, who, outcome)
    } catch (error) {
      const detail =
        error instanceof Problem
          ? { error: error.message, code: error.code }
          : { error: 'an internal error occurred and was logged' }
      await this.#end(id, given, who, { state: 'failed', result: detail })
      throw error
    } finally {
      clearInterval(renewing)
    }
    return this.get(id)
  }

  /** Ends what was partial before: a node that was late has caught up. */
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

  /** The plan as it was made, with all that it names. */
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

  /** Those of the last `ms` that a node has not acknowledged. */
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
  async cancel(id: string, who: Who): Promise<OperationView> {
    await this.#store.write(async (tx) => {
      const { numUpdatedRows } = await tx
        .updateTable('operations')
        .set({ state: 'cancelling' })
        .where('id', '=', id)
        .where('state', '=', 'running')
        .executeTakeFirst()
      if (numUpdatedRows === 1n)
        return void (await appendAudit(this.#store, tx, {
          ...who,
          kind: 'change',
          action: 'operation.cancel',
          target: id,
        }))
      // By the transaction: it holds the only connection of SQLite.
      const row = await tx.selectFrom('operations').select('state').where('id', '=', id).executeTakeFirst()
      if (row === undefined) throw notFound(`operation ${id}`)
      throw new Problem(409, 'has_ended', `operation ${id} is ${row.state}: there is nothing to cancel`)
    })
    return this.get(id)
  }

  async #begin(id: string, { kind, caches, request, plan, reason }: NewOperation, who: Who): Promise<void> {
    await this.#store.write(async (tx) => {
      const now = await this.#store.now(tx)
      await tx
        .insertInto('operations')
        .values({
          id,
          kind,
          state: 'running',
          cache: caches.join(','),
          actor: storable(who.actor),
          reason: reason === undefined ? null : storable(reason),
          request: JSON.stringify(request),
          plan: plan === undefined ? null : JSON.stringify(plan),
          result: null,
          holder: this.holder,
          lease_until: now + LEASE_MS,
          created_at: now,
          updated_at: now,
          ended_at: null,
        })
        .execute()
      await appendAudit(this.#store, tx, {
        ...who,
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
    who: Who,
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
        ...who,
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

/** Keys by the hundred are for who undoes it; whom an erasure is about, for who may erase. */
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
