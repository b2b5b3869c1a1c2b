// One namespace's ledger as the engine uses it: the local view, the store behind it, and whether the view may be trusted now.
//
// Trust is a question with an answer: every 100 ms the store is asked for what came after our position. Until 400 ms after the moment a
// question was *sent* that has been answered, memory may be believed. What the store pushes (`follow`) only makes the next question come sooner.
// Elapsed time is the larger of monotonic and wall advance, so that a frozen process does not believe its own past.
import type { Advanced, Change, Clock, LedgerStore, Outbox, Snapshot, Tail } from '../core/contracts.ts'
import { MillpondError } from '../core/errors.ts'
import type { Line, Position, Target } from '../core/ledger.ts'
import { LedgerView } from '../core/ledger-view.ts'
import { Deadlines } from '../wrap/deadlines.ts'
import { lazyId } from './lazy-id.ts'

export interface LedgerOptions {
  readonly namespace: string
  readonly store: LedgerStore | undefined
  readonly clock: Clock
  readonly compile: (pattern: string) => (key: string) => boolean
  /** Some tier is neither in this process nor the ledger's own. */
  readonly externalTiers: boolean
  /** How long after a question memory may be believed, in milliseconds. */
  readonly trustMs: number
  /** The longest a question or a step may take, in milliseconds. */
  readonly timeoutMs: number
  /** Keeps invalidations that could not reach the store over a crash of the process. */
  readonly outbox: Outbox | undefined
  /** This process, as others see it. */
  readonly nodeId: () => string
}

/** `isApplied: false`: kept in the outbox, and applied before memory is believed again. */
export interface Outcome extends Advanced {
  readonly isApplied: boolean
}

/** What the space does when the ledger moves. */
export interface LedgerHandlers {
  /** Lines were applied to the view, in order. */
  applied(lines: readonly Line[]): void
  /** The history was lost: everything held in this process is void. */
  lost(why: 'epoch' | 'gap'): void
  /** The store stopped or began to answer. */
  reachable(up: boolean, error?: unknown): void
}

const ASK_EVERY_MS = 100
/** After this long without a read nobody asks; the next read asks first. */
const IDLE_MS = 2000
const MAX_PENDING_TARGETS = 1000
const REPORT_EVERY_MS = 1000
const ACK_POLL_MS = 10

interface Pending {
  change: Change
  /** Its records in the outbox. */
  readonly kept: string[]
}

export class Ledger {
  readonly view: LedgerView
  /** The ledger lives in this process alone: nothing to ask, always trusted. */
  readonly isLocal: boolean
  readonly #options: LedgerOptions
  readonly #handlers: LedgerHandlers
  readonly #deadlines: Deadlines
  #askedMonotonic = Number.NEGATIVE_INFINITY
  #askedWall = Number.NEGATIVE_INFINITY
  #usedAt = 0
  #used = false
  #up = true
  #closed = false
  #started = false
  #question: Promise<boolean> | undefined
  #next: Promise<boolean> | undefined
  #cancelTimer: (() => void) | undefined
  #unfollow: (() => void) | undefined
  #pending: Pending[] = []
  #sending = false
  #isOutboxRead = false
  #generation = 0
  #asked = 0
  #heard = 0
  #reportedAt = Number.NEGATIVE_INFINITY
  #reported = -1

  constructor(options: LedgerOptions, handlers: LedgerHandlers) {
    this.#options = options
    this.#handlers = handlers
    this.#deadlines = new Deadlines(options.clock)
    this.view = new LedgerView(lazyId(), { compile: options.compile, quietKeys: !options.externalTiers })
    this.isLocal = options.store === undefined
    this.#started = this.isLocal
  }

  get isUp(): boolean {
    return this.#up
  }

  /** Invalidations that have not reached the store yet. */
  get pending(): number {
    return this.#pending.length
  }

  /** Questions sent so far; a step of our own is one, as its answer says where the ledger is. */
  get asked(): number {
    return this.#asked
  }

