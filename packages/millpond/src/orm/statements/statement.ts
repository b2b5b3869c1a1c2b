// What a statement reads and writes, as far as its text shows.
//
// The rules err on the safe side. A name that is mistaken for a table (a common table expression, a column in
// `extract(year from x)`) is only a tag that is never invalidated, or an invalidation without effect. A statement that
// is not understood is not cached if it reads, and invalidates everything if it writes.
import { conditionsOf, setColumns } from './conditions.ts'
import { DEFINITION, joinedMeaning, type Meaning, meaningOf, meaningOfBroken, SAME } from './meaning.ts'
import type { SqlDialect, Token } from './tokens.ts'
import { tokensOf } from './tokens.ts'

/** What a statement does. */
export type StatementKind =
  | 'read'
  | 'write'
  | 'begin'
  | 'commit'
  | 'rollback'
  | 'savepoint'
  | 'rollbackTo'
  | 'release'
  | 'session'

/** A write, as far as its text shows. */
export interface WrittenTable {
  readonly table: string
  /** `insert`: adds rows, and changes no existing one. */
  readonly kind: 'insert' | 'update' | 'delete'
  /** It does not name rows by their key, or it changes the key. */
  readonly conditions: Conditions | undefined
  /** Columns that are set, if known. */
  readonly sets: readonly string[]
}

/** Values that columns are compared with, as tokens; every affected row meets all of the conditions. */
export type Conditions = ReadonlyMap<string, readonly Token[]>

/** A parsed statement. Made once for each text. */
export interface Statement {
  readonly kind: StatementKind
  /** Tables that are read, without repetition. */
  readonly reads: readonly string[]
  readonly writes: readonly WrittenTable[]
  /** It may read or write more than its text shows. */
  readonly isOpaque: boolean
  /** Of a read: it locks rows, or has another effect (`nextval`), so it must be sent to the database. */
  readonly locks: boolean
  /** Conditions on the table that is read; only if there is exactly one, named once. */
  readonly conditions: Conditions | undefined
  /** Each row of the answer is a row of that table. */
  readonly isPlain: boolean
  /** The name of a savepoint. */
  readonly name: string
  /** A transaction is open after it: `begin`, `commit and chain`. */
  readonly opens: boolean
  /** Over SQLite, a part of it may have been executed if it fails: there are several, or it says `or fail`. */
  readonly isPartial: boolean
  /** How it changes what later statements on its connection mean. */
  readonly meaning: Meaning
}

const SESSION = new Set([
  ...[
    'set',
    'reset',
    'discard',
    'pragma',
    'use',
    'attach',
    'detach',
    'show',
    'explain',
    'listen',
    'unlisten',
    'notify',
    'analyze',
  ],
  ...['vacuum', 'checkpoint', 'fetch', 'move', 'declare', 'close', 'lock', 'deallocate'],
])
const READS = new Set(['select', 'with', 'values', 'table'])
const WRITES = new Set(['insert', 'update', 'delete', 'merge', 'replace', 'truncate'])
/** Words that end a list of tables, without those that may be names in one of the databases. */
const CLAUSES = new Set([
  ...['where', 'group', 'order', 'having', 'limit', 'union', 'intersect', 'except', 'returning', 'set', 'select'],
])
/** Words that may stand in front of a table's name, or begin a subquery in its place. */
const BEFORE_TABLES = new Set(['select', 'values', 'with', 'only', 'lateral', 'from', 'join', 'table', 'truncate'])
/** Functions that have an effect, or depend on their connection. */
const ACTS =
  /^(?:nextval|setval|currval|lastval|pg_(?:try_)?advisory_\w+|pg_notify|pg_sleep\w*|setseed|set_config|pg_logical_emit_message|pg_export_snapshot|pg_current_xact_id|pg_(?:cancel|terminate)_backend|pg_backend_pid|txid_current|lo_\w+|dblink\w*|last_insert_rowid|changes|total_changes)$/
/** Functions that read a table or query which is named by a string. */
const READS_BY_TEXT = /^(?:(?:query|table|schema|database|cursor)_to_xml\w*|ts_stat|ts_rewrite)$/
/** Functions that can replace a table, and read no other one. */
const PURE = /^(?:jsonb?_\w+|generate_series|unnest|regexp_\w+|string_to_table|rows)$/

