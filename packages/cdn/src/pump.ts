// What waits to be purged at one vendor: each target once, however often it was named, and as many in a request as go into one.
import type { Allowance } from './allowance.ts'
import { pause, type Time } from './clock.ts'
import { CdnError } from './errors.ts'
import { Lot, type LotOptions } from './lot.ts'
import { judge, type Look, type Probe } from './probe.ts'
import type { Desk } from './purge.ts'
import { keyOf, nameOf, type PurgeTarget } from './target.ts'
import type { CdnTrouble } from './trouble.ts'

export interface PumpOptions {
  readonly time: Time
  readonly closing: AbortSignal
  readonly stormAfterMs: number
  readonly sample: (target: PurgeTarget) => readonly string[]
  readonly look: (urls: readonly string[]) => Promise<readonly Look[]>
  readonly onTrouble: (trouble: CdnTrouble) => void
  readonly onProbe: (probe: Probe) => void
}

/** So many targets that differ are as good as everything. */
const MAX_WAITING = 50_000
/** Targets of a request that holds one only. */
const LEAST_AT_A_TIME = 32
/** For what comes together to go together; where the vendor's bucket runs low, for longer. */
const LINGER_MS = 30
const LONG_LINGER_MS = 1000
/** When a vendor that does not take the credentials, or does not know the site, is asked again. */
const MENDED_MS = 30_000
const MENDABLE: ReadonlySet<string> = new Set(['CREDENTIALS_REFUSED', 'CREDENTIALS_MISSING', 'NOT_FOUND'])
const MAX_SAMPLES = 5
const MAX_TIMES = 3
const ENDLESS = { attempts: Number.POSITIVE_INFINITY, ms: Number.POSITIVE_INFINITY }

/** The same target, named by both. */
const joined = (one: Want, other: Want): Want => ({
  ...one,
  fresh: [...one.fresh, ...other.fresh],
  owed: [...one.owed, ...other.owed],
  samples: one.samples.length > 0 ? one.samples : other.samples,
  before: one.samples.length > 0 ? one.before : other.before,
})

interface Want {
  readonly target: PurgeTarget
  readonly soft: boolean
  /** Lots whose first purge of the target this is. */
  readonly fresh: readonly Lot[]
  /** Lots that have had it, and wait to be settled. */
  readonly owed: readonly Lot[]
  /** How often it has been purged for these. */
  readonly times: number
  /** Monotonic milliseconds; a second purge is not due before. */
  readonly dueAt: number
  /** What is looked at, and what it said before the first purge. */
  readonly samples: readonly string[]
  readonly before: readonly Look[]
}

interface Group {
  readonly limit: number
  readonly wants: Map<string, Want>
}

export class Pump {
  purged = 0
  coalesced = 0
  storms = 0
  readonly #desk: Desk
  readonly #options: PumpOptions
  readonly #groups = new Map<string, Group>()
  /** To be purged again, by the same keys. */
  readonly #again = new Map<string, Want>()
  #expected = 0
  #underway = 0
  #running = false
  #wake: (() => void) | undefined
  #idlers: (() => void)[] = []

  constructor(desk: Desk, options: PumpOptions) {
    this.#desk = desk
    this.#options = options
    options.closing.addEventListener('abort', () => this.wake())
  }

