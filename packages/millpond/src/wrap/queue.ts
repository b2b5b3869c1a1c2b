// Batches calls to one server: calls within one turn, or while others are running, are sent together, within limits.
//
// A deadline begins when a command is sent, and a moving queue is not a failure: as long as answers arrive, waiting
// calls keep waiting. Without any answer for `silentMs` everything fails at once, both running and waiting: waiting
// calls would fail the same way. A server that serves one command after the other, each in time, has answered the last
// of `calls` after `calls` times as long: what takes longer is lost.
//
// A call with more items than a command holds is sent as several. It may take the answers of some if others fail, and
// where `takesTurns`, the calls behind it are sent between its commands.
import { nextTick } from 'node:process'
import { afterAwake } from '../core/awake.ts'
import { Chain, type Link } from '../core/chain.ts'
import type { Clock } from '../core/contracts.ts'
import { counted } from '../core/counted.ts'
import { MillpondError } from '../core/errors.ts'
import { Command } from './command.ts'
import type { Gate, GateQueue } from './gate.ts'
import { type Call, type Caller, deliver, type Part, type QueueItem, refuse, stop } from './queue-call.ts'
import { inShares } from './turn-share.ts'

/** The limits of concurrent work on a server. */
export interface QueueLimits {
  /** Concurrent commands. */
  readonly calls: number
  /** Items of one command. A call with more is split. */
  readonly items: number
  /** The weight of one command's items together, by `weigh`; a single item may exceed it. */
  readonly weight: number
}

export interface QueueOptions<I extends QueueItem, A> {
  /** Its name in errors: `redis: read`. */
  readonly what: string
  readonly clock: Clock
  readonly limits: QueueLimits
  /** Without any answer for this long, in milliseconds, everything that is running or waiting fails. */
  readonly silentMs: number
  /**
   * Sends one command; answers in the order of its items. `command.signal` is aborted when no caller waits for it any
   * more.
   */
  readonly send: (items: readonly I[], command: Command) => Promise<readonly A[]>
  /** Default: nothing weighs anything. */
  readonly weigh?: (item: I) => number
  /** Each call is a separate command, or several: its answer applies to all its items together. Default `false`. */
  readonly isApart?: boolean
  /** A call that fills a command goes behind the calls that wait: their order has no meaning. Default `false`. */
  readonly takesTurns?: boolean
  /**
   * Created for each command, and called with each item in turn: whether it may join those before it. The first is
   * always taken. Default: all may.
   */
  readonly together?: () => (item: I) => boolean
  /** Shared with other queues to the same server, which takes so many commands at once. Default: none. */
  readonly gate?: Gate | undefined
  /** Called for each command that was sent: its duration, and its error if it failed. */
  readonly onEnd?: (ms: number, error: unknown) => void
}

interface Sent<I extends QueueItem, A> {
  readonly command: Command
  readonly parts: readonly Part<I, A>[]
  readonly sentAt: number
}

export class Queue<I extends QueueItem, A> {
  readonly #options: QueueOptions<I, A>
  #waiting: Call<I, A>[] = []
  /** Calls before it are finished or sent. */
  #first = 0
  readonly #sent = new Chain<Sent<I, A>>()
  /** How many commands that is. */
  #underWay = 0
  #isGathering = false
  #heardAt = 0
  #cancel: (() => void) | undefined
  readonly #atGate: GateQueue = { turn: () => this.#pump(), fail: () => this.#failWaiting() }

  constructor(options: QueueOptions<I, A>) {
    this.#options = options
  }

  /** Calls that wait to be sent. */
  get waiting(): number {
    return this.#waiting.length - this.#first
  }

  /** The answers, in the order of the items. Rejects with the error of its command. */
  ask(items: readonly I[]): Promise<readonly A[]> {
    return new Promise((answered, failed) => this.put(items, { answered, failed }))
  }

  /**
   * Fails with the error of its command, or with `TIER_FAILED` if the server is silent. With `onPart`, the answers of
   * the others are kept if a command fails: it fails if none was answered. After two failures in a row, no more of it
   * is sent.
   */
  put(items: readonly I[], caller: Caller<A>): Call<I, A> {
    const call: Call<I, A> = {
      items,
      answers: new Array(items.length),
      sent: 0,
      answered: 0,
      failed: 0,
      failsInRow: 0,
      failure: undefined,
      isStopped: false,
      isOver: false,
      caller,
    }
    this.#waiting.push(call)
    this.#gather()
    return call
  }

  /** Calls within one turn are sent together. */
  #gather(): void {
    if (this.#isGathering || this.#underWay >= this.#options.limits.calls) return
    this.#isGathering = true
    nextTick(() => {
      this.#isGathering = false
      this.#pump()
    })
  }

