// A purge at one vendor: planned, combined into as few requests as possible, sent at the permitted rate, and watched
// until it is done.
import { randomUUID } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import { Allowance } from './allowance.ts'
import { attempt, type Patience } from './attempts.ts'
import { pause, type Time } from './clock.ts'
import type { Edge, EdgePurge } from './edge.ts'
import { CdnError, errorOf } from './errors.ts'
import { keyOf, nameOf, type PurgeKind, type PurgeTarget } from './target.ts'

/** What could not be purged, and why. */
export interface PurgeFailure {
  /** For display; at most 20. */
  readonly targets: readonly string[]
  /** How many targets failed. */
  readonly count: number
  /** The reason, the same for all of them. */
  readonly error: CdnError
}

/** The state of a purge at one vendor. */
export interface EdgeReport {
  /** The name of the edge. */
  readonly edge: string
  /** Its vendor: `cloudfront`, `cloudflare`, `fastly` or another one. */
  readonly vendor: string
  /** The distribution, zone or service; undefined if neither the call nor the edge names one. */
  readonly site: string | undefined
  /**
   * `queued` and `sending`: not everything has been requested yet. `accepted`: it has, and the vendor reports nothing
   * further, or not yet. `done`: the vendor reports that it has taken effect everywhere. `partial`, `failed`: see
   * `failures`.
   */
  readonly state: 'queued' | 'sending' | 'accepted' | 'done' | 'partial' | 'failed'
  /** Requested, of `targets`. */
  readonly purged: number
  /** How many targets there are. */
  readonly targets: number
  /** Requests sent, including repeated ones. */
  readonly requests: number
  /** How often a request had to be repeated. */
  readonly retries: number
  /** The vendor's ids, if it has any. */
  readonly ids: readonly string[]
  /** What could not be purged, by reason. */
  readonly failures: readonly PurgeFailure[]
  /** Milliseconds that remain; `0`: none. An estimate. */
  readonly leftMs: number
}

export interface PurgeOrder {
  readonly site?: string | undefined
  readonly soft: boolean
  readonly patience: Patience
  readonly signal?: AbortSignal | undefined
}

/** Concurrent requests to one vendor. */
const SIDE_BY_SIDE = 4
const FIRST_LOOK_MS = 1000
const LAST_LOOK_MS = 20_000
const MAX_SHOWN = 20

interface Batch {
  readonly targets: readonly PurgeTarget[]
  readonly limit: number
}

/** One vendor with its rate limits. */
export class EdgePurger {
  readonly edge: Edge
  readonly #time: Time
  /** By limit, and by site if the limit applies per site. */
  readonly #allowances = new Map<string, Allowance>()
  readonly #closing = new AbortController()