/** Of how many `update`s in one statement the columns are read: each is searched to its end. */
const MAX_READ_UPDATES = 30

const OPAQUE: Statement = {
  kind: 'write',
  reads: [],
  writes: [],
  isOpaque: true,
  locks: false,
  conditions: undefined,
  isPlain: false,
  name: '',
  opens: false,
  isPartial: false,
  meaning: SAME,
}

/** @param defaultSchema the schema of names without one. */
export function readStatement(sql: string, dialect: SqlDialect, defaultSchema: string): Statement {
  const tokens = tokensOf(sql, dialect)
  if (tokens === undefined) return { ...OPAQUE, isPartial: true, meaning: meaningOfBroken(sql) }
  const all = parts(tokens).map((part): Statement => {
    const statement = control(part) ?? new Walk(part, dialect, defaultSchema).statement()
    return { ...statement, meaning: meaningOf(part, statement, dialect) }
  })
  const [only] = all
  if (only === undefined) return { ...OPAQUE, kind: 'session', isOpaque: false }
  return all.length === 1 ? only : { ...together(all), meaning: joinedMeaning(all) }
}

/** Statements that are sent in one text. Those in the body of a trigger or function belong to its definition. */
function parts(tokens: readonly Token[]): readonly (readonly Token[])[] {
  const all: Token[][] = [[]]
  let isBody = false
  for (const [at, token] of tokens.entries()) {
    const part = all.at(-1) ?? []
    if (token.kind === 'word' && token.text === 'begin') isBody ||= opensBody(part, tokens[at + 1])
    const isEnd = token.kind === 'mark' && token.text === ';'
    if (isEnd && isBody) isBody = !(part.at(-1)?.text === 'end' && part.at(-2)?.text === ';')
    if (isEnd && !isBody) all.push([])
    else part.push(token)
  }
  return all.filter((part) => part.length > 0)
}

/** Whether a `begin` after these tokens opens a body: of a trigger of SQLite, or `begin atomic`. */
function opensBody(before: readonly Token[], after: Token | undefined): boolean {
  const words = before.slice(0, 4).map(({ text }) => text)
  if (words[0] !== 'create') return false
  return words.includes('trigger') || (after?.text === 'atomic' && DEFINITION.test(words.join(' ')))
}

/**
 * Several at once read and write what each of them does; they are never answered from the cache. If a transaction
 * begins or ends among them, they may have written anything.
 */
function together(all: readonly Statement[]): Statement {
  const ends = all.filter(({ kind }) => kind === 'begin' || kind === 'commit' || kind === 'rollback')
  const opens = ends.at(-1)?.opens ?? false
  if (ends.length > 0)
    return { ...OPAQUE, kind: ends.every(({ kind }) => kind === 'begin') ? 'begin' : 'commit', opens, isPartial: true }
  if (all.some(({ kind }) => kind !== 'read' && kind !== 'write' && kind !== 'session'))
    return { ...OPAQUE, isPartial: true }
  const writes = all.flatMap((one) => one.writes.map((write) => ({ ...write, conditions: undefined })))
  return {
    ...OPAQUE,
    kind: all.some(({ kind }) => kind === 'write') ? 'write' : 'session',
    writes,
    isOpaque: all.some(({ isOpaque }) => isOpaque),
    isPartial: true,
  }
}

/** Statements that begin and end transactions. */
function control(tokens: readonly Token[]): Statement | undefined {
  const words = tokens.slice(0, 4).map(({ text }) => text)
  const [first = '', second = ''] = words
  const is = (kind: StatementKind, name = '', opens = false): Statement => ({
    ...OPAQUE,
    kind,
    isOpaque: false,
    name,
    opens,
  })
  const isChained = words.includes('chain') && !words.includes('no')
  if (first === 'commit' && second === 'prepared') return OPAQUE
  if (first === 'begin' || (first === 'start' && second === 'transaction')) return is('begin', '', true)
  if (first === 'commit' || first === 'end' || (first === 'prepare' && second === 'transaction'))
    return is('commit', '', isChained)
  if (first === 'abort') return is('rollback', '', isChained)
  if (first === 'rollback') {
    const to = words.indexOf('to')
    return to < 0 ? is('rollback', '', isChained) : is('rollbackTo', tokens.at(-1)?.text)
  }
  if (first === 'savepoint') return is('savepoint', second)
  if (first === 'release') return is('release', tokens.at(-1)?.text)
  // `explain analyze` executes what it explains.
  const does = tokens.some(({ text }) => WRITES.has(text) || text === 'execute' || text === 'create')
  const sets = SESSION.has(first) || tokens.some(({ text }) => text === 'set_config')
  return sets && !does ? is('session') : undefined
}

