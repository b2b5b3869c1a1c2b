// Who has applied what: this process reports its position to the ledger and, when asked to, waits until all others have
// reached it.
import type { Clock, LedgerStore } from '../core/contracts.ts'
import { MillpondError } from '../core/errors.ts'
import type { Position } from '../core/ledger.ts'
import { Deadlines } from '../wrap/deadlines.ts'
import {
  ENDED_MS,
  isMissed,
  isUncovered,
  type Member,
  type Presence,
  presenceOf,
  type Told,
} from './ledger-presence.ts'

export interface ReportOptions {
  readonly namespace: string
  readonly store: LedgerStore | undefined
  readonly clock: Clock
  readonly trustMs: number
  /** The id of this process, as others see it. */
  readonly nodeId: () => string
}

/** The position of this process, from an answer that it has just asked for. */
export interface CurrentPosition {
  readonly isUp: boolean
  /** No invalidation waits to be sent. */
  readonly isPaid: boolean
  readonly position: Position
  /** When this process learned of the epoch, if it knew another one before; monotonic milliseconds. */
  readonly epochSince: number
}

const REPORT_EVERY_MS = 1000
const ACK_POLL_MS = 10
/** The pause grows with the fleet, so that the cost of polling does not. */
const ACK_POLL_MS_PER_NODE = 0.05

export class Reports {
  readonly #options: ReportOptions
  readonly #member: Member
  #presence: Presence | undefined
  #reportedAt = Number.NEGATIVE_INFINITY
  #reported = -1
  #reporting: Promise<void> | undefined
  /** When the last report was sent; monotonic milliseconds, as are the others. */
  #triedAt = Number.NEGATIVE_INFINITY
  /** When the last report was sent that was answered, by both clocks. */
  #answered = { monotonic: Number.NEGATIVE_INFINITY, wall: Number.NEGATIVE_INFINITY }
  /** Since when the store has answered no report, though it should have. */
  #missedSince: number | undefined
  /** Why the last one failed. */
  #because: unknown
  #isEnded = false
  readonly #deadlines: Deadlines

  constructor(options: ReportOptions, member: Member) {
    this.#options = options
    this.#deadlines = new Deadlines(options.clock)
    this.#member = member
  }

  /** The store takes no heartbeat or report, so others may not wait for this process: no answer renews trust. */
  get isUncovered(): boolean {
    return this.#isAwaited && isUncovered(this.#told, this.#options.clock.monotonic())
  }

  /** It has been so for long enough to be said. */
  get isMissed(): boolean {
    return this.#isAwaited && isMissed(this.#told, this.#options.clock.monotonic())
  }

  /** One was sent that has not been answered. Most of the time there is none, and then nothing else is looked at. */
  get #isAwaited(): boolean {
    return (this.#presence === undefined ? this.#missedSince : this.#presence.missedSince) !== undefined
  }

  get #told(): Told {
    const { clock } = this.#options
    const { monotonic, wall } = this.#answered
    return (
      this.#presence?.told ?? {
        missedSince: this.#missedSince,
        sentAt: this.#triedAt,
        silentMs: Math.max(clock.monotonic() - monotonic, clock.now() - wall),
      }
    )
  }

  /** Why, as far as that is known. */
  get because(): unknown {
    return (this.#presence === undefined ? this.#because : this.#presence.because) ?? new Error('no answer')
  }

  /** Reports the position of this process, for callers that wait until an invalidation is applied everywhere. */
  report(epoch: string, seq: number): void {
    const { store, clock, namespace, nodeId } = this.#options
    if (store?.heartbeat !== undefined) {
      this.#presence ??= presenceOf(store, nodeId, clock)
      this.#presence?.applied(this.#member, epoch, seq)
      return
    }
    if (
      store?.report === undefined ||
      (seq === this.#reported && clock.monotonic() - this.#reportedAt < REPORT_EVERY_MS)
    )
      return
    this.#reported = seq
    const sentAt = clock.monotonic()
    const sentWall = clock.now()
    this.#reportedAt = sentAt
    if (sentAt - this.#triedAt >= ENDED_MS) this.#missedSince = undefined // nothing was trusted meanwhile
    this.#triedAt = sentAt
    this.#missedSince ??= sentAt
    this.#reporting = store.report(namespace, nodeId(), { epoch, seq }).then(
      () => {
        this.#answered = { monotonic: sentAt, wall: sentWall }
        this.#missedSince = undefined
        this.#because = undefined
      },
      (error: unknown) => {
        this.#because = error
        this.#reportedAt = Number.NEGATIVE_INFINITY // reported again with the next question
      },
    )
  }

  /**
   * Nothing of the namespace is trusted here from now on. `isLast`: nor is anything under this id again. Resolves when
   * the store knows, or does not answer in time: others then wait until this process has been silent for 3 seconds.
   */
  async end(isUp: boolean, isLast: boolean): Promise<void> {
    this.#isEnded = true
    const { store, namespace, nodeId } = this.#options
    if (!isUp) return this.#presence?.leave(this.#member)
    if (this.#presence !== undefined) return this.#presence.end(this.#member)
    // Without numbers to tell their order, it could arrive after a report of the namespace opened anew.
    if (!isLast || store?.leave === undefined || this.#reported < 0) return
    const leave = async (): Promise<void> => {
      await this.#reporting
      await store.leave?.(namespace, nodeId())
    }
    await this.#deadlines.hold(leave(), this.#member.patienceMs, () => 'ledger: leave').catch(() => {})
  }

  async acked(
    sent: Position | undefined,
    timeoutMs: number,
    ask: () => Promise<CurrentPosition>,
  ): Promise<readonly string[]> {
    const { store, namespace, clock, trustMs } = this.#options
    if (store?.nodes === undefined) return []
    const pause = (ms: number): Promise<void> => new Promise((resolve) => clock.after(ms, resolve, true))
    const until = clock.monotonic() + timeoutMs
    for (let position = sent, pollMs = ACK_POLL_MS; ; await pause(pollMs)) {
      if (this.#isEnded)
        throw new MillpondError(
          'LEDGER_UNREACHABLE',
          `${namespace} the cache was closed, so it is unknown which processes have applied this`,
        )
      const standing = await ask()
      if (standing.isUp && standing.isPaid) position ??= standing.position
      const isOver = clock.monotonic() >= until
      if (standing.isUp && position !== undefined) {
        if (standing.position.epoch !== position.epoch) {
          await pause(trustMs) // a process that has not heard of the new epoch by then trusts nothing that it holds
          return []
        }
        // A process that has not heard of this epoch is not among its nodes, and trusts what it holds for `trustMs` at
        // most.
        const youngMs = trustMs - (clock.monotonic() - standing.epochSince)
        if (youngMs > 0) await pause(youngMs)
        const { seq } = position
        const nodes = await store.nodes(namespace).catch((error: unknown) => {
          if (isOver) throw error
        })
        pollMs = Math.max(ACK_POLL_MS, (nodes?.length ?? 0) * ACK_POLL_MS_PER_NODE)
        const behind = nodes?.filter((node) => node.seq < seq).map((node) => node.id)
        if (behind !== undefined && (behind.length === 0 || isOver)) return behind
      } else if (isOver) {
        throw new MillpondError(
          'LEDGER_UNREACHABLE',
          `${namespace} the shared ledger does not answer, so it is unknown which processes have applied this`,
        )
      }
    }
  }
}
