// One namespace's ledger as the engine uses it: the local view, the store behind it, and whether the view may be
// trusted now.
//
// Trust comes from answered questions: every 100 ms the store is asked for what came after our position, or, where it
// can answer for many namespaces at once, whether our position is still its own (`ledger-poll.ts`). Memory may be
// trusted until 400 ms after the moment when the last answered question was *sent*. What the store pushes (`follow`)
// only makes the next question come sooner. Elapsed time is the larger of monotonic and wall advance, so that a frozen
// process does not trust its own past.
import type { Advanced, Change, LedgerRegions, LedgerStore, Snapshot, Tail } from '../core/contracts.ts'
import { MillpondError, reasonOf } from '../core/errors.ts'
import { type Position, type Target, withoutStamp } from '../core/ledger.ts'
import { LedgerView } from '../core/ledger-view.ts'
import type { Command } from '../wrap/command.ts'
import { Deadlines } from '../wrap/deadlines.ts'
import type { Gate } from '../wrap/gate.ts'
import { hiddenChange, hiddenTargets } from './hidden.ts'
import { lazyId } from './lazy-id.ts'
import type { LedgerHandlers, LedgerOptions, Outcome } from './ledger-contract.ts'
import { LedgerLines } from './ledger-lines.ts'
import { ASK_EVERY_MS, type LedgerPoll, type PolledNamespace, type PollQuestion, pollOf } from './ledger-poll.ts'
import type { Member } from './ledger-presence.ts'
import { PushedPosition } from './ledger-pushed.ts'
import { type Pushed, type Pushes, pushesOf } from './ledger-pushes.ts'
import { gateOf, type LedgerQueue, ledgerQueue } from './ledger-queue.ts'
import { Reports } from './ledger-reports.ts'
import { type LedgerRetries, type Retried, retriesOf } from './ledger-retries.ts'
import { asOfNow, cutStep, MAX_STEP, Pace, partsOf } from './ledger-steps.ts'
import { PendingInvalidations } from './pending-invalidations.ts'

/** After this long without a read the store is no longer asked; the next read asks first. */
const IDLE_MS = 2000
/** For this long after its last read a namespace is still included in the question that is asked for others anyway. */
const POLLED_MS = 30_000

export class Ledger implements PolledNamespace, Member, Pushed, Retried {
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
  /** The store answers questions, but takes no heartbeat of this process. */
  #isUnheard = false
  /** What the handlers were told. */
  #wasServing = true
  #closed = false
  #question: Promise<boolean> | undefined
  #next: Promise<boolean> | undefined
  #cancelTimer: (() => void) | undefined
  #unfollow: (() => void) | undefined
  readonly #owed: PendingInvalidations
  readonly #queue: LedgerQueue
  /** Through which steps go, if the store takes only so many at once. */
  readonly #gate: Gate | undefined
  /** Steps of this namespace that are through the gate. */
  #stepping = 0
  /** Lets what is owed go on if it stands at the gate. */
  #payNow = (): void => {}
  readonly #pace = new Pace()
  readonly #reports: Reports
  readonly #lines: LedgerLines
  readonly #poll: LedgerPoll | undefined
  readonly #pushes: Pushes | undefined
  readonly #retries: LedgerRetries | undefined
  readonly #pushed = new PushedPosition()
  #generation = 0
  #asked = 0
  #heard = 0

