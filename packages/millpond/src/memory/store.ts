// The in-process tier: several key spaces within one budget of entries and bytes, under one eviction policy.
import type {
  Clock,
  Eviction,
  EvictionFactory,
  Isolated,
  MemoryBudget,
  MemoryEntry,
  MemorySpace,
  MemoryStore,
  RemovalReason,
} from '../core/contracts.ts'
import { MillpondError, show } from '../core/errors.ts'
import { Expiry } from './expiry.ts'
import { Handover } from './handover.ts'
import { hashAndWidth, seedHashes } from './hash.ts'
import { isolate } from './isolate.ts'
import type { MemorySettings } from './options.ts'
import { type Heap, Pressure } from './pressure.ts'
import { Slots } from './slots.ts'
import { Space, type SpaceOwner } from './space.ts'
import { weighKey, weighPrimitive, weighTags } from './weigh.ts'

/** The most slots that an index cell can address with some bits of the hash left. */
const MOST_SLOTS = 2 ** 27
/** The least weight of an entry; determines how many slots a byte budget can need. */
const LEAST_WEIGHT = 80
const MOST_SPACES = 65_536
const HIT_LIMIT = 255
/**
 * How long a change of budget or policy may block the event loop at a time, how often it checks the clock, and how long
 * it pauses.
 */
const TURN_MS = 5
const ENTRIES_A_LOOK = 64
const REST_MS = 1

export class SlotStore implements MemoryStore, SpaceOwner {
  readonly slots: Slots
  eviction: Eviction
  /** Reads per slot, saturating: the policy's own marks if it has any. */
  hits: Uint8Array
  hitLimit: number
  bytes = 0
  onRemoval: MemoryStore['onRemoval']
  noted: MemoryStore['noted']
  limits: { readonly maxEntries: number; readonly maxBytes: number }
  pressure: number | false
  readonly #clock: Clock
  readonly #expiry: Expiry
  readonly #spaces: Space[] = []
  readonly #byName = new Map<string, Space>()
  /** Numbers of released spaces. */
  readonly #free: number[] = []
  readonly #heap: (() => Heap) | undefined
  #makePolicy: EvictionFactory
  #countsBytes: boolean
  /**
   * The weight that each entry has for the policy in addition to its bytes, if both limits are set: its part of the
   * other budget, in bytes. So the scarcer resource decides: small entries weigh nearly the same, large ones differ by
   * size.
   */
  #charge: number
  /** The policy has no marks: the store counts only for `hits`. */
  #countsHits: boolean
  #pressure: Pressure | undefined
  readonly #stopListening: (() => void) | undefined
  /** The limits in force: as configured, lower while the heap is short, higher while shrinking to a smaller budget. */
  #mostEntries: number
  #maxEntries: number
  #maxBytes: number
  #policyCapacity: number
  /** Removed entries by reason; the most frequent reason as a field, since each set on a full store counts it. */
  readonly #left: Partial<Record<RemovalReason, number>> = {}
  #pushedOut = 0
  /** The space whose index is already empty: its entries are released one by one. */
  #clearing: Space | undefined
  #closed = false
  /** Entries are being moved to another policy. */
  #handover: Handover | undefined
  /** Counts changes of budget or policy: a later one cancels the rest of an earlier one. */
  #change = 0

