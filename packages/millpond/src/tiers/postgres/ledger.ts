// The ledger on PostgreSQL: one row per namespace, one statement per step, followed by LISTEN and NOTIFY.
import { randomBytes } from 'node:crypto'
import type {
  Advanced,
  Change,
  CommitItem,
  Heartbeat,
  LeaseAnswer,
  LeaseAsk,
  LedgerNode,
  LedgerPlace,
  LedgerStore,
  Snapshot,
  Tail,
} from '../../core/contracts.ts'
import type { Position, Target } from '../../core/ledger.ts'
import { MAX_TAIL } from '../retain.ts'
import type { Row } from './call.ts'
import { numberAt, textAt } from './columns.ts'
import { type Answer, type Database, type Statement, statement } from './database.ts'
import { type Followers, messageOf } from './followers.ts'
import { nodesStatement } from './heartbeats.ts'
import { kindOf, labelOf, lineText, metaOf, nameBytes, readAnswer } from './lines.ts'
import { bytesOf, pack } from './record.ts'
import { lockKey } from './schema.ts'
import { Together } from './together.ts'

const FAILED = 'LEDGER_UNREACHABLE'
/** The most targets of a snapshot: a new process must get its answer within one deadline. */
const MAX_SNAPSHOT = 20_000
/** Longer than any window, and a number that the server accepts. */
const ALWAYS_MS = 1e15
const ALL: Target = { kind: 'all' }
/** A namespace with more targets is asked for alone when all that is in force in it is wanted. */
const MAX_TOGETHER = 500
/** Namespaces of one step of a heartbeat. */
const BEAT_AT_ONCE = 500

interface Since {
  readonly namespace: string
  readonly from: Position
}

interface Begun {
  readonly namespace: string
  /** What this process knows of it. */
  readonly from: Position | undefined
}

/** Undefined: the record has to change first. */
type Pulled = Row | undefined

export class PostgresLedger implements LedgerStore {
  readonly scope = 'shared'
  /** Half of the connections, as reads have the other half. */
  readonly stepsAtOnce: number
  readonly #database: Database
  readonly #followers: Followers
  readonly #channel: string | null
  readonly #onWrite: () => void
  readonly #locks = new Map<string, string>()
  readonly #statements: ReturnType<typeof statementsOf>
  readonly #lines = new Together<Since, Pulled>((asks) => this.#pullLines(asks))
  readonly #snapshots = new Together<string, Pulled | 'large'>((asks) => this.#pullSnapshots(asks))
  readonly #begins = new Together<Begun, unknown>((asks) => this.#begin(asks))
  #external: boolean
  #reports = 0

  constructor(database: Database, followers: Followers, channel: string | null, onWrite: () => void) {
    this.stepsAtOnce = Math.max(1, database.settings.poolSize >> 1)
    this.#database = database
    this.#followers = followers
    this.#channel = channel
    this.#onWrite = onWrite
    this.#statements = statementsOf(`"${database.settings.schema}"`)
    this.#external = database.settings.retain.externalTiers
  }

  coverOtherTiers(): void {
    this.#external = true
  }

  async pull(namespace: string, from?: Position): Promise<Snapshot | Tail> {
    for (let tries = 0; tries < 3; tries++) {
      const row = await this.#pull(namespace, from)
      if (row !== undefined) return readAnswer(row)
      // There is no record, or it is another server's, or a process has seen a later number than it holds: a new epoch
      // begins.
      await (tries === 0 ? this.#begins.ask({ namespace, from }) : this.#begin([{ namespace, from }]))
    }
    // Only if others destroy the record as often as it is created.
    return readAnswer((await this.#pull(namespace, undefined)) ?? [])
  }

  async #pull(namespace: string, from: Position | undefined): Promise<Pulled> {
    if (from !== undefined) return this.#lines.ask({ namespace, from })
    const row = await this.#snapshots.ask(namespace)
    if (row !== 'large') return row
    // All that is in force in it takes a statement's time by itself.
    const values = [bytesOf(namespace), this.#external, MAX_TAIL, MAX_SNAPSHOT]
    const { rows } = await this.#run(`pull ${namespace}`, this.#statements.pullAll, values)
    return rows[0]
  }

  async #pullLines(asks: readonly Since[]): Promise<readonly Pulled[]> {
    const { rows } = await this.#run(told('pull', asks), this.#statements.pullLines, [
      asks.map(({ namespace }) => bytesOf(namespace)),
      asks.map(({ from }) => from.epoch),
      asks.map(({ from }) => from.seq),
      this.#external,
      MAX_TAIL,
      MAX_SNAPSHOT,
    ])
    return inOrder(rows, asks.length)
  }