interface Level {
  /** Within a list of tables. */
  isFrom: boolean
  /** A table's name comes next. */
  expects: boolean
}

class Walk {
  readonly #tokens: readonly Token[]
  readonly #dialect: SqlDialect
  readonly #defaultSchema: string
  readonly #levels: Level[] = [{ isFrom: false, expects: false }]
  readonly #reads: string[] = []
  readonly #writes: WrittenTable[] = []
  #isOpaque = false
  #locks = false
  /** Besides its tables, it reads rows of something else. */
  #isMixed = false
  /** The last `select`, `insert` or other verb so far. */
  #verb = ''
  /** `on conflict do update`: existing rows may change. */
  readonly #replaces: boolean

  constructor(tokens: readonly Token[], dialect: SqlDialect, defaultSchema: string) {
    this.#tokens = tokens
    this.#dialect = dialect
    this.#defaultSchema = defaultSchema
    this.#replaces = tokens.some(({ text }, at) => text === 'do' && tokens[at + 1]?.text === 'update')
  }

  statement(): Statement {
    const first = this.#tokens.find(({ text }) => text !== '(')?.text ?? ''
    if (!READS.has(first) && !WRITES.has(first)) return OPAQUE
    if (first === 'table' || first === 'truncate') this.#level.expects = this.#level.isFrom = true
    for (let at = 0; at < this.#tokens.length; ) at = this.#step(at)
    if (first === 'truncate') this.#truncate()
    const all = [...this.#reads, ...this.#writes.map(({ table }) => table)]
    const others = ['union', 'intersect', 'except', 'values', 'with'].some((word) => this.#count(word) > 0)
    const isSimple = all.length === 1 && this.#count('select') <= 1 && !others && !this.#isMixed
    const conditions = isSimple ? conditionsOf(this.#tokens) : undefined
    return {
      kind: this.#writes.length > 0 ? 'write' : 'read',
      reads: [...new Set(this.#reads)],
      writes: this.#writes.map((write) => ({
        ...write,
        conditions: isSimple && write.kind !== 'insert' ? conditions : undefined,
      })),
      isOpaque: this.#isOpaque || (WRITES.has(first) && this.#writes.length === 0),
      locks: this.#locks,
      conditions,
      isPlain: isSimple && this.#isPlain(),
      name: '',
      opens: false,
      isPartial: this.#tokens.some(({ text }, at) => text === 'or' && this.#tokens[at + 1]?.text === 'fail'),
      meaning: SAME,
    }
  }

  get #level(): Level {
    return this.#levels.at(-1) ?? { isFrom: false, expects: false }
  }

  #count(word: string): number {
    return this.#tokens.filter(({ kind, text }) => kind === 'word' && text === word).length
  }

  /** No function between `select` and `from` returns rows of its own, and nothing groups them. */
  #isPlain(): boolean {
    const from = this.#tokens.findIndex(({ kind, text }) => kind === 'word' && text === 'from')
    return !this.#tokens.slice(0, from).some(({ text }) => text === '(') && this.#count('group') === 0
  }

  #step(at: number): number {
    const token = this.#tokens[at]
    if (token === undefined) return at + 1
    const level = this.#level
    if (token.kind === 'mark') return this.#mark(token.text, level, at)
    if (level.expects && this.#isTable(token)) return this.#table(at, level)
    this.#call(token, at)
    // After a dot, any word is a name.
    return token.kind === 'word' && this.#tokens[at - 1]?.text !== '.' ? this.#word(token.text, at, level) : at + 1
  }

