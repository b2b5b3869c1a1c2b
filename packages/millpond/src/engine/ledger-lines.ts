// What is known of a namespace's history: the lines that were read, and the steps of this process, which are applied
// when they are answered, perhaps before lines of others that came first.
import type { Advanced, Change, Clock, Snapshot, Tail } from '../core/contracts.ts'
import type { Line, Position, Target } from '../core/ledger.ts'
import type { LedgerView } from '../core/ledger-view.ts'
import type { LedgerHandlers } from './ledger-contract.ts'
import { OwnSteps } from './own-steps.ts'

export class LedgerLines {
  readonly view: LedgerView
  readonly own = new OwnSteps()
  readonly #clock: Clock
  readonly #handlers: LedgerHandlers
  #isStarted: boolean
  /**
   * A step of our own was answered in a new epoch: what happened in it before is not known, and the whole of it is
   * asked for.
   */
  #needsSnapshot = false
  /** Steps of this process that were answered since the last question was sent: an answer that is older lacks them. */
  #meanwhile: Line[] = []
  /** When the current epoch was first heard of, unless it is the first one here; monotonic milliseconds. */
  epochSince = Number.NEGATIVE_INFINITY

  /** @param isStarted the history is of this process alone, and begins here. */
  constructor(view: LedgerView, clock: Clock, handlers: LedgerHandlers, isStarted: boolean) {
    this.view = view
    this.#clock = clock
    this.#handlers = handlers
    this.#isStarted = isStarted
  }

  /** Up to where all lines have been read. */
  get read(): Position {
    return { epoch: this.view.epoch, seq: this.view.last }
  }

  /** Some answer was heard, and nothing before it in its epoch is missing. */
  get isWhole(): boolean {
    return this.#isStarted && !this.#needsSnapshot
  }

  isKnown(at: Position | undefined): boolean {
    return at !== undefined && at.epoch === this.view.epoch && at.seq <= this.view.last
  }

  /** A question is being sent: its answer has everything that was answered before. */
  beginQuestion(): void {
    this.#meanwhile = []
  }

  applyAnswer(answer: Snapshot | Tail): void {
    if (answer.kind === 'snapshot') {
      this.#applySnapshot(answer)
      return
    }
    const { position, floor, outerFloor, lines } = answer
    const { last } = this.view
    for (const line of lines) this.view.apply(line)
    this.view.reach(position.seq, floor, outerFloor)
    const others = this.own.without(lines, last)
    if (others.length > 0) this.#handlers.applied(others, false)
  }

  #applySnapshot({ position, floor, outerFloor, lines }: Snapshot): void {
    const why = position.epoch === this.view.epoch ? 'gap' : 'epoch'
    this.view.restart(position, floor, outerFloor)
    if (why === 'epoch' && this.#isStarted) this.epochSince = this.#clock.monotonic()
    this.own.clear()
    for (const line of lines) this.view.apply(line)
    if (why === 'gap') for (const line of this.#meanwhile) if (line.seq > position.seq) this.#applyAhead(line)
    const wasReported = this.#needsSnapshot && why === 'gap'
    this.#needsSnapshot = false
    // What was held here became invalid when the epoch was met.
    if (wasReported) return
    if (this.#isStarted) this.#handlers.lost(why)
    this.#isStarted = true
  }

  /** A step of this process, answered in the current epoch. `isAsking`: a question is under way. */
  applyOwn({ targets, mode, reason, id }: Change, { position }: Advanced, isAsking: boolean): void {
    const line: Line = { seq: position.seq, targets, mode, reason, id }
    if (isAsking) this.#meanwhile.push(line)
    this.#applyAhead(line)
    this.#handlers.applied([line], true)
  }

  /** Applies a line of this process, and notes it if lines before it have not been read yet. */
  #applyAhead(line: Line): void {
    this.view.apply(line)
    if (this.view.last < line.seq) this.own.isAhead(line.seq)
  }

  /** The next step of a history that is of this process alone. */
  applyNext(targets: readonly Target[], mode: 'delete' | 'expire', reason: string, id: string): Advanced {
    const line: Line = { seq: this.view.head + 1, targets, mode, reason, id }
    this.view.apply(line)
    this.#handlers.applied([line], true)
    return { position: this.view.position, dropped: 0 }
  }

  /** Our own step was answered in an epoch that was not known: everything held here is invalid. */
  beginEpoch(position: Position): void {
    this.view.restart(position, position.seq, position.seq)
    if (this.#isStarted) this.epochSince = this.#clock.monotonic()
    this.#needsSnapshot = true
    this.#meanwhile = []
    this.own.clear()
    if (this.#isStarted) this.#handlers.lost('epoch')
    this.#isStarted = true
  }
}
