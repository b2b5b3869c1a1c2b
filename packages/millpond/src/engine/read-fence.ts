// The read fence: no reader gets an older value than one that has been shown (G7).
//
// Contract. From the moment at which a loader's value is given out until a question sent after that moment has been
// answered, memory holds that value of the key or none, and a read that memory cannot serve asks the ledger first.
//
// Argument. A copy from below memory is judged by the ledger as this process knows it, up to 400 ms late, while a
// loader's value is as new as the source. So the value may already contain a change whose invalidation was acknowledged
// elsewhere and is not known here yet, and a copy from before that change would still be accepted. Numbers do not tell
// such a copy: a load's number says when it began, not when it read the source. Once the ledger has answered, all that
// was acknowledged before the value was shown is known, and older copies are invalid.
//
// Cases. Reads that were under way at that moment may end with either value. If two of them bring different values, it
// cannot be decided which is newer: memory keeps neither, and the key is marked as if a loader had brought the value.
// Two values that a far tier returned one after the other need no mark: all processes together load a key once at a
// time and an overtaken load is not stored, so the later state of one tier never holds an older copy.

/** How far the ledger has been asked. */
export interface Asked {
  /** Questions sent so far. */
  readonly asked: number
  /** The last one that was answered: what was acked before it was sent is known. */
  readonly heard: number
}

/** Above this many marks, every key counts as marked. */
const MAX_MARKS = 10_000

/** The keys with a value that was shown and that the ledger has not been asked about since. */
export class ReadFence {
  /** Key to the number of questions that had been sent when it was marked; oldest first. */
  readonly #marks = new Map<string, number>()
  #ofAll = -1

  mark(key: string, { asked, heard }: Asked): void {
    this.#marks.delete(key)
    for (const [known, at] of this.#marks) {
      if (at >= heard) break
      this.#marks.delete(known)
    }
    if (this.#marks.size < MAX_MARKS) this.#marks.set(key, asked)
    else this.#ofAll = asked
  }

  isOf(key: string, { heard }: Asked): boolean {
    return heard <= this.markOf(key)
  }

  /** How many questions had been sent when the key was marked: a later one must have been answered. */
  markOf(key: string): number {
    return this.#marks.size === 0 ? this.#ofAll : Math.max(this.#marks.get(key) ?? -1, this.#ofAll)
  }
}
