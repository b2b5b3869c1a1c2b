// The log of a folder: append-only segments, written by all processes of the host.
//
// Every process reads what the others appended before it answers, so all of them see the same order of writes and
// drops, which is the order of the bytes. Segments are removed oldest first only: whatever a drop applies to is
// therefore removed before the drop itself.
import { closeSync, readSync, truncateSync, unlinkSync, writeSync } from 'node:fs'
import type { Stored } from '../../core/contracts.ts'
import { Places } from './places.ts'
import { readRecords } from './read-records.ts'
import { KIND, type Kind, keyAt, packSeal, storedIn } from './record.ts'
import {
  FIRST,
  type Identity,
  identify,
  listSegments,
  makeSegment,
  measure,
  openSegment,
  quietly,
  type Segment,
  sweep,
} from './segment.ts'

/** Space left free, in segments, for what other processes write at the same moment. */
const RESERVE = 2
const BLOCK = 4096
const FOREVER = Number.POSITIVE_INFINITY

export interface LogSettings {
  readonly path: string
  readonly maxBytes: number
  readonly segmentBytes: number
}

/** A record to append: its bytes, and its key or prefix. */
export interface Entry {
  readonly kind: Kind
  readonly key: string
  readonly bytes: Buffer
  /** Where it was first written, for a record that is moved. */
  readonly birth?: number
}

