// The index of a log: where each key's newest record is, what was dropped and cleared, and how much of each segment is
// live.
import { KeyTable, type Place } from './key-table.ts'
import { type Head, KIND } from './record.ts'
import type { Segment } from './segment.ts'

/** Exceeds the offset of any record in its segment. */
const SPAN = 2 ** 26
/** Above this many rules, a clear of a prefix clears everything. */
const MAX_RULES = 64

/** Keys with this prefix and an earlier birth are cleared. */
interface Rule {
  readonly prefix: string
  readonly birth: number
}

export class Places {
  readonly #segments: ReadonlyMap<number, Segment>
  readonly #table = new KeyTable()
  readonly #isAlive = (number: number): boolean => this.#segments.has(number)
  #rules: Rule[] = []
  /** Keys that were dropped while `watchDrops` runs. */
  #dropped: Set<string> | undefined

  /** @param segments the log's live map of segments */
  constructor(segments: ReadonlyMap<number, Segment>) {
    this.#segments = segments
  }

  get live(): { readonly entries: number; readonly bytes: number } {
    let entries = 0
    let bytes = 0
    for (const segment of this.#segments.values()) {
      entries += segment.live
      bytes += segment.liveBytes
    }
    return { entries, bytes }
  }

  /** Applies a record; called in the log's order. */
  apply(
    segment: Segment,
    offset: number,
    { kind, birth, length }: Pick<Head, 'kind' | 'birth' | 'length'>,
    keyOf: () => string,
  ): void {
    const born = birth === 0 ? segment.number * SPAN + offset : birth
    if (kind === KIND.put) this.#put(keyOf(), { segment: segment.number, offset, length, birth: born }, segment)
    else if (kind === KIND.drop) this.#drop(keyOf(), born)
    else if (kind === KIND.clear) this.#clear({ prefix: keyOf(), birth: born })
    else segment.isSealed = segment.hasSeal = true
  }

  /** The key's slot in the table, valid until the next change; -1 if it is absent or cleared. */
  slotOf(key: string): number {
    const slot = this.#table.locate(key)
    return slot < 0 || this.#isCleared(key, this.#table.placeIn(slot).birth) ? -1 : slot
  }

  at(slot: number): Place {
    return this.#table.placeIn(slot)
  }

  /** Marks the entry as read. */
  mark(slot: number): void {
    this.#table.mark(slot)
  }

  has(key: string): boolean {
    const slot = this.slotOf(key)
    return slot >= 0 && this.#segments.has(this.#table.segmentIn(slot))
  }

  /** Whether the newest record of the key is at this place. */
  isNewest(key: string, segment: number, offset: number): boolean {
    const slot = this.slotOf(key)
    return slot >= 0 && this.#table.isAt(slot, segment, offset)
  }

  birthOf(key: string): number {
    const slot = this.#table.locate(key)
    return slot < 0 ? 0 : this.#table.placeIn(slot).birth
  }

  /** Whether the key's entry was read since it was stored, or since this was last asked. */
  takeMark(key: string): boolean {
    const slot = this.#table.locate(key)
    return slot >= 0 && this.#table.takeMark(slot)
  }

  /** Forgets a place that a clear has invalidated. Returns whether it was known. */
  forgetCleared(key: string, segment: number, offset: number): boolean {
    const slot = this.#table.locate(key)
    if (slot < 0 || !this.#table.isAt(slot, segment, offset) || !this.#isCleared(key, this.#table.placeIn(slot).birth))
      return false
    this.#remove(slot)
    return true
  }

  /** Forgets where the key is, in this process only. */
  forget(key: string): void {
    const slot = this.#table.locate(key)
    if (slot >= 0) this.#remove(slot)
  }

  /** Runs `work` and returns the keys that were dropped meanwhile. */
  watchDrops(work: () => void): ReadonlySet<string> {
    const dropped = new Set<string>()
    this.#dropped = dropped
    try {
      work()
    } finally {
      this.#dropped = undefined
    }
    return dropped
  }

  /**
   * Forgets the rules of clears whose entries were all removed with their segments: those before `first`, or all of
   * them.
   */
  forgetRulesBefore(first: number | undefined): void {
    this.#rules = this.#rules.filter(({ birth }) => first !== undefined && birth >= first * SPAN)
  }

  clear(): void {
    this.#table.clear()
  }

  #put(key: string, place: Place, segment: Segment): void {
    const slot = this.#table.locate(key)
    if (slot >= 0) {
      const old = this.#table.placeIn(slot)
      const holder = this.#segments.get(old.segment)
      if (holder !== undefined) {
        if (old.birth > place.birth) return
        holder.live--
        holder.liveBytes -= old.length
      }
    }
    segment.live++
    segment.liveBytes += place.length
    this.#table.put(slot, place, this.#isAlive)
  }

  #drop(key: string, birth: number): void {
    this.#dropped?.add(key)
    const slot = this.#table.locate(key)
    if (slot >= 0 && this.#table.placeIn(slot).birth <= birth) this.#remove(slot)
  }

  #remove(slot: number): void {
    const { segment, length } = this.#table.placeIn(slot)
    const holder = this.#segments.get(segment)
    if (holder !== undefined) {
      holder.live--
      holder.liveBytes -= length
    }
    this.#table.remove(slot)
  }

  #clear(rule: Rule): void {
    const prefix = this.#rules.length < MAX_RULES ? rule.prefix : ''
    this.#rules = this.#rules.filter((other) => !other.prefix.startsWith(prefix))
    this.#rules.push({ prefix, birth: rule.birth })
    if (prefix !== '') return
    this.#table.clear()
    for (const segment of this.#segments.values()) segment.live = segment.liveBytes = 0
  }

  #isCleared(key: string, birth: number): boolean {
    for (const rule of this.#rules) if (birth < rule.birth && key.startsWith(rule.prefix)) return true
    return false
  }
}
