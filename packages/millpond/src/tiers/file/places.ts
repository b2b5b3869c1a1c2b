// What the records of a log come to: where each key's newest one is, what was dropped and cleared, and how much of each
// segment is alive.
import { KeyTable, type Place } from './key-table.ts'
import { type Head, KIND } from './record.ts'
import type { Segment } from './segment.ts'

/** No record begins further into its segment. */
const SPAN = 2 ** 26
/** More prefixes than these are cleared as if everything were. */
const MAX_RULES = 64

/** What begins with the prefix and was born before is gone. */
interface Rule {
  readonly prefix: string
  readonly birth: number
}

export class Places {
  readonly #segments: ReadonlyMap<number, Segment>
  readonly #table = new KeyTable()
  readonly #isAlive = (number: number): boolean => this.#segments.has(number)
  #rules: Rule[] = []
  /** Keys that others dropped while somebody watches. */
  #dropped: Set<string> | undefined

  /** @param segments those of the log, as they come and leave. */
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

  /** Takes in a record of the log, in the log's order. */
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

  /**
   * Where the table has the key, valid until the next change; -1 where there is none, or a clear has invalidated it.
   */
  slotOf(key: string): number {
    const slot = this.#table.locate(key)
    return slot < 0 || this.#isCleared(key, this.#table.placeIn(slot).birth) ? -1 : slot
  }

  at(slot: number): Place {
    return this.#table.placeIn(slot)
  }

  /** It was read. */
  mark(slot: number): void {
    this.#table.mark(slot)
  }

  has(key: string): boolean {
    const slot = this.slotOf(key)
    return slot >= 0 && this.#segments.has(this.#table.segmentIn(slot))
  }

  /** Is the newest record of the key at this place? */
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

  /** Forgets a place that a clear has invalidated. Answers whether it was there. */
  forgetCleared(key: string, segment: number, offset: number): boolean {
    const slot = this.#table.locate(key)
    if (slot < 0 || !this.#table.isAt(slot, segment, offset) || !this.#isCleared(key, this.#table.placeIn(slot).birth))
      return false
    this.#remove(slot)
    return true
  }

  /** This process forgets where the key is; what others know is not touched. */
  forget(key: string): void {
    const slot = this.#table.locate(key)
    if (slot >= 0) this.#remove(slot)
  }

  /** Runs `work`; answers the keys that were dropped meanwhile. */
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

  /** What a clear concerned has left with its segments: all before this one, or all there were. */
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
