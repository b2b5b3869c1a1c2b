// A node's part in an erasure: its plan, and the run, which lists whole tiers twice and therefore goes on in the
// background while the control plane polls its progress.
import { randomBytes } from 'node:crypto'
import type { Cache, Erased, ErasureSubject } from 'millpond'
import type { Answered, ErasedPart } from './answers.ts'
import { droppedWrite, type ErasureLog } from './erasure-log.ts'
import { reasonOf } from './reason.ts'
import type { Asked, AskedSubject } from './requests.ts'
import { settled } from './settled.ts'
import { chosen, keyOf, namespacesOf, spaceOf } from './spaces.ts'
import { entriesOf, goOn, type Walk } from './walks.ts'

const PLAN_MS = 2500
const MOST_RUNS = 8
/** Results that are not polled for this long are dropped; the erasure itself still runs to its end. */
const FORGOTTEN_MS = 600_000

interface Run {
  readonly parts: ErasedPart[]
  done: Promise<void>
  isDone: boolean
  error: string | undefined
  askedAt: number
}

const subjectOf = ({ tenant, tags, keys }: AskedSubject): ErasureSubject => ({
  ...(tenant !== undefined && { tenant }),
  ...(tags !== undefined && { tags }),
  ...(keys !== undefined && { keys: keys.map(keyOf) }),
})

/** The tenant's parts of the namespaces that are open here. */
function partsOf(cache: Cache, tenant: string): readonly string[] {
  const open = namespacesOf(cache)
  const part = cache.for({ tenant })
  const { name } = part
  const mark = name.slice(name.indexOf('~'))
  // Reading its name has opened it.
  if (!open.includes(name)) void part.close()
  return open.filter((one) => one.endsWith(mark))
}

const meantBy = (
  cache: Cache,
  { subject, namespaces }: Pick<Asked<'erase'>, 'subject' | 'namespaces'>,
): readonly string[] => (subject.tenant === undefined ? chosen(cache, namespaces) : partsOf(cache, subject.tenant))

/** Counts in memory only: the tiers are searched by the run. */
export async function planErasure(cache: Cache, asked: Asked<'erase_plan'>): Promise<Answered['erase_plan']> {
  const namespaces = meantBy(cache, asked)
  const [keys, tags] = [new Set(asked.subject.keys), new Set(asked.subject.tags)]
  const by: Record<string, number> = {}
  const walk: Walk = { entries: entriesOf(cache, namespaces), scanned: 0 }
  await goOn(walk, PLAN_MS, ({ namespace, key, tags: held }) => {
    if (asked.subject.tenant !== undefined || keys.has(key) || held.some((tag) => tags.has(tag)))
      by[namespace] = (by[namespace] ?? 0) + 1
    return true
  })
  return { namespaces, entries: Object.values(by).reduce((all, some) => all + some, 0), by_namespace: by }
}

export class Erasures {
  readonly #cache: Cache
  readonly #heard: ErasureLog
  readonly #runs = new Map<string, Run>()

  constructor(cache: Cache, heard: ErasureLog) {
    this.#cache = cache
    this.#heard = heard
  }

  /** @throws Error for an unknown run */
  async ask(asked: Asked<'erase'>): Promise<Answered['erase']> {
    const id = asked.run ?? this.#begin(asked)
    const run = this.#runs.get(id)
    if (run === undefined)
      throw new Error('this erasure is no longer known because the process has restarted: erase again')
    run.askedAt = performance.now()
    await settled(run.done, asked.wait_ms)
    if (run.isDone) this.#runs.delete(id)
    return { run: id, is_done: run.isDone, parts: run.parts, ...(run.error !== undefined && { error: run.error }) }
  }

  #begin(asked: Asked<'erase'>): string {
    for (const [id, { askedAt, isDone }] of this.#runs)
      if (isDone && performance.now() - askedAt > FORGOTTEN_MS) this.#runs.delete(id)
    if (this.#runs.size >= MOST_RUNS)
      throw new Error(`${MOST_RUNS} erasures are already in progress in this process: wait for one to end`)
    const run: Run = { parts: [], done: Promise.resolve(), isDone: false, error: undefined, askedAt: performance.now() }
    run.done = this.#work(run, asked)
      .catch((error: unknown) => {
        run.error = reasonOf(error)
      })
      .finally(() => {
        run.isDone = true
      })
    const id = randomBytes(9).toString('base64url')
    this.#runs.set(id, run)
    return id
  }

  async #work({ parts }: Run, asked: Asked<'erase'>): Promise<void> {
    const subject = subjectOf(asked.subject)
    // A tenant is erased in all namespaces at once, whichever of them runs it.
    const spaces =
      asked.subject.tenant === undefined
        ? chosen(this.#cache, asked.namespaces).map((name) => spaceOf(this.#cache, name))
        : [this.#cache]
    for (const space of spaces) parts.push(partOf(await this.#heard.asked(() => space.erase(subject))))
  }
}

const timeOf = (ms: number | undefined): string | null =>
  ms === undefined || !Number.isFinite(ms) ? null : new Date(ms).toISOString()

const partOf = ({ id, isProven, namespaces, receipts, tiers, writes, keys, unheard, ms }: Erased): ErasedPart => ({
  id,
  is_proven: isProven,
  namespaces,
  receipts,
  tiers: tiers.map(({ name, state, until, removed, error }) => ({
    name,
    state,
    removed,
    ...(state === 'until' && { until: timeOf(until) }),
    ...(error !== undefined && { error: reasonOf(error) }),
  })),
  writes: writes.map(droppedWrite),
  keys:
    keys === undefined
      ? null
      : { shredded_at: timeOf(keys.shreddedAt), ids: keys.ids, held_until: timeOf(keys.heldUntil) },
  unheard,
  ms: Math.round(ms),
})
