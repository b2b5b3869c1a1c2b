// One key space of the store: the synchronous interface that the engine reads from.
import type { Eviction, MemoryEntry, MemorySpace, RemovalReason } from '../core/contracts.ts'
import { hashOf } from '../core/key-hash.ts'
import { copyLive } from './copy-live.ts'
import { KeyIndex } from './key-index.ts'
import type { Slots } from './slots.ts'

/** What a space needs from its store. */
export interface SpaceOwner {
  readonly slots: Slots
  readonly limits: { readonly maxBytes: number }
  readonly eviction: Eviction
  readonly hits: Uint8Array
  readonly hitLimit: number
  store(space: Space, key: string, entry: MemoryEntry): boolean
  remove(slot: number, reason: RemovalReason): void
  retime(slot: number, freshUntil: number, staleUntil: number): void
  noteRead(slot: number): void
  clearSpace(space: Space, reason: RemovalReason): void
}

/**
 * A space that holds less than one part in this many of the store's slots is iterated by its index, not by scanning the
 * slots.
 */
const SPARSE = 8

export class Space implements MemorySpace {
  readonly name: string
  /** The store's number for it; also in a column of each entry. */
  readonly id: number
  readonly index: KeyIndex
  /** Maintained by the store, as is the sum over all spaces. */
  bytes = 0
  /** Also maintained by the store. */
  isReleased = false
  readonly #owner: SpaceOwner
  readonly #slots: Slots
  /** The store assigns what each hit needs directly here, which saves an indirection. */
  marks: Uint8Array
  readonly #seed: number
  #markLimit = 0
  #policy: Eviction
  /** The policy uses marks; it is told of a hit only if a mark is above the limit, which is how it watches a slot. */
  #marked = false
  /** The mark records everything that the policy needs to know of a hit. */
  #isPlain = false

  constructor(name: string, id: number, owner: SpaceOwner) {
    this.name = name
    this.id = id
    this.#seed = hashOf(name, 0)
    this.#owner = owner
    this.#slots = owner.slots
    this.index = new KeyIndex(owner.slots)
    this.marks = owner.hits
    this.#policy = owner.eviction
    this.follow()
  }

  /** Caches what each hit needs of the policy: initially, and when another policy takes over. */
  follow(): void {
    const { hits, hitLimit, eviction } = this.#owner
    this.marks = hits
    this.#markLimit = hitLimit
    this.#policy = eviction
    this.#marked = eviction.marks !== undefined
    this.#isPlain = this.#marked && this.#slots.readAt === undefined
  }

  get size(): number {
    return this.index.size
  }

  get maxBytes(): number {
    return this.#owner.limits.maxBytes
  }

  find(key: string): number {
    return this.index.find(key)
  }

  hit(slot: number): void {
    const { marks } = this
    const mark = marks[slot] as number
    if (mark < this.#markLimit) marks[slot] = mark + 1
    else if (mark > this.#markLimit) this.#policy.hit(slot)
    if (this.#isPlain !== true) this.#tell(slot)
  }

  keep(slot: number): void {
    const { marks } = this
    const mark = marks[slot] as number
    if (!this.#marked) this.#policy.hit(slot)
    else if ((mark & this.#markLimit) === 0) marks[slot] = mark + 1
  }

  #tell(slot: number): void {
    if (!this.#marked) this.#policy.hit(slot)
    this.#owner.noteRead(slot)
  }

  value(slot: number): unknown {
    const slots = this.#slots
    const value = slots.value(slot)
    return slots.hasLive && slots.isLive(slot) ? copyLive(value) : value
  }

  freshUntil(slot: number): number {
    return this.#slots.freshUntil.get(slot)
  }

  isCurrent(slot: number, now: number, seq: number): boolean {
    return this.#slots.freshUntil.isAfter(slot, now) && this.#slots.asOf(slot) >= seq
  }

  staleUntil(slot: number): number {
    return this.#slots.deadAt(slot)
  }

  createdAt(slot: number): number {
    return this.#slots.createdAt.get(slot)
  }

  tags(slot: number): readonly string[] {
    return this.#slots.tags(slot)
  }

  asOf(slot: number): number {
    return this.#slots.asOf(slot)
  }

  confirm(slot: number, seq: number): void {
    this.#slots.setAsOf(slot, seq)
  }

  weight(slot: number): number {
    return this.#slots.weight(slot)
  }

  hits(slot: number): number {
    return (this.marks[slot] as number) & this.#markLimit
  }

  hash(slot: number): number {
    return this.#slots.keyHash(slot, this.#seed)
  }

  readAt(slot: number): number | undefined {
    const seconds = this.#slots.readAt?.[slot] ?? 0
    return seconds === 0 ? undefined : seconds * 1000
  }

  retime(slot: number, freshUntil: number, staleUntil: number): void {
    this.#owner.retime(slot, freshUntil, staleUntil)
  }

  set(key: string, entry: MemoryEntry): boolean {
    return this.#owner.store(this, key, entry)
  }

  drop(key: string, reason: RemovalReason): boolean {
    const slot = this.index.find(key)
    if (slot < 0) return false
    this.#owner.remove(slot, reason)
    return true
  }

  clear(reason: RemovalReason): void {
    this.#owner.clearSpace(this, reason)
  }

  /** Entries that stay during the iteration are yielded exactly once; those added meanwhile may be. */
  *keys(): IterableIterator<string> {
    const slots = this.#slots
    const places = this.places()
    for (let at = 0; at < (places?.length ?? slots.end); at++) {
      const slot = places?.[at] ?? at
      if (slots.holds(slot) && slots.space(slot) === this.id) yield slots.key(slot)
    }
  }

  /**
   * Slots that include all entries of the space, and perhaps others; undefined for all slots, if a good part of them
   * belongs to this space: scanning memory in order is many times faster than the index's order.
   */
  places(): Int32Array | undefined {
    return this.size * SPARSE < this.#slots.end ? this.index.slots() : undefined
  }
}
