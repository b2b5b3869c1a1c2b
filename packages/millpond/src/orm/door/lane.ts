// A connection to the database: its statements show which transaction it is in, and what they have changed on it.
import type { Meaning } from '../statements/meaning.ts'
import type { Statement } from '../statements/statement.ts'
import type { Door, Form, Run, Sent } from './door.ts'
import type { QueryOptions } from './options.ts'
import type { DoorTransaction, RunInside } from './transaction.ts'
import { type Role, Turns } from './turns.ts'

/** One connection. */
export class Lane {
  readonly #door: Door
  readonly #inside: RunInside
  /** The order of what is sent with `apart`. */
  readonly turns = new Turns()
  #transaction: DoorTransaction | undefined
  /** Names may mean other tables here than on other connections. */
  #isOther = false
  /** Settings of this connection on which answers may depend. */
  readonly #settings = new Map<string, string>()
  /** How many transactions have begun here. */
  #begun = 0
  /** The open transaction began with a savepoint, as SQLite allows: releasing that savepoint commits. */
  #isBySavepoint = false
  /** A commit has failed, which may have left its transaction open. */
  #isUnsure = false
  /** Commits and rollbacks that are not answered yet: until then, uncommitted rows may be read. */
  #ending = 0

  /**
   * @param inside runs a statement on this connection.
   * @param transaction a transaction that is already open on it.
   */
  constructor(door: Door, inside: RunInside, transaction?: DoorTransaction) {
    this.#door = door
    this.#inside = inside
    this.#transaction = transaction
  }

  /** A transaction is open on this connection. */
  get isOpen(): boolean {
    return this.#transaction !== undefined
  }

  /** Its answers may differ from those of a new connection. */
  get isChanged(): boolean {
    return this.#isOther || this.#settings.size > 0
  }

  /** Its answers are committed, and those that any other connection would give. */
  get isPlain(): boolean {
    return !this.isChanged && !this.isOpen && !this.#isUnsure && this.#ending === 0
  }

  /**
   * Sends a statement, or answers it from the cache. Its transaction is determined before it is sent, since the next
   * statement may be sent before it is answered.
   * @param apart queries by another connection: for loads that begin when their caller no longer waits, and this
   * connection belongs to another caller. `undefined`: all callers share this one.
   */
  send<R>(
    sent: Sent,
    wish: QueryOptions | undefined,
    run: Run<R>,
    apart: Run<R> | undefined,
    form: Form<R>,
  ): Promise<R> {
    const statement = this.#door.read(sent.sql)
    const start = (): Promise<R> => this.#start(statement, sent, wish, run, apart, form)
    return apart === undefined ? start() : this.turns.take(roleOf(statement, wish), start)
  }

  async #start<R>(
    statement: Statement,
    sent: Sent,
    wish: QueryOptions | undefined,
    run: Run<R>,
    apart: Run<R> | undefined,
    form: Form<R>,
  ): Promise<R> {
    const { meaning } = statement
    if (!meaning.isOther && meaning.settings.size === 0) return this.#send(statement, sent, wish, run, apart, form)
    this.#change(meaning)
    try {
      return await this.#send(statement, sent, wish, run, apart, form)
    } catch (error) {
      // It is unknown how much of it was executed.
      this.#isOther = true
      throw error
    }
  }

  /** Notes what another caller writes on the same connection, in the open transaction. */
  note({ sql, parameters }: Sent): void {
    if (this.#transaction !== undefined) this.#door.note(this.#transaction, this.#door.read(sql), parameters)
  }

  /** A statement is sent that is not followed here: where it changes what later ones mean, they are not cached. */
  bypassed(sql: string): void {
    const { kind, meaning } = this.#door.read(sql)
    const isPlain = kind === 'read' || kind === 'write' || kind === 'session'
    if (!isPlain || meaning.isOther || meaning.settings.size > 0) this.#isOther = true
  }

  #change({ isOther, settings }: Meaning): void {
    // A rollback undoes what the transaction has set.
    if (isOther || this.isOpen) this.#isOther = true
    for (const [name, value] of settings) {
      if (value === undefined) this.#settings.delete(name)
      else this.#settings.set(name, value)
    }
  }

  async #send<R>(
    statement: Statement,
    sent: Sent,
    wish: QueryOptions | undefined,
    run: Run<R>,
    apart: Run<R> | undefined,
    form: Form<R>,
  ): Promise<R> {
    const transaction = this.#transaction
    if (statement.kind === 'commit' || this.#isLastRelease(statement)) return this.#commit(statement, run)
    if (statement.kind === 'rollback') return this.#rollBack(statement, run)
    if (transaction === undefined && this.#begins(statement)) return this.#begin(statement, run)
    if (transaction === undefined) return this.#alone(sent, statement.kind, wish, run, apart, form)
    return this.#door.inside(transaction, statement, sent.parameters, run)
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
    if (kind !== 'read' || wish === undefined || this.#isOther || this.#isUnsure)
      return this.#door.run(sent, undefined, run, form)
    const its = this.#settings.size === 0 ? sent : { ...sent, as: this.#withSettings(sent.as) }
    if (apart === undefined) return this.#shared(its, wish, run, form)
    let isWaiting = true
    let isKept = true
    const ask = (): Promise<R> => {
      // Nothing that changes the connection is sent while its caller waits.
      if (isWaiting) return run()
      // Another connection does not have its settings.
      isKept = its === sent
      return apart()
    }
    const pack = (answer: R): unknown => (isKept ? packed(answer, form) : undefined)
    try {
      return await this.#door.run(its, wish, ask, { ...form, pack })
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
      isMixed ||= this.#begun !== begun || this.#isUnsure || this.#isOther
      return answer
    }
    const pack = (answer: R): unknown => (isMixed ? undefined : packed(answer, form))
    return this.#door.run(sent, wish, alone, { ...form, pack })
  }

  #withSettings(as: string | undefined): string {
    return JSON.stringify([as, ...[...this.#settings].sort(([a], [b]) => (a < b ? -1 : 1))])
  }
}

/** The part of an answer that is stored. */
export const packed = <R>(answer: R, { pack }: Form<R>): unknown => (pack === undefined ? answer : pack(answer))

const roleOf = ({ kind, meaning }: Statement, wish: QueryOptions | undefined): Role => {
  if (kind !== 'read' || meaning.isOther || meaning.settings.size > 0) return 'change'
  return wish === undefined ? 'plain' : 'cached'
}
