// One question to the nodes of a channel: which are expected, have answered, or are late.
import type { Clock } from '../core/contracts.ts'
import { MillpondError } from '../core/errors.ts'
import { MAX_REQUESTS, type NodeMark, type NodeRequest, type NodeStore, type StoredReply } from '../core/nodes.ts'
import { onAbort } from '../core/on-abort.ts'
import type { Answers, NodeAnswer, NodeCounters } from './contract.ts'
import { decodeMessage, fieldOf, isNodeWord } from './message.ts'

/** The polling interval, if there is no wake-up, or one was lost. */
const LOOK_AGAIN_MS = 100

export interface Question {
  readonly store: NodeStore
  readonly channel: string
  readonly request: NodeRequest
  readonly deadlineMs: number
  readonly clock: Clock
  readonly counters: NodeCounters
  /** Aborted when the channel closes here. */
  readonly signal: AbortSignal
}

/** @throws MillpondError `NODES_UNREACHABLE` if the question could not be posted; later failures make nodes late. */
export async function ask(question: Question): Promise<Answers> {
  const { store, channel, request, deadlineMs, clock } = question
  const started = clock.monotonic()
  const waiting = new Waiting(question)
  try {
    const known = await store.post(channel, request, deadlineMs)
    if (known === undefined)
      throw new MillpondError(
        'NODES_UNREACHABLE',
        `nodes of ${channel}: ${MAX_REQUESTS} requests are already waiting; ask again later`,
      )
    const tally = new Tally(known, request.to, question.counters)
    for (;;) {
      const leftMs = deadlineMs - (clock.monotonic() - started)
      await look(question, tally, clock.monotonic() - started)
      if (tally.isDone || leftMs <= 0) return tally.answers()
      if (question.signal.aborted)
        throw new MillpondError('CLOSED', `nodes of ${channel}: the channel was closed while waiting for answers`)
      await waiting.turn(Math.min(leftMs, LOOK_AGAIN_MS))
    }
  } finally {
    waiting.end()
  }
}

async function look({ store, channel, request, counters }: Question, tally: Tally, ms: number): Promise<void> {
  try {
    const { replies, present } = await store.replies(channel, request.id)
    for (const reply of replies) tally.take(reply, ms)
    tally.see(present)
  } catch {
    // Nodes whose answers cannot be read by the deadline are late.
    counters.failures++
  }
}

/** Until something may have arrived. */
class Waiting {
  readonly #unfollow: (() => void) | undefined
  readonly #clock: Clock
  #wake: () => void = () => {}
  #isWoken = false

  constructor({ store, channel, request, clock, signal }: Question) {
    this.#clock = clock
    const wake = (): void => {
      this.#isWoken = true
      this.#wake()
    }
    this.#unfollow = store.follow?.(channel, request.from, wake)
    const unhear = onAbort(signal, wake)
    this.end = () => {
      this.#unfollow?.()
      unhear()
    }
  }

  readonly end: () => void

  async turn(ms: number): Promise<void> {
    if (!this.#isWoken) {
      await new Promise<void>((resolve) => {
        const cancel = this.#clock.after(ms, resolve, true)
        this.#wake = () => {
          cancel()
          resolve()
        }
      })
    }
    this.#isWoken = false
  }
}

class Tally {
  readonly #expected: ReadonlyMap<string, NodeMark>
  readonly #counters: NodeCounters
  readonly #taken = new Map<string, NodeAnswer>()

  constructor(known: readonly NodeMark[], to: readonly string[] | undefined, counters: NodeCounters) {
    this.#counters = counters
    this.#expected = new Map(
      known.filter(({ id }) => to === undefined || to.includes(id)).map((mark) => [mark.id, mark]),
    )
    for (const id of to ?? []) if (!this.#expected.has(id)) this.#taken.set(id, { id, boot: '', status: 'unknown' })
  }

  get isDone(): boolean {
    for (const id of this.#expected.keys()) if (!this.#taken.has(id)) return false
    return true
  }

  take(reply: StoredReply, ms: number): void {
    const { id, boot } = reply
    const known = this.#taken.get(id)
    // A node that left and came back under its id has still answered.
    if (known !== undefined && known.status !== 'left' && known.status !== 'unknown') return
    const answer = isNodeWord(id) && isNodeWord(boot) ? answerOf(id, boot, reply.text, ms) : undefined
    if (answer === undefined) this.#counters.ignored++
    else this.#taken.set(id, answer)
  }

  /** A node that has left or restarted will not answer. */
  see(present: readonly NodeMark[]): void {
    const boots = new Map(present.map(({ id, boot }) => [id, boot]))
    for (const { id, boot } of this.#expected.values())
      if (!this.#taken.has(id) && boots.get(id) !== boot) this.#taken.set(id, { id, boot, status: 'left' })
  }

  answers(): Answers {
    for (const { id, boot } of this.#expected.values())
      if (!this.#taken.has(id)) this.#taken.set(id, { id, boot, status: 'late' })
    const nodes = [...this.#taken.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
    return {
      nodes,
      isComplete: nodes.every(({ status }) => status === 'answered' || status === 'left'),
      late: nodes.filter(({ status }) => status === 'late').map(({ id }) => id),
    }
  }
}

function answerOf(id: string, boot: string, text: string, ms: number): NodeAnswer | undefined {
  const message = decodeMessage(text)
  const status = fieldOf(message, 'status')
  if (status === 'answered') return { id, boot, status, body: fieldOf(message, 'body') ?? null, ms }
  if (status === 'refused') return { id, boot, status, ms }
  if (status !== 'failed') return undefined
  const code = fieldOf(message, 'code')
  return { id, boot, status, error: String(fieldOf(message, 'error')), ...(isNodeWord(code) && { code }), ms }
}
