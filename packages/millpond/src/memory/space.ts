// One key space of the store: the synchronous face that the engine reads from.
import type { Eviction, MemoryEntry, MemorySpace, RemovalReason } from '../core/contracts.ts'
import { hashOf } from '../core/key-hash.ts'
import { copyLive } from './copy-live.ts'
import { KeyIndex } from './key-index.ts'
import type { Slots } from './slots.ts'

/** What a space asks of the store that it belongs to. */
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

/** A space that holds less than one part in so many of the store's slots is not looked for among them all. */
const SPARSE = 8

export class Space implements MemorySpace {
  readonly name: string
  /** The store's number for it; also in the column of each entry. */
  readonly id: number
  readonly index: KeyIndex
  /** The store keeps it, as it does the sum over all spaces. */
  bytes = 0
  /** The store keeps this, too. */
  isReleased = false
  readonly #owner: SpaceOwner
  readonly #slots: Slots
  /** The store writes what each hit must know straight into here: one field less to follow. */
  marks: Uint8Array
  readonly #seed: number
  #markLimit = 0
  #policy: Eviction
  /**
   * The policy reads the marks; it is told of a hit only where a mark lies above the limit: that is how it watches a
   * slot.
   */
  #marked = false
  /** A mark says all that there is to say of a hit. */
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

  /** Looks up once what each hit must know of the policy: at first, and when another one takes over. */
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
    if (!this.#isPlain) this.#tell(slot)
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

  /** Entries that stay while the iteration runs are all met, once; those that come meanwhile may be. */
  *keys(): IterableIterator<string> {
    const slots = this.#slots
    const places = this.places()
    for (let at = 0; at < (places?.length ?? slots.end); at++) {
      const slot = places?.[at] ?? at
      if (slots.holds(slot) && slots.space(slot) === this.id) yield slots.key(slot)
    }
  }

  /**
   * Slots among which all entries of the space are, and perhaps others; undefined for all slots that there are, where a
   * good part of them is this space's: memory's own order is many times faster than the index's.
   */
  places(): Int32Array | undefined {
    return this.size * SPARSE < this.#slots.end ? this.index.slots() : undefined
  }
}