  /** The last of them that was answered and left nothing unknown: what was acked before it was sent is applied. */
  get heard(): number {
    return this.#heard
  }

  /** May memory be believed now? Reads two clocks, on purpose. */
  trusted(): boolean {
    const { store, clock, trustMs } = this.#options
    if (store === undefined) return true
    this.#used = true
    if (this.#pending.length > 0 || clock.monotonic() - this.#askedMonotonic >= trustMs) return false
    return clock.now() - this.#askedWall < trustMs
  }

  /**
   * Makes the view trustworthy: at once where it is, else by asking. `false`: the store does not answer.
   * While it is known to be down the answer is immediate; the timer keeps asking.
   */
  async ensure(): Promise<boolean> {
    if (this.trusted()) return true
    if (!this.#up) return false
    await (this.#question ?? this.#ask())
    return this.trusted()
  }

  /** Asks a question that is sent from now on, whatever is known: for strong reads. */
  async refresh(): Promise<boolean> {
    if (this.#options.store === undefined) return true
    this.#used = true
    if (this.#question === undefined) return this.#ask()
    this.#next ??= this.#question.then(() => {
      this.#next = undefined
      return this.#ask()
    })
    return this.#next
  }

  /** Waits for the answer to a question that was sent later than the first `asked`. `false`: the store does not answer. */
  async hear(asked: number): Promise<boolean> {
    this.#used = true
    if (this.#up && this.#question !== undefined) await this.#question
    if (this.#up && this.#heard <= asked) await (this.#question ?? this.#ask())
    return this.#heard > asked && this.trusted()
  }

  /**
   * Moves the number. Applied to the view before this returns.
   * @throws MillpondError `LEDGER_UNREACHABLE` where there is no outbox, or `isDurable` is not asked for; the targets are kept in this process, and
   * applied before memory is trusted again.
   */
  async advance(change: Change, isDurable = false): Promise<Outcome> {
    const { store, namespace, outbox } = this.#options
    if (store === undefined) return { ...this.#advanceLocally(change), isApplied: true }
    const question = ++this.#asked
    try {
      const advanced = await this.#withTimeout(store.advance(namespace, change), 'advance')
      if (!this.#applyOwn(change, advanced)) await this.refresh()
      else if (this.view.last >= advanced.position.seq) this.#noteHeard(question)
      return { ...advanced, isApplied: true }
    } catch (error) {
      const kept = this.#keep(change)
      this.#markDown(error)
      if (outbox !== undefined) {
        const record = await outbox.add(namespace, change)
        if (this.#pending.some((pending) => pending.kept === kept)) kept.push(record)
        else await outbox.remove([record]) // the ledger came back meanwhile, and has it
        if (isDurable) return { position: this.view.position, dropped: 0, isApplied: false }
      }
      throw new MillpondError(
        'LEDGER_UNREACHABLE',
        `${namespace}: the invalidation has not reached the shared ledger: it applies in this process now and is sent when the ledger answers`,
        {
          cause: error,
        },
      )
    }
  }

  /** Moves a local ledger's number: synchronous, so that nothing can come between. */
  advanceNow(targets: readonly Target[], mode: 'delete' | 'expire', reason: string, id: string): Advanced {
    const line: Line = { seq: this.view.head + 1, targets, mode, reason, id }
    this.view.apply(line)
    this.#handlers.applied([line])
    return { position: this.view.position, dropped: 0 }
  }

  close(): void {
    this.#closed = true
    this.#cancelTimer?.()
    this.#unfollow?.()
  }

  #advanceLocally(change: Change): Advanced {
    return this.advanceNow(change.targets, change.mode, change.reason, change.id)
  }

  /** `false`: a new epoch began, and memory is not believed before the next answer. */
  #applyOwn(change: Change, advanced: Advanced): boolean {
    const { position } = advanced
    if (position.epoch !== this.view.epoch) {
      this.#beginEpoch(position)
      return false
    }
    const line: Line = { seq: position.seq, targets: change.targets, mode: change.mode, reason: change.reason, id: change.id }
    this.view.apply(line)
    this.#handlers.applied([line])
    if (this.view.last < position.seq) void this.refresh()
    return true
  }

  /** Our own step was answered in an epoch that we did not know: all we hold is void, and answers to questions sent before count for nothing. */
  #beginEpoch(position: Position): void {
    this.#generation++
    this.#askedMonotonic = Number.NEGATIVE_INFINITY
    this.view.restart(position, position.seq)
    if (this.#started) this.#handlers.lost('epoch')
    this.#started = true
  }

  #ask(): Promise<boolean> {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    this.#question = this.#askStore().finally(() => {
      this.#question = undefined
      this.#schedule()
    })
    return this.#question
  }

  async #askStore(): Promise<boolean> {
    const { store, namespace, clock } = this.#options
    if (store === undefined || this.#closed) return store === undefined
    try {
      await this.#readOutbox()
      if (this.#pending.length > 0) await this.#sendPending(store)
      const sentMonotonic = clock.monotonic()
      const sentWall = clock.now()
      const question = ++this.#asked
      const generation = this.#generation
      const from = this.#started ? { epoch: this.view.epoch, seq: this.view.last } : undefined
      const answer = await this.#withTimeout(store.pull(namespace, from), 'pull')
      if (generation !== this.#generation) return false
      this.#apply(answer)
      this.#noteHeard(question)
      this.#askedMonotonic = sentMonotonic
      this.#askedWall = sentWall
      this.#markUp(store)
      this.#report(store)
      return true
    } catch (error) {
      this.#markDown(error)
      return false
    }
  }

  /** Answers may come in another order than the questions. */
  #noteHeard(question: number): void {
    if (question > this.#heard) this.#heard = question
  }

  #apply(answer: Snapshot | Tail): void {
    const { position, floor, lines } = answer
    if (answer.kind === 'snapshot') {
      const why = position.epoch === this.view.epoch ? 'gap' : 'epoch'
      this.view.restart(position, floor)
      for (const line of lines) this.view.apply(line)
      if (this.#started) this.#handlers.lost(why)
      this.#started = true
      return
    }
    for (const line of lines) this.view.apply(line)
    this.view.reach(position.seq, floor)
    if (lines.length > 0) this.#handlers.applied(lines)
  }

  async #sendPending(store: LedgerStore): Promise<void> {
    this.#sending = true
    try {
      for (let next = this.#pending[0]; next !== undefined; next = this.#pending[0]) {
        const advanced = await this.#withTimeout(store.advance(this.#options.namespace, next.change), 'advance')
        this.#pending.shift()
        this.#applyOwn(next.change, advanced) // what comes next is the question itself
        if (next.kept.length > 0) await this.#options.outbox?.remove(next.kept)
      }
    } finally {
      this.#sending = false
    }
  }

  /** What another run of this process, or a neighbour, could not send. Read once, before anything is believed. */
  async #readOutbox(): Promise<void> {
    const { outbox, namespace } = this.#options
    if (outbox === undefined || this.#isOutboxRead) return
    for (const { id, change } of await outbox.list(namespace)) this.#pending.push({ change: { ...change, write: [] }, kept: [id] })
    this.#isOutboxRead = true
  }

  /** Merges what waits; returns where its records in the outbox are noted. */
  #keep(change: Change): string[] {
    const last = this.#pending.length > (this.#sending ? 1 : 0) ? this.#pending.at(-1) : undefined
    if (
      last !== undefined &&
      last.change.mode === change.mode &&
      last.change.targets.length + change.targets.length <= MAX_PENDING_TARGETS
    ) {
      const { targets, drop } = last.change
      last.change = { ...last.change, targets: [...targets, ...change.targets], drop: [...drop, ...change.drop] }
      return last.kept
    }
    const { unmovedSince: _, watch: _tags, ...rest } = change
    const pending: Pending = { change: { ...rest, write: [] }, kept: [] }
    this.#pending.push(pending)
    return pending.kept
  }

  /** Tells the store how far this process is, for those who wait for an invalidation to be applied everywhere. */
  #report(store: LedgerStore): void {
    const { clock, namespace, nodeId } = this.#options
    if (store.report === undefined || (this.view.last === this.#reported && clock.monotonic() - this.#reportedAt < REPORT_EVERY_MS)) return
    this.#reported = this.view.last
    this.#reportedAt = clock.monotonic()
    store.report(namespace, nodeId(), { epoch: this.view.epoch, seq: this.view.last }).catch(() => {
      this.#reportedAt = Number.NEGATIVE_INFINITY // said again with the next question
    })
  }

  /**
   * Waits until every process that uses the ledger has applied the position; without one, until what waits here was sent and is applied.
   * @returns the ids of those that have not within `timeoutMs`; a process that ends meanwhile is no longer waited for.
   * @throws MillpondError `LEDGER_UNREACHABLE` when the ledger has not said by then who has.
   */
  async acked(sent: Position | undefined, timeoutMs: number): Promise<readonly string[]> {
    const { store, namespace, clock, trustMs } = this.#options
    if (store?.nodes === undefined) return []
    const pause = (ms: number): Promise<void> => new Promise((resolve) => clock.after(ms, resolve, true))
    const until = clock.monotonic() + timeoutMs
    for (let position = sent; ; await pause(ACK_POLL_MS)) {
      const isUp = await this.refresh()
      if (isUp && this.#pending.length === 0) position ??= { epoch: this.view.epoch, seq: this.view.last }
      const isOver = clock.monotonic() >= until
      if (isUp && position !== undefined) {
        if (this.view.epoch !== position.epoch) {
          await pause(trustMs) // who has not heard of the new epoch by then believes nothing that it holds
          return []
        }
        const { seq } = position
        const nodes = await store.nodes(namespace).catch((error: unknown) => {
          if (isOver) throw error
        })
        const behind = nodes?.filter((node) => node.seq < seq).map((node) => node.id)
        if (behind !== undefined && (behind.length === 0 || isOver)) return behind
      } else if (isOver) {
        throw new MillpondError(
          'LEDGER_UNREACHABLE',
          `${namespace}: the shared ledger does not answer, so it is not known who has applied this`,
        )
      }
    }
  }

  /** Waits until the view has reached a position that somebody else has seen. `false`: the store does not answer. */
  async reach(position: Position): Promise<boolean> {
    if (position.epoch === this.view.epoch && position.seq <= this.view.last && this.trusted()) return true
    return this.refresh()
  }

  #markUp(store: LedgerStore): void {
    this.#unfollow ??= store.follow?.(this.#options.namespace, () => void this.#wake())
    if (this.#up) return
    this.#up = true
    this.#handlers.reachable(true)
  }

  #markDown(error: unknown): void {
    if (!this.#up) return
    this.#up = false
    this.#schedule()
    this.#handlers.reachable(false, error)
  }

  async #wake(): Promise<void> {
    if (!this.#closed) await this.refresh()
  }

  /** Asks again in 100 ms while somebody reads, while invalidations wait, or while the store is down. */
  #schedule(): void {
    if (this.#closed || this.#cancelTimer !== undefined || this.#question !== undefined || this.#options.store === undefined) return
    const now = this.#options.clock.monotonic()
    if (this.#used) {
      this.#used = false
      this.#usedAt = now
    }
    if (this.#up && this.#pending.length === 0 && now - this.#usedAt > IDLE_MS) return
    this.#cancelTimer = this.#options.clock.after(ASK_EVERY_MS, () => {
      this.#cancelTimer = undefined
      void this.#ask()
    })
  }

  #withTimeout<T>(work: Promise<T>, verb: string): Promise<T> {
    return this.#deadlines.hold(work, this.#options.timeoutMs, () => `ledger ${this.#options.namespace}: ${verb}`)
  }
}