  /** SQLite accepts a string where a name must stand. */
  #isTable({ kind, text }: Token): boolean {
    if (kind === 'quoted' || (kind === 'value' && this.#dialect === 'sqlite')) return true
    return kind === 'word' && !BEFORE_TABLES.has(text)
  }

  #call({ kind, text }: Token, at: number): void {
    if (this.#tokens[at + 1]?.text !== '(' || (kind !== 'word' && kind !== 'quoted')) return
    if (ACTS.test(text)) this.#locks = true
    if (READS_BY_TEXT.test(text)) this.#isOpaque = true
  }

  #mark(mark: string, level: Level, at: number): number {
    if (mark === '(') {
      this.#levels.push({ isFrom: level.expects, expects: level.expects })
      level.expects = false
    } else if (mark === ')') this.#levels.pop()
    else if (mark === ',' && level.isFrom) level.expects = true
    return at + 1
  }

  /** A table that is read. */
  #table(at: number, level: Level): number {
    const { parts, next } = this.#name(at)
    level.expects = false
    if (this.#tokens[next]?.text === '(') {
      this.#isMixed = true
      if (parts.length > 1 || !PURE.test(parts[0] ?? '')) this.#isOpaque = true
    } else this.#reads.push(this.#named(parts))
    return next
  }

  #word(word: string, at: number, level: Level): number {
    const before = this.#tokens[at - 1]?.text ?? ''
    const after = this.#tokens[at + 1]?.text ?? ''
    if (WRITES.has(word) || word === 'select') this.#verb = word
    if (word === 'from' && before !== 'distinct') return this.#from(at, level)
    if (word === 'join' || word === 'using') {
      if (word === 'join' || after !== '(') level.isFrom = level.expects = true
    } else if (word === 'on') level.expects = false
    else if (word === 'update') return this.#update(at, before)
    else if (word === 'into') return this.#into(at)
    else if (word === 'for' && ['update', 'share', 'no', 'key'].includes(after)) this.#locks = true
    if (CLAUSES.has(word)) level.isFrom = level.expects = false
    return at + 1
  }

  #from(at: number, level: Level): number {
    level.isFrom = level.expects = true
    if (this.#tokens[at - 1]?.text !== 'delete') return at + 1
    level.isFrom = level.expects = false
    return this.#target(at + 1, 'delete', [])
  }

  #update(at: number, before: string): number {
    if (['for', 'on', 'do', 'key', 'then'].includes(before)) return at + 1
    let next = at + 1
    if (this.#tokens[next]?.text === 'or') next += 2
    const isReadable = this.#writes.length < MAX_READ_UPDATES
    return this.#target(next, 'update', isReadable ? setColumns(this.#tokens, at) : ['*'])
  }

  /** After `insert`, `replace` and `merge`; `select into` creates a table. */
  #into(at: number): number {
    const isAlone = this.#tokens[at - 1]?.text === 'insert'
    const isPlainInsert = this.#verb === 'insert' && isAlone && !this.#replaces
    return this.#target(at + 1, isPlainInsert ? 'insert' : 'update', ['*'])
  }

  #target(at: number, kind: WrittenTable['kind'], sets: readonly string[]): number {
    const from = this.#tokens[at]?.kind === 'word' && this.#tokens[at]?.text === 'only' ? at + 1 : at
    const { parts, next } = this.#name(from)
    if (parts.length === 0) this.#isOpaque = true
    else this.#writes.push({ table: this.#named(parts), kind, conditions: undefined, sets })
    return next
  }

  /** The names after `truncate` were parsed as a list of tables. */
  #truncate(): void {
    for (const table of this.#reads.splice(0))
      this.#writes.push({ table, kind: 'delete', conditions: undefined, sets: [] })
    // It may cascade to tables that reference these.
    if (this.#count('cascade') > 0) this.#isOpaque = true
  }

  #name(at: number): { readonly parts: readonly string[]; readonly next: number } {
    const parts: string[] = []
    let next = at
    for (;;) {
      const token = this.#tokens[next]
      if (token === undefined || !this.#isName(token)) break
      parts.push(token.text)
      next++
      if (this.#tokens[next]?.text !== '.') break
      next++
    }
    return { parts, next: Math.max(next, at + 1) }
  }

  #isName({ kind }: Token): boolean {
    return kind === 'word' || kind === 'quoted' || (kind === 'value' && this.#dialect === 'sqlite')
  }

  /** Without the default schema, and without the name of the database, which can only be the current one. */
  #named(parts: readonly string[]): string {
    const own = parts.slice(-2)
    return (own[0] === this.#defaultSchema && own.length > 1 ? own.slice(1) : own).join('.').toLowerCase()
  }
}
