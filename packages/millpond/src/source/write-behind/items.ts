// The waiting writes: which is next, which pauses before its next attempt, and one at a time of each key.
//
// A key that was sent recently is likely to be written again soon: it is paced, that is, it waits its full delay, so
// that more of its writes are coalesced. Others may go as soon as there are enough for a batch.
import type { Operation } from './contract.ts'

export interface Item {
  readonly key: string
  operation: Operation
  number: number
  /** Monotonic milliseconds; of the first write that has not been stored. */
  readonly since: number
  /** Failed attempts while the source was answering others, and all of them. */
  attempts: number
  tries: number
  /** Stored writes of others that this queue had seen when the item last failed. */
  seen: number
  /** The largest batch that it may be part of: halved when a batch fails, so that the failing write is found. */
  group: number
  isSent: boolean
  /** It is not retried: it was dropped while it was being sent. */
  isForgotten: boolean
  /** A later write of the key, which arrived while this one was being sent. */
  next: { readonly operation: Operation; readonly number: number } | undefined
}

export class Items {
  readonly #all = new Map<string, Item>()
  /** Oldest first, each: those that may go in company, and those that are paced. */
  readonly #ready = new Map<string, Item>()
  readonly #paced = new Map<string, Item>()
  /** When keys were last sent, on the monotonic clock, oldest first: within the last `spacingMs`. */
  readonly #lately = new Map<string, number>()
  readonly #spacingMs: number
  readonly #mostLately: number
  /** Soonest last. */
  readonly #resting: { readonly item: Item; readonly dueAt: number }[] = []

  /** `mostLately`: for how many keys at most it is known when they were sent. */
  constructor(spacingMs: number, mostLately: number) {
    this.#spacingMs = spacingMs
    this.#mostLately = mostLately
  }

  get size(): number {
    return this.#all.size
  }

  get readySize(): number {
    return this.#ready.size + this.#paced.size
  }

  /** Of these, those that are not paced. */
  get unpacedSize(): number {
    return this.#ready.size
  }

  get(key: string): Item | undefined {
    return this.#all.get(key)
  }

  /** When the longest waiting write arrived, on the monotonic clock. */
  oldest(): number | undefined {
    let since: number | undefined
    for (const item of this.#all.values()) {
      since = Math.min(since ?? item.since, item.since)
      if (!item.isSent) break // further ones are newer
    }
    return since
  }

  /** When the oldest of those that could go now arrived. */
  oldestReady(): number | undefined {
    const [ready] = this.#ready.values()
    const [paced] = this.#paced.values()
    if (ready === undefined || paced === undefined) return (ready ?? paced)?.since
    return Math.min(ready.since, paced.since)
  }

  nextDue(): number {
    return this.#resting.at(-1)?.dueAt ?? Number.POSITIVE_INFINITY
  }

  /** A newer write replaces a waiting one, and keeps its turn. An older one is dropped. */
  put(key: string, operation: Operation, number: number, now: number): void {
    const held = this.#all.get(key)
    if (held === undefined) {
      const item: Item = {
        key,
        operation,
        number,
        since: now,
        attempts: 0,
        tries: 0,
        seen: 0,
        group: Number.POSITIVE_INFINITY,
        isSent: false,
        isForgotten: false,
        next: undefined,
      }
      this.#all.set(key, item)
      if (now - (this.#lately.get(key) ?? Number.NEGATIVE_INFINITY) < this.#spacingMs) this.#paced.set(key, item)
      else this.#ready.set(key, item)
      return
    }
    if (number <= (held.next?.number ?? held.number)) return
    held.isForgotten = false
    if (held.isSent) held.next = { operation, number }
    else {
      held.operation = operation
      held.number = number
      held.attempts = 0
    }
  }

  /** The next batch: oldest first, no larger than its most careful member allows; `unpaced`: only those. */
  take(most: number, which: 'all' | 'unpaced'): Item[] {
    const batch: Item[] = []
    let limit = most
    for (const item of which === 'all' ? inOrder(this.#ready.values(), this.#paced.values()) : this.#ready.values()) {
      if (batch.length >= limit) break
      if (batch.length > 0 && item.group < batch.length + 1) continue
      limit = Math.min(limit, item.group)
      item.isSent = true
      batch.push(item)
    }
    for (const { key } of batch) {
      this.#ready.delete(key)
      this.#paced.delete(key)
    }
    return batch
  }

  /** It is stored, or given up: a later write of its key takes its place. */
  end(item: Item, now: number): void {
    this.#all.delete(item.key)
    this.#ready.delete(item.key)
    this.#paced.delete(item.key)
    this.#note(item.key, now)
    if (item.next !== undefined) this.put(item.key, item.next.operation, item.next.number, now)
  }

  /** It is retried, at once or at a time; a later write of its key goes in its place. */
  rest(item: Item, dueAt: number): void {
    item.isSent = false
    if (item.next !== undefined) {
      item.operation = item.next.operation
      item.number = item.next.number
      item.attempts = 0
      item.next = undefined
    }
    let at = this.#resting.length
    while (at > 0 && (this.#resting[at - 1]?.dueAt ?? 0) < dueAt) at--
    this.#resting.splice(at, 0, { item, dueAt })
  }

  /** Those whose pause is over are ready. */
  wake(now: number): void {
    for (let last = this.#resting.at(-1); last !== undefined && last.dueAt <= now; last = this.#resting.at(-1)) {
      this.#resting.pop()
      if (this.#all.get(last.item.key) === last.item) this.#ready.set(last.item.key, last.item)
    }
  }

  [Symbol.iterator](): IterableIterator<Item> {
    return this.#all.values()
  }

  #note(key: string, now: number): void {
    this.#lately.delete(key)
    this.#lately.set(key, now)
    for (const [oldest, sentAt] of this.#lately) {
      if (now - sentAt < this.#spacingMs && this.#lately.size <= this.#mostLately) break
      this.#lately.delete(oldest)
    }
  }
}

/** Both are in order of arrival. */
function* inOrder(a: Iterator<Item>, b: Iterator<Item>): Generator<Item> {
  let [first, second] = [a.next(), b.next()]
  while (!first.done || !second.done) {
    if (second.done || (!first.done && first.value.since <= second.value.since)) {
      yield first.value
      first = a.next()
    } else {
      yield second.value
      second = b.next()
    }
  }
}
