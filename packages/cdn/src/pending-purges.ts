// Targets to be purged at one vendor, for the first time or again: each target once, however often it was named, in
// groups whose targets can share a request.
import type { Edge } from './edge.ts'
import type { ProbeResult } from './probe.ts'
import type { PurgeTask } from './purge-task.ts'
import { keyOf, type PurgeTarget } from './target.ts'

export interface PendingPurge {
  readonly target: PurgeTarget
  readonly soft: boolean
  /** Tasks for which this is the first purge of the target. */
  readonly fresh: readonly PurgeTask[]
  /** Tasks that have had their first purge, and wait to be settled. */
  readonly unsettled: readonly PurgeTask[]
  /** How often it has been purged for these. */
  readonly times: number
  /** Monotonic milliseconds; a second purge is not due before. */
  readonly dueAt: number
  /** The URLs that are probed, and their responses before the first purge. */
  readonly samples: readonly string[]
  readonly before: readonly ProbeResult[]
}

export interface Group {
  readonly limit: number
  readonly purges: Map<string, PendingPurge>
}

export function firstPurge(target: PurgeTarget, task: PurgeTask): PendingPurge {
  return { target, soft: task.options.soft, fresh: [task], unsettled: [], times: 0, dueAt: 0, samples: [], before: [] }
}

/** Merges two entries for the same target. */
const joined = (one: PendingPurge, other: PendingPurge): PendingPurge => ({
  ...one,
  fresh: [...one.fresh, ...other.fresh],
  unsettled: [...one.unsettled, ...other.unsettled],
  samples: one.samples.length > 0 ? one.samples : other.samples,
  before: one.samples.length > 0 ? one.before : other.before,
})

const isReleased = ({ unsettled }: PendingPurge): boolean => unsettled.every((task) => task.isReleased)

export class PendingPurges {
  /** How often a purge was saved because the target was already waiting. */
  coalesced = 0
  readonly #edge: Edge
  readonly #groups = new Map<string, Group>()
  /** Second purges, by the same keys. */
  readonly #again = new Map<string, PendingPurge>()

  constructor(edge: Edge) {
    this.#edge = edge
  }

  /** The number of targets that wait for their first purge. */
  get first(): number {
    let count = 0
    for (const { purges } of this.#groups.values()) count += purges.size
    return count
  }

  get again(): number {
    return this.#again.size
  }

  groups(): readonly Group[] {
    return [...this.#groups.values()]
  }

  /** @param target in the vendor's form */
  add(pending: PendingPurge, target: PurgeTarget): void {
    const whole = this.#groups.get('everything')?.purges
    const everything = whole?.get('everything')
    if (whole !== undefined && everything !== undefined) {
      this.coalesced++
      whole.set('everything', joined(everything, pending))
      return
    }
    const limit = this.#edge.limitOf(target)
    const soft = pending.soft && this.#edge.abilities.soft.includes(target.kind)
    const nameFor = (softly: boolean): string =>
      target.kind === 'everything' ? 'everything' : `${limit} ${target.kind} ${softly}`
    const key = keyOf(target)
    // A target that will be removed need not be marked as stale.
    const other = this.#groups.get(nameFor(!soft))?.purges
    const hard = soft ? other?.get(key) : undefined
    if (other !== undefined && hard !== undefined) {
      this.coalesced++
      other.set(key, joined(hard, pending))
      return
    }
    const { purges } = this.#groups.get(nameFor(soft)) ?? this.#open(nameFor(soft), limit)
    const known = purges.get(key)
    if (known !== undefined) this.coalesced++
    let all = known === undefined ? { ...pending, target, soft } : joined(known, pending)
    const marked = soft ? undefined : other?.get(key)
    if (marked !== undefined) {
      other?.delete(key)
      all = joined(all, marked)
    }
    // A pending second purge would come before this one, or with it: they are merged, and share the second purge of
    // this one.
    const unsettled = this.#again.get(key)
    if (unsettled !== undefined) {
      this.#again.delete(key)
      all = joined(all, unsettled)
    }
    purges.set(key, all)
  }

  /** Schedules a second purge. */
  repeat(pending: PendingPurge, dueAt: number): void {
    const key = keyOf(pending.target)
    const unsettled = { ...pending, times: pending.times + 1, dueAt }
    const known = this.#again.get(key)
    this.#again.set(
      key,
      known === undefined ? unsettled : { ...joined(unsettled, known), dueAt: Math.max(dueAt, known.dueAt) },
    )
  }

  /**
   * Replaces all targets by one purge of everything. `false`: the vendor does not support it, or it is already waiting.
   */
  collapse(): boolean {
    if (!this.#edge.abilities.purge.includes('everything') || this.#groups.has('everything')) return false
    const target: PurgeTarget = { kind: 'everything' }
    const all = this.groups().flatMap(({ purges }) => [...purges.values()])
    const fresh = all.flatMap((pending) => pending.fresh)
    const unsettled = [...all, ...this.#again.values()].flatMap((pending) => pending.unsettled)
    this.#again.clear()
    this.#groups.clear()
    const one = { target, soft: false, fresh, unsettled, times: 0, dueAt: 0, samples: [], before: [] }
    this.#open('everything', this.#edge.limitOf(target)).purges.set('everything', one)
    return true
  }

  /** First purges go before second ones, and the fullest group first. `undefined`: nothing may be purged now. */
  next(now: number): Group | undefined {
    for (const [name, { purges }] of this.#groups) if (purges.size === 0) this.#groups.delete(name)
    const [fullest] = this.groups().toSorted((a, b) => b.purges.size - a.purges.size)
    if (fullest !== undefined) return fullest
    const [one] = this.#due(now)
    return one === undefined ? undefined : { limit: this.#edge.limitOf(one[1].target), purges: new Map() }
  }

  /** Milliseconds until a second purge is due; `Infinity` if there is none, or its tasks may not be settled yet. */
  nextDueMs(now: number): number {
    let at = Number.POSITIVE_INFINITY
    for (const pending of this.#again.values()) if (pending.dueAt < at && isReleased(pending)) at = pending.dueAt
    return at - now
  }

  /** A full request: room that the group leaves is used for due second purges of the same kind. */
  take(group: Group, size: number, now: number): readonly PendingPurge[] {
    const some = [...group.purges].slice(0, size)
    for (const [key] of some) group.purges.delete(key)
    const taken = some.map(([, pending]) => pending)
    const due = this.#due(now)
    const like = taken[0] ?? due[0]?.[1]
    for (const [key, pending] of due) {
      if (taken.length >= size) break
      if (pending.target.kind !== like?.target.kind || pending.soft !== like.soft) continue
      this.#again.delete(key)
      taken.push(pending)
    }
    return taken
  }

  #open(name: string, limit: number): Group {
    const group: Group = { limit, purges: new Map() }
    this.#groups.set(name, group)
    return group
  }

  #due(now: number): [string, PendingPurge][] {
    return [...this.#again].filter(([, pending]) => pending.dueAt <= now && isReleased(pending))
  }
}
