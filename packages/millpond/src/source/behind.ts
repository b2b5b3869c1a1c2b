// What a collection asks of its write-behind, and how it comes by one: handed in by who made `writeBehind`, so that only programs that queue writes carry it.
import type { Collection, DeadLetters, WriteBehindUse } from '../engine/collection.ts'
import type { CollectionPlan } from './collection-options.ts'
import type { Records } from './records.ts'
import type { Seam, Written } from './seam.ts'

/** What a reader is given of a queued write; a removal has no value. */
export interface Queued<T> {
  readonly value: T | undefined
}

export interface Wanted<Id, T> {
  readonly id: Id
  readonly key: string
  readonly value: T
}

/** The queue of one collection. */
export interface Behind<Id, T> extends Pick<Collection<Id, T>, 'flush'> {
  readonly deadLetters: DeadLetters<Id>
  /** What earlier processes have left is taken over. */
  readonly isReady: boolean
  /** Writes that wait or are on their way. */
  readonly depth: number
  /** Takes over what earlier processes have left, once; tried again by the next call where it failed. */
  ready(): Promise<void>
  pending(key: string): Queued<T> | undefined
  /** `isSpecial`: the entries have options of their own. */
  set(writes: readonly Wanted<Id, T>[], items: readonly Written[], isSpecial: boolean): Promise<void>
  remove(key: string, id: Id): Promise<void>
  /** Drains within its time, and says what it has left. */
  close(): Promise<void>
}

export interface Offer {
  /** @throws MillpondError where the journal cannot be opened. */
  open<Id, T>(name: string, plan: CollectionPlan<Id, T>, seam: Seam, records: Records<Id, T> | undefined): Behind<Id, T>
}

const offers = new WeakMap<object, Offer>()

export function offer(made: Offer): WriteBehindUse {
  const use: WriteBehindUse = Object.freeze({ kind: 'write-behind' })
  offers.set(use, made)
  return use
}

export const offerOf = (use: WriteBehindUse): Offer | undefined => offers.get(use)

export const isOffered = (given: unknown): given is WriteBehindUse => typeof given === 'object' && given !== null && offers.has(given)