  get waiting(): number {
    let count = this.#expected
    for (const { wants } of this.#groups.values()) count += wants.size
    return count
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
    const first = this.#groups.values().next().value
    for (const group of this.#groups.values()) count(group.limit, group.wants.size + (group === first ? this.#expected : 0))
    if (first === undefined && this.#expected > 0) count(this.#desk.edge.limits.length - 1, this.#expected)
    const times = [...byLimit].map(([limit, { cost, requests }]) => {
      const allowance = this.#allowance(limit)
      const lingers = allowance.isScarce ? LONG_LINGER_MS : LINGER_MS
      return Math.max(allowance.forecast(cost, requests, 1), lingers) + (this.#desk.edge.abilities.status ? allowance.lastsMs : 0)
    })
    return Math.max(0, ...times)
  }

  add(targets: readonly PurgeTarget[], lot: Lot): void {
    this.#expected -= targets.length
    for (const target of targets)
      this.#want({ target, soft: lot.options.soft, fresh: [lot], owed: [], times: 0, dueAt: 0, samples: [], before: [] })
    if (this.waiting > MAX_WAITING || this.leftMs() > this.#options.stormAfterMs) this.#purgeEverything()
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
    return this.waiting === 0 && this.#again.size === 0 && this.#underway === 0
  }

  #allowance(limit: number): Allowance {
    return this.#desk.allowance(limit, undefined)
  }

  #want(want: Want): void {
    const planned = this.#plan(want)
    if (planned === undefined) return
    const everything = this.#groups.get('everything')?.wants
    const whole = everything?.get('everything')
    if (everything !== undefined && whole !== undefined) {
      this.coalesced++
      everything.set('everything', joined(whole, want))
      return
    }
    const limit = this.#desk.edge.limitOf(planned)
    const soft = want.soft && this.#desk.edge.abilities.soft.includes(planned.kind)
    const nameFor = (softly: boolean): string => (planned.kind === 'everything' ? 'everything' : `${limit} ${planned.kind} ${softly}`)
    const key = keyOf(planned)
    // What is to be removed need not be marked as stale.
    const other = this.#groups.get(nameFor(!soft))?.wants
    const hard = soft ? other?.get(key) : undefined
    if (other !== undefined && hard !== undefined) {
      this.coalesced++
      other.set(key, joined(hard, want))
      return
    }
    const { wants } = this.#groups.get(nameFor(soft)) ?? this.#open(nameFor(soft), limit)
    const known = wants.get(key)
    if (known !== undefined) this.coalesced++
    let all = known === undefined ? { ...want, target: planned, soft } : joined(known, want)
    const marked = soft ? undefined : other?.get(key)
    if (marked !== undefined) {
      other?.delete(key)
      all = joined(all, marked)
    }
    // The second purge that is owed already would come before this one, or with it: they share that of this one.
    const owed = this.#again.get(key)
    if (owed !== undefined) {
      this.#again.delete(key)
      all = joined(all, owed)
    }
    wants.set(key, all)
  }

  #open(name: string, limit: number): Group {
    const group: Group = { limit, wants: new Map() }
    this.#groups.set(name, group)
    return group
  }

  /** `undefined`: the vendor cannot, and that is told. */
  #plan(want: Want): PurgeTarget | undefined {
    try {
      return this.#desk.edge.plan(want.target)
    } catch (error) {
      if (!(error instanceof CdnError)) throw error
      this.#giveUp(want, error)
      return undefined
    }
  }

  /** One request in the place of all. */
  #purgeEverything(): void {
    if (!this.#desk.edge.abilities.purge.includes('everything') || this.#groups.has('everything')) return
    this.storms++
    const target: PurgeTarget = { kind: 'everything' }
    const first = { target, soft: false, fresh: [], owed: [], times: 0, dueAt: 0, samples: [], before: [] }
    const all = [...this.#groups.values()].flatMap(({ wants }) => [...wants.values()])
    const fresh = all.flatMap((want) => want.fresh)
    const owed = [...all, ...this.#again.values()].flatMap((want) => want.owed)
    this.#again.clear()
    this.#groups.clear()
    this.#open('everything', this.#desk.edge.limitOf(target)).wants.set('everything', { ...first, fresh, owed })
  }

  async #run(): Promise<void> {
    this.#running = true
    const { closing, time } = this.#options
    try {
      while (!closing.aborted) {
        const group = this.#next()
        if (group === undefined) {
          if (!this.#hasAgain()) break
          await this.#until(this.#nextDue())
          continue
        }
        const allowance = this.#allowance(group.limit)
        const size = this.#sizeOf(group.limit)
        if (group.wants.size < size) await pause(time, allowance.isScarce ? LONG_LINGER_MS : LINGER_MS, closing)
        await this.#send(this.#take(group, size))
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

  /** What waits for its first purge comes before second ones, and the fullest group first. */
  #next(): Group | undefined {
    for (const [name, { wants }] of this.#groups) if (wants.size === 0) this.#groups.delete(name)
    const [first] = [...this.#groups.values()].sort((a, b) => b.wants.size - a.wants.size)
    if (first !== undefined) return first
    const due = this.#due()
    const [one] = due
    if (one === undefined) return undefined
    return { limit: this.#desk.edge.limitOf(one[1].target), wants: new Map() }
  }

  #due(): [string, Want][] {
    const now = this.#options.time.monotonic()
    return [...this.#again].filter(([, { dueAt, owed }]) => dueAt <= now && owed.every((lot) => lot.isReleased))
  }

  #hasAgain(): boolean {
    return this.#again.size > 0
  }

  #nextDue(): number {
    const now = this.#options.time.monotonic()
    return (
      Math.min(
        ...[...this.#again.values()].map(({ dueAt, owed }) => (owed.every((lot) => lot.isReleased) ? dueAt : Number.POSITIVE_INFINITY)),
      ) - now
    )
  }

  /** Full requests: what room is left is given to second purges of the same kind that are due. */
  #take(group: Group, size: number): readonly (readonly [string, Want])[] {
    const taken = [...group.wants].slice(0, size)
    for (const [key] of taken) group.wants.delete(key)
    const due = this.#due()
    const like = taken[0]?.[1] ?? due[0]?.[1]
    for (const [key, want] of due) {
      if (taken.length >= size) break
      if (want.target.kind !== like?.target.kind || want.soft !== like.soft) continue
      this.#again.delete(key)
      taken.push([key, want])
    }
    return taken
  }

  async #send(taken: readonly (readonly [string, Want])[]): Promise<void> {
    if (taken.length === 0) return
    this.#underway += taken.length
    const wants = await this.#sampled(taken.map(([, want]) => want))
    const began = this.#options.time.now()
    const order = { soft: wants[0]?.soft ?? false, patience: ENDLESS, signal: this.#options.closing }
    const work = this.#desk.purge(
      wants.map(({ target }) => target),
      order,
    )
    await work.accepted
    const failed = new Map(work.failed().map(({ target, error }) => [keyOf(target), error]))
    for (const want of wants) {
      const error = failed.get(keyOf(want.target))
      if (error !== undefined) this.#fail(want, error)
    }
    const good = wants.filter((want) => !failed.has(keyOf(want.target)))
    this.purged += good.length
    // The vendor's word that it has happened everywhere is waited for beside what goes on.
    void work.done
      .then(() => this.#purgedAll(good, began))
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
        const samples = this.#options.sample(want.target).slice(0, left)
        left -= samples.length
        return samples.length === 0 ? want : { ...want, samples, before: await this.#options.look(samples) }
      }),
    )
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
    const key = keyOf(want.target)
    const owed = { ...want, times: want.times + 1, dueAt: this.#options.time.monotonic() + ms }
    const known = this.#again.get(key)
    this.#again.set(key, known === undefined ? owed : { ...joined(owed, known), dueAt: Math.max(owed.dueAt, known.dueAt) })
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
        this.#options.onTrouble({ edge: this.#desk.edge.name, targets: [nameOf(want.target)], isTriedAgain: false, probe: old })
    }
    for (const lot of want.owed) lot.noteSettled()
  }

  #fail(want: Want, error: CdnError): void {
    if (error.code === 'ABORTED') return
    if (!MENDABLE.has(error.code)) {
      this.#giveUp(want, error)
      return
    }
    this.#options.onTrouble({ edge: this.#desk.edge.name, targets: [nameOf(want.target)], isTriedAgain: true, error })
    this.#expected++
    void pause(this.#options.time, MENDED_MS, this.#options.closing).then(
      () => {
        this.#expected--
        this.#want({ ...want, times: 0 })
        this.wake()
      },
      () => {},
    )
  }

  #giveUp(want: Want, error: CdnError): void {
    this.#options.onTrouble({ edge: this.#desk.edge.name, targets: [nameOf(want.target)], isTriedAgain: false, error })
    for (const lot of want.fresh) lot.notePurged()
    for (const lot of [...want.fresh, ...want.owed]) lot.noteSettled()
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
