// What the store has pushed of a namespace and is not known here yet: of several pushes, what covers them all.
import type { Position } from '../core/ledger.ts'

export class PushedPosition {
  /** `'something'`: it is not known what. */
  #pushed: Position | 'something' | undefined

  note(at: Position | undefined): void {
    const { epoch, seq } = at ?? {}
    const before = this.#pushed
    // Of two positions in one epoch the later one covers both; of anything else nothing can be said.
    if (before === undefined) this.#pushed = at ?? 'something'
    else if (before === 'something' || epoch !== before.epoch) this.#pushed = 'something'
    else if (seq !== undefined && seq > before.seq) this.#pushed = at
  }

  /** What it was, once. */
  take(): Position | 'something' | undefined {
    const pushed = this.#pushed
    this.#pushed = undefined
    return pushed
  }
}
