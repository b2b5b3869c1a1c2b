// Sends to one vendor what waits there, as many targets in a request as go into one; later once more, and then looks at
// it.
import type { Allowance } from './allowance.ts'
import { pause, type Time } from './clock.ts'
import { CdnError, errorOf } from './errors.ts'
import type { CdnIssue } from './issue.ts'
import { Lot, type LotOptions } from './lot.ts'
import { judge, type Probe, type ProbeResult } from './probe.ts'
import type { Desk } from './purge.ts'
import { keyOf, nameOf, type PurgeTarget } from './target.ts'
import { firstWant, type Want, Wants } from './wants.ts'

export interface PumpOptions {
  readonly time: Time
  readonly closing: AbortSignal
  readonly stormAfterMs: number
  readonly sample: (target: PurgeTarget) => readonly string[]
  readonly look: (urls: readonly string[]) => Promise<readonly ProbeResult[]>
  readonly onTrouble: (trouble: CdnIssue) => void
  readonly onProbe: (probe: Probe) => void
}

/** So many targets that differ, for the first time or once more, are as good as everything. */
const MAX_WAITING = 50_000
/** Targets of a request that holds one only. */
const LEAST_AT_A_TIME = 32
/** For what comes together to go together; where the vendor's bucket runs low, for longer. */
const LINGER_MS = 30
const LONG_LINGER_MS = 1000
/**
 * When a vendor that does not take the credentials, does not know the site, or has failed so often in a row, is asked
 * again.
 */
const MENDED_MS = 30_000
const PASSING: ReadonlySet<string> = new Set([
  'CREDENTIALS_REFUSED',
  'CREDENTIALS_MISSING',
  'NOT_FOUND',
  'VENDOR_FAILED',
  'UNREACHABLE',
])
/** Its limits are waited for as long as it takes. */
const PATIENCE = { attempts: 5, ms: Number.POSITIVE_INFINITY }
const MAX_SAMPLES = 5
const MAX_TIMES = 3

export class Pump {
  purged = 0
  storms = 0
  readonly #desk: Desk
  readonly #options: PumpOptions
  readonly #wants: Wants
  #expected = 0
  #underway = 0
  #running = false
  #wake: (() => void) | undefined
  #idlers: (() => void)[] = []

  constructor(desk: Desk, options: PumpOptions) {
    this.#desk = desk
    this.#options = options
    this.#wants = new Wants(desk.edge)
    options.closing.addEventListener('abort', () => this.wake())
  }

  get waiting(): number {
    return this.#expected + this.#wants.first
  }

  get coalesced(): number {
    return this.#wants.coalesced
  }

  /** Counts for forecasts from now on, and is purged once it has begun. */
  expect(targets: readonly PurgeTarget[], options: LotOptions): Lot {
    this.#expected += targets.length
    return new Lot(this, targets, options)
  }

