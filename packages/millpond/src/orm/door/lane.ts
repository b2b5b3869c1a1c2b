// A connection to the database: its statements show which transaction it is in.
import type { Statement } from '../statements/statement.ts'
import type { Door, Form, Run, Sent } from './door.ts'
import { changesMeaning } from './meaning.ts'
import type { QueryOptions } from './options.ts'
import type { DoorTransaction, RunInside } from './transaction.ts'

/** One connection. */
export class Lane {
  readonly #door: Door
  readonly #inside: RunInside
  #transaction: DoorTransaction | undefined
  #isOwn = false
  /** How many transactions have begun here. */
  #begun = 0
  /** The open transaction began with a savepoint, as SQLite allows: releasing that savepoint commits. */
  #isBySavepoint = false
  /** A commit has failed, which may have left its transaction open. */
  #isUnsure = false
  /** Commits and rollbacks that are not answered yet: until then, uncommitted rows may be read. */
  #ending = 0

  /** @param inside runs a statement on this connection. */
  constructor(door: Door, inside: RunInside) {
    this.#door = door
    this.#inside = inside
  }

  /**
   * Sends a statement, or answers it from the cache. Its transaction is determined before it is sent, since the next
   * statement may be sent before it is answered.
   * @param apart queries by another connection: for loads that begin when their caller no longer waits, and this
   * connection belongs to another caller. `undefined`: all callers share this one.
   */
  async send<R>(
    sent: Sent,
    wish: QueryOptions | undefined,
    run: Run<R>,
    apart: Run<R> | undefined,
    form: Form<R>,
  ): Promise<R> {
    const statement = this.#door.read(sent.sql)
    const transaction = this.#transaction
    if (changesMeaning(statement, sent.sql)) this.#isOwn = true
    if (statement.kind === 'commit' || this.#isLastRelease(statement)) return this.#commit(statement, run)
    if (statement.kind === 'rollback') return this.#rollBack(statement, run)
    if (transaction === undefined && this.#begins(statement)) return this.#begin(statement, run)
    if (transaction === undefined) return this.#alone(sent, statement.kind, wish, run, apart, form)
    this.#door.within(transaction, statement, sent.parameters)
    return run()
  }

  #begins({ kind }: Statement): boolean {
    return kind === 'begin' || (kind === 'savepoint' && this.#door.dialect === 'sqlite' && !this.#isUnsure)
  }

  #isLastRelease({ kind, name }: Statement): boolean {
    return kind === 'release' && this.#isBySavepoint && this.#transaction?.pending.isOutermost(name) === true
  }

  #end(statement: Statement): void {
    this.#transaction = this.#door.opened(statement)
    this.#isBySavepoint = false
    this.#isUnsure = false
  }

  async #commit<R>(statement: Statement, run: Run<R>): Promise<R> {
    const transaction = this.#transaction
    this.#end(statement)
    this.#ending++
    try {
      return await this.#door.committed(transaction, statement).commit(run, this.#inside)
    } catch (error) {
      this.#isUnsure = true
      throw error
    } finally {
      this.#ending--
    }
  }

  async #rollBack<R>(statement: Statement, run: Run<R>): Promise<R> {
    const transaction = this.#transaction
    this.#end(statement)
    this.#ending++
    try {
      return await run()
    } catch (error) {
      // SQLite may have rolled it back already (`or rollback`): what was written since then has committed.
      await transaction?.commit(async () => undefined).catch((reason) => this.#door.host.report(reason))
      throw error
    } finally {
      this.#ending--
    }
  }

  async #begin<R>(statement: Statement, run: Run<R>): Promise<R> {
    const transaction = statement.kind === 'savepoint' ? this.#door.begin() : this.#door.opened(statement)
    const wasUnsure = this.#isUnsure
    this.#transaction = transaction
    this.#begun++
    this.#isBySavepoint = statement.kind === 'savepoint'
    if (this.#isBySavepoint) transaction?.pending.savepoint(statement.name)
    this.#isUnsure = false
    try {
      return await run()
    } catch (error) {
      if (this.#transaction === transaction) {
        this.#transaction = undefined
        // The database may refuse it because a transaction is still open.
        this.#isUnsure = wasUnsure
      }
      throw error
    }
  }

  async #alone<R>(
    sent: Sent,
    kind: string,
    wish: QueryOptions | undefined,
    run: Run<R>,
    apart: Run<R> | undefined,
    form: Form<R>,
  ): Promise<R> {
    if (kind !== 'read' || wish === undefined || this.#isOwn || this.#isUnsure)
      return this.#door.run(sent, undefined, run, form)
    if (apart === undefined) return this.#shared(sent, wish, run, form)
    let isWaiting = true
    const isOurs = (): boolean => isWaiting && this.#transaction === undefined && !this.#isOwn
    try {
      return await this.#door.run(sent, wish, () => (isOurs() ? run() : apart()), form)
    } finally {
      isWaiting = false
    }
  }

  /**
   * By the connection that all callers share. While any of them has an open transaction, answers include its
   * uncommitted rows: they are returned, but not cached.
   */
  #shared<R>(sent: Sent, wish: QueryOptions, run: Run<R>, form: Form<R>): Promise<R> {
    let isMixed = false
    const alone = async (): Promise<R> => {
      const begun = this.#begun
      isMixed = this.#transaction !== undefined || this.#ending > 0 || this.#isUnsure
      const answer = await run()
      isMixed ||= this.#begun !== begun || this.#isUnsure || this.#isOwn
      return answer
    }
    const pack = (answer: R): unknown => (isMixed ? undefined : form.pack === undefined ? answer : form.pack(answer))
    return this.#door.run(sent, wish, alone, { ...form, pack })
  }
}
