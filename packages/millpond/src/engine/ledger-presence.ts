// What a process reports to a ledger's store: once a second, for all namespaces, that it is alive; for one namespace,
// its position whenever that has changed, or that nothing of it is trusted here any more.
//
// A caller that waits for an invalidation learns from the store which processes are alive and which position each last
// reported. So while anything of a namespace is trusted here, the store must hold a position for it that is not beyond
// ours. The position is withdrawn only after trust has ended, and reported again with the answer that renews trust.
import type { Clock, LedgerPlace, LedgerStore } from '../core/contracts.ts'
import type { Position } from '../core/ledger.ts'
import { Deadlines } from '../wrap/deadlines.ts'

/** A namespace of this process, as its ledger knows it. */
export interface Member {
  readonly namespace: string
  /** The longest that the store may take, in milliseconds. */
  readonly patienceMs: number
  readonly isTrusted: boolean
}

const BEAT_MS = 1000
/** A process that is silent for this long counts as ended. */
export const ENDED_MS = 3000
/** Pause after a failed heartbeat. */
const RETRY_MS = 250
/**
 * Pause between two heartbeats that report positions: ten calls a second, even where namespaces move a thousand times a
 * second. The first goes out at once, so that a caller that waits for it is answered within a round trip while there is
 * little to report. A namespace that the store does not know to be trusted here is reported at once in any case,
 * because until then no caller waits for this process.
 */
const SPREAD_MS = 100
/** After this long without an answered heartbeat the store may have forgotten the process. */
const SILENT_MS = 2 * BEAT_MS
/**
 * So long after the sending of the last answered heartbeat callers wait for this process, and answers renew trust: that
 * which is renewed last, up to 400 ms, ends before the process has been silent for 3 seconds.
 */
const COVERED_MS = 2500
/**
 * A process for which nobody waits yet, or any more, trusts its first answers, and says so in the same moment. If that
 * is not answered for so long, no later answer renews trust, so that it has ended within the 500 ms that others are
 * promised.
 */
const FIRST_MS = 100
/** A heartbeat that is not answered for so long is told, as its process trusts nothing. */
const MISSED_MS = 1500

/** What is known of the heartbeats of this process, or of its reports of one namespace; monotonic milliseconds. */
export interface Told {
  /** When the first was sent of those that have not been answered. */
  readonly missedSince: number | undefined
  readonly sentAt: number
  /** How long ago the last one was sent that was answered, by the clock that says more. */
  readonly silentMs: number
}

/** Callers may not wait for this process, or soon no longer: answers do not renew trust. */
export function isUncovered({ missedSince, sentAt, silentMs }: Told, now: number): boolean {
  if (missedSince === undefined || now - sentAt >= ENDED_MS) return false
  return silentMs >= COVERED_MS && now - missedSince >= FIRST_MS
}

/** It has been so for so long that it is said. */
export const isMissed = (told: Told, now: number): boolean =>
  isUncovered(told, now) && told.missedSince !== undefined && now - told.missedSince >= MISSED_MS

const presences = new WeakMap<LedgerStore, Map<string, Presence>>()

/** One for each store and process id. Undefined where the store only takes reports of single namespaces. */
export function presenceOf(store: LedgerStore | undefined, id: () => string, clock: Clock): Presence | undefined {
  if (store?.heartbeat === undefined) return undefined
  const byId = presences.get(store) ?? new Map<string, Presence>()
  presences.set(store, byId)
  const known = byId.get(id()) ?? new Presence(store, id(), clock)
  byId.set(id(), known)
  return known
}

export class Presence {
  readonly #store: LedgerStore
  readonly #id: string
  readonly #clock: Clock
  readonly #deadlines: Deadlines
  /** Members that have been reported to the store, or are about to be, with their positions. */
  readonly #members = new Map<Member, Position>()
  /** How many members each namespace has: two while it is closed and opened anew. */
  readonly #names = new Map<string, number>()
  readonly #changed = new Set<Member>()
  readonly #left = new Set<string>()
  #count = 0
  #sending: Promise<void> | undefined
  #lookedAt = Number.NEGATIVE_INFINITY
  #sentAt = Number.NEGATIVE_INFINITY
  /**
   * When the last answered heartbeat was sent, by both clocks: the monotonic one may stand still while the machine
   * sleeps.
   */
  #answered = { monotonic: Number.NEGATIVE_INFINITY, wall: Number.NEGATIVE_INFINITY }
  #failed = false
  /** When the first heartbeat was sent of those that have not been answered; monotonic milliseconds. */
  #missedSince: number | undefined
  /** Why the last one failed. */
  #because: unknown
  /** A namespace is trusted here for which the store may hold no position. */
  #isUnknown = false
  #ringsAt = Number.POSITIVE_INFINITY
  #cancel = (): void => {}

  constructor(store: LedgerStore, id: string, clock: Clock) {
    this.#store = store
    this.#id = id
    this.#clock = clock
    this.#deadlines = new Deadlines(clock)
  }

  /** Every line up to the position is applied. Costs a few comparisons where that has been reported already. */
  applied(member: Member, epoch: string, seq: number): void {
    const told = this.#members.get(member)
    const isKnown = told?.epoch === epoch && !this.#isSilent
    if (isKnown && told?.seq === seq) return
    if (!isKnown) this.#isUnknown = true
    if (told === undefined) this.#names.set(member.namespace, (this.#names.get(member.namespace) ?? 0) + 1)
    this.#members.set(member, { epoch, seq })
    this.#changed.add(member)
    this.#left.delete(member.namespace)
    this.#schedule()
  }

