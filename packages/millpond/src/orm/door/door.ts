// The cache in front of a database: reads may be answered from the cache, writes are invalidated once they have
// committed.
//
// Why after the commit, and why that is enough: a load that began before an invalidation is never accepted after it
// (G1), whatever it read. One that began after it reads what has committed. Between the two, caches return what was
// true before the commit, and the commit has not been reported to its caller yet.
import { MillpondError, show } from '../../core/errors.ts'
import { modelTags } from '../../invalidate/model-tags.ts'
import { rowId } from '../statements/row-ids.ts'
import { type Conditions, readStatement, type Statement, type WrittenTable } from '../statements/statement.ts'
import type { SqlDialect, Token } from '../statements/tokens.ts'
import { type OrmCache, type OrmOptions, type QueryOptions, queryOptions } from './options.ts'
import { ownCopy } from './own-copy.ts'
import { queryHash } from './query-key.ts'
import { EVERY_TABLE, modelOf } from './tables.ts'
import { DoorTransaction, type TransactionHost } from './transaction.ts'

/** A statement on its way to the database. */
export interface Sent {
  readonly sql: string
  /** A list, or values by name. */
  readonly parameters: unknown
  /** The form of the answer, if the same SQL can be answered in several. */
  readonly as?: string
}

/** How answers look. */
export interface Form<R> {
  /** How many rows there are. */
  rows(answer: R): number
  /** The part of an answer that is cached and returned to later callers. `undefined`: none. Default: all of it. */
  readonly pack?: (answer: R) => unknown
  /** The answer for one caller, made from what was cached. Default: a copy of it. */
  readonly unpack?: (kept: unknown) => R
}

/** Queries the database. May be called when the caller that started the load no longer waits for it. */
export type Run<R> = () => Promise<R>

const MAX_STATEMENTS = 5000
/** Of longer SQL texts only the last is kept: those of bulk writes hardly ever repeat, but each is asked for twice. */
const MAX_KEPT_TEXT = 5000
const MAX_ROW_TAGS = 60

/** For each cache, the databases that were given no name. */
const unnamed = new WeakMap<object, Set<string>>()

export class Door {
  readonly host: TransactionHost
  readonly dialect: SqlDialect
  readonly #cache: OrmCache
  readonly #options: OrmOptions
  readonly #kind: string
  readonly #keys = new Map<string, readonly string[]>()
  readonly #views = new Map<string, readonly string[]>()
  readonly #statements = new Map<string, Statement>()
  #long: { readonly sql: string; readonly statement: Statement } | undefined

