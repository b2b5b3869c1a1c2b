// Experiments between settings of caches: stored, run in all processes, judged every few seconds, and ended if they do
// harm.
import { MillpondError } from 'millpond'
import { type Plan, planOf } from 'millpond/insight'
import { newId } from '../access/tokens.ts'
import { planFrom } from '../agent/experiment.ts'
import type { AskedPlan } from '../agent/requests.ts'
import { appendAudit, type Caller } from '../audit/audit.ts'
import type { Fleet } from '../fleet/fleet.ts'
import { notFound, Problem } from '../http/problem.ts'
import type { ExperimentTable } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import {
  courseWith,
  type ExperimentDocument,
  type ExperimentView,
  experimentDocument,
  judgementToJson,
  phaseDue,
  timeOf,
  viewOf,
} from './document.ts'
import { judged, type NodeCounts, type Runs } from './seen.ts'

const DEADLINE_MS = 5000
/** How often the counts are stored; after a restart the processes still know the rest. */
const STORED_EVERY_MS = 30_000
/** The actor of an automatic end, as audit rows name it. */
export const AUTO: Omit<Caller, 'requestId'> = { actor: 'auto', via: 'auto', address: undefined }
const SURE: ReadonlySet<string> = new Set(['better', 'worse', 'no_difference'])
type End = NonNullable<ExperimentDocument['ended']>

interface Held {
  runs: Record<string, Pick<NodeCounts, 'keys' | 'shadow'>>
  storedAt: number
}

export interface NewExperiment {
  readonly cache: string
  readonly plan: AskedPlan
  readonly reason: string | undefined
}

export class Experiments {
  readonly #store: Store
  readonly #fleet: Fleet
  /** The counts of the running ones. */
  readonly #held = new Map<string, Held>()
  readonly #listeners = new Set<(view: ExperimentView) => void>()
  #last: Promise<unknown> = Promise.resolve()

  constructor(store: Store, fleet: Fleet) {
    this.#store = store
    this.#fleet = fleet
  }

