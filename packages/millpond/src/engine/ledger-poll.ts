// One question for all namespaces of this process over one store, ten times a second: a namespace whose position is the
// store's stays trusted, as of the moment the question was sent. Any other is asked about by itself, and is not trusted
// before that is answered. Namespaces for which the store was down are among them: the answer that finds one where it
// stood brings it back, so a store that has stumbled gets one question for all.
import type { Clock, LedgerPlace, LedgerStore } from '../core/contracts.ts'
import { Deadlines } from '../wrap/deadlines.ts'
import { sharedBy } from './ledger-shared.ts'

export const ASK_EVERY_MS = 100
/**
 * After this many questions one namespace, in turn, is asked about by itself, so that a server that evicts untouched
 * keys keeps its record.
 */
const TURN = 10

/** A namespace's part of one question, and what comes of it. */
export interface PollQuestion extends LedgerPlace {
  /** The store's position was the same at some moment between the sending of the question and its answer. */
  stood(sentMonotonic: number, sentWall: number): void
  /** The store's position may have moved: only the answer to a question of the namespace's own is trusted. */
  pull(): void
  failed(error: unknown): void
}

/** A namespace of this process. */
export interface PolledNamespace {
  readonly patienceMs: number
  /** It has been read lately, or the store was down for it: reason enough to ask. */
  isWanted(now: number): boolean
  /** Undefined: the namespace leaves, and asks by itself. */
  pollQuestion(now: number): PollQuestion | undefined
}

/** Caches of one process that share a store and a clock share the question. */
const polls = sharedBy((store, clock) => new LedgerPoll(store, clock))

/** Undefined where the store can only be asked about one namespace at a time. */
export function pollOf(store: LedgerStore | undefined, clock: Clock): LedgerPoll | undefined {
  return store?.unmoved === undefined ? undefined : polls(store, clock)
}

export class LedgerPoll {
  readonly #store: LedgerStore
  readonly #clock: Clock
  readonly #deadlines: Deadlines
  readonly #namespaces = new Set<PolledNamespace>()
  #isAsking = false
  #asked = 0
  #cancelTimer: (() => void) | undefined

  constructor(store: LedgerStore, clock: Clock) {
    this.#store = store
    this.#clock = clock
    this.#deadlines = new Deadlines(clock)
  }

  join(namespace: PolledNamespace): void {
    this.#namespaces.add(namespace)
    this.#schedule()
  }

  leave(namespace: PolledNamespace): void {
    this.#namespaces.delete(namespace)
    if (this.#namespaces.size > 0) return
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
  }

  #schedule(): void {
    if (this.#isAsking || this.#cancelTimer !== undefined || this.#namespaces.size === 0) return
    this.#cancelTimer = this.#clock.after(ASK_EVERY_MS, () => {
      this.#cancelTimer = undefined
      void this.#ask()
    })
  }

  async #ask(): Promise<void> {
    const now = this.#clock.monotonic()
    // Without reads nothing is asked; a namespace that is read again joins again.
    if (![...this.#namespaces].some((namespace) => namespace.isWanted(now))) {
      this.#namespaces.clear()
      return
    }
    this.#isAsking = true
    const { questions, patienceMs } = this.#gather(now)
    if (questions.length > 0) await this.#askFor(questions, patienceMs)
    this.#isAsking = false
    this.#schedule()
  }

  #gather(now: number): { readonly questions: readonly PollQuestion[]; readonly patienceMs: number } {
    const questions: PollQuestion[] = []
    let patienceMs = 0
    for (const namespace of this.#namespaces) {
      const question = namespace.pollQuestion(now)
      if (question === undefined) this.#namespaces.delete(namespace)
      else {
        questions.push(question)
        patienceMs = Math.max(patienceMs, namespace.patienceMs)
      }
    }
    return { questions, patienceMs }
  }

  async #askFor(questions: readonly PollQuestion[], patienceMs: number): Promise<void> {
    const sentMonotonic = this.#clock.monotonic()
    const sentWall = this.#clock.now()
    let answers: readonly boolean[]
    try {
      answers = await this.#deadlines.hold(this.#unmoved(questions), patienceMs, () => 'ledger: unmoved')
    } catch (error) {
      for (const question of questions) question.failed(error)
      return
    }
    const turn = ++this.#asked % TURN === 0 ? (this.#asked / TURN) % questions.length : -1
    for (const [at, question] of questions.entries()) {
      if (answers[at] === true) question.stood(sentMonotonic, sentWall)
      if (answers[at] !== true || at === turn) question.pull()
    }
  }

  async #unmoved(places: readonly LedgerPlace[]): Promise<readonly boolean[]> {
    return this.#store.unmoved?.(places) ?? []
  }
}
