// Purges queued targets at one vendor, as many as fit into a request; then a second time, and then probes them.
import type { Allowance } from './allowance.ts'
import { pause, type Time } from './clock.ts'
import { CdnError, errorOf } from './errors.ts'
import type { CdnIssue } from './issue.ts'
import { firstPurge, type PendingPurge, PendingPurges } from './pending-purges.ts'
import { judge, type Probe, type ProbeResult } from './probe.ts'
import type { EdgePurger } from './purge.ts'
import { PurgeTask, type PurgeTaskOptions } from './purge-task.ts'
import { keyOf, nameOf, type PurgeTarget } from './target.ts'

export interface PurgeQueueOptions {
  readonly time: Time
  readonly closing: AbortSignal
  readonly stormAfterMs: number
  readonly sample: (target: PurgeTarget) => readonly string[]
  readonly look: (urls: readonly string[]) => Promise<readonly ProbeResult[]>
  readonly onTrouble: (trouble: CdnIssue) => void
  readonly onProbe: (probe: Probe) => void
}

/** More distinct targets than this, pending for a first or second purge, are treated like everything. */
const MAX_WAITING = 50_000
/** The targets taken at a time, if a request holds fewer. */
const LEAST_AT_A_TIME = 32
/** How long to wait for targets that can share a request; longer when the vendor's bucket runs low. */
const LINGER_MS = 30
const LONG_LINGER_MS = 1000
/**
 * After how long a vendor is retried that does not accept the credentials, does not know the site, or has failed
 * repeatedly.
 */
const MENDED_MS = 30_000
const PASSING: ReadonlySet<string> = new Set([
  'CREDENTIALS_REFUSED',
  'CREDENTIALS_MISSING',
  'NOT_FOUND',
  'VENDOR_FAILED',
  'UNREACHABLE',
])
/** Its rate limits are waited for as long as it takes. */
const PATIENCE = { attempts: 5, ms: Number.POSITIVE_INFINITY }
const MAX_SAMPLES = 5
const MAX_TIMES = 3

export class PurgeQueue {
  purged = 0
  storms = 0
  readonly #purger: EdgePurger
  readonly #options: PurgeQueueOptions
  readonly #pending: PendingPurges
  #expected = 0
  #underway = 0
  #running = false
  #wake: (() => void) | undefined
  #idlers: (() => void)[] = []

  constructor(purger: EdgePurger, options: PurgeQueueOptions) {
    this.#purger = purger
    this.#options = options
    this.#pending = new PendingPurges(purger.edge)
    options.closing.addEventListener('abort', () => this.wake())
  }

  get waiting(): number {
    return this.#expected + this.#pending.first
  }

  get coalesced(): number {
    return this.#pending.coalesced
  }

  /** Counts in forecasts from now on; purging starts with the task. */
  expect(targets: readonly PurgeTarget[], options: PurgeTaskOptions): PurgeTask {
    this.#expected += targets.length
    return new PurgeTask(this, targets, options)
  }