  async #pullSnapshots(namespaces: readonly string[]): Promise<readonly (Pulled | 'large')[]> {
    const asks = namespaces.map((namespace) => ({ namespace }))
    const { rows } = await this.#run(told('pull', asks), this.#statements.pullSnapshots, [
      namespaces.map(bytesOf),
      this.#external,
      MAX_TAIL,
      MAX_SNAPSHOT,
      MAX_TOGETHER,
    ])
    return inOrder(rows, namespaces.length).map((row) => {
      if (row === undefined) return undefined
      if (numberAt(row, row.length - 2) > MAX_TOGETHER) return 'large'
      return row[0] === null ? undefined : row
    })
  }

  /** Of several, those that no one else has locked: the others are begun there, or alone. */
  async #begin(asks: readonly Begun[]): Promise<readonly unknown[]> {
    const { begin, beginFree } = this.#statements
    await this.#run(told('begin', asks), asks.length === 1 ? begin : beginFree, [
      asks.map(({ namespace }) => this.#lock(namespace)),
      asks.map(({ namespace }) => bytesOf(namespace)),
      asks.map(newEpoch),
      this.#external,
      asks.map(({ from }) => from?.epoch ?? null),
      asks.map(({ from }) => from?.seq ?? 0),
    ])
    return asks
  }

  async advance(namespace: string, change: Change): Promise<Advanced> {
    const { retain } = this.#database.settings
    const { targets, drop, write, unmovedSince, watch = [], hold, settles } = change
    const { keys, starts, lengths, expires, bodies } = pack(write, Date.now())
    // Items are counted from 1.
    const watched = watch.flatMap((tags, index) => tags.map((tag) => [index + 1, tag] as const))
    const mayClear = targets.some((target) => target.kind === 'pattern')
    const { rows } = await this.#run(`advance ${namespace}`, this.#statements.advance, [
      this.#lock(namespace),
      bytesOf(namespace),
      newEpoch(),
      this.#external,
      retain.windowMs === Number.POSITIVE_INFINITY ? ALWAYS_MS : Math.ceil(retain.windowMs),
      retain.targets,
      change.mode === 'delete' ? 'd' : 'x',
      targets.map(kindOf),
      targets.map(nameBytes),
      metaOf(change),
      lineText(change, targets),
      mayClear ? lineText({ ...change, mode: 'delete' }, [...targets, ALL]) : null,
      unmovedSince?.epoch ?? null,
      unmovedSince?.seq ?? null,
      drop.map(bytesOf),
      keys,
      starts,
      lengths,
      expires,
      bodies,
      this.#channel,
      messageOf(namespace),
      watched.map(([item]) => item),
      watched.map(([, tag]) => bytesOf(tag)),
      hold === undefined ? null : Math.ceil(hold),
      hold === undefined ? null : targets.map(labelOf),
      settles?.epoch ?? null,
      settles === undefined ? null : targets.map((_, at) => settles.seqs[at] ?? null),
    ])
    if (write.length > 0) this.#onWrite()
    const [row] = rows
    const position = { epoch: textAt(row, 0), seq: numberAt(row, 1) }
    const wasThere = verdicts(textAt(row, 2))
    const advanced = { position, dropped: wasThere.filter(Boolean).length, wasThere }
    if (unmovedSince === undefined && settles === undefined) return advanced
    return { ...advanced, stored: verdicts(row?.[3] == null ? '' : textAt(row, 3)) }
  }

  async commit(namespace: string, items: readonly CommitItem[]): Promise<boolean[]> {
    if (items.length === 0) return []
    const { keys, starts, lengths, expires, bodies } = pack(items, Date.now())
    const { rows } = await this.#run(`commit ${namespace}`, this.#statements.commit, [
      this.#lock(namespace),
      bytesOf(namespace),
      items.map((item) => item.asOf.epoch),
      items.map((item) => item.asOf.seq),
      items.map((item) => bytesOf(item.target)),
      items.map((item) => item.lease ?? null),
      keys,
      starts,
      lengths,
      expires,
      bodies,
    ])
    this.#onWrite()
    return verdicts(textAt(rows[0], 0))
  }

  async lease(namespace: string, key: string, id: string, ms: number): Promise<LeaseAnswer> {
    const [answer] = await this.leaseAll(namespace, [{ key, id }], ms)
    if (answer === undefined) throw new Error('the server answered nothing')
    return answer
  }

  async leaseAll(namespace: string, asks: readonly LeaseAsk[], ms: number): Promise<LeaseAnswer[]> {
    if (asks.length === 0) return []
    const values = [bytesOf(namespace), ...columnsOf(asks), Math.max(1, Math.ceil(ms))]
    const { rows } = await this.#run(`lease ${namespace}`, this.#statements.lease, values)
    const left = new Map(rows.map((row) => [numberAt(row, 0), numberAt(row, 1)]))
    return asks.map((_, at) => leaseAnswer(left.get(at + 1)))
  }

  release(namespace: string, key: string, id: string): Promise<void> {
    return this.releaseAll(namespace, [{ key, id }])
  }

  async releaseAll(namespace: string, asks: readonly LeaseAsk[]): Promise<void> {
    if (asks.length === 0) return
    await this.#run(`release ${namespace}`, this.#statements.release, [bytesOf(namespace), ...columnsOf(asks)])
  }

  follow(namespace: string, wake: () => void): () => void {
    return this.#followers.add(namespace, wake)
  }

  async unmoved(places: readonly LedgerPlace[]): Promise<readonly boolean[]> {
    if (places.length === 0) return []
    const { rows } = await this.#run('unmoved', this.#statements.unmoved, [
      places.map(({ namespace }) => bytesOf(namespace)),
      places.map(({ position }) => position.epoch),
      places.map(({ position }) => position.seq),
      this.#external,
    ])
    return verdicts(textAt(rows[0], 0))
  }

  async report(namespace: string, id: string, position: Position): Promise<void> {
    await this.heartbeat(id, { count: ++this.#reports, moved: [{ namespace, position }], left: [] })
  }

  /** Reports about an epoch that has ended are not read any more, and the sweep removes them. */
  async heartbeat(id: string, { count, moved, left }: Heartbeat): Promise<boolean> {
    let isKnown = true
    for (let from = 0; from === 0 || from < Math.max(moved.length, left.length); from += BEAT_AT_ONCE) {
      const some = moved.slice(from, from + BEAT_AT_ONCE)
      const { rows } = await this.#run('heartbeat', this.#statements.beat, [
        id,
        count,
        some.map(({ position }) => position.epoch),
        some.map(({ position }) => position.seq),
        left.slice(from, from + BEAT_AT_ONCE).map(bytesOf),
      ])
      isKnown = textAt(rows[0], 0) === 't' && isKnown
    }
    return isKnown
  }

  async nodes(namespace: string): Promise<readonly LedgerNode[]> {
    const { rows } = await this.#run(`nodes ${namespace}`, this.#statements.nodes, [bytesOf(namespace)])
    return rows.map((row) => ({ id: textAt(row, 0), seq: numberAt(row, 1), ageMs: Math.max(0, numberAt(row, 2)) }))
  }

  #run(what: string, statement: Statement, values: unknown[]): Promise<Answer> {
    return this.#database.run(what, FAILED, statement, values)
  }

  #lock(namespace: string): string {
    const known = this.#locks.get(namespace)
    if (known !== undefined) return known
    const lock = lockKey(this.#database.settings.schema, 'ledger', namespace)
    this.#locks.set(namespace, lock)
    return lock
  }
}

