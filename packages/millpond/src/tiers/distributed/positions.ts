// Which of two copies of an entry is newer: by their positions, never by a clock.
import type { Stored } from '../../core/contracts.ts'
import { prefixOf } from '../../wrap/storage-name.ts'

/** Maximum number of namespaces whose epochs are remembered. */
const MOST = 10_000

export class Epochs {
  readonly #current = new Map<string, string>()

  /** Records the epoch that a step of the ledger has just returned. */
  note(namespace: string, epoch: string): void {
    if (this.#current.get(namespace) === epoch) return
    if (this.#current.size >= MOST) this.#current.clear()
    this.#current.set(namespace, epoch)
  }

  /**
   * Numbers of two epochs cannot be compared: readers accept only the current one, and if that is unknown, neither is
   * newer.
   */
  isNewer(key: string, one: Stored, than: Stored | undefined): boolean {
    if (than === undefined) return true
    if (one.asOf.epoch === than.asOf.epoch) return one.asOf.seq > than.asOf.seq
    return one.asOf.epoch === this.#current.get(prefixOf(key))
  }
}
