// Questions for the lines of namespaces: those that come within one turn, or while others are under way, are one
// statement. A push to a process with a hundred namespaces is one round trip then, and not a hundred that stand in line
// for four connections.
import { nextTick } from 'node:process'
import type { Position } from '../../core/ledger.ts'
import type { Row } from './call.ts'
import { numberAt } from './columns.ts'

/** Namespaces of one statement. */
const TOGETHER = 32
/** Statements at once. */
const AT_ONCE = 2

export interface PullAsk {
  readonly namespace: string
  readonly from: Position | undefined
}

interface Waiting extends PullAsk {
  readonly resolve: (row: Row | undefined) => void
  readonly reject: (error: unknown) => void
}

export class Pulls {
  readonly #send: (asks: readonly PullAsk[]) => Promise<readonly Row[]>
  #waiting: Waiting[] = []
  #underWay = 0
  #isGathering = false

  /** `send` resolves with a row for each question that has an answer, whose last column is its place, from 1. */
  constructor(send: (asks: readonly PullAsk[]) => Promise<readonly Row[]>) {
    this.#send = send
  }

  /** Undefined: the record has to change first. */
  ask(namespace: string, from: Position | undefined): Promise<Row | undefined> {
    const answer = new Promise<Row | undefined>((resolve, reject) => {
      this.#waiting.push({ namespace, from, resolve, reject })
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
    while (this.#underWay < AT_ONCE && this.#waiting.length > 0) void this.#ask(this.#next())
  }

  /** All that is in force in a namespace may be much, and is asked for alone. */
  #next(): Waiting[] {
    const large = this.#waiting.findIndex(({ from }) => from === undefined)
    const count = large === 0 ? 1 : large === -1 ? TOGETHER : Math.min(large, TOGETHER)
    return this.#waiting.splice(0, count)
  }

  async #ask(asks: readonly Waiting[]): Promise<void> {
    this.#underWay++
    try {
      const rows = new Map((await this.#send(asks)).map((row) => [numberAt(row, row.length - 1), row]))
      for (const [at, { resolve }] of asks.entries()) resolve(rows.get(at + 1))
    } catch (error) {
      for (const { reject } of asks) reject(error)
    }
    this.#underWay--
    this.#pump()
  }
}