  #pump(): void {
    const { gate, limits } = this.#options
    while (this.#underWay < limits.calls && this.waiting > 0) {
      if (gate?.enter(this.#atGate) === false) return
      const parts = this.#next()
      if (parts.length === 0) gate?.leave(false)
      else this.#send(parts)
    }
  }

  /** The contents of one command. An empty call is a command of its own: it checks whether the tier is there. */
  #next(): Part<I, A>[] {
    const { limits, weigh, together, isApart = false, takesTurns = false } = this.#options
    const mayJoin = together?.()
    const parts: Part<I, A>[] = []
    let items = 0
    let weight = 0
    for (; this.#first < this.#waiting.length; this.#first++) {
      const call = this.#waiting[this.#first]
      if (call === undefined || call.isOver || call.isStopped) continue
      if (isApart && parts.length > 0) break
      if (call.items.length === 0) {
        if (parts.length > 0) break
        this.#first++
        return [{ call, from: 0, count: 0 }]
      }
      const from = call.sent
      for (let item = call.items[from]; item !== undefined && items < limits.items; item = call.items[call.sent]) {
        const more = weigh?.(item) ?? 0
        if (items > 0 && weight + more > limits.weight) break
        if (mayJoin?.(item) === false && items > 0) break
        weight += more
        items++
        call.sent++
      }
      if (call.sent > from) parts.push({ call, from, count: call.sent - from })
      if (call.sent < call.items.length) {
        if (takesTurns && call.sent > from && this.#first + 1 < this.#waiting.length) {
          this.#waiting.push(call)
          this.#first++
        }
        break
      }
    }
    // Trimmed rarely: a shift for each call would move all the others each time.
    if (this.#first > 1024 || this.#first === this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#first)
      this.#first = 0
    }
    return parts
  }

  #send(parts: readonly Part<I, A>[]): void {
    const { clock, send, onEnd, gate } = this.#options
    const [only] = parts
    const isWhole = parts.length === 1 && only !== undefined && only.count === only.call.items.length
    const items = isWhole
      ? only.call.items
      : parts.flatMap(({ call, from, count }) => call.items.slice(from, from + count))
    const sent: Sent<I, A> = { command: new Command(), parts, sentAt: clock.monotonic() }
    if (this.#underWay === 0) this.#heardAt = sent.sentAt
    const link = this.#sent.add(sent)
    this.#underWay++
    this.#watch()
    const end = (settle: () => void, error: unknown): void => {
      // Given up already: what comes late is dropped.
      if (!this.#remove(link)) return
      this.#heardAt = clock.monotonic()
      gate?.leave(true)
      onEnd?.(this.#heardAt - sent.sentAt, error)
      settle()
      this.#rest()
      this.#pump()
    }
    call(send, items, sent.command).then(
      (answers) => end(() => deliver(parts, answers), undefined),
      (error: unknown) => end(() => refuse(parts, error), error ?? new Error('the command failed')),
    )
  }

  /** False for one that is over already. */
  #remove(link: Link<Sent<I, A>>): boolean {
    if (link.item === undefined) return false
    this.#sent.remove(link)
    this.#underWay--
    return true
  }

  /** The timer keeps the process alive, so it must not outlive the last command. */
  #rest(): void {
    if (this.#underWay > 0) return
    this.#cancel?.()
    this.#cancel = undefined
  }

  #watch(ms = this.#options.silentMs): void {
    if (this.#cancel !== undefined) return
    const judge = (): void => {
      this.#cancel = undefined
      this.#judge()
    }
    // This process was suspended meanwhile, so nothing could be received.
    this.#cancel = afterAwake(ms, judge, this.#options.clock, (paused) => (this.#heardAt += paused))
  }

  #judge(): void {
    const { clock, limits, silentMs } = this.#options
    const now = clock.monotonic()
    if (now - this.#heardAt >= silentMs) {
      this.#fail(now)
      return
    }
    let next = this.#heardAt + silentMs
    for (const link of this.#sent) {
      const lostAt = (link.item?.sentAt ?? now) + silentMs * limits.calls
      if (lostAt <= now) this.#giveUp(link, now)
      else next = Math.min(next, lostAt)
    }
    if (this.#underWay > 0) this.#watch(Math.max(1, Math.ceil(next - now)))
    this.#pump()
  }

  /** No answer for so long: waiting calls would fail the same way. */
  #fail(now: number): void {
    this.#options.gate?.silent(this.#options.silentMs)
    for (const link of this.#sent) this.#giveUp(link, now)
    this.#failWaiting()
  }

  #failWaiting(): void {
    const waiting = this.#waiting.slice(this.#first)
    this.#waiting = []
    this.#first = 0
    const error = this.#late(this.#options.silentMs)
    inShares(waiting, (one) => stop(one, error))
  }

  #giveUp(link: Link<Sent<I, A>>, now: number): void {
    const { item: sent } = link
    if (sent === undefined || !this.#remove(link)) return
    sent.command.giveUp()
    this.#options.gate?.leave(false)
    const error = this.#late(now - sent.sentAt)
    this.#options.onEnd?.(now - sent.sentAt, error)
    refuse(sent.parts, error)
  }

  #late(ms: number): MillpondError {
    return new MillpondError('TIER_FAILED', `${this.#options.what} did not answer within ${Math.round(ms)} ms`)
  }
}

/** A synchronous throw counts as a failure, too. */
async function call<I extends QueueItem, A>(
  send: QueueOptions<I, A>['send'],
  items: readonly I[],
  command: Command,
): Promise<readonly A[]> {
  const answers = await send(items, command)
  if (answers.length !== items.length)
    throw new MillpondError('TIER_FAILED', `${counted(items.length, 'item')} got ${counted(answers.length, 'answer')}`)
  return answers
}
