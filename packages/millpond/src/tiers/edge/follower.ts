// How one region hears of another: the other's log is read from where this region has got to, and each line becomes a step of this region's own ledger.
//
// The log is the outbox: it is written in the step that it tells of, so no crash can come between the two. Where this region has got to is written after its own step, so that a crash
// makes a step too many and never one too few. Whoever holds a lease does it for all processes of the region; each of them asks for itself whether there is anything left to do, and
// so knows up to when nothing that the other region has invalidated is unknown here.
//
// Where a region cannot be asked, what was loaded before is made stale, again and again, by a step that names everything and forgets nothing: what is loaded later may be believed until
// the next one.
import { randomUUID } from 'node:crypto'
import { type Change, type Clock, type LedgerStore, reasonFrom, type Snapshot, type Tail } from '../../core/contracts.ts'
import { MillpondError, show } from '../../core/errors.ts'
import { type Line, type Position, type Target, withoutStamp } from '../../core/ledger.ts'
import { gapId, isDomestic, type Relay, relayedId, relayOf, unheardId } from '../../core/relay.ts'
import { Deadlines } from '../../wrap/deadlines.ts'
import { storageName } from '../../wrap/storage-name.ts'
import { type Cursor, cursorItem, cursorKey, moveCursor, readCursor } from './cursor.ts'
import type { EdgeWarning, Region } from './options.ts'

export interface FollowerParts {
  readonly namespace: string
  readonly own: Region
  readonly peer: Region
  readonly clock: Clock
  /** The own ledger, whose steps change the region's entries too. */
  readonly local: Pick<LedgerStore, 'pull' | 'advance'>
  /** The longest that nothing may be known of the other region, in milliseconds. */
  readonly gateMs: number
  readonly beatMs: number
  /** Has this region applied it already, on another way? */
  readonly knows: (relay: Relay) => boolean
  /** Keys that were written in the other region. */
  readonly onWritten: (keys: readonly string[]) => void
  readonly warn: (warning: EdgeWarning) => void
}

/** A moment by both clocks: a frozen process must not believe its own past. */
interface Moment {
  readonly monotonic: number
  readonly wall: number
}

/** The longest that one who relays may be silent before another takes over. */
const LEASE_MS = 2000
/** How long a question to the own ledger waits for the other region. */
const PATIENCE_MS = 120
/** A process that has just begun waits so long for its first answer before it makes everything stale. */
const FIRST_MS = 1000
/** The longest that the other region's stores may take. */
const ANSWER_MS = 1000
const MAX_TARGETS = 500
/** Nobody has read for so long: then it is enough to ask now and then. */
const IDLE_MS = 10_000
const IDLE_BEATS = 4

export class Follower {
  readonly #parts: FollowerParts
  readonly #deadlines: Deadlines
  readonly #id = randomUUID()
  readonly #key: string
  readonly #startedAt: number
  /** Up to then nothing that the other region has invalidated is both unknown here and hidden by what is believed. */
  #safe: Moment | undefined
  /** Up to then all that it has invalidated is known here. */
  #heard: Moment | undefined
  #cursor: Cursor | undefined
  #hearing: Promise<boolean> | undefined
  #again = false
  #ticking: Promise<void> | undefined
  #tickAt: number
  #usedAt: number
  #cancel = (): void => {}
  #unfollow: (() => void) | undefined
  #isClosed = false
  #wasHeard = true
  /** The two are one: nothing that either says can be believed. */
  #mistake: MillpondError | undefined

  constructor(parts: FollowerParts) {
    this.#parts = parts
    this.#deadlines = new Deadlines(parts.clock)
    this.#key = cursorKey(parts.namespace, parts.peer.name)
    this.#startedAt = this.#usedAt = parts.clock.monotonic()
    this.#tickAt = this.#drawTick()
    this.#beat()
  }

  get region(): string {
    return this.#parts.peer.name
  }

  get cursor(): Cursor | undefined {
    return this.#cursor
  }

  /** Milliseconds since all that the other region had invalidated was known here. */
  get lagMs(): number | undefined {
    return this.#heard === undefined ? undefined : this.#since(this.#heard)
  }

  get isHeard(): boolean {
    return (this.lagMs ?? Number.POSITIVE_INFINITY) <= this.#parts.gateMs
  }