  /**
   * @param kind the ORM: the form of answers differs between ORMs.
   * @throws MillpondError `OPTION_INVALID` for a second database without a name.
   */
  constructor(options: OrmOptions, kind: string, dialect: SqlDialect) {
    this.#cache = options.cache
    this.#options = options
    this.dialect = dialect
    this.#kind = kind
    for (const [table, columns] of Object.entries(options.keys ?? {}))
      this.#keys.set(
        table.toLowerCase(),
        (typeof columns === 'string' ? [columns] : columns).map((column) => column.toLowerCase()),
      )
    for (const [view, tables] of Object.entries(options.views ?? {})) this.#views.set(view.toLowerCase(), tables)
    if (options.database === undefined) takeUnnamed(options.cache, kind)
    this.host = {
      cache: options.cache,
      hold: options.hold,
      outbox: options.outbox,
      maxRows: options.maxRows ?? 1000,
      report: (error) => options.onError?.(error),
    }
  }

  /** The parsed statement; each text is parsed once, a long one until another is sent. */
  read(sql: string): Statement {
    const known = this.#long?.sql === sql ? this.#long.statement : this.#statements.get(sql)
    if (known !== undefined) return known
    const statement = readStatement(
      sql,
      this.dialect,
      this.#options.schema ?? (this.dialect === 'postgres' ? 'public' : 'main'),
    )
    if (sql.length > MAX_KEPT_TEXT) {
      this.#long = { sql, statement }
      return statement
    }
    // A text that contains values hardly ever repeats.
    if (this.#statements.size >= MAX_STATEMENTS) this.#statements.clear()
    this.#statements.set(sql, statement)
    return statement
  }

  begin(): DoorTransaction {
    return new DoorTransaction(this.host)
  }

  /** The transaction that is open after a statement which opens one. */
  opened(statement: Statement): DoorTransaction | undefined {
    if (!statement.opens) return undefined
    const transaction = this.begin()
    if (statement.isOpaque) transaction.pending.add(EVERY_TABLE, undefined)
    return transaction
  }

  /** The transaction that a statement commits: one whose beginning was not seen here may have written anything. */
  committed(open: DoorTransaction | undefined, { isOpaque }: Statement): DoorTransaction {
    const transaction = open ?? this.begin()
    if (open === undefined || isOpaque) transaction.pending.add(EVERY_TABLE, undefined)
    return transaction
  }

  /** Runs a statement that belongs to no transaction. */
  async run<R>(sent: Sent, wish: QueryOptions | undefined, run: Run<R>, form: Form<R>): Promise<R> {
    const statement = this.read(sent.sql)
    if (statement.kind === 'write') {
      const alone = this.begin()
      this.note(alone, statement, sent.parameters)
      // PostgreSQL rolls back all statements that were sent in one text.
      return statement.isPartial && this.dialect === 'sqlite' ? alone.commit(run) : alone.alone(run)
    }
    if (wish === undefined || statement.kind !== 'read') return run()
    return this.#cached(sent, statement, wish, run, form)
  }

  /** Sends a statement of a transaction. Its writes are noted first: another may be sent before it answers. */
  async inside<R>(transaction: DoorTransaction, statement: Statement, parameters: unknown, run: Run<R>): Promise<R> {
    const { kind, name } = statement
    if (kind === 'savepoint') transaction.pending.savepoint(name)
    else if (kind === 'rollbackTo') transaction.pending.rollbackTo(name)
    else if (kind === 'release') transaction.pending.release(name)
    else this.note(transaction, statement, parameters)
    let answer: R
    try {
      answer = await run()
    } catch (error) {
      // Its cause may be `or rollback`, a trigger or a full disk: the error does not tell whether all was rolled back.
      transaction.mayBeOver ||= this.dialect === 'sqlite'
      throw error
    }
    if (!transaction.mayBeOver || kind !== 'write') return answer
    const alone = this.begin()
    this.note(alone, statement, parameters)
    return alone.commit(async () => answer)
  }

  /** Notes what a statement of a transaction writes. */
  note(transaction: DoorTransaction, statement: Statement, parameters: unknown): void {
    if (statement.isOpaque && (statement.kind === 'write' || statement.kind === 'begin'))
      transaction.pending.add(EVERY_TABLE, undefined)
    for (const write of statement.writes) {
      this.#noteWrite(transaction, write, parameters)
      for (const beneath of this.#withBeneath([write.table]).slice(1))
        transaction.pending.add(modelOf(beneath), undefined)
    }
  }

  #noteWrite({ pending }: DoorTransaction, write: WrittenTable, parameters: unknown): void {
    const model = modelOf(write.table)
    if (write.kind === 'insert') {
      pending.addNew(model)
      return
    }
    const key = this.#keyOf(write.table)
    const movesKey = write.sets.some((column) => column === '*' || key.includes(column))
    const ids = movesKey ? undefined : idsOf(write.conditions, key, parameters)
    if (ids === undefined) pending.add(model, undefined)
    else for (const id of ids) pending.add(model, id)
  }

  async #cached<R>(sent: Sent, statement: Statement, given: QueryOptions, run: Run<R>, form: Form<R>): Promise<R> {
    const { tables, ...options } = queryOptions(given)
    // A query that may read anything is cached only if its caller says which tables it reads.
    const hash =
      statement.locks || (statement.isOpaque && tables === undefined)
        ? undefined
        : queryHash(sent.sql, sent.as === undefined ? sent.parameters : [sent.as, sent.parameters])
    if (hash === undefined) return run()
    const key = ['query', this.#kind, this.#options.database ?? 'default', hash] as const
    const reads = this.#withBeneath([...statement.reads, ...(tables ?? []).map((table) => table.toLowerCase())])
    const ids = this.#rowsOf(statement, reads, sent.parameters)
    const lists = reads.flatMap((table) => modelTags(modelOf(table)))
    const tags =
      ids === undefined ? lists : reads.flatMap((table) => ids.flatMap((id) => modelTags(modelOf(table), id)))
    // An insertion cannot know the tag of a row that did not exist: then the tag of all insertions is needed,
    // too.
    const isWhole = (answer: R): boolean => ids === undefined || (statement.isPlain && form.rows(answer) >= ids.length)
    const also = (answer: R): readonly string[] => (isWhole(answer) ? [] : lists)
    return this.load(
      key,
      { ...options, tags: [...new Set([...(options.tags ?? []), ...tags])] },
      run,
      also,
      form.pack,
      form.unpack,
    )
  }

  /** Through the cache in any case. @param also further tags, from the answer. */
  async load<R>(
    key: readonly (string | number)[],
    options: Omit<QueryOptions, 'tables'>,
    run: Run<R>,
    also: (answer: R) => readonly string[] = () => [],
    pack: (answer: R) => unknown = (answer) => answer,
    unpack: (kept: unknown) => R = (kept) => ownCopy(kept) as R,
  ): Promise<R> {
    let own: { readonly answer: R } | undefined
    try {
      const kept = await this.#cache.getOrSet(
        key,
        async (control) => {
          const answer = await run()
          own = { answer }
          control.addTags(...also(answer))
          const packed = pack(answer)
          return packed === undefined ? undefined : { answer: packed }
        },
        { ...options, tags: [...(options.tags ?? []), ...modelTags(EVERY_TABLE)] },
      )
      if (own !== undefined) return own.answer
      return kept === undefined ? run() : unpack(kept.answer)
    } catch (error) {
      if (!(error instanceof MillpondError) || (error.code !== 'VALUE_UNSUPPORTED' && error.code !== 'VALUE_TOO_LARGE'))
        throw error
      this.host.report(error)
      return own === undefined ? run() : own.answer
    }
  }

  /** With the tables behind views, which may themselves be views. */
  #withBeneath(tables: readonly string[]): readonly string[] {
    const all = new Set(tables)
    for (const table of all) for (const beneath of this.#views.get(table) ?? []) all.add(beneath.toLowerCase())
    return [...all]
  }

  /** The rows of its only table that a query can return at most. */
  #rowsOf(statement: Statement, reads: readonly string[], parameters: unknown): readonly string[] | undefined {
    const [table] = reads
    if (table === undefined || reads.length > 1) return undefined
    const ids = idsOf(statement.conditions, this.#keyOf(table), parameters)
    return ids === undefined || ids.length > MAX_ROW_TAGS ? undefined : ids
  }

  #keyOf(table: string): readonly string[] {
    return this.#keys.get(table) ?? ['id']
  }
}