function statementsOf(s: string) {
  const call = (name: string, types: string): string =>
    `${s}.${name}(${types
      .split(' ')
      .map((type, index) => `$${index + 1}::${type}`)
      .join(', ')})`
  const packed = 'bytea[] integer[] integer[] bigint[] bytea'
  const begun = `(${s}.open_record(b.lock, b.ns, b.fresh, $4::boolean, b.epoch, b.seq)).epoch`
  const beginning =
    'FROM unnest($1::bigint[], $2::bytea[], $3::text[], $5::text[], $6::bigint[]) AS b (lock, ns, fresh, epoch, seq)'
  return {
    pullLines:
      statement(`SELECT p.*, u.ord FROM unnest($1::bytea[], $2::text[], $3::bigint[]) WITH ORDINALITY AS u (ns, epoch, seq, ord),
      LATERAL ${s}.pull(u.ns, u.epoch, u.seq, $4::boolean, $5::bigint, $6::bigint) AS p`),
    pullAll: statement(`SELECT * FROM ${s}.pull($1::bytea, NULL, 0, $2::boolean, $3::bigint, $4::bigint)`),
    pullSnapshots: statement(`SELECT p.*, n.targets, u.ord FROM unnest($1::bytea[]) WITH ORDINALITY AS u (ns, ord),
      LATERAL (SELECT count(*) AS targets FROM (SELECT FROM ${s}.ledger r JOIN ${s}.target t ON t.epoch = r.epoch
        WHERE r.ns = u.ns LIMIT $5::bigint + 1) AS few) AS n
      LEFT JOIN LATERAL (SELECT q.* FROM ${s}.pull(u.ns, NULL, 0, $2::boolean, $3::bigint, $4::bigint) AS q
        WHERE n.targets <= $5::bigint) AS p ON true`),
    begin: statement(`SELECT ${begun} ${beginning}`),
    // With the locks of some it waits for no other: nothing holds up many namespaces, nor can two wait for each other.
    beginFree: statement(`SELECT CASE WHEN pg_try_advisory_xact_lock(b.lock) THEN ${begun} END ${beginning}`),
    advance: statement(
      `SELECT * FROM ${call('advance', `bigint bytea text boolean bigint bigint text text[] bytea[] text text text text bigint bytea[] ${packed} text text integer[] bytea[] bigint text[] text bigint[]`)}`,
    ),
    commit: statement(`SELECT ${call('commit', `bigint bytea text[] bigint[] bytea[] text[] ${packed}`)}`),
    // All processes lock keys in the same order: of two that waited for each other, the server would abort one.
    lease: statement(`SELECT a.ord, ${s}.lease($1::bytea, a.key, a.id, $4::bigint)
      FROM (SELECT * FROM unnest($2::bytea[], $3::text[]) WITH ORDINALITY AS u (key, id, ord) ORDER BY key, ord) AS a`),
    release: statement(`WITH held AS (
        SELECT h.ns, h.key FROM ${s}.lease h JOIN unnest($2::bytea[], $3::text[]) AS u (key, id) ON h.key = u.key AND h.id = u.id
        WHERE h.ns = $1::bytea ORDER BY h.key FOR UPDATE OF h
      ) DELETE FROM ${s}.lease h USING held WHERE h.ns = held.ns AND h.key = held.key`),
    unmoved: statement(`SELECT ${call('unmoved', 'bytea[] text[] bigint[] boolean')}`),
    beat: statement(`SELECT ${call('beat', 'text bigint text[] bigint[] bytea[]')}`),
    nodes: statement(nodesStatement(s)),
  }
}

const told = (verb: string, asks: readonly { readonly namespace: string }[]): string =>
  asks.length === 1 ? `${verb} ${asks[0]?.namespace}` : `${verb} of ${asks.length} namespaces`

/** By the last column, a place from 1. */
function inOrder(rows: readonly Row[], count: number): Pulled[] {
  const answers: Pulled[] = new Array(count).fill(undefined)
  for (const row of rows) answers[numberAt(row, row.length - 1) - 1] = row
  return answers
}

/** Random, so that no two histories share a name; used only if an epoch begins. */
function newEpoch(): string {
  return randomBytes(9).toString('base64url')
}

/** -1 if granted, else how long the holder has left. */
function leaseAnswer(left: number | undefined): LeaseAnswer {
  if (left === undefined) throw new Error('the server did not answer for every lease')
  return left < 0 ? { granted: true } : { granted: false, leftMs: left }
}

const columnsOf = (asks: readonly LeaseAsk[]): [Buffer[], string[]] => [
  asks.map(({ key }) => bytesOf(key)),
  asks.map(({ id }) => id),
]

function verdicts(text: string): boolean[] {
  return [...text].map((one) => one === '1')
}
