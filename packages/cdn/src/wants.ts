// What is to be purged at one vendor, for the first time or once more: each target once, however often it was named, in
// groups whose targets can share a request.
import type { Edge } from './edge.ts'
import type { Lot } from './lot.ts'
import type { ProbeResult } from './probe.ts'
import { keyOf, type PurgeTarget } from './target.ts'

export interface Want {
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
  readonly before: readonly ProbeResult[]
}

export interface Group {
  readonly limit: number
  readonly wants: Map<string, Want>
}

export function firstWant(target: PurgeTarget, lot: Lot): Want {
  return { target, soft: lot.options.soft, fresh: [lot], owed: [], times: 0, dueAt: 0, samples: [], before: [] }
}

/** The same target, named by both. */
const joined = (one: Want, other: Want): Want => ({
  ...one,
  fresh: [...one.fresh, ...other.fresh],
  owed: [...one.owed, ...other.owed],
  samples: one.samples.length > 0 ? one.samples : other.samples,
  before: one.samples.length > 0 ? one.before : other.before,
})

const isReleased = ({ owed }: Want): boolean => owed.every((lot) => lot.isReleased)

export class Wants {
  /** How often a purge was spared, since one of the target waited already. */
  coalesced = 0
  readonly #edge: Edge
  readonly #groups = new Map<string, Group>()
  /** To be purged again, by the same keys. */
  readonly #again = new Map<string, Want>()

  constructor(edge: Edge) {
    this.#edge = edge
  }

  /** Those that wait for their first purge. */
  get first(): number {
    let count = 0
    for (const { wants } of this.#groups.values()) count += wants.size
    return count
  }

  get again(): number {
    return this.#again.size
  }

  groups(): readonly Group[] {
    return [...this.#groups.values()]
  }

  /** @param target as the vendor knows it. */
  add(want: Want, target: PurgeTarget): void {
    const whole = this.#groups.get('everything')?.wants
    const everything = whole?.get('everything')
    if (whole !== undefined && everything !== undefined) {
      this.coalesced++
      whole.set('everything', joined(everything, want))
      return
    }
    const limit = this.#edge.limitOf(target)
    const soft = want.soft && this.#edge.abilities.soft.includes(target.kind)
    const nameFor = (softly: boolean): string =>
      target.kind === 'everything' ? 'everything' : `${limit} ${target.kind} ${softly}`
    const key = keyOf(target)
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
    let all = known === undefined ? { ...want, target, soft } : joined(known, want)
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

  /** Once more, and not before. */
  owe(want: Want, dueAt: number): void {
    const key = keyOf(want.target)
    const owed = { ...want, times: want.times + 1, dueAt }
    const known = this.#again.get(key)
    this.#again.set(key, known === undefined ? owed : { ...joined(owed, known), dueAt: Math.max(dueAt, known.dueAt) })
  }

  /** One target in the place of all. `false`: the vendor cannot, or it waits already. */
  collapse(): boolean {
    if (!this.#edge.abilities.purge.includes('everything') || this.#groups.has('everything')) return false
    const target: PurgeTarget = { kind: 'everything' }
    const all = this.groups().flatMap(({ wants }) => [...wants.values()])
    const fresh = all.flatMap((want) => want.fresh)
    const owed = [...all, ...this.#again.values()].flatMap((want) => want.owed)
    this.#again.clear()
    this.#groups.clear()
    const one = { target, soft: false, fresh, owed, times: 0, dueAt: 0, samples: [], before: [] }
    this.#open('everything', this.#edge.limitOf(target)).wants.set('everything', one)
    return true
  }

  /**
   * What waits for its first purge comes before second ones, and the fullest group first. `undefined`: nothing may be
   * purged now.
   */
  next(now: number): Group | undefined {
    for (const [name, { wants }] of this.#groups) if (wants.size === 0) this.#groups.delete(name)
    const [fullest] = this.groups().toSorted((a, b) => b.wants.size - a.wants.size)
    if (fullest !== undefined) return fullest
    const [one] = this.#due(now)
    return one === undefined ? undefined : { limit: this.#edge.limitOf(one[1].target), wants: new Map() }
  }

  /** In how many milliseconds a second purge is due; `Infinity` where none is, or its lots may not be settled yet. */
  nextDueMs(now: number): number {
    let at = Number.POSITIVE_INFINITY
    for (const want of this.#again.values()) if (want.dueAt < at && isReleased(want)) at = want.dueAt
    return at - now
  }

  /** A full request: what room the group leaves is given to second purges of the same kind that are due. */
  take(group: Group, size: number, now: number): readonly Want[] {
    const some = [...group.wants].slice(0, size)
    for (const [key] of some) group.wants.delete(key)
    const taken = some.map(([, want]) => want)
    const due = this.#due(now)
    const like = taken[0] ?? due[0]?.[1]
    for (const [key, want] of due) {
      if (taken.length >= size) break
      if (want.target.kind !== like?.target.kind || want.soft !== like.soft) continue
      this.#again.delete(key)
      taken.push(want)
    }
    return taken
  }

  #open(name: string, limit: number): Group {
    const group: Group = { limit, wants: new Map() }
    this.#groups.set(name, group)
    return group
  }

  #due(now: number): [string, Want][] {
    return [...this.#again].filter(([, want]) => want.dueAt <= now && isReleased(want))
  }
}