/** The rows that meet the conditions. `undefined`: any. */
function idsOf(
  conditions: Conditions | undefined,
  key: readonly string[],
  parameters: unknown,
): readonly string[] | undefined {
  if (conditions === undefined || key.length === 0) return undefined
  const columns = key.map((column) => conditions.get(column))
  if (columns.some((values) => values === undefined)) return undefined
  const [only = []] = columns
  if (key.length > 1 && columns.some((values) => values?.length !== 1)) return undefined
  const rows = key.length > 1 ? [columns.map((values) => values?.[0])] : only.map((value) => [value])
  const ids = rows.map((row) => rowId(row.map((token) => (token === undefined ? undefined : given(token, parameters)))))
  return ids.every((id) => id !== undefined) ? [...new Set(ids)] : undefined
}

function given(token: Token, parameters: unknown): unknown {
  if (token.kind === 'value') return token.value
  if (typeof parameters !== 'object' || parameters === null || token.value === undefined) return undefined
  return Object.hasOwn(parameters, token.value) ? Reflect.get(parameters, token.value) : undefined
}

function takeUnnamed(cache: OrmCache, kind: string): void {
  const kinds = unnamed.get(cache) ?? new Set<string>()
  unnamed.set(cache, kinds)
  if (kinds.has(kind))
    throw new MillpondError(
      'OPTION_INVALID',
      `database: ${show(undefined)} already stands for another database of this cache, so the two would get each other's results: name them, such as database: 'shop'`,
    )
  kinds.add(kind)
}
