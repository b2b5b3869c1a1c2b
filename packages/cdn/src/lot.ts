// One line of an invalidation at one vendor: how much of it is purged, and how much is settled.
import type { Probe } from './probe.ts'
import type { PurgeTarget } from './target.ts'

export interface LotOptions {
  readonly soft: boolean
  /** `undefined`: purged once. */
  readonly againMs: number | undefined
}

/** Where it is purged. */
export interface LotPump {
  add(targets: readonly PurgeTarget[], lot: Lot): void
  wake(): void
}

export class Lot {
  readonly purged: Promise<void>
  readonly settled: Promise<void>
  readonly options: LotOptions
  readonly verdicts: Probe['verdict'][] = []
  isPurged = false
  isSettled = false
  /** Everybody can be asked whether they have heard. */
  isReleased = true
  readonly #pump: LotPump
  readonly #targets: readonly PurgeTarget[]
  #left: number
  #unsettled: number
  #resolvePurged = (): void => {}
  #resolveSettled = (): void => {}

  constructor(pump: LotPump, targets: readonly PurgeTarget[], options: LotOptions) {
    this.options = options
    this.#pump = pump
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

  /** May be purged from now on. */
  begin(isReleased: boolean): void {
    this.isReleased = isReleased
    this.#pump.add(this.#targets, this)
  }

  release(): void {
    this.isReleased = true
    this.#pump.wake()
  }

  /** One of its targets is purged, or never will be. */
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
