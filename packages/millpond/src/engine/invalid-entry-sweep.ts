// Removes invalidated entries from memory: they are never served, and would take space until they were read or expired.
//
// A tag or a pattern may concern any entry, so finding them means scanning all. That is done in the background, in
// slices, and only while the ledgers of the cache move: one scan of memory after the last step, and then nothing runs.
// An entry that is read earlier is judged then, as always.
import type { Clock, MemorySpace } from '../core/contracts.ts'
import { settle } from './read-memory.ts'
import type { Space } from './space.ts'

/**
 * About .6 ms of work, and the pause before each slice: a hundred thousand entries are scanned in twenty seconds, for
 * .6 % of a core.
 */
const PIECE = 512
const REST_MS = 100

/** Over all namespaces of a cache: entries computed from one of them may be in another. */
export class InvalidEntrySweep {
  readonly #clock: Clock
  readonly #spaces: () => readonly Space[]
  #cancel: (() => void) | undefined
  #walk: Iterator<undefined> | undefined
  /** A ledger has moved since the scan began. */
  #isDue = false
  #isClosed = false

  constructor(clock: Clock, spaces: () => readonly Space[]) {
    this.#clock = clock
    this.#spaces = spaces
  }

  /** A step was applied that may have invalidated entries in memory. */
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
    // One without entries counts as a step, too: there may be tens of thousands of them.
    yield
  }
}

function* walkIn(space: Space, memory: MemorySpace): Generator<undefined> {
  for (const key of memory.keys()) {
    // Closed or switched off meanwhile: the entries may now belong to another, to which this ledger does not apply.
    if (space.memory !== memory) return
    const slot = memory.find(key)
    if (slot >= 0) settle(space, memory, slot, key)
    yield
  }
}