  /** Before the own ledger is asked: what it answers must hold for the other region too. @throws MillpondError `LEDGER_UNREACHABLE`, `OPTION_INVALID`. */
  async ready(): Promise<void> {
    this.#usedAt = this.#parts.clock.monotonic()
    if (this.#mistake !== undefined) throw this.#mistake
    if (this.#isSafe) return
    await this.#within(this.hear(), PATIENCE_MS)
    if (this.#mistake !== undefined) throw this.#mistake
    if (this.#isSafe) return
    if (this.#safe === undefined && this.#parts.clock.monotonic() - this.#startedAt < FIRST_MS)
      throw new MillpondError('LEDGER_UNREACHABLE', `edge: the region ${show(this.region)} has not been heard yet`)
    await this.#tick()
  }

  /** A step that made everything stale on account of this region came later than the moment. */
  noteTick(after: Moment): void {
    this.#noteSafe(after)
  }

  /** Is everything known here that the other region had invalidated when this was asked? What was not becomes so, where it can. */
  hear(): Promise<boolean> {
    this.#hearing ??= this.#hear()
      .catch(() => false)
      .finally(() => {
        this.#hearing = undefined
        if (!this.#again || this.#isClosed) return
        this.#again = false
        void this.hear()
      })
    return this.#hearing
  }

  close(): void {
    this.#isClosed = true
    this.#cancel()
    this.#unfollow?.()
  }

  /** The other region's ledger has moved, or so it is said. */
  #wake(): void {
    if (this.#isClosed) return
    if (this.#hearing === undefined) void this.hear()
    else this.#again = true
  }

  #beat(): void {
    const { clock, beatMs } = this.#parts
    const isIdle = clock.monotonic() - this.#usedAt > IDLE_MS
    this.#cancel = clock.after(isIdle ? beatMs * IDLE_BEATS : beatMs, () => {
      if (this.#isClosed) return
      void this.hear().then((isHeard) => {
        // So that nobody who reads has to wait for it.
        if (!isHeard && !isIdle && this.#safe !== undefined && this.#since(this.#safe) > this.#tickAt) void this.#tick().catch(() => {})
        this.#tell()
      })
      this.#beat()
    })
  }

  #tell(): void {
    const { peer, warn } = this.#parts
    if (this.isHeard === this.#wasHeard || (this.#heard === undefined && this.#parts.clock.monotonic() - this.#startedAt < FIRST_MS)) return
    this.#wasHeard = this.isHeard
    const message = this.isHeard
      ? `the region ${show(peer.name)} is heard again`
      : `the region ${show(peer.name)} is not heard: entries are believed for less than maxRegionLag, and loaded again`
    warn({ kind: this.isHeard ? 'heard' : 'unheard', region: peer.name, message })
  }

  async #hear(): Promise<boolean> {
    const { peer, own, namespace } = this.#parts
    const sent = this.#now()
    const mine = await this.#ownPosition()
    let cursor = await this.#readCursor(mine)
    const answer = await this.#ask(cursor?.at)
    if (answer.position.epoch === mine.epoch) {
      this.#mistake = new MillpondError(
        'OPTION_INVALID',
        `edge.regions: ${show(own.name)} and ${show(peer.name)} share one ledger: give each region a ledger of its own; where there is one store, there is one region, and no edge is needed`,
      )
      throw this.#mistake
    }
    if (!this.#isClosed) this.#unfollow ??= peer.ledger.follow?.(namespace, () => this.#wake())
    if (cursor === undefined || isBeyond(answer, cursor)) {
      const moved = await this.#relayUnderLease(cursor, answer)
      if (moved === undefined) return false
      cursor = moved
    }
    this.#cursor = cursor
    this.#heard = sent
    this.#noteSafe(sent)
    return true
  }

  /** Undefined: another process is at it. */
  async #relayUnderLease(before: Cursor | undefined, first: Snapshot | Tail): Promise<Cursor | undefined> {
    const { own, peer, namespace, clock } = this.#parts
    const lease = `\u0001relay:${peer.name}`
    const { granted } = await own.ledger.lease(namespace, lease, this.#id, LEASE_MS)
    if (!granted) {
      // It will be done in a moment.
      clock.after(PATIENCE_MS / 2, () => this.#wake())
      return undefined
    }
    try {
      const cursor = await this.#readCursor(await this.#ownPosition())
      const isSame = cursor?.at.epoch === before?.at.epoch && cursor?.at.seq === before?.at.seq
      const answer = isSame ? first : await this.#ask(cursor?.at)
      const moved = answer.kind === 'tail' && cursor !== undefined ? await this.#relay(cursor, answer) : await this.#startOver(answer)
      return moved
    } finally {
      await own.ledger.release(namespace, lease, this.#id).catch(() => {})
    }
  }

  /** What is not in the log any more concerns everything. */
  async #startOver({ position }: Snapshot | Tail): Promise<Cursor> {
    const { peer, warn } = this.#parts
    if (this.#cursor !== undefined)
      warn({
        kind: 'gap',
        region: peer.name,
        message: `what the region ${show(peer.name)} has invalidated is not known without a gap: everything is forgotten here`,
      })
    const change = {
      targets: [{ kind: 'all' }] as const,
      mode: 'delete',
      reason: 'epoch_changed',
      id: gapId(peer.name, randomUUID()),
    } as const
    const ours = await this.#advance(change)
    return this.#write(undefined, position, ours)
  }

  async #relay(cursor: Cursor, { lines, position }: Tail): Promise<Cursor> {
    const { peer, own, knows, onWritten } = this.#parts
    let held = await this.#ownPosition()
    let { at } = cursor
    // The least of our numbers at which all of it was in our ledger.
    let ours = cursor.pairs.at(-1)?.[0] ?? 0
    const written: string[] = []
    let isKnown = false
    let group: Line[] = []
    const flush = async (): Promise<void> => {
      const last = group.at(-1)
      if (last === undefined) return
      const [first] = group
      const id = relayedId({ region: peer.name, epoch: position.epoch, seq: last.seq, id: first === last ? withoutStamp(last.id) : '' })
      held = await this.#advance({ targets: group.flatMap(({ targets }) => targets), mode: last.mode, reason: last.reason, id })
      ours = held.seq
      group = []
    }
    for (const line of lines) {
      if (line.seq <= at.seq) continue
      const relay = relayOf(line.id)
      if (relay !== undefined || isDomestic(line.id) || !isAlike(group, line)) await flush()
      if (relay?.region === own.name) ours = relay.epoch === held.epoch ? Math.max(ours, Math.min(relay.seq, held.seq)) : held.seq
      else if (relay !== undefined && !knows(relay)) {
        held = await this.#advance({ targets: line.targets, mode: line.mode, reason: line.reason, id: line.id })
        ours = held.seq
      } else if (relay !== undefined) isKnown = true
      else if (!isDomestic(line.id)) {
        group.push(line)
        if (line.reason === 'replaced') for (const target of line.targets) if (target.kind === 'key') written.push(target.key)
      }
      at = { epoch: position.epoch, seq: line.seq }
    }
    await flush()
    if (isKnown) {
      // What came on another way may be in our ledger since a moment ago.
      held = await this.#ownPosition()
      ours = Math.max(ours, held.seq)
    }
    const moved = await this.#write(cursor, position, { epoch: held.epoch, seq: ours })
    if (written.length > 0) onWritten(written)
    return moved
  }

  async #advance(about: Pick<Line, 'mode' | 'reason' | 'id'> & { readonly targets: readonly Target[] }): Promise<Position> {
    const { local, namespace } = this.#parts
    const { targets, mode, id } = about
    const drop = mode === 'expire' ? [] : targets.flatMap((target) => (target.kind === 'key' ? [storageName(namespace, target.key)] : []))
    const change: Change = { targets, mode, reason: reasonFrom(about.reason), id, drop, write: [] }
    return (await local.advance(namespace, change)).position
  }

  async #write(before: Cursor | undefined, at: Position, ours: Position): Promise<Cursor> {
    const cursor = moveCursor(before, at, ours.seq)
    await this.#parts.own.ledgerTier.write([cursorItem(this.#key, cursor, ours)])
    return cursor
  }

  /** One of another epoch of our own ledger tells nothing of this one. */
  async #readCursor(mine: Position): Promise<Cursor | undefined> {
    const [stored] = await this.#parts.own.ledgerTier.read([this.#key])
    return stored?.asOf.epoch === mine.epoch ? readCursor(stored) : undefined
  }

  /** Asked of the store itself: the other region need not be known for that. */
  async #ownPosition(): Promise<Position> {
    const { own, namespace } = this.#parts
    const from = this.#mine
    const { position } = await own.ledger.pull(namespace, from)
    this.#mine = position
    return position
  }

  #mine: Position | undefined

  #ask(from: Position | undefined): Promise<Snapshot | Tail> {
    const { peer, namespace } = this.#parts
    return this.#deadlines.hold(peer.ledger.pull(namespace, from), ANSWER_MS, () => `edge: the ledger of ${peer.name}`)
  }

  #tick(): Promise<void> {
    this.#ticking ??= this.#makeStale().finally(() => {
      this.#ticking = undefined
    })
    return this.#ticking
  }

  async #makeStale(): Promise<void> {
    const sent = this.#now()
    await this.#advance({ targets: [{ kind: 'all' }], mode: 'expire', reason: 'ttl_expired', id: unheardId(this.region, randomUUID()) })
    this.#noteSafe(sent)
    this.#tickAt = this.#drawTick()
  }

  /** Not all processes at once. */
  #drawTick(): number {
    return this.#parts.gateMs * (0.6 + 0.3 * Math.random())
  }

  get #isSafe(): boolean {
    return this.#safe !== undefined && this.#since(this.#safe) <= this.#parts.gateMs
  }

  #noteSafe(moment: Moment): void {
    if (this.#safe === undefined || moment.monotonic > this.#safe.monotonic) this.#safe = moment
  }

  #now(): Moment {
    const { clock } = this.#parts
    return { monotonic: clock.monotonic(), wall: clock.now() }
  }

  #since({ monotonic, wall }: Moment): number {
    const now = this.#now()
    return Math.max(now.monotonic - monotonic, now.wall - wall)
  }

  async #within(work: Promise<unknown>, ms: number): Promise<void> {
    await this.#deadlines.hold(work, ms, () => '').catch(() => {})
  }
}

const isBeyond = (answer: Snapshot | Tail, { at }: Cursor): boolean =>
  answer.kind === 'snapshot' || answer.position.epoch !== at.epoch || answer.position.seq !== at.seq

/** May it go into one step with these? */
function isAlike(group: readonly Line[], { mode, reason, targets }: Line): boolean {
  const last = group.at(-1)
  if (last === undefined) return true
  const count = group.reduce((sum, line) => sum + line.targets.length, targets.length)
  return last.mode === mode && last.reason === reason && count <= MAX_TARGETS
}