  /** `heap` is for tests. */
  constructor(settings: MemorySettings, clock: Clock, heap?: () => Heap) {
    const { maxEntries, maxBytes } = settings
    this.limits = { maxEntries, maxBytes }
    this.pressure = settings.pressure
    this.#heap = heap
    this.#makePolicy = settings.policy
    this.#mostEntries = Math.min(maxEntries, MOST_SLOTS - 1)
    this.#maxEntries = this.#mostEntries
    this.#maxBytes = maxBytes
    this.#clock = clock
    this.#countsBytes = maxBytes !== Infinity
    this.#charge = chargeOf(this.limits)
    this.#policyCapacity = this.#countsBytes ? maxBytes : this.#maxEntries
    this.eviction = settings.policy({ capacity: this.#policyCapacity, unit: this.#countsBytes ? 'bytes' : 'entries' })
    this.slots = new Slots(this.#slotsNeeded(), clock.coarse)
    if (settings.lastAccess) this.slots.readAt = new Uint32Array(this.slots.capacity)
    this.hits = this.eviction.marks ?? new Uint8Array(0)
    this.hitLimit = this.eviction.marks === undefined ? HIT_LIMIT : (this.eviction.markLimit ?? HIT_LIMIT)
    this.#countsHits = this.eviction.marks === undefined
    this.#expiry = new Expiry(this.slots, clock, (slot) => this.remove(slot, 'ttl_expired'))
    this.#pressure =
      settings.pressure === false ? undefined : new Pressure(settings.pressure, clock, () => this.#heed(), heap)
    this.#stopListening = clock.onSetBack?.((ms) => {
      this.slots.setBack(ms)
      this.#expiry.setBack(ms)
    })
  }

  get entries(): number {
    return this.slots.used
  }

  get policy(): string {
    return this.eviction.name
  }

  get evictions(): Readonly<Partial<Record<RemovalReason, number>>> {
    return this.#pushedOut === 0 ? { ...this.#left } : { ...this.#left, capacity_limit: this.#pushedOut }
  }

  space(name: string): MemorySpace {
    const known = this.#byName.get(name)
    if (known !== undefined) return known
    const id = this.#free.pop() ?? this.#spaces.length
    if (id === MOST_SPACES) {
      const remedy = 'close those not in use, or give each group of them its own cache'
      throw new MillpondError(
        'OPTION_INVALID',
        `the namespace ${show(name)} is one more than the ${MOST_SPACES} of a memory tier: ${remedy}`,
      )
    }
    const space = new Space(name, id, this)
    this.#spaces[id] = space
    this.#byName.set(name, space)
    return space
  }

  release(name: string): void {
    const space = this.#byName.get(name)
    if (space === undefined) return
    this.clearSpace(space, 'cleared')
    this.#byName.delete(name)
    space.isReleased = true
    this.#free.push(space.id)
  }

  store(space: Space, key: string, entry: MemoryEntry): boolean {
    const { value, live, bytes } = isolated(entry)
    // A released space must not be written to: its number may have been reused.
    if (this.#closed || space.isReleased) return false
    seedHashes()
    const whole = hashAndWidth(key)
    const weight = weighKey(key.length, (whole & 1) === 1) + weighTags(entry.tags) + bytes
    if (this.#pressure?.wrote(weight) === true) this.#heed()
    const hash = space.index.hash(key)
    const held = space.index.locate(key, hash)
    if (weight > this.#maxBytes) {
      const reason = weight > this.limits.maxBytes ? 'too_large' : 'memory_pressure'
      if (held >= 0) this.remove(held, reason)
      else this.#tell(space, key, reason, entry.createdAt, entry.freshUntil)
      return false
    }
    const slot = held >= 0 ? held : this.#place(space, key, hash, whole)
    const policyWeight = this.#policyWeight(weight)
    const more = weight - (held >= 0 ? this.slots.weight(slot) : 0)
    this.bytes += more
    space.bytes += more
    this.#write(slot, value, live, weight, entry)
    if (held >= 0) this.eviction.reweigh(slot, policyWeight, entry.cost ?? 0)
    else this.eviction.add(slot, this.slots.hashes[slot] as number, policyWeight, entry.cost ?? 0, entry.isAhead)
    return this.#isOver() ? this.#evict(slot) : true
  }

  #place(space: Space, key: string, hash: number, whole: number): number {
    const slots = this.slots
    let slot = slots.take()
    while (slot < 0) {
      this.#grow()
      slot = slots.take()
    }
    slots.hold(slot, key)
    slots.setSpace(slot, space.id)
    space.index.insert(slot, hash, whole)
    if (space.index.isRehashed) this.#tellRehashed(space)
    if (this.#countsHits) this.hits[slot] = 0
    return slot
  }

  #write(slot: number, value: unknown, live: boolean, weight: number, entry: MemoryEntry): void {
    const slots = this.slots
    const now = this.#clock.coarse
    slots.setValue(slot, value)
    slots.setLive(slot, live)
    slots.setWeight(slot, weight)
    slots.createdAt.set(slot, entry.createdAt, now)
    slots.setTimes(slot, entry.freshUntil, entry.staleUntil, now)
    slots.setAsOf(slot, entry.asOf)
    slots.setTags(slot, entry.tags)
    this.#expiry.watch(slot, entry.staleUntil)
  }

  #tellRehashed(space: Space): void {
    space.index.isRehashed = false
    this.eviction.rehashed?.()
  }

  #grow(): void {
    const slots = this.slots
    const { capacity, hashes } = slots
    if (slots.used >= slots.most)
      throw new MillpondError(
        'OPTION_INVALID',
        `the policy ${show(this.eviction.name)} names no victim although memory is full: its victim() must return the slot of an entry`,
      )
    slots.grow()
    if (slots.capacity === capacity && slots.hashes === hashes) return
    this.eviction.grow(slots.capacity, slots.hashes)
    this.#expiry.grow(slots.capacity)
    const marks = this.eviction.marks
    if (marks === undefined) {
      const hits = new Uint8Array(slots.capacity)
      hits.set(this.hits)
      this.hits = hits
    } else this.hits = marks
    for (const space of this.#spaces) space.marks = this.hits
  }

  #policyWeight(weight: number): number {
    return this.#countsBytes ? weight + this.#charge : 1
  }

  #slotsNeeded(): number {
    return Math.min(this.#mostEntries, Math.ceil(this.limits.maxBytes / LEAST_WEIGHT)) + 1
  }

  configure({ maxEntries, maxBytes, policy, pressure }: MemoryBudget): Promise<void> {
    if (this.#closed) return Promise.resolve()
    const counted = this.#countsBytes
    this.limits = { maxEntries: maxEntries ?? this.limits.maxEntries, maxBytes: maxBytes ?? this.limits.maxBytes }
    this.#mostEntries = Math.min(this.limits.maxEntries, MOST_SLOTS - 1)
    this.#countsBytes = this.limits.maxBytes !== Infinity
    this.#charge = chargeOf(this.limits)
    if (this.#slotsNeeded() > this.slots.most) {
      this.slots.most = this.#slotsNeeded()
      for (const space of this.#spaces) space.index.widen()
    }
    if (pressure !== undefined && pressure !== this.pressure) this.#heedFrom(pressure)
    this.#stepDown()
    if (policy !== undefined) this.#makePolicy = policy
    if (policy !== undefined || counted !== this.#countsBytes) this.#handOver()
    else if (this.#charge === 0) this.#fit(this.#capacity())
    return this.#settle()
  }

  #capacity(): number {
    return this.#countsBytes ? this.limits.maxBytes : this.#mostEntries
  }

  /** Entries beyond a reduced budget may stay until their turn comes; the total does not grow. */
  #stepDown(): void {
    this.#maxEntries = Math.max(this.#mostEntries, this.slots.used)
    this.#maxBytes = Math.max(this.limits.maxBytes, this.bytes)
  }

  #heedFrom(share: number | false): void {
    this.pressure = share
    this.#pressure?.rest()
    this.#pressure = share === false ? undefined : new Pressure(share, this.#clock, () => this.#heed(), this.#heap)
  }

  /** A policy that was still being filled hands over what it has by then. */
  #handOver(): void {
    this.#policyCapacity = this.#capacity()
    const next = this.#makePolicy({ capacity: this.#policyCapacity, unit: this.#countsBytes ? 'bytes' : 'entries' })
    const { slots } = this
    this.#handover = new Handover(this.eviction, next, slots.hashes, (slot) => this.#policyWeight(slots.weight(slot)))
    this.#adopt(this.#handover)
  }

  #adopt(policy: Eviction): void {
    this.eviction = policy
    this.#countsHits = policy.marks === undefined
    this.hits = policy.marks ?? new Uint8Array(this.slots.capacity)
    this.hitLimit = policy.marks === undefined ? HIT_LIMIT : (policy.markLimit ?? HIT_LIMIT)
    for (const space of this.#spaces) space.follow()
  }

  async #settle(): Promise<void> {
    const change = ++this.#change
    while (this.#change === change && !this.#closed && this.#turn()) {
      await new Promise<void>((resolve) => this.#clock.after(REST_MS, resolve))
    }
  }

  /** One piece of the pending change. `true`: there is more. */
  #turn(): boolean {
    const end = this.#clock.monotonic() + TURN_MS
    while (this.#handover?.advance(ENTRIES_A_LOOK, this.slots.end, (slot) => this.slots.holds(slot)) === true)
      if (this.#clock.monotonic() >= end) return true
    if (this.#handover !== undefined) this.#adopt(this.#handover.to)
    this.#handover = undefined
    while (this.#isBeyond()) {
      for (let left = ENTRIES_A_LOOK; left > 0 && this.#isBeyond(); left--)
        if (!this.#shed('capacity_limit')) return false
      this.#stepDown()
      if (this.#isBeyond() && this.#clock.monotonic() >= end) return true
    }
    this.#stepDown()
    return false
  }

  /** More is held than the budget allows, because it was reduced. */
  #isBeyond(): boolean {
    return this.slots.used > this.#mostEntries || this.bytes > this.limits.maxBytes
  }

  #isOver(): boolean {
    return this.slots.used > this.#maxEntries || this.bytes > this.#maxBytes
  }

  /** Makes room; `false` if the new entry itself had to be removed. */
  #evict(newest: number): boolean {
    const now = this.#clock.coarse
    if (this.#charge > 0) this.#fit(this.bytes + this.slots.used * this.#charge)
    while (this.#isOver()) {
      if (this.#expiry.reclaim(now)) continue
      const slot = this.eviction.victim()
      if (slot < 0) break
      this.#forget(slot, slot === newest ? 'not_admitted' : 'capacity_limit')
    }
    return this.slots.holds(newest)
  }

  /** Adapts the limits to the room in the heap. */
  #heed(): void {
    const pressure = this.#pressure
    if (pressure === undefined || this.#closed) return
    const factor = pressure.verdict()
    // A tier that holds next to nothing would not help by releasing it.
    if (factor < 1 && pressure.isWorthWatching(this.bytes)) {
      this.#maxEntries = Math.max(1, Math.floor(this.slots.used * factor))
      this.#maxBytes = Math.max(1, Math.floor(this.bytes * factor))
      this.#squeeze()
    } else if (factor > 1) {
      // Pending steps to a smaller budget continue at their own pace.
      this.#maxEntries = Math.max(Math.min(this.#mostEntries, Math.ceil(this.#maxEntries * factor)), this.slots.used)
      const maxBytes = Math.ceil(this.#maxBytes * factor)
      this.#maxBytes = Math.max(
        pressure.isBeyond(maxBytes) ? this.limits.maxBytes : Math.min(this.limits.maxBytes, maxBytes),
        this.bytes,
      )
    }
    if (this.#charge === 0) this.#fit(this.#countsBytes ? this.#maxBytes : this.#maxEntries)
    const isReduced = this.#maxEntries < this.#mostEntries || this.#maxBytes < this.limits.maxBytes
    if (isReduced || pressure.isWorthWatching(this.bytes)) pressure.watch()
  }

  /**
   * Tells the policy its actual capacity: the heap may allow less than it was created for, and of two limits one is
   * reached first.
   */
  #fit(capacity: number): void {
    if (Math.abs(capacity - this.#policyCapacity) <= this.#policyCapacity / 8) return
    this.#policyCapacity = capacity
    this.eviction.resize(capacity)
  }

  #squeeze(): void {
    while (this.#isOver()) if (!this.#shed('memory_pressure')) return
  }

  /** Removes expired entries if any, otherwise the policy's victim. `false`: there is nothing to remove. */
  #shed(reason: RemovalReason): boolean {
    if (this.#expiry.reclaim(this.#clock.coarse)) return true
    const slot = this.eviction.victim()
    if (slot < 0) return false
    this.#forget(slot, reason)
    return true
  }

  keepHashes(isKept: boolean): void {
    this.slots.keepHashes(isKept)
  }

  hashesOf(slots: Int32Array, count: number, into: Int32Array): void {
    this.slots.knownHashes(slots, count, into)
    for (let at = 0; at < count; at++)
      if (into[at] === 0) into[at] = this.#spaceAt(slots[at] as number).hash(slots[at] as number)
  }

  keyOf(slot: number): string {
    return this.slots.key(slot)
  }

  weightOf(slot: number): number {
    return this.slots.weight(slot)
  }

  spaceOf(slot: number): string {
    return this.#spaceAt(slot).name
  }

  #spaceAt(slot: number): Space {
    return this.#spaces[this.slots.space(slot)] as Space
  }

  noteRead(slot: number): void {
    const { readAt } = this.slots
    if (readAt !== undefined) readAt[slot] = this.#clock.coarse / 1000
  }

  retime(slot: number, freshUntil: number, staleUntil: number): void {
    this.slots.setTimes(slot, freshUntil, staleUntil, this.#clock.coarse)
    this.#expiry.watch(slot, staleUntil)
  }

  remove(slot: number, reason: RemovalReason): void {
    this.eviction.remove(slot)
    this.#forget(slot, reason)
  }

  /** The policy has already been told. */
  #forget(slot: number, reason: RemovalReason): void {
    if (this.noted !== undefined && this.noted.count > 0) this.noted.flush()
    const slots = this.slots
    const space = this.#spaceAt(slot)
    const key = slots.key(slot)
    const weight = slots.weight(slot)
    const createdAt = slots.createdAt.get(slot)
    const freshUntil = slots.freshUntil.get(slot)
    this.bytes -= weight
    space.bytes -= weight
    if (this.#clearing !== space) space.index.remove(slot)
    slots.release(slot)
    this.#tell(space, key, reason, createdAt, freshUntil)
  }

  /** Counts and reports what was removed or rejected. */
  #tell(space: Space, key: string, reason: RemovalReason, createdAt: number, freshUntil: number): void {
    if (reason === 'capacity_limit') this.#pushedOut++
    else this.#left[reason] = (this.#left[reason] ?? 0) + 1
    if (this.onRemoval !== undefined) this.onRemoval(space.name, key, reason, createdAt, freshUntil)
  }

  clearSpace(space: Space, reason: RemovalReason): void {
    const { slots } = this
    const isAlone = space.size === slots.used
    const places = space.places()
    space.index.clear()
    if (isAlone) this.eviction.clear()
    this.#clearing = space
    for (let at = 0; at < (places?.length ?? slots.end); at++) {
      const slot = places?.[at] ?? at
      if (!slots.holds(slot) || slots.space(slot) !== space.id) continue
      if (!isAlone) this.eviction.remove(slot)
      this.#forget(slot, reason)
    }
    this.#clearing = undefined
  }

  close(): void {
    this.noted?.flush()
    this.noted = undefined
    this.#closed = true
    this.onRemoval = undefined
    this.#stopListening?.()
    this.#expiry.close()
    this.#pressure?.rest()
    if (this.entries > 0) this.#left.cleared = (this.#left.cleared ?? 0) + this.entries
    for (const space of this.#spaces) {
      space.index.clear()
      space.bytes = 0
    }
    this.eviction.clear()
    this.slots.letGo()
    this.bytes = 0
  }
}

/** See `MemoryStore.#charge`. */
const chargeOf = ({ maxEntries, maxBytes }: SlotStore['limits']): number =>
  maxBytes !== Infinity && maxEntries !== Infinity ? Math.ceil(maxBytes / maxEntries) : 0

const plain: { value: unknown; live: boolean; bytes: number } = { value: undefined, live: false, bytes: 0 }

/** Primitives need no isolation; they share one result, which is read at once. */
function isolated(entry: MemoryEntry): Isolated {
  const { value } = entry
  if (typeof value !== 'object' && typeof value !== 'function' && typeof value !== 'symbol') {
    plain.value = value
    plain.bytes = weighPrimitive(value)
    return plain
  }
  return entry.isolated ?? isolate(value)
}