  /** Until all that waits now has been purged for the first time. */
  leftMs(): number {
    const byLimit = new Map<number, { cost: number; requests: number }>()
    const count = (limit: number, targets: number): void => {
      const perRequest = this.#desk.edge.limits[limit]?.perRequest ?? 1
      const requests = Math.ceil(targets / perRequest)
      const known = byLimit.get(limit) ?? { cost: 0, requests: 0 }
      const cost = this.#desk.edge.limits[limit]?.cost === 'target' ? targets : requests
      byLimit.set(limit, { cost: known.cost + cost, requests: known.requests + requests })
    }
    const groups = this.#wants.groups()
    const [first] = groups
    for (const group of groups) count(group.limit, group.wants.size + (group === first ? this.#expected : 0))
    if (first === undefined && this.#expected > 0) count(this.#desk.edge.limits.length - 1, this.#expected)
    const times = [...byLimit].map(([limit, { cost, requests }]) => {
      const allowance = this.#allowance(limit)
      const lingers = allowance.isScarce ? LONG_LINGER_MS : LINGER_MS
      return (
        Math.max(allowance.forecast(cost, requests, 1), lingers) +
        (this.#desk.edge.abilities.status ? allowance.lastsMs : 0)
      )
    })
    return Math.max(0, ...times)
  }

  add(targets: readonly PurgeTarget[], lot: Lot): void {
    this.#expected -= targets.length
    for (const target of targets) this.#want(firstWant(target, lot))
    const isStorm = this.waiting + this.#wants.again > MAX_WAITING || this.leftMs() > this.#options.stormAfterMs
    if (isStorm && this.#wants.collapse()) this.storms++
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
    return this.waiting === 0 && this.#wants.again === 0 && this.#underway === 0
  }

  #allowance(limit: number): Allowance {
    return this.#desk.allowance(limit, undefined)
  }

  /** What the vendor cannot purge is told. */
  #want(want: Want): void {
    try {
      this.#wants.add(want, this.#desk.edge.plan(want.target))
    } catch (error) {
      this.#giveUp([want], errorOf(error, this.#desk.edge))
    }
  }

  async #run(): Promise<void> {
    this.#running = true
    const { closing, time } = this.#options
    try {
      while (!closing.aborted) {
        const group = this.#wants.next(time.monotonic())
        if (group === undefined) {
          if (this.#wants.again === 0) break
          await this.#until(this.#wants.nextDueMs(time.monotonic()))
          continue
        }
        const allowance = this.#allowance(group.limit)
        const size = this.#sizeOf(group.limit)
        if (group.wants.size < size) await pause(time, allowance.isScarce ? LONG_LINGER_MS : LINGER_MS, closing)
        await this.#send(this.#wants.take(group, size, time.monotonic()))
      }
    } catch (error) {
      if (!closing.aborted) throw error
    } finally {
      this.#running = false
      this.#tellIdle()
    }
  }

  #sizeOf(limit: number): number {
    return Math.max(LEAST_AT_A_TIME, this.#desk.edge.limits[limit]?.perRequest ?? 1)
  }

  async #send(taken: readonly Want[]): Promise<void> {
    if (taken.length === 0) return
    this.#underway += taken.length
    const wants = await this.#sampled(taken)
    const work = this.#desk.purge(
      wants.map(({ target }) => target),
      { soft: wants[0]?.soft ?? false, patience: PATIENCE },
    )
    await work.accepted
    const failed = new Map(work.failed().map(({ target, error }) => [keyOf(target), error]))
    const good = wants.filter((want) => !failed.has(keyOf(want.target)))
    // What has failed together is told together.
    for (const error of new Set(failed.values()))
      this.#fail(
        wants.filter((want) => failed.get(keyOf(want.target)) === error),
        error,
      )
    this.purged += good.length
    // The vendor's word that it has happened everywhere is waited for beside what goes on.
    void work.done
      .then(() => this.#purgedAll(good, work.sentAt ?? this.#options.time.now()))
      .finally(() => {
        this.#underway -= taken.length
        this.#tellIdle()
      })
  }

  /** Of a request a few are looked at, before their first purge and after the last. */
  async #sampled(wants: readonly Want[]): Promise<readonly Want[]> {
    let left = MAX_SAMPLES
    return Promise.all(
      wants.map(async (want) => {
        if (want.times > 0 || want.samples.length > 0 || left === 0) return want
        const samples = this.#samplesOf(want.target)?.slice(0, left)
        left = samples === undefined ? 0 : left - samples.length
        return samples === undefined || samples.length === 0
          ? want
          : { ...want, samples, before: await this.#options.look(samples) }
      }),
    )
  }

  /** `undefined`: the caller's function has failed. It is purged all the same, and not looked at. */
  #samplesOf(target: PurgeTarget): readonly string[] | undefined {
    try {
      return this.#options.sample(target)
    } catch (cause) {
      const error = new CdnError('TARGET_INVALID', `sample has failed: ${String(cause)}`)
      this.#options.onTrouble({ edge: this.#desk.edge.name, targets: [nameOf(target)], isTriedAgain: false, error })
      return undefined
    }
  }

  async #purgedAll(wants: readonly Want[], purgedAt: number): Promise<void> {
    if (this.#options.closing.aborted) return
    await Promise.all(wants.map((want) => this.#purgedOne(want, purgedAt)))
    this.wake()
  }

  async #purgedOne(want: Want, purgedAt: number): Promise<void> {
    for (const lot of want.fresh) lot.notePurged()
    const all = { ...want, fresh: [], owed: [...want.fresh, ...want.owed] }
    const waits = all.owed.map((lot) => lot.options.againMs).filter((ms) => ms !== undefined)
    if (want.times === 0 && waits.length > 0) this.#owe(all, Math.max(...waits))
    else await this.#judge(all, purgedAt)
  }

  #owe(want: Want, ms: number): void {
    this.#wants.owe(want, this.#options.time.monotonic() + ms)
  }

  async #judge(want: Want, purgedAt: number): Promise<void> {
    if (want.samples.length > 0) {
      const looks = await this.#options.look(want.samples)
      const probes = looks.map((look) =>
        judge(
          look,
          want.before.find(({ url }) => url === look.url),
          purgedAt,
        ),
      )
      const old = probes.find(({ verdict }) => verdict === 'old')
      if (old !== undefined && want.times + 1 < MAX_TIMES) return this.#owe(want, 0)
      for (const probe of probes) {
        this.#options.onProbe(probe)
        for (const lot of want.owed) lot.verdicts.push(probe.verdict)
      }
      if (old !== undefined)
        this.#options.onTrouble({
          edge: this.#desk.edge.name,
          targets: [nameOf(want.target)],
          isTriedAgain: false,
          probe: old,
        })
    }
    for (const lot of want.owed) lot.noteSettled()
  }

  #fail(wants: readonly Want[], error: CdnError): void {
    if (error.code === 'ABORTED') return
    if (!PASSING.has(error.code)) {
      this.#giveUp(wants, error)
      return
    }
    this.#trouble(wants, true, error)
    this.#expected += wants.length
    void pause(this.#options.time, this.#desk.edge.mendedMs ?? MENDED_MS, this.#options.closing).then(
      () => {
        this.#expected -= wants.length
        for (const want of wants) this.#want({ ...want, times: 0 })
        this.wake()
      },
      () => {},
    )
  }

  #giveUp(wants: readonly Want[], error: CdnError): void {
    this.#trouble(wants, false, error)
    for (const { fresh, owed } of wants) {
      for (const lot of fresh) lot.notePurged()
      for (const lot of [...fresh, ...owed]) lot.noteSettled()
    }
  }

  #trouble(wants: readonly Want[], isTriedAgain: boolean, error: CdnError): void {
    this.#options.onTrouble({
      edge: this.#desk.edge.name,
      targets: wants.map(({ target }) => nameOf(target)),
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
