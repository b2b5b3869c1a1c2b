// Applies advice automatically where this is allowed: one change at a time, compared with the figures before it, and
// rolled back if it does harm.
import { judgeChange } from 'millpond/insight'
import { counted } from 'millpond/options'
import { z } from 'zod'
import { newId } from '../access/tokens.ts'
import { type AskedPlan, memoryChange } from '../agent/requests.ts'
import { appendAudit, type Caller } from '../audit/audit.ts'
import { AUTO, type Experiments } from '../experiments/experiments.ts'
import { countsOf, type Runs } from '../experiments/seen.ts'
import type { Fleet } from '../fleet/fleet.ts'
import { Problem } from '../http/problem.ts'
import { agreedOn, askInsight } from '../operations/advice.ts'
import { changeMemory } from '../operations/memory-change.ts'
import { changesOf } from '../operations/memory-changes.ts'
import type { Operations, OperationView } from '../operations/operations.ts'
import { putDocument, readDocument } from '../store/documents.ts'
import type { Store } from '../store/store.ts'
import { type AutoSettings, type AutoState, autoSettings, autoState, IDLE } from './settings.ts'

type Change = NonNullable<AutoState['change']>
type Outcome = AutoState['history'][number]['outcome']

const DEADLINE_MS = 5000
const KEPT_ATTEMPTS = 20
/** Reads before and after, below which a change is neither made nor trusted. */
const LEAST_READS = 1000
/** Counting takes no longer than this, before a change and after it. */
const PATIENT_WINDOWS = 10
/** After two windows the change is kept. */
const WINDOWS = 2
/** Changes with these outcomes are not tried again. */
const FOR_PEOPLE: ReadonlySet<Outcome> = new Set(['taken_back', 'failed'])

/** Both arms treat keys alike: it runs only to count. */
const COUNTING: AskedPlan = { name: 'auto', arms: [{ name: 'a' }, { name: 'b' }], settle_seconds: 0 }

interface Parts {
  readonly store: Store
  readonly fleet: Fleet
  readonly operations: Operations
  readonly experiments: Experiments
}

export class AutoApply {
  readonly #control: Parts
  readonly #runs = new Map<string, Record<string, Runs[string]>>()
  readonly #lookedAt = new Map<string, number>()
  #last: Promise<void> = Promise.resolve()

  constructor(control: Parts) {
    this.#control = control
  }

  async settings(cache: string): Promise<AutoSettings> {
    return autoSettings.parse((await readDocument(this.#control.store, `auto:${cache}`)) ?? {})
  }

  async state(cache: string): Promise<AutoState> {
    const kept = await readDocument(this.#control.store, `auto-state:${cache}`)
    return kept === undefined ? IDLE : stored.parse(kept).state
  }

  async put(cache: string, settings: AutoSettings, caller: Caller): Promise<void> {
    await putDocument(this.#control.store, `auto:${cache}`, settings, {
      ...caller,
      kind: 'change',
      action: 'auto.update',
      target: cache,
      detail: settings,
    })
    this.#lookedAt.delete(cache)
  }

  /**
   * One turn: every five seconds, in one of several control planes. Turns never overlap.
   * @param onError called with errors of single caches, while others go on; without it such an error fails the turn
   */
  turn(onError?: (error: unknown) => void): Promise<void> {
    const turn = this.#last.then(async () => {
      for (const cache of this.#control.fleet.names) await this.#look(cache).catch(onError)
    })
    this.#last = turn.catch(() => undefined)
    return turn
  }

  /** Another control plane leads. */
  forget(): void {
    this.#runs.clear()
    this.#lookedAt.clear()
  }

  async #look(cache: string): Promise<void> {
    const settings = await this.settings(cache)
    const state = await this.state(cache)
    // A change in force is watched to its end, even if automatic changes have been switched off meanwhile.
    if (state.phase === 'watching') return this.#watch(cache, settings, state)
    if (!settings.enabled) return state.phase === 'idle' ? undefined : this.#idle(cache, state, 'it was switched off')
    if (state.phase === 'counting') return this.#count(cache, settings, state)
    const now = await this.#control.store.now()
    const looked = this.#lookedAt.get(cache)
    if (looked !== undefined && now - looked < settings.window_seconds * 1000) return
    this.#lookedAt.set(cache, now)
    await this.#begin(cache, settings, state, now)
  }

  /** Looks for a change to make. */
  async #begin(cache: string, settings: AutoSettings, state: AutoState, now: number): Promise<void> {
    const found = await this.#found(cache, settings, state, now)
    if (typeof found === 'string') {
      if (found !== state.why) await this.#keep(cache, { ...state, why: found })
      return
    }
    this.#runs.set(cache, {})
    await this.#lead(cache, 'before')
    await this.#keep(cache, { ...state, ...found, phase: 'counting', since: timeOf(now), why: null })
  }