  /** Milliseconds until everything that is waiting has been purged for the first time. */
  leftMs(): number {
    const byLimit = new Map<number, { cost: number; requests: number }>()
    const count = (limit: number, targets: number): void => {
      const perRequest = this.#purger.edge.limits[limit]?.perRequest ?? 1
      const requests = Math.ceil(targets / perRequest)
      const known = byLimit.get(limit) ?? { cost: 0, requests: 0 }
      const cost = this.#purger.edge.limits[limit]?.cost === 'target' ? targets : requests
      byLimit.set(limit, { cost: known.cost + cost, requests: known.requests + requests })
    }
    const groups = this.#pending.groups()
    const [first] = groups
    for (const group of groups) count(group.limit, group.purges.size + (group === first ? this.#expected : 0))
    if (first === undefined && this.#expected > 0) count(this.#purger.edge.limits.length - 1, this.#expected)
    const times = [...byLimit].map(([limit, { cost, requests }]) => {
      const allowance = this.#allowance(limit)
      const lingers = allowance.isScarce ? LONG_LINGER_MS : LINGER_MS
      return (
        Math.max(allowance.forecast(cost, requests, 1), lingers) +
        (this.#purger.edge.abilities.status ? allowance.lastsMs : 0)
      )
    })
    return Math.max(0, ...times)
  }

  add(targets: readonly PurgeTarget[], task: PurgeTask): void {
    this.#expected -= targets.length
    for (const target of targets) this.#enqueue(firstPurge(target, task))
    const isStorm = this.waiting + this.#pending.again > MAX_WAITING || this.leftMs() > this.#options.stormAfterMs
    if (isStorm && this.#pending.collapse()) this.storms++
    this.wake()
  }

  wake(): void {
    this.#wake?.()
    if (!this.#running) void this.#run()
  }

  async idle(): Promise<void> {
    if (this.#isIdle) return
    await new Promise<void>((resolve) => this.#idlers.push(resolve))
  }

  get #isIdle(): boolean {
    return this.waiting === 0 && this.#pending.again === 0 && this.#underway === 0
  }

  #allowance(limit: number): Allowance {
    return this.#purger.allowance(limit, undefined)
  }

  /** Targets that the vendor cannot purge are reported. */
  #enqueue(pending: PendingPurge): void {
    try {
      this.#pending.add(pending, this.#purger.edge.plan(pending.target))
    } catch (error) {
      this.#giveUp([pending], errorOf(error, this.#purger.edge))
    }
  }

  async #run(): Promise<void> {
    this.#running = true
    const { closing, time } = this.#options
    try {
      while (!closing.aborted) {
        const group = this.#pending.next(time.monotonic())
        if (group === undefined) {
          if (this.#pending.again === 0) break
          await this.#until(this.#pending.nextDueMs(time.monotonic()))
          continue
        }
        const allowance = this.#allowance(group.limit)
        const size = this.#sizeOf(group.limit)
        if (group.purges.size < size) await pause(time, allowance.isScarce ? LONG_LINGER_MS : LINGER_MS, closing)
        await this.#send(this.#pending.take(group, size, time.monotonic()))
      }
    } catch (error) {
      if (!closing.aborted) throw error
    } finally {
      this.#running = false
      this.#tellIdle()
    }
  }

  #sizeOf(limit: number): number {
    return Math.max(LEAST_AT_A_TIME, this.#purger.edge.limits[limit]?.perRequest ?? 1)
  }

  async #send(taken: readonly PendingPurge[]): Promise<void> {
    if (taken.length === 0) return
    this.#underway += taken.length
    const purges = await this.#sampled(taken)
    const work = this.#purger.purge(
      purges.map(({ target }) => target),
      { soft: purges[0]?.soft ?? false, patience: PATIENCE },
    )
    await work.accepted
    const failed = new Map(work.failed().map(({ target, error }) => [keyOf(target), error]))
    const good = purges.filter((pending) => !failed.has(keyOf(pending.target)))
    // Targets that failed together are reported together.
    for (const error of new Set(failed.values()))
      this.#fail(
        purges.filter((pending) => failed.get(keyOf(pending.target)) === error),
        error,
      )
    this.purged += good.length
    // Completion is awaited in the background.
    void work.done
      .then(() => this.#purgedAll(good, work.sentAt ?? this.#options.time.now()))
      .finally(() => {
        this.#underway -= taken.length
        this.#tellIdle()
      })
  }

  /** A few targets of a request are probed, before their first purge and after the last. */
  async #sampled(purges: readonly PendingPurge[]): Promise<readonly PendingPurge[]> {
    let left = MAX_SAMPLES
    return Promise.all(
      purges.map(async (pending) => {
        if (pending.times > 0 || pending.samples.length > 0 || left === 0) return pending
        const samples = this.#samplesOf(pending.target)?.slice(0, left)
        left = samples === undefined ? 0 : left - samples.length
        return samples === undefined || samples.length === 0
          ? pending
          : { ...pending, samples, before: await this.#options.look(samples) }
      }),
    )
  }

  /** `undefined`: the caller's function failed. The target is still purged, but not probed. */
  #samplesOf(target: PurgeTarget): readonly string[] | undefined {
    try {
      return this.#options.sample(target)
    } catch (cause) {
      const error = new CdnError('TARGET_INVALID', `sample has failed: ${String(cause)}`)
      this.#options.onTrouble({ edge: this.#purger.edge.name, targets: [nameOf(target)], isTriedAgain: false, error })
      return undefined
    }
  }

  async #purgedAll(purges: readonly PendingPurge[], purgedAt: number): Promise<void> {
    if (this.#options.closing.aborted) return
    await Promise.all(purges.map((pending) => this.#purgedOne(pending, purgedAt)))
    this.wake()
  }

  async #purgedOne(pending: PendingPurge, purgedAt: number): Promise<void> {
    for (const task of pending.fresh) task.notePurged()
    const all = { ...pending, fresh: [], unsettled: [...pending.fresh, ...pending.unsettled] }
    const waits = all.unsettled.map((task) => task.options.againMs).filter((ms) => ms !== undefined)
    if (pending.times === 0 && waits.length > 0) this.#repeat(all, Math.max(...waits))
    else await this.#judge(all, purgedAt)
  }

  #repeat(pending: PendingPurge, ms: number): void {
    this.#pending.repeat(pending, this.#options.time.monotonic() + ms)
  }

  async #judge(pending: PendingPurge, purgedAt: number): Promise<void> {
    if (pending.samples.length > 0) {
      const looks = await this.#options.look(pending.samples)
      const probes = looks.map((look) =>
        judge(
          look,
          pending.before.find(({ url }) => url === look.url),
          purgedAt,
        ),
      )
      const old = probes.find(({ verdict }) => verdict === 'old')
      if (old !== undefined && pending.times + 1 < MAX_TIMES) return this.#repeat(pending, 0)
      for (const probe of probes) {
        this.#options.onProbe(probe)
        for (const task of pending.unsettled) task.verdicts.push(probe.verdict)
      }
      if (old !== undefined)
        this.#options.onTrouble({
          edge: this.#purger.edge.name,
          targets: [nameOf(pending.target)],
          isTriedAgain: false,
          probe: old,
        })
    }
    for (const task of pending.unsettled) task.noteSettled()
  }

  #fail(purges: readonly PendingPurge[], error: CdnError): void {
    if (error.code === 'ABORTED') return
    if (!PASSING.has(error.code)) {
      this.#giveUp(purges, error)
      return
    }
    this.#trouble(purges, true, error)
    this.#expected += purges.length
    void pause(this.#options.time, this.#purger.edge.mendedMs ?? MENDED_MS, this.#options.closing).then(
      () => {
        this.#expected -= purges.length
        for (const pending of purges) this.#enqueue({ ...pending, times: 0 })
        this.wake()
      },
      () => {},
    )
  }

  #giveUp(purges: readonly PendingPurge[], error: CdnError): void {
    this.#trouble(purges, false, error)
    for (const { fresh, unsettled } of purges) {
      for (const task of fresh) task.notePurged()
      for (const task of [...fresh, ...unsettled]) task.noteSettled()
    }
  }

  #trouble(purges: readonly PendingPurge[], isTriedAgain: boolean, error: CdnError): void {
    this.#options.onTrouble({
      edge: this.#purger.edge.name,
      targets: purges.map(({ target }) => nameOf(target)),
      isTriedAgain,
      error,
    })
  }

  async #until(ms: number): Promise<void> {
    const { time } = this.#options
    await new Promise<void>((resolve) => {
      const cancel = Number.isFinite(ms) ? time.after(Math.max(0, ms), resolve) : undefined
      this.#wake = () => {
        cancel?.()
        resolve()
      }
    })
    this.#wake = undefined
  }

  #tellIdle(): void {
    if (!this.#isIdle) return
    for (const resolve of this.#idlers.splice(0)) resolve()
  }
}