export class Log {
  readonly #settings: LogSettings
  readonly #identity: Identity
  readonly #segments = new Map<number, Segment>()
  /** Where the newest record of each key is. */
  readonly places = new Places(this.#segments)
  readonly #probe = Buffer.alloc(2)
  #active: Segment
  #last = 0
  /** The active segment at the time all of them were last measured. */
  #measuredAt = 0
  #isClosed = false

  /** Opens the segments without reading them: `catchUp` does. File system errors propagate. */
  constructor(settings: LogSettings) {
    this.#settings = settings
    this.#identity = identify(settings.path)
    sweep(settings.path)
    try {
      for (const number of listSegments(settings.path)) this.#open(number)
      const [first] = this.#segments.values()
      this.#active = first ?? this.#next(0)
    } catch (error) {
      // This log is discarded and the next attempt reopens all segments: without closing them, a process that has run
      // out of descriptors would never recover.
      for (const { fd } of this.#segments.values()) closeSync(fd)
      throw error
    }
  }

  get seed(): number {
    return this.#identity.seed
  }

  /** Total bytes of all segments. */
  get bytes(): number {
    let sum = 0
    for (const { end, size } of this.#segments.values()) sum += Math.max(end, size)
    return sum
  }

  /** Total bytes on a disk that allocates in blocks. */
  get bytesOnDisk(): number {
    let sum = 0
    for (const { end, size } of this.#segments.values()) sum += Math.ceil(Math.max(end, size) / BLOCK) * BLOCK
    return sum
  }

  get segments(): readonly Segment[] {
    return [...this.#segments.values()]
  }

  /** Whether the segment still exists. */
  holds(segment: Segment): boolean {
    return this.#segments.get(segment.number) === segment
  }

  /** The next segment to remove: never the active one. */
  get oldest(): Segment | undefined {
    const [first] = this.#segments.values()
    return first === this.#active ? undefined : first
  }

  /**
   * Reads what was appended, for about `ms`. Returns whether it reached the end. Creates nothing, so that a full or
   * read-only folder can be read.
   */
  catchUp(ms = FOREVER): boolean {
    this.#checkOpen()
    const until = performance.now() + ms
    for (;;) {
      const active = this.#active
      const left = ms === FOREVER ? FOREVER : until - performance.now()
      const { offset, isAtEnd } = readRecords(active.fd, active.end, this.seed, left, (bytes, at, head, place) => {
        this.places.apply(active, place, head, () => keyAt(bytes, at, head))
        return head.kind !== KIND.seal
      })
      active.end = offset
      if (isAtEnd && this.#lengthFrom(active) === 'gone') this.#skip(active)
      else if (active.isSealed || (isAtEnd && active.number !== this.#last)) {
        // If a later segment exists, this one was sealed too, even if its seal was torn.
        active.isSealed = true
        const later = this.#laterThan(active.number)
        if (later === undefined) return true
        this.#active = later
      } else if (isAtEnd) return true
      if (performance.now() >= until) return false
    }
  }

  /** Catches up to the end of the log; behind a seal it continues in the next segment. */
  #goOn(): void {
    this.catchUp()
    while (this.#active.isSealed) {
      this.#active = this.#next(this.#active.number)
      this.catchUp()
    }
  }

  /** Whether nothing was appended by others. The cheapest check. */
  get isCurrent(): boolean {
    this.#checkOpen()
    return !this.#active.isSealed && this.#lengthFrom(this.#active) === 'same'
  }

  /**
   * Appends records and indexes them.
   * @throws file system errors, including `ENOSPC`; some of the records may have been written then.
   */
  append(entries: readonly Entry[]): void {
    const [only] = entries
    const bytes =
      entries.length === 1 && only !== undefined ? only.bytes : Buffer.concat(entries.map((entry) => entry.bytes))
    for (;;) {
      if (!this.isCurrent) this.#goOn()
      this.#roll(bytes.length)
      this.makeRoom(bytes.length)
      const active = this.#active
      const from = active.end
      this.#write(active, bytes)
      active.end = from + bytes.length
      const length = this.#lengthFrom(active)
      if (length === 'same') {
        let offset = from
        for (const { key, kind, bytes: record, birth = 0 } of entries) {
          this.places.apply(active, offset, { kind, birth, length: record.length }, () => key)
          offset += record.length
        }
        return
      }
      // Other processes appended at the same time: the log itself tells the order.
      active.end = from
      this.#goOn()
      if (this.#active === active) return
      // The segment was sealed or removed meanwhile, and records behind a seal do not count.
    }
  }

  /** The entry of a key, if it is present, intact and not expired. */
  read(key: string, now: number): Stored | undefined {
    const slot = this.places.slotOf(key)
    if (slot < 0) return undefined
    const { segment, offset, length } = this.places.at(slot)
    const holder = this.#segments.get(segment)
    if (holder === undefined) return undefined
    const record = Buffer.allocUnsafe(length)
    const stored =
      readSync(holder.fd, record, 0, length, offset) === length ? storedIn(record, key, this.seed, now) : undefined
    if (stored !== undefined) this.places.mark(slot)
    return stored
  }

  /** Frees the segment's disk space, even if other processes still have it open. */
  leave(segment: Segment): void {
    quietly('ENOENT', () => truncateSync(segment.path, 0))
    quietly('ENOENT', () => unlinkSync(segment.path))
    this.#lose(segment)
  }

  /** Removes the oldest segments, whichever process wrote them, until `length` more bytes fit. */
  makeRoom(length: number): void {
    const { segmentBytes, maxBytes } = this.#settings
    if (this.#measuredAt !== this.#active.number) {
      this.#measuredAt = this.#active.number
      for (const segment of this.#segments.values()) measure(segment)
    }
    const most = maxBytes - RESERVE * segmentBytes
    for (let { oldest } = this; oldest !== undefined && this.bytesOnDisk + length > most; { oldest } = this)
      this.leave(oldest)
  }

  /** Closes segments that others removed. Returns whether the folder is still the one that was opened. */
  refresh(): boolean {
    this.#checkOpen()
    const { path } = this.#settings
    const there = quietly(['ENOENT', 'ENOTDIR'], () => {
      const isSame = identify(path).id.equals(this.#identity.id)
      return isSame ? new Set(listSegments(path)) : undefined
    })
    if (there === undefined) return false
    for (const segment of this.segments) if (!there.has(segment.number)) this.#lose(segment)
    for (const number of there) if (number > this.#last) this.#open(number)
    if (!there.has(this.#active.number)) this.#active = this.#next(this.#active.number)
    return true
  }

  /** Makes later appends go to another segment. Returns the number of the last finished one. */
  endSegment(): number {
    this.#goOn()
    const { number, end } = this.#active
    if (end === FIRST) return number - 1
    this.#write(this.#active, packSeal(this.seed))
    this.#goOn()
    this.refresh()
    return number
  }

  close(): void {
    this.#isClosed = true
    for (const { fd } of this.#segments.values()) closeSync(fd)
    this.#segments.clear()
    this.places.clear()
  }

  /** After closing, the descriptors may belong to other files. */
  #checkOpen(): void {
    if (this.#isClosed) throw new Error('the log was closed meanwhile')
  }

  /** Starts another segment before the active one becomes too large. */
  #roll(length: number): void {
    if (this.#active.end + length <= this.#settings.segmentBytes || this.#active.end === FIRST) return
    this.#write(this.#active, packSeal(this.seed))
    this.#goOn()
    this.refresh()
  }

  #write(segment: Segment, bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      const written = writeSync(segment.fd, bytes, at)
      // Readers skip the torn record; its remainder must not be appended by itself.
      if (written < bytes.length - at)
        throw Object.assign(new Error(`only ${written} of ${bytes.length} bytes could be written`), { code: 'ENOSPC' })
      at += written
    }
  }

  /** Compares the file's length with what has been read of it; `gone`: it was removed, which truncates it first. */
  #lengthFrom({ fd, end }: Segment): 'same' | 'longer' | 'gone' {
    const length = readSync(fd, this.#probe, 0, 2, end - 1)
    return length === 1 ? 'same' : length === 2 ? 'longer' : 'gone'
  }

  /**
   * A process that fell far behind continues with what is left, as if it had just opened the folder: all that it knew
   * was removed too.
   */
  #skip(segment: Segment): void {
    this.refresh()
    if (this.#active !== segment) return
    this.#lose(segment)
    this.#active = this.#next(segment.number)
  }

  #lose(segment: Segment): void {
    if (!this.#segments.delete(segment.number)) return
    closeSync(segment.fd)
    const [first] = this.#segments.keys()
    this.places.forgetRulesBefore(first)
  }

  /** The segment after this one, created if there is none. */
  #next(number: number): Segment {
    const { path } = this.#settings
    for (;;) {
      const later = this.#laterThan(number)
      if (later !== undefined) return later
      makeSegment(path, Math.max(number, ...listSegments(path)) + 1, this.#identity)
    }
  }

  #laterThan(number: number): Segment | undefined {
    for (const candidate of listSegments(this.#settings.path)) {
      if (candidate <= number) continue
      const segment = this.#segments.get(candidate) ?? this.#open(candidate)
      if (segment !== undefined) return segment
    }
    return undefined
  }

  #open(number: number): Segment | undefined {
    const segment = openSegment(this.#settings.path, number, this.#identity)
    if (segment === undefined) return undefined
    this.#segments.set(number, segment)
    this.#last = number
    return segment
  }
}
