// Who has applied what: this process tells the ledger how far it is, and waits, where somebody asks for it, until all
// others are as far.
import type { Clock, LedgerPlace, LedgerStore } from '../core/contracts.ts'
import { MillpondError } from '../core/errors.ts'
import type { Position } from '../core/ledger.ts'

export interface ReportOptions {
  readonly namespace: string
  readonly store: LedgerStore | undefined
  readonly clock: Clock
  readonly trustMs: number
  /** This process, as others see it. */
  readonly nodeId: () => string
}

/** Where this process is, by an answer that it asked for just now. */
export interface CurrentPosition {
  readonly isUp: boolean
  /** Nothing waits to be sent. */
  readonly isPaid: boolean
  readonly position: Position
}

const REPORT_EVERY_MS = 1000
const ACK_POLL_MS = 10

interface Batch {
  readonly places: LedgerPlace[]
  readonly told: Promise<void>
}

const batches = new WeakMap<LedgerStore, Map<string, Batch>>()

/** What is told in one turn, as after a question for all namespaces, is told together where the store takes it so. */
function tell(store: LedgerStore, id: string, place: LedgerPlace): Promise<void> {
  const { reportAll } = store
  if (reportAll === undefined) return store.report?.(place.namespace, id, place.position) ?? Promise.resolve()
  const byId = batches.get(store) ?? new Map<string, Batch>()
  batches.set(store, byId)
  const known = byId.get(id)
  if (known !== undefined) {
    known.places.push(place)
    return known.told
  }
  const places = [place]
  const told = Promise.resolve().then(() => {
    byId.delete(id)
    return reportAll.call(store, id, places)
  })
  byId.set(id, { places, told })
  return told
}

export class Reports {
  readonly #options: ReportOptions
  #reportedAt = Number.NEGATIVE_INFINITY
  #reported = -1

  constructor(options: ReportOptions) {
    this.#options = options
  }

  /** Tells the store how far this process is, for those who wait for an invalidation to be applied everywhere. */
  report(epoch: string, seq: number): void {
    const { store, clock, namespace, nodeId } = this.#options
    if (
      store?.report === undefined ||
      (seq === this.#reported && clock.monotonic() - this.#reportedAt < REPORT_EVERY_MS)
    )
      return
    this.#reported = seq
    this.#reportedAt = clock.monotonic()
    tell(store, nodeId(), { namespace, position: { epoch, seq } }).catch(() => {
      this.#reportedAt = Number.NEGATIVE_INFINITY // said again with the next question
    })
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
    for (let position = sent; ; await pause(ACK_POLL_MS)) {
      const standing = await ask()
      if (standing.isUp && standing.isPaid) position ??= standing.position
      const isOver = clock.monotonic() >= until
      if (standing.isUp && position !== undefined) {
        if (standing.position.epoch !== position.epoch) {
          await pause(trustMs) // who has not heard of the new epoch by then trusts nothing that it holds
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
          `${namespace} the shared ledger does not answer, so it is unknown which processes have applied this`,
        )
      }
    }
  }
}
