// The options of all ORM adapters, checked once.
import {
  checkOptions,
  duration,
  flag,
  fn,
  listOf,
  recordOf,
  required,
  type Shape,
  text,
  whole,
  withMethods,
} from '../../core/checks.ts'
import type { Duration } from '../../core/duration.ts'
import { MillpondError, show } from '../../core/errors.ts'
import { checkTags, type Key } from '../../core/key.ts'
import { LOAD_OPTIONS, type LoadOptions } from '../../core/options.ts'

/** What ORM adapters need of a cache: any `Cache`, or a namespace or tenant's part of one. */
export interface OrmCache {
  /** The value, loaded if it is missing. */
  getOrSet<T>(
    key: Key,
    load: (control: { addTags(...tags: string[]): void }) => Promise<T>,
    options: OrmLoadOptions,
  ): Promise<T>
  /** Changes of models, collected until their transaction has committed. */
  readonly changes: { transaction(): OrmChanges }
  /** A transaction of a database, with its invalidation announced before the commit and made after it. */
  transaction<T>(
    options: { readonly tags: readonly string[]; readonly hold: Duration },
    work: () => Promise<T>,
  ): Promise<T>
}

type OrmLoadOptions = Pick<
  LoadOptions,
  'ttl' | 'jitter' | 'tags' | 'timeout' | 'consistency' | 'after' | 'signal' | 'quiet' | 'priority'
>

/** What a transaction has changed. */
export interface OrmChanges {
  /** A row, or any rows, of a model. */
  modelChanged(model: string, id: string | undefined, kind: 'save' | 'delete'): void
  /** What `commit` would invalidate. */
  tags(): readonly string[]
  /** Invalidates it. */
  commit(): Promise<unknown>
}

/** How the answer of a query is cached. */
export interface QueryOptions extends OrmLoadOptions {
  /** Tables that its SQL does not name: those of a view or a function. Added to those that are found. */
  readonly tables?: readonly string[] | undefined
}

/** Writes and processes rows of an outbox: a `transactionOutbox` of `millpond/invalidate`. */
export interface OrmOutbox {
  /** Writes what a transaction changes to the outbox, by a statement of the transaction. */
  note(
    run: (sql: string, parameters: readonly unknown[]) => Promise<readonly object[]>,
    criteria: { readonly tags: readonly string[] },
  ): Promise<void>
  /** Applies what has committed. */
  settle(): Promise<unknown>
}

/** The options of all ORM adapters. */
export interface OrmOptions {
  /** Where answers are cached: a cache, a namespace or a tenant's part of one. */
  readonly cache: OrmCache
  /**
   * Names the database in keys. Needed if one cache has answers of several databases, or under several
   * `search_path`s, since the same query has other answers there. Default: `'default'`.
   */
  readonly database?: string | undefined
  /** The schema of tables that are named without one. Default: `'public'` in PostgreSQL, `'main'` in SQLite. */
  readonly schema?: string | undefined
  /** The columns that identify a row, by table: `{ membership: ['org_id', 'user_id'] }`. Default: `id`. */
  readonly keys?: Readonly<Record<string, string | readonly string[]>> | undefined
  /** What views, partitioned tables and functions read: `{ active_users: ['users'] }`. */
  readonly views?: Readonly<Record<string, readonly string[]>> | undefined
  /**
   * How long a commit may take. What the transaction changes is then announced to the ledger before the commit, so
   * that it is invalidated at the end of this time if the process dies meanwhile; if the ledger does not answer, the
   * commit is refused with `LEDGER_UNREACHABLE`. Default: off: if a process dies between commit and invalidation, old
   * answers remain until their TTL ends.
   */
  readonly hold?: Duration | undefined
  /**
   * Records what a transaction changes in a row of the transaction itself: nothing is lost, and no commit is refused.
   * Cannot be combined with `hold`.
   */
  readonly outbox?: OrmOutbox | undefined
  /** The most rows of a table that a transaction invalidates one by one; above, the whole table. Default 1,000. */
  readonly maxRows?: number | undefined
  /**
   * Called with failures that do not fail a query: an answer that cannot be cached, an invalidation that the ledger has
   * not accepted yet, a client of Prisma or libSQL whose queries are no longer answered from the cache because a
   * statement has changed its session.
   */
  readonly onError?: ((error: unknown) => void) | undefined
}

const namesOf = listOf<string>(text, "a list of names, such as ['users']")

const columnNames = (value: unknown, at: string): string | readonly string[] =>
  typeof value === 'string' ? text(value, at) : namesOf(value, at)

export const ORM_OPTIONS: Shape<OrmOptions> = {
  cache: required(withMethods<OrmCache>('a cache of createCache', 'getOrSet', 'transaction')),
  database: text,
  schema: text,
  keys: recordOf(columnNames, "columns by table, such as { users: 'id' }"),
  views: recordOf(namesOf, "tables by view, such as { active_users: ['users'] }"),
  hold: duration,
  outbox: withMethods<OrmOutbox>('a transactionOutbox', 'note', 'settle'),
  maxRows: whole(1, 100_000),
  onError: fn(),
}

export const QUERY_OPTIONS: Shape<QueryOptions> = {
  ttl: LOAD_OPTIONS.ttl,
  jitter: LOAD_OPTIONS.jitter,
  tags: (value, at) => tagList(value, at),
  timeout: LOAD_OPTIONS.timeout,
  consistency: LOAD_OPTIONS.consistency,
  after: LOAD_OPTIONS.after,
  signal: LOAD_OPTIONS.signal,
  quiet: flag,
  priority: LOAD_OPTIONS.priority,
  tables: namesOf,
}

function tagList(value: unknown, at: string): readonly string[] {
  if (typeof value !== 'object' || value === null)
    throw new MillpondError('OPTION_INVALID', `${at}: ${show(value)} is not allowed: give a list of strings`)
  return checkTags(value as Iterable<unknown>)
}

/** @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`. */
export function checkOrmOptions(given: unknown, at: string): asserts given is OrmOptions {
  checkOptions<OrmOptions>(given, ORM_OPTIONS, at)
  if (given.hold !== undefined && given.outbox !== undefined)
    throw new MillpondError('OPTION_INVALID', `${at}: hold and outbox serve the same purpose: give only one of them`)
}

/** Read once: tags may be an iterator. @throws MillpondError `OPTION_INVALID`, `TAG_INVALID`. */
export function queryOptions(given: QueryOptions): QueryOptions {
  checkOptions<QueryOptions>(given, QUERY_OPTIONS, 'cached')
  return given.tags === undefined ? given : { ...given, tags: [...given.tags] }
}
