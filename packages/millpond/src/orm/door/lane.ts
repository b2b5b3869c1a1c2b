// A connection to the database, seen from the cache: which transaction it is in is told by the statements that pass.
import type { Door, Form, Run, Sent } from './door.ts'
import type { QueryOptions } from './options.ts'
import type { DoorTransaction, RunInside } from './transaction.ts'

/** Settings by which the same text means something else, for whoever comes next on this connection. */
const MEANING = /\b(?:search_path|role|authorization|row_security|set_config)\b/i

/** One connection. */
export class Lane {
  readonly #door: Door
  readonly #inside: RunInside
  #transaction: DoorTransaction | undefined
  #isOwn = false

  /** @param inside runs a statement on this connection. */
  constructor(door: Door, inside: RunInside) {
    this.#door = door
    this.#inside = inside
  }

  /** Sends a statement, or answers it. */
  async send<R>(sent: Sent, wish: QueryOptions | undefined, run: Run<R>, form: Form<R>): Promise<R> {
    const statement = this.#door.read(sent.sql)
    if (this.#transaction === undefined) return this.#alone(sent, statement.kind, wish, run, form)
    if (statement.kind === 'commit') return this.#commit(this.#transaction, run)
    this.#door.within(this.#transaction, statement, sent.parameters)
    const answer = await run()
    if (statement.kind === 'rollback') this.#transaction = undefined
    return answer
  }

  async #alone<R>(sent: Sent, kind: string, wish: QueryOptions | undefined, run: Run<R>, form: Form<R>): Promise<R> {
    if (kind === 'begin') {
      const answer = await run()
      this.#transaction = this.#door.begin()
      return answer
    }
    if (kind === 'session' && MEANING.test(sent.sql)) this.#isOwn = true
    return this.#door.run(sent, this.#isOwn ? undefined : wish, run, form)
  }

  /** Whatever comes of it, the transaction is over. */
  async #commit<R>(transaction: DoorTransaction, run: Run<R>): Promise<R> {
    try {
      return await transaction.commit(run, this.#inside)
    } finally {
      this.#transaction = undefined
    }
  }
}
