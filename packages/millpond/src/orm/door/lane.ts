// A connection to the database, seen from the cache: which transaction it is in is told by the statements that pass.
import type { Statement } from '../statements/statement.ts'
import type { Door, Form, Run, Sent } from './door.ts'
import type { QueryOptions } from './options.ts'
import type { DoorTransaction, RunInside } from './transaction.ts'

/** Settings by which the same text means something else, for whoever comes next on this connection. */
const MEANING = /\b(?:search_path|role|authorization|row_security|set_config)\b/i

/** Until the transaction ends, in which nothing is answered from the cache. */
const LOCAL = /^\s*set\s+local\b|\bset_config\s*\([^()]*,\s*true\s*\)/i

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

  /**
   * Sends a statement, or answers it. Whose transaction it is in is decided before it is sent: the next one may come
   * before its answer.
   * @param apart asks by another connection: for loads that come when their caller has gone, and this one is somebody
   * else's
   */
  async send<R>(sent: Sent, wish: QueryOptions | undefined, run: Run<R>, apart: Run<R>, form: Form<R>): Promise<R> {
    const statement = this.#door.read(sent.sql)
    const transaction = this.#transaction
    if (changesMeaning(statement, sent.sql)) this.#isOwn = true
    if (statement.kind === 'commit') {
      this.#transaction = this.#door.opened(statement)
      return this.#door.committed(transaction, statement).commit(run, this.#inside)
    }
    if (transaction === undefined && statement.kind === 'begin') return this.#begin(statement, run)
    if (transaction === undefined) return this.#alone(sent, statement.kind, wish, run, apart, form)
    this.#door.within(transaction, statement, sent.parameters)
    if (statement.kind === 'rollback') this.#transaction = this.#door.opened(statement)
    return run()
  }

  async #begin<R>(statement: Statement, run: Run<R>): Promise<R> {
    const transaction = this.#door.opened(statement)
    this.#transaction = transaction
    try {
      return await run()
    } catch (error) {
      if (this.#transaction === transaction) this.#transaction = undefined
      throw error
    }
  }

  async #alone<R>(
    sent: Sent,
    kind: string,
    wish: QueryOptions | undefined,
    run: Run<R>,
    apart: Run<R>,
    form: Form<R>,
  ): Promise<R> {
    if (kind !== 'read' || wish === undefined || this.#isOwn) return this.#door.run(sent, undefined, run, form)
    let isWaiting = true
    const isOurs = (): boolean => isWaiting && this.#transaction === undefined && !this.#isOwn
    try {
      return await this.#door.run(sent, wish, () => (isOurs() ? run() : apart()), form)
    } finally {
      isWaiting = false
    }
  }
}

function changesMeaning({ kind, isOpaque }: Statement, sql: string): boolean {
  if (kind === 'read' || (kind !== 'session' && !isOpaque)) return false
  return MEANING.test(sql) && (isOpaque || !LOCAL.test(sql))
}
