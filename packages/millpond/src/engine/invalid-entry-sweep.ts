// Lets go of what the ledger has invalidated: nobody may read it, and it would keep its room until somebody tried to,
// or until its time were over.
//
// A tag or a pattern may name any entry, so finding those that it names means looking at all. That is done behind the
// calls, a piece at a time, and only while the ledgers of the cache move: one walk over memory after the last step, and
// then nothing runs. Whoever reads an entry first judges it, as ever.
import type { Clock, MemorySpace } from '../core/contracts.ts'
import { settle } from './read-memory.ts'
import type { Space } from './space.ts'

/**
 * Some .6 ms of work, and how long it rests before each: a hundred thousand entries are looked at in twenty seconds,
 * for .6 % of a core.
 */
const PIECE = 512
const REST_MS = 100

/** Over all namespaces of a cache: what was computed from one of them may lie in another. */
export class InvalidEntrySweep {
  readonly #clock: Clock
  readonly #spaces: () => readonly Space[]
  #cancel: (() => void) | undefined
  #walk: Iterator<undefined> | undefined
  /** A ledger has moved since the walk began. */
  #isDue = false
  #isClosed = false

  constructor(clock: Clock, spaces: () => readonly Space[]) {
    this.#clock = clock
    this.#spaces = spaces
  }

  /** A step was applied that may have invalidated what memory holds. */
  moved(): void {
    this.#isDue = true
    if (this.#cancel === undefined && !this.#isClosed) this.#rest()
  }

  close(): void {
    this.#isClosed = true
    this.#cancel?.()
    this.#walk = undefined
  }

  #rest(): void {
    this.#cancel = this.#clock.after(REST_MS, () => {
      this.#cancel = undefined
      this.#work()
    })
  }

  #work(): void {
    if (this.#walk === undefined) this.#isDue = false
    this.#walk ??= walkOver(this.#spaces())
    for (let left = PIECE; left > 0 && this.#walk !== undefined; left--)
      if (this.#walk.next().done === true) this.#walk = undefined
    if ((this.#walk !== undefined || this.#isDue) && !this.#isClosed) this.#rest()
  }
}

function* walkOver(spaces: readonly Space[]): Generator<undefined> {
  for (const space of spaces) {
    if (space.memory !== undefined) yield* walkIn(space, space.memory)
    // One with no entries is a step, too: there may be tens of thousands of them.
    yield
  }
}

function* walkIn(space: Space, memory: MemorySpace): Generator<undefined> {
  for (const key of memory.keys()) {
    // Closed or switched off meanwhile: what lies there now may be another's, of whom this ledger knows nothing.
    if (space.memory !== memory) return
    const slot = memory.find(key)
    if (slot >= 0) settle(space, memory, slot, key)
    yield
  }
}
