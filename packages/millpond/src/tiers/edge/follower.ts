// How one region follows another: the other's log is read from where this region has got to, and each line becomes a
// step of this region's own ledger.
//
// The log is the outbox: it is written in the step that it describes, so no crash can come between the two. One process
// of the region applies it (`Relayer`); each process asks for itself whether anything is left to apply, and so knows
// until when everything that the other region has invalidated is known here.
//
// If a region cannot be asked, everything loaded before is made stale, repeatedly, by a step that names everything and
// drops nothing: what is loaded later may be accepted until the next one.
import { randomUUID } from 'node:crypto'
import type { Snapshot, Tail } from '../../core/contracts.ts'
import { MillpondError, reasonOf, show } from '../../core/errors.ts'
import { unheardId } from '../../core/relay.ts'
import { Deadlines } from '../../wrap/deadlines.ts'
import type { Cursor } from './cursor.ts'
import { Relayer, type RelayerParts } from './relayer.ts'

export interface FollowerParts extends RelayerParts {
  /** The longest that the other region may be unheard, in milliseconds. */
  readonly gateMs: number
  readonly beatMs: number
}

/** A moment by both clocks: a process that was frozen must not trust its own past. */
interface Moment {
  readonly monotonic: number
  readonly wall: number
}

/** How long a query of the own ledger waits for the other region. */
const PATIENCE_MS = 120
/** How long a process that has just started waits for its first answer before it makes everything stale. */
const FIRST_MS = 1000
/** After this long without reads the other region is asked less often. */
const IDLE_MS = 10_000
const IDLE_BEATS = 4

export class Follower {
  readonly #parts: FollowerParts
  readonly #deadlines: Deadlines
  readonly #relayer: Relayer
  readonly #startedAt: number
  /**
   * Up to this moment, anything that the other region has invalidated is either known here or not accepted as fresh.
   */
  #safe: Moment | undefined
  /** Up to this moment, everything that it has invalidated is known here. */
  #heard: Moment | undefined
  #cursor: Cursor | undefined
  /** Why the last attempt to hear it failed. */
  #error: string | undefined
  #hearing: Promise<boolean> | undefined
  #again = false
  #ticking: Promise<void> | undefined
  #tickAt: number
  #usedAt: number
  #cancel = (): void => {}
  #unfollow: (() => void) | undefined
  #isClosed = false
  #wasHeard = true
  /** Both regions share one ledger: nothing from either can be accepted. */
  #mistake: MillpondError | undefined

  constructor(parts: FollowerParts) {
    this.#parts = parts
    this.#deadlines = new Deadlines(parts.clock)
    this.#relayer = new Relayer(parts)
    this.#startedAt = this.#usedAt = parts.clock.monotonic()
    this.#tickAt = this.#drawTick()
    this.#beat()
  }

  get region(): string {
    return this.#parts.peer.name
  }

  get error(): string | undefined {
    return this.#error
  }

  get cursor(): Cursor | undefined {
    return this.#cursor
  }

  /** Milliseconds since everything that the other region had invalidated was known here. */
  get lagMs(): number | undefined {
    return this.#heard === undefined ? undefined : this.#since(this.#heard)
  }

  get isHeard(): boolean {
    return (this.lagMs ?? Number.POSITIVE_INFINITY) <= this.#parts.gateMs
  }

  /** Notes a use; returns whether the own ledger may be asked at once. */
  isReady(): boolean {
    this.#usedAt = this.#parts.clock.monotonic()
    return this.#mistake === undefined && this.#isSafe
  }

  /**
   * Called before the own ledger is asked: its answer must hold for the other region too.
   * @throws MillpondError `LEDGER_UNREACHABLE`, `OPTION_INVALID`.
   */
  async ready(): Promise<void> {
    if (this.isReady()) return
    if (this.#mistake !== undefined) throw this.#mistake
    await this.#within(this.hear(), PATIENCE_MS)
    if (this.#mistake !== undefined) throw this.#mistake
    if (this.#isSafe) return
    if (this.#safe === undefined && this.#parts.clock.monotonic() - this.#startedAt < FIRST_MS)
      throw new MillpondError('LEDGER_UNREACHABLE', `edge: the region ${show(this.region)} is not connected yet`)
    await this.#tick()
  }

  /** A step that made everything stale because of this region was made after the moment. */
  noteTick(after: Moment): void {
    this.#noteSafe(after)
  }

  /**
   * Whether everything that the other region had invalidated at the time of the call is known here. Catches up as far
   * as possible.
   */
  hear(): Promise<boolean> {
    this.#hearing ??= this.#hear()
      .catch((error: unknown) => {
        this.#error = reasonOf(error)
        return false
      })
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

  /** The other region's ledger may have advanced. */
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
        // So that no reader has to wait for it.
        if (!isHeard && !isIdle && this.#safe !== undefined && this.#since(this.#safe) > this.#tickAt)
          void this.#tick().catch(() => {})
        this.#tell()
      })
      this.#beat()
    })
  }

  #tell(): void {
    const { peer, warn } = this.#parts
    if (
      this.isHeard === this.#wasHeard ||
      (this.#heard === undefined && this.#parts.clock.monotonic() - this.#startedAt < FIRST_MS)
    )
      return
    this.#wasHeard = this.isHeard
    const message = this.isHeard
      ? `the region ${show(peer.name)} is connected again`
      : `the region ${show(peer.name)} is not heard: entries are accepted for less than maxRegionLag, and loaded again`
    warn({ kind: this.isHeard ? 'heard' : 'unheard', region: peer.name, message })
  }

  async #hear(): Promise<boolean> {
    const { peer, own, namespace } = this.#parts
    const sent = this.#now()
    const mine = await this.#relayer.ownPosition()
    let cursor = await this.#relayer.cursorNow(mine)
    const answer = await this.#relayer.ask(cursor?.at)
    if (answer.position.epoch === mine.epoch) {
      this.#mistake = new MillpondError(
        'OPTION_INVALID',
        `edge.regions: ${show(own.name)} and ${show(peer.name)} share one ledger: give each region its own ledger; with a single store there is only one region, and no edge is needed`,
      )
      throw this.#mistake
    }
    if (!this.#isClosed) this.#unfollow ??= peer.ledger.follow?.(namespace, () => this.#wake())
    if (cursor === undefined || isBeyond(answer, cursor)) {
      const moved = await this.#relayer.underLease(cursor, answer, this.#cursor !== undefined)
      if (moved === undefined) {
        // Another process is applying it and will be done shortly.
        this.#parts.clock.after(PATIENCE_MS / 2, () => this.#wake())
        return false
      }
      cursor = moved
    }
    this.#cursor = cursor
    this.#heard = sent
    this.#error = undefined
    this.#noteSafe(sent)
    return true
  }

  #tick(): Promise<void> {
    this.#ticking ??= this.#makeStale().finally(() => {
      this.#ticking = undefined
    })
    return this.#ticking
  }

  async #makeStale(): Promise<void> {
    const sent = this.#now()
    await this.#relayer.advance({
      targets: [{ kind: 'all' }],
      mode: 'expire',
      reason: 'ttl_expired',
      id: unheardId(this.region, randomUUID()),
    })
    this.#noteSafe(sent)
    this.#tickAt = this.#drawTick()
  }

  /** Randomized, so that not all processes do it at once. */
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
