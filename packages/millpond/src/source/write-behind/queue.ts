// A write queue: writes are acknowledged once the log has them, and reach the source later, in batches.
//
// - Only the latest write of a key counts: one that arrives while another waits replaces it (coalescing), one that
// arrives while another is being sent waits for its end. So the source sees a key's writes in order, but not all of
// them.
// - A batch is sent when its oldest write has waited for `maxDelayMs`, or when enough keys wait to fill it that were
// not sent recently: those that were, and are written again and again, wait their full delay, or coalescing would have
// no effect. It is also sent when half of the room is taken.
// - A failed batch is retried in halves, so that a write that the source refuses delays no other for long. It becomes a
// dead letter after `maxAttempts`; attempts count only while the source stores others: one that refuses everything is
// down, and its writes wait.
import { isError, MillpondError, reasonOf } from '../../core/errors.ts'
import { Appends } from './appends.ts'
import { BackOff } from './back-off.ts'
import type { DeadLetter, Drained, ForgottenWrite, Operation, QueueOptions } from './contract.ts'
import { DEAD, DeadWrites, LIVE, withMark } from './dead-writes.ts'
import { type Item, Items } from './items.ts'
import { Room } from './room.ts'
import { verdictsOf } from './verdicts.ts'

export class WriteQueue {
  readonly #options: QueueOptions
  readonly #items: Items
  readonly #appends: Appends
  readonly #dead: DeadWrites
  readonly #room: Room
  /** Of the keys whose writes are being encoded, the last one: later ones must not overtake it. */
  readonly #encoding = new Map<string, Promise<unknown>>()
  #onTheirWay = 0
  #stored = 0
  readonly #backOff: BackOff
  #isFlushing = 0
  #isClosed = false
  #isEnded = false
  #cancelTimer: (() => void) | undefined
  #idle: (() => void)[] = []
  /** Callers that wait for the writes being sent. */
  readonly #ended = new Map<Item, () => void>()

  constructor(options: QueueOptions) {
    this.#options = options
    this.#items = new Items(options.maxDelayMs, options.maxQueued)
    this.#backOff = new BackOff(options)
    this.#appends = new Appends(options.log)
    this.#dead = new DeadWrites(options, this.#appends, (key) => this.#items.get(key))
    this.#room = new Room(options.maxQueued, options.clock)
  }

  /** Writes that are waiting or being sent. */
  get depth(): number {
    return this.#items.size
  }

  /** How long the oldest of them has waited, in milliseconds. */
  get lagMs(): number {
    const since = this.#items.oldest()
    return since === undefined ? 0 : this.#options.clock.monotonic() - since
  }

  /** Takes over the leftovers of earlier processes. */
  async recover(): Promise<{ readonly recovered: number; readonly lostBytes: number }> {
    const { records, lostBytes } = await this.#options.log.recover()
    const now = this.#options.clock.monotonic()
    for (const { key, number, body } of records) {
      const { operation, error } = await this.#read(key, body)
      if (operation === undefined) this.#dead.setAside({ key, number, error })
      else if (body[0] === DEAD)
        this.#dead.setAside({ key, number, operation, error: 'set aside by an earlier process' })
      else this.#items.put(key, operation, number, now)
    }
    this.#schedule()
    return { recovered: records.length, lostBytes }
  }

