// Doubly linked lists of slots within two typed arrays: O(1) moves, no object per entry, 8 bytes a slot.

/**
 * `lists` circular lists share the arrays; index 0 .. lists-1 are the lists' heads, a slot `s` lives at `s + lists`.
 * A slot is in one list at most. The front is the most recent end.
 */
export class SlotLists {
  readonly #lists: number
  #next: Int32Array
  #prev: Int32Array

  constructor(lists: number) {
    this.#lists = lists
    this.#next = new Int32Array(lists)
    this.#prev = new Int32Array(lists)
    this.clear()
  }

  grow(slots: number): void {
    const length = slots + this.#lists
    if (length <= this.#next.length) return
    const next = new Int32Array(length)
    const prev = new Int32Array(length)
    next.set(this.#next)
    prev.set(this.#prev)
    this.#next = next
    this.#prev = prev
  }

  /** Clears every list; the slots' own links become stale. */
  clear(): void {
    for (let list = 0; list < this.#lists; list++) {
      this.#next[list] = list
      this.#prev[list] = list
    }
  }

  pushFront(list: number, slot: number): void {
    const at = slot + this.#lists
    const first = this.#next[list] ?? list
    this.#next[at] = first
    this.#prev[at] = list
    this.#prev[first] = at
    this.#next[list] = at
  }

  unlink(slot: number): void {
    const at = slot + this.#lists
    const next = this.#next[at] ?? 0
    const prev = this.#prev[at] ?? 0
    this.#next[prev] = next
    this.#prev[next] = prev
  }

  /** The oldest slot of a list, or -1. */
  back(list: number): number {
    const at = this.#prev[list] ?? list
    return at === list ? -1 : at - this.#lists
  }

  /** The newest slot of a list, or -1. */
  front(list: number): number {
    const at = this.#next[list] ?? list
    return at === list ? -1 : at - this.#lists
  }

  /** The neighbour on the way to the front (newer), or -1 at the front. */
  newer(slot: number): number {
    const at = this.#prev[slot + this.#lists] ?? 0
    return at < this.#lists ? -1 : at - this.#lists
  }
}