  constructor(edge: Edge, time: Time) {
    this.edge = edge
    this.#time = time
    setMaxListeners(0, this.#closing.signal) // each waiting purge adds a listener
  }

  /**
   * Starts a purge; `accepted` resolves when everything has been requested, `done` when the vendor reports completion,
   * if it does. Neither rejects.
   */
  purge(targets: readonly PurgeTarget[], order: PurgeOrder): EdgeWork {
    return new EdgeWork(this, this.#time, targets, order, this.#closing.signal)
  }

  allowance(limit: number, site: string | undefined): Allowance {
    const found = this.edge.limits[limit] ?? this.edge.limits[0]
    if (found === undefined) throw new Error(`${this.edge.name} has no limits: an edge needs at least one`)
    const key = found.perSecond > 0 ? String(limit) : `${limit} ${site ?? this.edge.site ?? ''}`
    const allowance = this.#allowances.get(key) ?? new Allowance(found, this.#time)
    this.#allowances.set(key, allowance)
    return allowance
  }

  /** Another process was purging until now: it may have used up the burst. */
  drain(): void {
    for (const at of this.edge.limits.keys()) this.allowance(at, undefined).drain()
  }

  /** Milliseconds until such a purge would have been requested. */
  forecast(targets: readonly PurgeTarget[], { site, soft }: Pick<PurgeOrder, 'site' | 'soft'>): number {
    const { batches } = planned(this.edge, targets, soft)
    const limits = new Set(batches.map(({ limit }) => limit))
    const times = [...limits].map((limit) => {
      const own = batches.filter((batch) => batch.limit === limit)
      const allowance = this.allowance(limit, site)
      return allowance.forecast(
        own.reduce((cost, batch) => cost + allowance.costOf(batch.targets.length), 0),
        own.length,
        SIDE_BY_SIDE,
      )
    })
    return Math.max(0, ...times)
  }

  close(): void {
    this.#closing.abort()
  }
}

export class EdgeWork {
  /** Everything has been requested, or has failed. */
  readonly accepted: Promise<void>
  /** Resolves when it has taken effect everywhere, if the vendor reports that; else with `accepted`. */
  readonly done: Promise<void>
  readonly #purger: EdgePurger
  readonly #time: Time
  readonly #order: PurgeOrder
  readonly #closing: AbortSignal
  readonly #count: number
  readonly #failures: PurgeFailure[] = []
  readonly #failed: { readonly target: PurgeTarget; readonly error: CdnError }[] = []
  readonly #ids: string[] = []
  readonly #waiting: Batch[]
  readonly #watched: Promise<void>[] = []
  #purged = 0
  #requests = 0
  #retries = 0
  #unfinished = 0
  #isAccepted = false
  #sentAt: number | undefined

  constructor(
    purger: EdgePurger,
    time: Time,
    targets: readonly PurgeTarget[],
    order: PurgeOrder,
    closing: AbortSignal,
  ) {
    this.#purger = purger
    this.#time = time
    this.#order = order
    this.#closing = closing
    this.#count = targets.length
    const { batches, failures } = planned(purger.edge, targets, order.soft)
    this.#waiting = [...batches]
    this.#failures.push(...failures)
    this.accepted = this.#sendAll()
    this.done = this.accepted.then(() => Promise.all(this.#watched)).then(() => {})
  }

  /** Each target that could not be purged; of those that the vendor supports. */
  failed(): readonly { readonly target: PurgeTarget; readonly error: CdnError }[] {
    return this.#failed
  }

  /** When the last request was sent, epoch milliseconds: rate limits may have delayed it until then. */
  get sentAt(): number | undefined {
    return this.#sentAt
  }

  report(): EdgeReport {
    const { edge } = this.#purger
    const isWhole = this.#failures.length === 0
    const state = !this.#isAccepted
      ? this.#requests === 0
        ? 'queued'
        : 'sending'
      : !isWhole
        ? this.#purged === 0
          ? 'failed'
          : 'partial'
        : edge.abilities.status && this.#unfinished === 0
          ? 'done'
          : 'accepted'
    return {
      edge: edge.name,
      vendor: edge.vendor,
      site: this.#order.site ?? edge.site,
      state,
      purged: this.#purged,
      targets: this.#count,
      requests: this.#requests,
      retries: this.#retries,
      ids: [...this.#ids],
      failures: [...this.#failures],
      leftMs: this.#isAccepted
        ? 0
        : Math.round(
            this.#purger.forecast(
              this.#waiting.flatMap(({ targets }) => targets),
              this.#order,
            ),
          ),
    }
  }

  async #sendAll(): Promise<void> {
    const workers = Array.from({ length: Math.min(SIDE_BY_SIDE, this.#waiting.length) }, async () => {
      for (let batch = this.#waiting.shift(); batch !== undefined; batch = this.#waiting.shift())
        await this.#send(batch)
    })
    await Promise.all(workers)
    this.#isAccepted = true
  }

  async #send(batch: Batch): Promise<void> {
    const { edge } = this.#purger
    const { site, soft, patience, signal } = this.#order
    const { targets, limit } = batch
    const reference = randomUUID()
    const until = signal === undefined ? this.#closing : AbortSignal.any([signal, this.#closing])
    const allowance = this.#purger.allowance(limit, site)
    try {
      const sent = await attempt(allowance, allowance.costOf(targets.length), patience, this.#time, until, () => {
        this.#requests++
        this.#sentAt = this.#time.now()
        return edge.send({ targets, site, soft, reference, signal: until })
      })
      this.#retries += sent.retries
      this.#purged += targets.length
      const { id, isDone } = sent.answer
      if (id !== undefined) this.#ids.push(id)
      if (isDone || id === undefined || edge.status === undefined) sent.release()
      else this.#watched.push(this.#watch(id, sent.release))
    } catch (error) {
      const known = errorOf(error, edge)
      // One bad name must not prevent the others from being purged: it is found by bisection.
      if (known.code === 'REFUSED' && targets.length > 1) {
        const half = Math.ceil(targets.length / 2)
        await this.#send({ targets: targets.slice(0, half), limit })
        await this.#send({ targets: targets.slice(half), limit })
      } else {
        this.#failures.push(failureOf(targets, known))
        for (const target of targets) this.#failed.push({ target, error: known })
      }
    }
  }

  async #watch(id: string, release: () => void): Promise<void> {
    const { status } = this.#purger.edge
    this.#unfinished++
    try {
      for (let ms = FIRST_LOOK_MS; ; ms = Math.min(LAST_LOOK_MS, ms * 1.5)) {
        await pause(this.#time, ms, this.#closing)
        // A failed status request says nothing about the purge.
        const seen: EdgePurge | undefined = await status?.(id, { site: this.#order.site, signal: this.#closing }).catch(
          (error: unknown) => {
            if (error instanceof CdnError && error.code === 'NOT_FOUND') return { id, isDone: true }
            return undefined
          },
        )
        if (seen?.isDone !== true) continue
        this.#unfinished--
        return
      }
    } catch {
      // Closed: the result is no longer needed.
    } finally {
      release()
    }
  }
}

/** @throws nothing: unsupported targets are failures beside the others. */
function planned(
  edge: Edge,
  targets: readonly PurgeTarget[],
  soft: boolean,
): { readonly batches: readonly Batch[]; readonly failures: readonly PurgeFailure[] } {
  const failures: PurgeFailure[] = []
  const groups = new Map<string, { limit: number; targets: Map<string, PurgeTarget> }>()
  for (const target of targets) {
    try {
      if (soft && !edge.abilities.soft.includes(target.kind)) throw notSoftly(edge, target.kind)
      const plan = edge.plan(target)
      const limit = edge.limitOf(plan)
      const group = groups.get(`${limit} ${plan.kind}`) ?? { limit, targets: new Map<string, PurgeTarget>() }
      group.targets.set(keyOf(plan), plan)
      groups.set(`${limit} ${plan.kind}`, group)
    } catch (error) {
      failures.push(failureOf([target], errorOf(error, edge)))
    }
  }
  const batches = [...groups.values()].flatMap(({ limit, targets: own }) => {
    const all = [...own.values()]
    const size = edge.limits[limit]?.perRequest ?? 1
    return Array.from({ length: Math.ceil(all.length / size) }, (_, at) => ({
      limit,
      targets: all.slice(at * size, (at + 1) * size),
    }))
  })
  return { batches, failures: joined(failures) }
}

function notSoftly({ vendor, abilities: { soft } }: Edge, kind: PurgeKind): CdnError {
  const remedy =
    kind === 'everything' && soft.includes('tag')
      ? 'give every answer a tag such as "all", and soft-purge that tag'
      : `leave soft out, or purge what it can (${soft.join(', ') || 'nothing'})`
  return new CdnError(
    'UNSUPPORTED',
    `${vendor} cannot mark ${kind === 'everything' ? kind : `a ${kind}`} as stale: ${remedy}`,
    { vendor },
  )
}

function failureOf(targets: readonly PurgeTarget[], error: CdnError): PurgeFailure {
  return { targets: targets.slice(0, MAX_SHOWN).map(nameOf), count: targets.length, error }
}

/** A thousand tags that a vendor cannot purge are one failure. */
function joined(failures: readonly PurgeFailure[]): PurgeFailure[] {
  const byCode = new Map<string, PurgeFailure>()
  for (const one of failures) {
    const known = byCode.get(one.error.code)
    byCode.set(
      one.error.code,
      known === undefined
        ? one
        : { ...known, count: known.count + one.count, targets: [...known.targets, ...one.targets].slice(0, MAX_SHOWN) },
    )
  }
  return [...byCode.values()]
}