  constructor(options: LedgerOptions, handlers: LedgerHandlers) {
    this.#options = options
    this.#handlers = handlers
    this.#deadlines = new Deadlines(options.clock)
    this.view = new LedgerView(lazyId(), { compile: options.compile, names: options.names })
    this.isLocal = options.store === undefined
    this.#lines = new LedgerLines(this.view, options.clock, handlers, this.isLocal)
    this.#owed = new PendingInvalidations(options.namespace, options.outbox, (work, ms = 0) =>
      this.#withTimeout(work, 'outbox', ms),
    )
    this.#gate = gateOf(options.store, options.clock)
    this.#queue = ledgerQueue(
      options.namespace,
      options.clock,
      options.timeoutMs,
      this.#pace,
      this.#gate,
      async (change, command) => {
        this.#stepping++
        this.#payNow()
        try {
          return await this.#step(change, command)
        } finally {
          this.#stepping--
        }
      },
    )
    this.#reports = new Reports(options, this)
    this.#poll = pollOf(options.store, options.clock)
    this.#pushes = options.store && pushesOf(options.store, options.clock)
    this.#retries = retriesOf(options.store, options.clock)
  }

  get isUp(): boolean {
    return this.#up
  }

  /** Whether memory can be trusted, as far as that is up to the store: it answers, and takes heartbeats. */
  get isServing(): boolean {
    return this.#up && !this.#isUnheard
  }

  /** The namespace's name, as in the ledger. */
  get namespace(): string {
    return this.#options.namespace
  }

  /** Regions that apply each step later. */
  get regions(): LedgerRegions | undefined {
    return this.#options.store?.regions
  }

  /** Invalidation steps that have not reached the store yet. */
  get pending(): number {
    return this.#owed.size
  }

  /** How many targets, or entries, one step may hold now. */
  get stepSize(): number {
    return this.#pace.most
  }

  /** Questions sent so far. A step of our own counts, as its answer tells the ledger's position. */
  get asked(): number {
    return this.#asked
  }

  /** The last question whose answer left nothing unknown: everything acknowledged before it was sent is applied. */
  get heard(): number {
    return this.#heard
  }

  /** Whether memory may be trusted now. Reads two clocks, on purpose. */
  trusted(): boolean {
    this.#used = true
    return this.isTrusted
  }

  /**
   * Like `trusted`, for callers that go over all namespaces: it does not count as a use, after which the store would go
   * on being asked.
   */
  get isTrusted(): boolean {
    const { store, clock, trustMs } = this.#options
    if (store === undefined) return true
    if (this.#owed.size > 0 || clock.monotonic() - this.#askedMonotonic >= trustMs) return false
    return clock.now() - this.#askedWall < trustMs
  }

  /**
   * Makes sure that the view is trusted, asking the store if necessary. `false`: the store does not answer. While it is
   * known to be down the result is immediate; the timer keeps asking.
   */
  async ensure(): Promise<boolean> {
    this.#used = true
    return this.confirm()
  }

  /** Like `ensure`, for callers that go over all namespaces. */
  async confirm(): Promise<boolean> {
    if (this.isTrusted) return true
    if (!this.#up || this.#owed.isRefused) return false
    await (this.#question ?? this.#ask())
    return this.isTrusted
  }

  /** Asks a question that is sent after this call, whatever is known already: for strong reads. */
  async refresh(): Promise<boolean> {
    this.#used = true
    return this.#refresh()
  }

  /** Like `refresh`, for callers that do not read. */
  async #refresh(): Promise<boolean> {
    if (this.#options.store === undefined) return true
    if (this.#question === undefined) return this.#ask()
    this.#next ??= this.#question.then(() => {
      this.#next = undefined
      return this.#ask()
    })
    return this.#next
  }

  /**
   * Waits for the answer to a question that was sent later than the first `asked`. `false`: the store does not answer.
   */
  async hear(asked: number): Promise<boolean> {
    this.#used = true
    if (this.#up && this.#question !== undefined) await this.#question
    if (this.#up && this.#heard <= asked) await (this.#question ?? this.#ask())
    return this.#heard > asked && this.trusted()
  }

  /**
   * Advances the number, in as many steps as it takes; the position is that of the last one. The change is applied to
   * the view before this returns.
   * @throws MillpondError `LEDGER_UNREACHABLE` if the store does not answer and there is no outbox, or `isDurable` was
   * not asked for. What was not sent is kept in this process, and sent before memory is trusted again.
   */
  async advance(given: Change, isDurable = false): Promise<Outcome> {
    const change = hiddenChange(this.#options.names(), given)
    if (this.#options.store === undefined) return { ...this.#advanceLocally(change), isApplied: true }
    let dropped = 0
    let last: Advanced = { position: this.view.position, dropped: 0 }
    for (let left: Change | undefined = change; left !== undefined; ) {
      const [step, rest]: readonly [Change, Change | undefined] = cutStep(left, this.#pace.most)
      try {
        const [advanced] = await this.#queue.ask([step])
        if (advanced !== undefined) last = advanced
      } catch (error) {
        return this.#owe(left, error, isDurable)
      }
      dropped += last.dropped
      left = rest
    }
    return { ...last, dropped, isApplied: true }
  }

  /**
   * Sends a step of this process, or several that were merged. An answer that comes after the step was given up is
   * ignored: a new epoch may have begun since.
   */
  async #step(change: Change, command: Command): Promise<Advanced> {
    const { store } = this.#options
    if (store === undefined) return this.#advanceLocally(change)
    const question = ++this.#asked
    const advanced = await this.#lines.own.send(store, this.#options.namespace, asOfNow(this.view, change))
    if (command.isOver) return advanced
    this.#owed.accept()
    if (!this.#applyOwn(change, advanced)) await this.refresh()
    // The store takes steps again, so what is owed follows at once.
    else if (this.#owed.size > 0) void this.#refresh()
    else if (this.view.last >= advanced.position.seq) this.#noteHeard(question)
    return advanced
  }

  /**
   * Keeps a change that could not be sent. It applies in this process from now on: memory is not trusted before the
   * ledger has it.
   */
  async #owe(change: Change, cause: unknown, isDurable: boolean): Promise<Outcome> {
    const { namespace } = this.#options
    // Sent later, and perhaps in one step with others, an erasure is an invalidation like any other: its caller is told
    // that it has not reached every process.
    const reason = change.reason === 'erased' ? 'manual' : change.reason
    // What it should have replaced must not be valid again when the key's target is forgotten.
    const drop = [...change.write.map(({ key }) => key), ...change.drop]
    const owed = new Set(
      partsOf({ ...change, drop }, MAX_STEP).map((part) =>
        this.#owed.add({ ...change, ...part, reason, id: withoutStamp(change.id) }),
      ),
    )
    this.#markDown(cause)
    // One that was down already may have been asked about with others, which it cannot be while it owes something.
    this.#schedule()
    for (const step of owed) await this.#owed.save(step)
    if (isDurable && this.#owed.isKept) return { position: this.view.position, dropped: 0, isApplied: false }
    throw new MillpondError(
      'LEDGER_UNREACHABLE',
      `${namespace} the invalidation has not reached the shared ledger (${reasonOf(cause)}): it applies in this process now and will be sent when the ledger answers`,
      { cause },
    )
  }

  /** Advances a local ledger's number: synchronous, so that nothing can come between. */
  advanceNow(targets: readonly Target[], mode: 'delete' | 'expire', reason: string, id: string): Advanced {
    return this.#lines.applyNext(hiddenTargets(this.#options.names(), targets), mode, reason, id)
  }

  /**
   * Nothing is trusted any more, for any caller, and no answer that is on its way renews that; only then is the
   * store told. Resolves when it knows, or has not answered in time. `isLast`: the whole cache closes.
   */
  close(isLast = false): Promise<void> {
    this.#closed = true
    this.#generation++
    this.#askedMonotonic = Number.NEGATIVE_INFINITY
    this.#cancelTimer?.()
    this.#unfollow?.()
    this.#poll?.leave(this)
    this.#retries?.leave(this)
    this.#pushes?.remove(this)
    return this.#reports.end(this.#up, isLast)
  }

  /** The longest that a question may take now, in milliseconds. */
  get patienceMs(): number {
    return this.#options.timeoutMs()
  }

  isWanted(now: number): boolean {
    return this.#isInUse(now) || !this.#up
  }

  #isInUse(now: number): boolean {
    if (this.#used) {
      this.#used = false
      this.#usedAt = now
    }
    return now - this.#usedAt <= IDLE_MS
  }

  /** This namespace's part of a question for many; undefined where it has to be asked about by itself. */
  pollQuestion(now: number): PollQuestion | undefined {
    if (!this.#canBePolled || (!this.isWanted(now) && now - this.#usedAt > POLLED_MS)) return undefined
    const question = ++this.#asked
    const generation = this.#generation
    return {
      namespace: this.#options.namespace,
      position: this.#lines.read,
      stood: (sentMonotonic, sentWall) => {
        if (generation !== this.#generation || this.#closed) return
        this.#noteHeard(question)
        // A step may have failed meanwhile: the store is up once it has taken that.
        if (this.#owed.size === 0) this.#answered(sentMonotonic, sentWall, true)
      },
      pull: () => {
        if (this.#question === undefined) void this.#ask()
      },
      failed: (error) => this.#markDown(error),
    }
  }

  get #canBePolled(): boolean {
    return this.#poll !== undefined && this.#lines.isWhole && !this.#closed && this.#owed.size === 0
  }

  #advanceLocally(change: Change): Advanced {
    return this.#lines.applyNext(change.targets, change.mode, change.reason, change.id)
  }

  /** `false`: a new epoch began, and memory is not trusted before the next answer. */
  #applyOwn(change: Change, advanced: Advanced): boolean {
    const { position } = advanced
    if (position.epoch !== this.view.epoch) {
      // Answers to questions that were sent before are ignored.
      this.#generation++
      this.#askedMonotonic = Number.NEGATIVE_INFINITY
      this.#lines.beginEpoch(position)
      return false
    }
    this.#lines.applyOwn(change, advanced, this.#question !== undefined)
    if (this.view.last < position.seq) void this.refresh()
    return true
  }

  #ask(): Promise<boolean> {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    this.#retries?.leave(this)
    this.#question = this.#askStore().finally(() => {
      this.#question = undefined
      this.#schedule()
    })
    return this.#question
  }

  /** `isAgain`: because the last answer came too late to be trusted. */
  async #askStore(isAgain = false): Promise<boolean> {
    const { store, clock } = this.#options
    if (store === undefined || this.#closed) return store === undefined
    try {
      await this.#owed.read()
      const isPaid = this.#owed.size === 0 || (await this.#pay(store))
      if (this.#closed) return false
      this.#lines.beginQuestion()
      const sentMonotonic = clock.monotonic()
      const sentWall = clock.now()
      const question = ++this.#asked
      const generation = this.#generation
      const answer = await this.#pull(store, this.#lines.isWhole ? this.#lines.read : undefined)
      if (generation !== this.#generation) return false
      this.#lines.applyAnswer(answer)
      this.#noteHeard(question)
      this.#answered(sentMonotonic, sentWall, isPaid)
      // All there is of a large ledger takes its time: what has come since is soon told.
      if (answer.kind === 'snapshot' && isPaid && !isAgain && !this.isTrusted) return this.#askStore(true)
      return isPaid
    } catch (error) {
      this.#markDown(error)
      return false
    }
  }

  /** The view is as new as the question that was sent then. */
  #answered(sentMonotonic: number, sentWall: number, isPaid: boolean): void {
    this.#trustSince(sentMonotonic, sentWall)
    // A store that answers but accepts no step does not help: it stays down, and no read waits for it.
    if (isPaid) this.#markUp()
    else this.#owed.refuse()
    this.#reports.report(this.view.epoch, this.view.last)
  }

  /** Each part of a long answer gives it its time anew. */
  #pull(store: LedgerStore, from: Position | undefined): Promise<Snapshot | Tail> {
    const { namespace, timeoutMs } = this.#options
    let renew = (): void => {}
    return this.#deadlines.hold(
      store.pull(namespace, from, () => renew()),
      timeoutMs(),
      () => `ledger ${namespace}: pull`,
      (again) => {
        renew = again
      },
    )
  }

  /** Answers may arrive in another order than the questions were sent. */
  #trustSince(sentMonotonic: number, sentWall: number): void {
    const { isMissed } = this.#reports
    if (isMissed !== this.#isUnheard) {
      this.#isUnheard = isMissed
      this.#tellServing(this.#reports.because)
    }
    if (sentMonotonic < this.#askedMonotonic || this.#reports.isUncovered) return
    this.#askedMonotonic = sentMonotonic
    this.#askedWall = sentWall
  }

  #noteHeard(question: number): void {
    if (question > this.#heard) this.#heard = question
  }

  /** Sends the pending invalidations. `false`: a step has failed; whether the store is down shows when it is asked. */
  async #pay(store: LedgerStore): Promise<boolean> {
    try {
      await this.#owed.sendAll(async (change) => {
        const send = (): Promise<Advanced> =>
          this.#withTimeout(this.#lines.own.send(store, this.#options.namespace, change), 'advance')
        // A step that is under way may wait for this: it goes on in that one's place, as both would wait for ever.
        const gate = this.#stepping > 0 ? undefined : this.#gate
        const what = `ledger ${this.#options.namespace} advance`
        const advanced = await (gate?.run(what, send, (goOn) => (this.#payNow = goOn)) ?? send())
        this.#owed.accept()
        this.#applyOwn(change, advanced) // no refresh in a new epoch: the question follows
      })
      return true
    } catch {
      return false
    }
  }

  /**
   * Waits until every process that uses the ledger has applied the position; without a position, until the pending
   * invalidations were sent and are applied everywhere.
   * @returns the ids of those that have not within `timeoutMs`; a process that ends meanwhile is no longer waited for.
   * @throws MillpondError `LEDGER_UNREACHABLE` when the ledger has not said by then which processes have.
   */
  acked(sent: Position | undefined, timeoutMs: number): Promise<readonly string[]> {
    return this.#reports.acked(sent, timeoutMs, async () => {
      const isUp = await this.refresh()
      const { read: position, epochSince } = this.#lines
      return { isUp, isPaid: this.#owed.size === 0, position, epochSince }
    })
  }

  /**
   * Waits until the view has reached a position that another process or caller has seen. `false`: the store does not
   * answer.
   */
  async reach(position: Position): Promise<boolean> {
    if (this.#lines.isKnown(position) && this.trusted()) return true
    return this.refresh()
  }

  #markUp(): void {
    // An answer that came while this was being closed must not open a connection that would never be closed.
    if (!this.#closed)
      this.#unfollow ??= this.#options.store?.follow?.(this.#options.namespace, (at, keys) => this.#wake(at, keys))
    if (this.#up) return
    this.#up = true
    this.#tellServing()
  }

  #markDown(error: unknown): void {
    if (!this.#up) return
    this.#up = false
    this.#schedule()
    this.#tellServing(error)
  }

  #tellServing(error?: unknown): void {
    if (this.isServing === this.#wasServing) return
    this.#wasServing = this.isServing
    this.#handlers.reachable(this.isServing, error, this.#up && this.#isUnheard)
  }

  /** The store has pushed that the namespace moved, and perhaps where it is now. */
  #wake(at: Position | undefined, keys: readonly string[] = []): void {
    if (this.#closed || this.#lines.isKnown(at)) return
    if (keys.length > 0 && at?.epoch === this.view.epoch)
      this.#handlers.pushed(this.#lines.own.notOnTheirWay(keys), at.seq)
    this.#pushed.note(at)
    this.#pushes?.add(this, this.#lines.own.isOnItsWay)
  }

  askPushed(): void {
    void this.#askPushed()
  }

  async #askPushed(): Promise<void> {
    if (this.#question !== undefined) await this.#question
    const pushed = this.#pushed.take()
    if (pushed === undefined || this.#closed || (pushed !== 'something' && this.#lines.isKnown(pushed))) return
    await (this.#question ?? this.#ask())
  }

  /**
   * Asks again in 100 ms, or with the others' next question, while the namespace is read, invalidations wait, or the
   * store is down.
   */
  #schedule(): void {
    if (
      this.#closed ||
      this.#cancelTimer !== undefined ||
      this.#question !== undefined ||
      this.#options.store === undefined
    )
      return
    if (!this.isWanted(this.#options.clock.monotonic()) && this.#owed.size === 0) return
    if (this.#canBePolled) this.#poll?.join(this)
    else if (this.#retries !== undefined) this.#retries.join(this)
    else
      this.#cancelTimer = this.#options.clock.after(ASK_EVERY_MS, () => {
        this.#cancelTimer = undefined
        void this.#ask()
      })
  }

  async retry(): Promise<boolean> {
    const heard = this.#heard
    await (this.#question ?? this.#ask())
    return this.#heard > heard
  }

  #withTimeout<T>(work: Promise<T>, verb: string, atLeastMs = 0): Promise<T> {
    const ms = Math.max(atLeastMs, this.#options.timeoutMs())
    return this.#deadlines.hold(work, ms, () => `ledger ${this.#options.namespace}: ${verb}`)
  }
}