  async #read(
    key: string,
    body: Uint8Array,
  ): Promise<{ readonly operation: Operation | undefined; readonly error: string }> {
    try {
      return {
        operation: await this.#options.decode(key, body.subarray(1)),
        error: 'the bytes in the log cannot be read',
      }
    } catch (error) {
      return { operation: undefined, error: reasonOf(error) }
    }
  }

  /** What a reader must see of a key instead of the source's value. */
  pending(key: string): Operation | undefined {
    const item = this.#items.get(key)
    return item?.next?.operation ?? item?.operation
  }

  /**
   * Resolves once the log has the write.
   * @throws MillpondError `QUEUE_FULL` if there was no room for `maxWaitMs`; `CLOSED`; the errors of the log and of
   * `encode`. Nothing was kept then.
   */
  async put(key: string, operation: Operation): Promise<void> {
    this.#checkOpen()
    const before = this.#encoding.get(key)
    const bytes =
      before === undefined
        ? this.#options.encode(key, operation)
        : before.then(() => this.#options.encode(key, operation))
    if (bytes instanceof Uint8Array) return this.#keep(key, operation, bytes)
    const kept = bytes.then((made) => this.#keep(key, operation, made))
    const ended = kept.catch(() => {}) // reported to the writer
    this.#encoding.set(key, ended)
    try {
      await kept
    } finally {
      if (this.#encoding.get(key) === ended) this.#encoding.delete(key)
    }
  }

  async #keep(key: string, operation: Operation, bytes: Uint8Array): Promise<void> {
    const body = withMark(LIVE, bytes)
    const isNew = this.#items.get(key) === undefined
    if (isNew) await this.#room.enter(this.#options.maxWaitMs)
    try {
      this.#checkOpen()
      const number = await this.#appends.one(key, body)
      this.#dead.take(key) // an older write of the key must not come back over this one
      this.#items.put(key, operation, number, this.#options.clock.monotonic())
    } finally {
      if (isNew) this.#room.leave()
      this.#room.fill(this.#items.size)
    }
    this.#schedule()
  }

  /**
   * Sends what waits, and resolves when it has reached the source, become a dead letter, or `timeoutMs` have passed.
   */
  async flush(timeoutMs = Number.POSITIVE_INFINITY): Promise<Drained> {
    this.#isFlushing++
    this.#schedule()
    try {
      await this.#whenIdle(timeoutMs)
    } finally {
      this.#isFlushing--
      this.#schedule() // not awaited any more: the remaining writes do not hold the process
    }
    return { left: this.#items.size, dead: this.#dead.size }
  }

  /** Takes no more writes, drains for at most `timeoutMs`, and leaves the rest to the log. */
  async close(timeoutMs: number): Promise<Drained> {
    this.#isClosed = true
    const drained = await this.flush(timeoutMs)
    this.#isEnded = true
    this.#cancelTimer?.()
    await this.#dead.settled()
    await this.#options.log.close()
    return drained
  }

  get deadLetters(): readonly DeadLetter[] {
    return this.#dead.letters
  }

  /** Queues a dead letter again. `false`: there is none, or it is unreadable. */
  retry(key: string): boolean {
    const letter = this.#dead.get(key)
    if (letter?.operation === undefined) return false
    this.#dead.take(key)
    this.#items.put(key, letter.operation, letter.number, this.#options.clock.monotonic())
    this.#schedule()
    return true
  }

  /**
   * Forgets for good what waits or is set aside and is meant: it never reaches the source. What is on its way may; it
   * is waited for, and not tried again. `isMeant` is given no operation for what cannot be read.
   */
  async forget(
    isMeant: (key: string, operation: Operation | undefined) => boolean,
  ): Promise<readonly ForgottenWrite[]> {
    await this.#dead.settled()
    const forgotten: ForgottenWrite[] = []
    const onTheirWay: Promise<void>[] = []
    for (const item of [...this.#items]) {
      const operation = item.next?.operation ?? item.operation
      if (!isMeant(item.key, operation) && !isMeant(item.key, item.operation)) continue
      forgotten.push({ key: item.key, kind: operation.kind, wasSent: item.isSent, wasDead: false })
      this.#options.log.settle(item.key, item.next?.number ?? item.number)
      item.next = undefined
      if (!item.isSent) this.#end(item)
      else {
        item.isForgotten = true
        onTheirWay.push(this.#whenEnded(item))
      }
    }
    for (const { key, operation } of this.deadLetters) {
      if (!isMeant(key, operation)) continue
      this.dropDead(key)
      forgotten.push({ key, kind: operation?.kind, wasSent: false, wasDead: true })
    }
    await Promise.all(onTheirWay)
    if (this.#items.size === 0) for (const tell of this.#idle.splice(0)) tell()
    return forgotten
  }

  /** Permanently drops a dead letter. `false`: there is none. */
  dropDead(key: string): boolean {
    return this.#dead.drop(key)
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new MillpondError('CLOSED', 'the write queue is closed: write before the cache is closed')
  }

  /** Sends what is due now, and sets the timer for what comes next. */
  #schedule(): void {
    const { clock, maxBatch, maxDelayMs, concurrency } = this.#options
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    if (this.#isEnded) return
    const now = clock.monotonic()
    this.#items.wake(now)
    while (this.#onTheirWay < concurrency) {
      const due = this.#dueNow(now)
      const batch = due === undefined ? [] : this.#items.take(maxBatch, due)
      if (batch.length === 0) break
      void this.#send(batch)
    }
    if (this.#onTheirWay >= concurrency) return
    const oldest = this.#items.oldestReady()
    const due = Math.min(this.#items.nextDue(), oldest === undefined ? Number.POSITIVE_INFINITY : oldest + maxDelayMs)
    const next = this.#items.size === 0 ? Number.POSITIVE_INFINITY : Math.max(due, this.#backOff.until)
    if (next !== Number.POSITIVE_INFINITY)
      this.#cancelTimer = clock.after(Math.max(1, next - now), () => this.#schedule(), this.#isFlushing > 0)
  }

  /** Which of the ready ones may go now. */
  #dueNow(now: number): 'all' | 'unpaced' | undefined {
    const { maxBatch, maxDelayMs, maxQueued } = this.#options
    const oldest = this.#items.oldestReady()
    if (oldest === undefined || now < this.#backOff.until) return undefined
    const { readySize, unpacedSize } = this.#items
    const isCrowded = readySize >= maxBatch && readySize >= maxQueued / 2
    if (this.#isFlushing > 0 || now - oldest >= maxDelayMs || isCrowded) return 'all'
    return unpacedSize >= maxBatch ? 'unpaced' : undefined
  }

  async #send(batch: readonly Item[]): Promise<void> {
    const { clock, events } = this.#options
    const sent = batch.map(({ key, operation, number, attempts }) => ({ key, operation, number, attempts }))
    const began = clock.monotonic()
    this.#onTheirWay++
    try {
      const verdicts = await verdictsOf(sent, this.#options)
      const stored = batch.filter((_, at) => verdicts[at] === undefined)
      if (stored.length > 0) {
        this.#stored += stored.length
        this.#backOff.stored()
        await this.#options.afterStore(stored.map(({ key }) => key)).catch(() => {}) // reported where it failed
        sent.forEach(({ key, number }, at) => {
          if (verdicts[at] === undefined) this.#options.log.settle(key, number)
        })
        for (const item of stored) this.#end(item)
        events.stored(stored.length, clock.monotonic() - began)
      } else this.#backOff.failed()
      batch.forEach((item, at) => {
        if (verdicts[at] !== undefined) this.#failedOne(item, verdicts[at], 1)
      })
    } catch (error) {
      this.#backOff.failed()
      const half = Math.ceil(batch.length / 2)
      for (const item of batch) this.#failedOne(item, error, half)
    } finally {
      this.#onTheirWay--
      this.#schedule()
      if (this.#items.size === 0) for (const tell of this.#idle.splice(0)) tell()
    }
  }

  #failedOne(item: Item, error: unknown, group: number): void {
    const { clock, events, maxAttempts } = this.#options
    this.#tellEnded(item)
    if (item.isForgotten) {
      this.#end(item)
      return
    }
    const isRefused = this.#stored > item.seen || item.attempts === 0
    if (isRefused && group <= 1) item.attempts++
    item.seen = this.#stored
    item.group = Math.min(item.group, Math.max(1, group))
    const isPermanent = isError(error) && 'permanent' in error && error.permanent === true
    const isLatest = item.next === undefined && !this.#appends.isUnderWay(item.key)
    if (isLatest && (isPermanent || item.attempts >= maxAttempts)) {
      this.#dead.bury(item, error)
      this.#end(item)
      return
    }
    const retryMs = 1 + this.#backOff.delayMs(item.tries++)
    this.#items.rest(item, clock.monotonic() + retryMs)
    events.failed(item.key, error, item.attempts, retryMs)
  }

  #end(item: Item): void {
    this.#items.end(item, this.#options.clock.monotonic())
    this.#room.fill(this.#items.size)
    this.#tellEnded(item)
  }

  /** Or it waits again, since a newer write has replaced it. */
  #whenEnded(item: Item): Promise<void> {
    return new Promise((resolve) => {
      const before = this.#ended.get(item)
      this.#ended.set(item, () => {
        before?.()
        resolve()
      })
    })
  }

  #tellEnded(item: Item): void {
    const tell = this.#ended.get(item)
    this.#ended.delete(item)
    tell?.()
  }

  #whenIdle(timeoutMs: number): Promise<void> {
    if (this.#items.size === 0) return Promise.resolve()
    return new Promise<void>((resolve) => {
      const cancel =
        timeoutMs === Number.POSITIVE_INFINITY ? () => {} : this.#options.clock.after(timeoutMs, resolve, true)
      this.#idle.push(() => {
        cancel()
        resolve()
      })
    })
  }
}
