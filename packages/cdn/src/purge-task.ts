// The targets of one invalidation at one vendor: how many are purged, and how many are settled.
import type { Probe } from './probe.ts'
import type { PurgeTarget } from './target.ts'

export interface PurgeTaskOptions {
  readonly soft: boolean
  /** `undefined`: purged once. */
  readonly againMs: number | undefined
}

/** The queue that purges them. */
export interface PurgeTaskQueue {
  add(targets: readonly PurgeTarget[], task: PurgeTask): void
  wake(): void
}

export class PurgeTask {
  readonly purged: Promise<void>
  readonly settled: Promise<void>
  readonly options: PurgeTaskOptions
  readonly verdicts: Probe['verdict'][] = []
  isPurged = false
  isSettled = false
  /** Whether it is known which processes have applied the invalidation. */
  isReleased = true
  readonly #queue: PurgeTaskQueue
  readonly #targets: readonly PurgeTarget[]
  #left: number
  #unsettled: number
  #resolvePurged = (): void => {}
  #resolveSettled = (): void => {}

  constructor(queue: PurgeTaskQueue, targets: readonly PurgeTarget[], options: PurgeTaskOptions) {
    this.options = options
    this.#queue = queue
    this.#targets = targets
    this.#left = targets.length
    this.#unsettled = targets.length
    this.purged = new Promise((resolve) => {
      this.#resolvePurged = resolve
    })
    this.settled = new Promise((resolve) => {
      this.#resolveSettled = resolve
    })
  }

  /** Starts purging. */
  begin(isReleased: boolean): void {
    this.isReleased = isReleased
    this.#queue.add(this.#targets, this)
  }

  release(): void {
    this.isReleased = true
    this.#queue.wake()
  }

  /** One of its targets was purged, or was given up. */
  notePurged(): void {
    if (--this.#left > 0) return
    this.isPurged = true
    this.#resolvePurged()
  }

  noteSettled(): void {
    if (--this.#unsettled > 0) return
    this.isSettled = true
    this.#resolveSettled()
  }
}