  /** Called when one has started, was judged or has ended; returns a function that unsubscribes. */
  onChange(listener: (view: ExperimentView) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** @throws Problem 404 */
  async get(id: string): Promise<ExperimentView> {
    return viewOf(await this.#row(id))
  }

  /** Newest first. */
  async list(filter: {
    readonly cache?: string | undefined
    readonly state?: string | undefined
    readonly before?: number | undefined
    readonly limit: number
  }) {
    let rows = this.#store.read.selectFrom('experiments').selectAll().orderBy('seq', 'desc').limit(filter.limit)
    if (filter.cache !== undefined) rows = rows.where('cache', '=', filter.cache)
    if (filter.state !== undefined) rows = rows.where('state', '=', filter.state)
    if (filter.before !== undefined) rows = rows.where('seq', '<', filter.before)
    return (await rows.execute()).map((row) => ({ seq: Number(row.seq), view: viewOf(row) }))
  }

  async running(cache: string): Promise<ExperimentView | undefined> {
    const [first] = await this.list({ cache, state: 'running', limit: 1 })
    return first?.view
  }

  /** @throws Problem 409 if one runs already, or no process takes part */
  start({ cache, plan, reason }: NewExperiment, caller: Caller): Promise<ExperimentView> {
    return this.#inTurn(async () => {
      const checked = checkedPlan(plan)
      const id = newId('exp')
      await this.#store.write(async (tx) => {
        const other = await tx
          .selectFrom('experiments')
          .select('id')
          .where('cache', '=', cache)
          .where('state', '=', 'running')
          .executeTakeFirst()
        if (other !== undefined)
          throw new Problem(
            409,
            'is_running',
            `experiment ${other.id} runs on ${cache}, and two at a time would disturb each other: stop it first`,
          )
        const now = await this.#store.now(tx)
        const document: ExperimentDocument = {
          plan,
          kind: checked.kind,
          phase: phaseDue(checked, 0),
          ended: null,
          measured_since: null,
          ended_at: null,
          judgement: judgementToJson(judged(checked, {}, 0)),
          decided: null,
          course: [],
          nodes: [],
          applied: null,
        }
        const row = {
          id,
          cache,
          state: 'running',
          actor: caller.actor,
          reason: reason ?? null,
          document: JSON.stringify(document),
          counts: '{}',
        }
        await tx
          .insertInto('experiments')
          .values({ ...row, created_at: now, updated_at: now })
          .execute()
        await appendAudit(this.#store, tx, {
          ...caller,
          kind: 'change',
          action: 'experiment.start',
          target: cache,
          detail: { id, reason, plan },
        })
      })
      const view = await this.#lead(await this.#row(id), checked)
      if (view.nodes.some(({ error }) => error === null)) return view
      await this.#end(id, 'failed', { ...AUTO, requestId: caller.requestId })
      throw new Problem(
        409,
        'no_process',
        `no process of ${cache} takes part: ${view.nodes[0]?.error ?? 'none is running'}`,
      )
    })
  }

  /** @throws Problem 404; 409 for one that has ended */
  stop(id: string, caller: Caller): Promise<ExperimentView> {
    return this.#inTurn(async () => {
      const row = await this.#row(id)
      if (row.state === 'running') await this.#lead(row, planOf(planFrom(documentOf(row).plan)))
      return this.#end(id, 'stopped', caller)
    })
  }

  /** Records that a result was applied, or rolled back. */
  async note(id: string, applied: ExperimentDocument['applied']): Promise<ExperimentView> {
    await this.#store.read
      .updateTable('experiments')
      .set({
        document: JSON.stringify({ ...documentOf(await this.#row(id)), applied }),
        updated_at: await this.#store.now(),
      })
      .where('id', '=', id)
      .execute()
    return this.#told(id)
  }

  /**
   * One turn: every five seconds, in one of several control planes.
   * @param onError called with errors of single experiments, while others go on; without it such an error fails the
   * turn
   */
  turn(onError?: (error: unknown) => void): Promise<void> {
    return this.#inTurn(async () => {
      const rows = await this.#store.read.selectFrom('experiments').selectAll().where('state', '=', 'running').execute()
      for (const row of rows) await this.#look(row).catch(onError)
    })
  }

  async #look(row: Row): Promise<void> {
    const plan = planOf(planFrom(documentOf(row).plan))
    const { judgement, measured_since } = await this.#lead(row, plan)
    const ranMs = measured_since === null ? 0 : (await this.#store.now()) - Date.parse(measured_since)
    const why: End | undefined =
      judgement.verdict === 'harm' || judgement.verdict === 'uneven'
        ? judgement.verdict
        : ranMs >= plan.maxRunMs
          ? 'over'
          : undefined
    if (why !== undefined) await this.#end(row.id, why, { ...AUTO, requestId: newId('req') })
  }

  /** Another control plane leads: its counts are read again when this one takes over. */
  forget(): void {
    this.#held.clear()
  }

  /** Tells the processes the phase, takes their counts, and judges. */
  async #lead(row: Row, plan: Plan): Promise<ExperimentView> {
    const { id, cache, created_at } = row
    const document = documentOf(row)
    const now = await this.#store.now()
    const phase = phaseDue(plan, now - Number(created_at))
    const replies = this.#fleet.has(cache)
      ? await this.#fleet.ask(cache, 'experiment', { id, plan: document.plan, phase }, { deadlineMs: DEADLINE_MS })
      : []
    const held = this.#held.get(id) ?? { runs: { ...runsOf(row) }, storedAt: now }
    this.#held.set(id, held)
    for (const { body } of replies)
      if (body !== undefined && body !== null) held.runs[body.run] = { keys: body.keys, shadow: body.shadow }
    const measuredSince = document.measured_since ?? (phase === 'measuring' ? timeOf(now) : null)
    const judgement = judgementToJson(
      judged(plan, held.runs, measuredSince === null ? 0 : now - Date.parse(measuredSince)),
    )
    const { verdict, winner, text } = judgement
    const isStored = now - held.storedAt >= STORED_EVERY_MS
    if (isStored) held.storedAt = now
    await this.#put(
      id,
      {
        ...document,
        phase,
        measured_since: measuredSince,
        judgement,
        decided: document.decided ?? (SURE.has(verdict) ? { at: timeOf(now), verdict, winner, text } : null),
        course: phase === 'measuring' ? courseWith(document.course, timeOf(now), judgement) : document.course,
        nodes: replies.map((reply) => ({
          node: reply.id,
          error: reply.status === 'answered' ? null : (reply.error ?? reply.status),
        })),
      },
      isStored ? held.runs : undefined,
    )
    return this.#told(id)
  }

  async #end(id: string, why: End, caller: Caller): Promise<ExperimentView> {
    const { cache } = await this.#store.write(async (tx) => {
      const row = await tx.selectFrom('experiments').selectAll().where('id', '=', id).executeTakeFirst()
      if (row === undefined) throw notFound(`experiment ${id}`)
      if (row.state !== 'running')
        throw new Problem(
          409,
          'has_ended',
          `experiment ${id} has ended (${documentOf(row).ended}): there is nothing to stop`,
        )
      const now = await this.#store.now(tx)
      const document = {
        ...documentOf(row),
        phase: 'ended',
        ended: why,
        ended_at: timeOf(now),
      } satisfies ExperimentDocument
      const counts = JSON.stringify(this.#held.get(id)?.runs ?? runsOf(row))
      await tx
        .updateTable('experiments')
        .set({ state: 'ended', document: JSON.stringify(document), counts, updated_at: now })
        .where('id', '=', id)
        .execute()
      const { verdict, text } = document.judgement
      await appendAudit(this.#store, tx, {
        ...caller,
        kind: 'change',
        action: 'experiment.end',
        target: row.cache,
        detail: { id, why, verdict, text },
      })
      return row
    })
    this.#held.delete(id)
    // A process that does not receive this ends it by itself, when it is no longer polled.
    if (this.#fleet.has(cache))
      await this.#fleet.ask(cache, 'experiment', { id: null, plan: null, phase: 'before' }, { deadlineMs: DEADLINE_MS })
    return this.#told(id)
  }

  async #put(id: string, document: ExperimentDocument, runs: Runs | undefined): Promise<void> {
    const now = await this.#store.now()
    await this.#store.read
      .updateTable('experiments')
      .set({
        document: JSON.stringify(document),
        updated_at: now,
        ...(runs !== undefined && { counts: JSON.stringify(runs) }),
      })
      .where('id', '=', id)
      // Another control plane may have ended it meanwhile.
      .where('state', '=', 'running')
      .execute()
  }

  async #told(id: string): Promise<ExperimentView> {
    const view = await this.get(id)
    for (const listener of this.#listeners) listener(view)
    return view
  }

  async #row(id: string): Promise<Row> {
    const row = await this.#store.read.selectFrom('experiments').selectAll().where('id', '=', id).executeTakeFirst()
    if (row === undefined) throw notFound(`experiment ${id}`)
    return row
  }

  /** One after the other: a turn must not overwrite an end. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work)
    this.#last = turn.catch(() => undefined)
    return turn
  }
}

type Row = Omit<ExperimentTable, 'seq'>

const documentOf = ({ document }: Pick<Row, 'document'>): ExperimentDocument =>
  experimentDocument.parse(JSON.parse(document))
const runsOf = ({ counts }: Pick<Row, 'counts'>): Runs => JSON.parse(counts) as Runs // written by this class alone

/** @throws Problem 422 */
export function checkedPlan(plan: AskedPlan): Plan {
  try {
    return planOf(planFrom(plan))
  } catch (error) {
    if (!(error instanceof MillpondError)) throw error
    throw new Problem(422, 'invalid', error.message, {
      errors: [{ pointer: '/', code: 'invalid', detail: error.message }],
    })
  }
}