  /** When the first heartbeat was sent of those that have not been answered. */
  get missedSince(): number | undefined {
    return this.#missedSince
  }

  get told(): Told {
    return { missedSince: this.#missedSince, sentAt: this.#sentAt, silentMs: this.#silentMs }
  }

  /** Why, as far as that is known. */
  get because(): unknown {
    return this.#because
  }

  /** Nothing of the namespace is trusted here from now on. */
  leave(member: Member): void {
    this.#remove(member)
    this.#schedule()
  }

  #remove(member: Member): void {
    if (!this.#members.delete(member)) return
    this.#changed.delete(member)
    const others = (this.#names.get(member.namespace) ?? 1) - 1
    // It was opened again meanwhile, and belongs to another member.
    if (others > 0) this.#names.set(member.namespace, others)
    else {
      this.#names.delete(member.namespace)
      this.#left.add(member.namespace)
    }
  }

  /**
   * As `leave`, for a cache that closes: sent at once, after what is being sent. Resolves when the store knows, or has
   * not answered within the member's patience: then the process leaves by silence.
   */
  async end(member: Member): Promise<void> {
    this.leave(member)
    const { namespace, patienceMs } = member
    await this.#deadlines.hold(this.#tellLeft(namespace), patienceMs, () => 'ledger: heartbeat').catch(() => {})
  }

  async #tellLeft(namespace: string): Promise<void> {
    await this.#sending
    // Who closes many namespaces in one turn tells of all of them together.
    if (this.#left.has(namespace) && this.#sending === undefined) void this.#beat()
    await this.#sending
  }

  #schedule(): void {
    if (this.#sending !== undefined || (this.#members.size === 0 && this.#left.size === 0)) return
    const dueAt = this.#sentAt + this.#waitMs
    if (dueAt >= this.#ringsAt) return
    this.#cancel()
    const leftMs = dueAt - this.#clock.monotonic()
    this.#ringsAt = dueAt
    if (leftMs > 0) this.#cancel = this.#clock.after(leftMs, () => void this.#beat())
    // What is reported in one turn, as after a question for all namespaces, goes out together.
    else void Promise.resolve().then(() => this.#beat())
  }

  get #waitMs(): number {
    if (this.#failed) return RETRY_MS
    if (this.#changed.size === 0) return BEAT_MS
    return this.#isUnknown ? 0 : SPREAD_MS
  }

  get #isSilent(): boolean {
    return this.#silentMs >= SILENT_MS
  }

  get #silentMs(): number {
    const { monotonic, wall } = this.#answered
    return Math.max(this.#clock.monotonic() - monotonic, this.#clock.now() - wall)
  }

  async #beat(): Promise<void> {
    if (this.#sending !== undefined) return
    this.#cancel()
    this.#ringsAt = Number.POSITIVE_INFINITY
    this.#leaveUntrusted()
    if (this.#members.size === 0 && this.#left.size === 0) return
    this.#sending = this.#tell()
    await this.#sending
    this.#sending = undefined
    this.#schedule()
  }

  async #tell(): Promise<void> {
    const told = [...this.#changed]
    const moved: LedgerPlace[] = told.flatMap((member) => {
      const position = this.#members.get(member)
      return position === undefined ? [] : [{ namespace: member.namespace, position }]
    })
    const left = [...this.#left]
    this.#changed.clear()
    this.#left.clear()
    this.#isUnknown = false
    const now = this.#clock.monotonic()
    if (now - this.#sentAt >= ENDED_MS) this.#missedSince = undefined // nothing was trusted meanwhile
    this.#sentAt = now
    this.#missedSince ??= now
    const sent = { monotonic: this.#sentAt, wall: this.#clock.now() }
    try {
      if (!(await this.#send(moved, left))) this.#sayAgain(new Set(told))
      this.#answered = sent
      this.#missedSince = undefined
      this.#because = undefined
      this.#failed = false
    } catch (error) {
      this.#failed = true
      this.#because = error
      // They are reported again with the next answer that renews their trust: a store that is down is not asked for
      // their sake.
      for (const member of told)
        if (this.#members.has(member) && !this.#changed.has(member)) this.#members.set(member, NOWHERE)
      for (const namespace of left) if (!this.#names.has(namespace)) this.#left.add(namespace)
      // A process without namespaces just falls silent.
      if (this.#names.size === 0) this.#left.clear()
    }
  }

  #send(moved: readonly LedgerPlace[], left: readonly string[]): Promise<boolean> {
    let patienceMs = BEAT_MS
    for (const member of this.#members.keys()) patienceMs = Math.max(patienceMs, member.patienceMs)
    const said = (async () =>
      (await this.#store.heartbeat?.(this.#id, { count: ++this.#count, moved, left })) ?? true)()
    return this.#deadlines.hold(said, patienceMs, () => 'ledger: heartbeat')
  }

  #leaveUntrusted(): void {
    const now = this.#clock.monotonic()
    if (now - this.#lookedAt < RETRY_MS) return
    this.#lookedAt = now
    for (const member of this.#members.keys()) if (!member.isTrusted) this.#remove(member)
  }

  /** The store has forgotten what it was told before: reports the members that were not in the last heartbeat. */
  #sayAgain(told: ReadonlySet<Member>): void {
    for (const [member, position] of this.#members)
      if (!told.has(member) && position !== NOWHERE) this.#changed.add(member)
  }
}

/** Differs from every real position. */
const NOWHERE: Position = { epoch: '', seq: -1 }
