/*
 * Nothing that was shown is taken back (G7).
 *
 * A copy from below memory is judged by the ledger as this process knows it, up to 400 ms late; what a loader brings is as new as the source. So a
 * reader may be given what an invalidation made that is acked elsewhere and not heard of here, and afterwards a copy from before it would still
 * be accepted. No number tells such a copy: a load's own number says when it began, not when it read the source.
 *
 * Therefore, from the moment at which a loader's value is given out until a question that is sent after that moment has been answered:
 * - memory holds that value of the key, or none;
 * - a read that memory cannot serve asks the ledger first. What was acked before the value was shown is known then, and older copies are invalid.
 *
 * Reads that were under way at that moment may end with either. Where two of them bring different values, nobody can tell which is newer: memory
 * keeps neither, and the key is marked as if a loader had brought it. Two that a far tier answered one after the other need no mark: at one place
 * a later state never holds an older copy, as all processes together load a key once at a time and what was overtaken is not stored.
 */

/** How far the ledger has been asked. */
export interface Asked {
  /** Questions sent so far. */
  readonly asked: number
  /** The last one that was answered: what was acked before it was sent is known. */
  readonly heard: number
}

/** Beyond this many, every key is marked. */
const MAX_MARKS = 10_000

/** A read fence: the keys of which something was shown that the ledger has not been asked about since. */
export class ReadFence {
  /** How many questions had been sent by then; oldest first. */
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