  /** What to do, or why nothing is done. */
  async #found(
    cache: string,
    settings: AutoSettings,
    state: AutoState,
    now: number,
  ): Promise<string | Pick<AutoState, 'recommendation' | 'change' | 'undo'>> {
    const { paused_until } = state
    if (paused_until !== null && Date.parse(paused_until) > now)
      return `paused until ${paused_until}, because a change was rolled back`
    if ((await this.#control.experiments.running(cache)) !== undefined)
      return 'an experiment is running: two changes at a time would disturb each other'
    const by = await this.#changedBy(cache, now - settings.hands_off_seconds * 1000)
    if (by !== undefined)
      return `${by} changed the cache recently, and changes made by people are left alone for ${counted(Math.round(settings.hands_off_seconds / 360) / 10, 'hour')} (hands_off_seconds)`
    const says = await askInsight(this.#control, cache, 'analyze', { days: 7 }).catch((error: unknown) => {
      if (error instanceof Problem) return error.message
      throw error
    })
    if (typeof says === 'string') return says
    if (says.why !== null) return says.why
    for (const one of agreedOn(says.nodes)) {
      if (one.impact < settings.min_impact_score || one.hit_ratio_change.low <= 0 || one.nodes < one.of_nodes) continue
      if (!settings.kinds.some((kind) => kind === one.kind) || one.change === null || one.undo === null) continue
      const undo = memoryChange.parse(one.undo)
      const change = within(settings, memoryChange.parse(one.change), undo)
      // A change that was rolled back once is left to people.
      const wasTakenBack = state.history.some(
        ({ recommendation, outcome }) => recommendation === one.id && FOR_PEOPLE.has(outcome),
      )
      if (change !== undefined && !wasTakenBack) return { recommendation: one.id, change, undo }
    }
    return 'no recommendation is significant, important enough and allowed'
  }

  /** Who else changed the cache; with `fields`, one of these. */
  async #changedBy(cache: string, since: number, fields?: readonly string[]): Promise<string | undefined> {
    const changes = await changesOf(this.#control.store, cache, since)
    return changes.findLast(({ by, isAbout }) => by !== AUTO.actor && (fields === undefined || isAbout(fields)))?.by
  }

  /** The change is made once the figures before it are known. */
  async #count(cache: string, settings: AutoSettings, state: AutoState): Promise<void> {
    const since = Date.parse(state.since ?? '')
    const counts = await this.#lead(cache, 'before')
    const now = await this.#control.store.now()
    // Last: asking all processes takes a while.
    const by = await this.#changedBy(cache, since)
    if (by !== undefined) return this.#idle(cache, state, `${by} changed the cache meanwhile`)
    const windows = (now - since) / (settings.window_seconds * 1000)
    if (windows < 1) return
    if (counts.before.reads.reduce((sum, reads) => sum + reads, 0) < LEAST_READS) {
      if (windows > PATIENT_WINDOWS) await this.#idle(cache, state, 'too few reads for a comparison')
      return
    }
    const { change, recommendation } = state
    if (change === null) return this.#idle(cache, state, 'there was nothing to change')
    // Recorded first: after a crash, the next control plane rolls back what may have been done.
    await this.#keep(cache, { ...state, phase: 'watching', since: timeOf(now) })
    await this.#lead(cache, 'measuring')
    const done = await this.#tune(cache, change, `recommendation ${recommendation}`)
    const applied = { ...(await this.state(cache)), operation: done.id }
    if (done.state !== 'completed')
      return this.#back(cache, settings, applied, 'failed', 'not every process applied it')
    await this.#keep(cache, applied)
  }

  async #watch(cache: string, settings: AutoSettings, state: AutoState): Promise<void> {
    const counts = await this.#lead(cache, 'measuring')
    // What a person has set since then stays: the undo of this change would overwrite it. It overwrites nothing else.
    const by = await this.#changedBy(cache, Date.parse(state.since ?? ''), Object.keys(state.undo ?? {}))
    if (by !== undefined)
      return this.#end(cache, state, 'superseded', `${by} changed the cache while it was watched`, null)
    const judged = judgeChange(counts)
    if (judged?.harm !== undefined) return this.#back(cache, settings, state, 'taken_back', judged.harm)
    const windows =
      ((await this.#control.store.now()) - Date.parse(state.since ?? '')) / (settings.window_seconds * 1000)
    if (windows < WINDOWS) return
    if (judged === undefined || judged.after < LEAST_READS) {
      if (windows < PATIENT_WINDOWS) return
      const reads = judged?.after ?? 0
      return this.#back(
        cache,
        settings,
        state,
        'not_enough_evidence',
        `${counted(reads, 'read')} since the change: ${LEAST_READS} are needed to keep it`,
      )
    }
    if (judged.loss !== undefined) return this.#back(cache, settings, state, 'taken_back', judged.loss)
    await this.#end(cache, state, 'held', null, null)
  }

  async #back(cache: string, settings: AutoSettings, state: AutoState, outcome: Outcome, why: string): Promise<void> {
    const undone = state.undo === null ? undefined : await this.#tune(cache, state.undo, `rolled back: ${why}`)
    const told =
      undone === undefined || undone.state === 'completed'
        ? why
        : `${why}; not every process rolled it back: see ${undone.id}`
    const paused = timeOf((await this.#control.store.now()) + settings.pause_seconds * 1000)
    await this.#end(cache, state, outcome, told, paused, undone?.id)
  }

  async #end(
    cache: string,
    state: AutoState,
    outcome: Outcome,
    why: string | null,
    paused: string | null,
    undone: string | null = null,
  ): Promise<void> {
    const { recommendation, change, undo, operation } = state
    const at = timeOf(await this.#control.store.now())
    const told = { operation, rolled_back_by: undone, outcome, why }
    const ended =
      change !== null && undo !== null ? [{ recommendation: recommendation ?? '', change, undo, at, ...told }] : []
    const { store } = this.#control
    const detail = { recommendation, change, undo, ...told }
    await store.write((tx) =>
      appendAudit(store, tx, {
        ...AUTO,
        requestId: newId('req'),
        kind: 'result',
        action: 'auto.end',
        target: cache,
        detail,
      }),
    )
    await this.#idle(
      cache,
      { ...state, paused_until: paused, history: [...ended, ...state.history].slice(0, KEPT_ATTEMPTS) },
      null,
    )
  }

  async #idle(cache: string, { paused_until, history }: AutoState, why: string | null): Promise<void> {
    this.#runs.delete(cache)
    await this.#control.fleet.ask(
      cache,
      'experiment',
      { id: null, plan: null, phase: 'before' },
      { deadlineMs: DEADLINE_MS },
    )
    await this.#keep(cache, { ...IDLE, paused_until, history, why })
  }

  /** Makes all processes count, and adds up their counts. */
  async #lead(cache: string, phase: 'before' | 'measuring') {
    const runs = this.#runs.get(cache) ?? { ...(await this.#keptRuns(cache)) }
    this.#runs.set(cache, runs)
    const replies = await this.#control.fleet.ask(
      cache,
      'experiment',
      { id: `auto_${cache}`.slice(0, 64), plan: COUNTING, phase },
      { deadlineMs: DEADLINE_MS },
    )
    for (const { body } of replies)
      if (body !== undefined && body !== null) runs[body.run] = { keys: body.keys, shadow: null }
    return countsOf(
      { arms: COUNTING.arms.map(({ name }) => ({ name, settings: {}, memory: undefined, share: 0.5 })) },
      runs,
    )
  }

  #tune(cache: string, change: Change, reason: string): Promise<OperationView> {
    return changeMemory(this.#control, { ...AUTO, requestId: newId('req') }, { cache, change, reason })
  }

  async #keptRuns(cache: string): Promise<Runs> {
    const kept = await readDocument(this.#control.store, `auto-state:${cache}`)
    return kept === undefined ? {} : (stored.parse(kept).runs as Runs) // written by this class alone
  }

  async #keep(cache: string, state: AutoState): Promise<void> {
    const { store } = this.#control
    const document = JSON.stringify({ state, runs: this.#runs.get(cache) ?? {} })
    await store.write(async (tx) => {
      const row = { document, version: 1, updated_at: await store.now(tx) }
      await tx
        .insertInto('documents')
        .values({ name: `auto-state:${cache}`, ...row })
        .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
        .execute()
    })
  }
}

const stored = z.object({ state: autoState, runs: z.record(z.string(), z.unknown()) })
const timeOf = (ms: number): string => new Date(ms).toISOString()

/** The change, limited to one step and the bounds; `undefined`: nothing is left of it. */
export function within(
  { max_step, max_entries, max_bytes }: AutoSettings,
  change: Change,
  undo: Change,
): Change | undefined {
  const limited = (
    wanted: number | undefined,
    now: number | undefined,
    most: number | undefined,
  ): number | undefined => {
    if (wanted === undefined || now === undefined) return undefined
    const stepped = Math.min(wanted, Math.round(now * (1 + max_step)), most ?? Number.POSITIVE_INFINITY)
    return stepped > now ? stepped : undefined
  }
  const entries = limited(change.max_entries, undo.max_entries, max_entries)
  const bytes = limited(change.max_bytes, undo.max_bytes, max_bytes)
  const isSized = change.max_entries !== undefined || change.max_bytes !== undefined
  if (isSized && entries === undefined && bytes === undefined) return undefined
  return {
    ...(entries !== undefined && { max_entries: entries }),
    ...(bytes !== undefined && { max_bytes: bytes }),
    ...(change.policy !== undefined && { policy: change.policy }),
  }
}
