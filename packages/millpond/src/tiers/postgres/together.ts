// Calls that become one statement: those that come within one turn, or while others are under way. What a process with
// a hundred namespaces asks at once is a few round trips then, and not a hundred that stand in line for four
// connections.
import { nextTick } from 'node:process'

/** Calls of one statement. */
const MOST = 32
/** Statements at once. */
const AT_ONCE = 2

interface Waiting<Q, A> {
  readonly question: Q
  readonly resolve: (answer: A) => void
  readonly reject: (error: unknown) => void
}

export class Together<Q, A> {
  readonly #send: (questions: readonly Q[]) => Promise<readonly A[]>
  #waiting: Waiting<Q, A>[] = []
  #underWay = 0
  #isGathering = false

  /** `send` resolves with an answer for each question, in their order. */
  constructor(send: (questions: readonly Q[]) => Promise<readonly A[]>) {
    this.#send = send
  }

  ask(question: Q): Promise<A> {
    const answer = new Promise<A>((resolve, reject) => {
      this.#waiting.push({ question, resolve, reject })
    })
    if (!this.#isGathering) {
      this.#isGathering = true
      nextTick(() => {
        this.#isGathering = false
        this.#pump()
      })
    }
    return answer
  }

  #pump(): void {
    while (this.#underWay < AT_ONCE && this.#waiting.length > 0) void this.#ask(this.#waiting.splice(0, MOST))
  }

  async #ask(asks: readonly Waiting<Q, A>[]): Promise<void> {
    this.#underWay++
    try {
      const answers = await this.#send(asks.map(({ question }) => question))
      if (answers.length !== asks.length) throw new Error(`${asks.length} questions got ${answers.length} answers`)
      for (const [at, { resolve }] of asks.entries()) resolve(answers[at] as A)
    } catch (error) {
      for (const { reject } of asks) reject(error)
    }
    this.#underWay--
    this.#pump()
  }
}
