// The PostgreSQL tier: shared by all processes, durable, with the ledger, the log and the leases in the same
// transactions as the entries.
import type {
  LedgerStore,
  Refusal,
  Stored,
  Tier,
  TierBounds,
  TierItem,
  TierLimits,
  TierStep,
  TierUsage,
} from '../../core/contracts.ts'
import type { NodeStore } from '../../core/nodes.ts'
import { outside } from '../../core/outside.ts'
import { unheld } from '../../core/unheld.ts'
import type { Row } from './call.ts'
import { access } from './client.ts'
import { bytesAt, numberAt, textAt } from './columns.ts'
import { type Answer, Database, type Statement, statement } from './database.ts'
import { headOf } from './entries.ts'
import { examinePostgres } from './examine.ts'
import { Followers } from './followers.ts'
import { PostgresLedger } from './ledger.ts'
import { postgresNodes } from './nodes.ts'
import { type PostgresTierOptions, resolvePostgres } from './options.ts'
import { above, bytesOf, pack } from './record.ts'
import { lockKey } from './schema.ts'

export type { RetainOptions } from '../retain.ts'
export type { PostgresClient, PostgresPool, PostgresQuery } from './client.ts'
export {
  type PostgresKeyStoreOptions,
  type PostgresKeyStorePool,
  postgresKeyStore,
  postgresKeyStoreSchema,
} from './key-store.ts'
export type { PostgresTierOptions } from './options.ts'
export { type PostgresSchemaOptions, postgresGrants, postgresSchema } from './schema.ts'

export interface PostgresTier extends Tier {
  readonly name: 'postgres'
  readonly ledger: LedgerStore
  readonly nodes: NodeStore
  scan(prefix: string): AsyncIterable<readonly string[]>
  examine(): Promise<readonly TierStep[]>
  usage(): Promise<TierUsage & { readonly bytes: number }>
}

const FAILED = 'TIER_FAILED'
/** Keys per statement; a larger batch takes several, so that no transaction is long. */
const STEP = 1000
/** Maximum bytes of bodies per statement, beyond its first item. */
const STEP_BYTES = 8_388_608
/** At least this many entries fit within `maxBytes`, however large they are. */
const LEAST_ENTRIES = 8
const LARGEST_ENTRY = 64 * 1_048_576
/** Keys of several callers in one statement: few enough that replies to a burst keep arriving on a busy server. */
const TOGETHER = 250
const SWEEP = 500
const NEXT_SWEEP_MS = 20

/**
 * A tier in a PostgreSQL database (13 or later), through pg.
 *
 * Connects on the first command, and then creates its schema (see `postgresSchema` and `postgresGrants` for a role that
 * may not). A command takes at most `commandTimeout` (250 ms); while the server is known to be down calls reject at
 * once, and it reconnects by itself. With each restart, crash, fail-over and restored backup of the server the ledger
 * begins new epochs. Asynchronous commits (`ALTER ROLE ... SET synchronous_commit = off`) are therefore safe, and make
 * invalidations much cheaper.
 *
 * @throws MillpondError `OPTION_INVALID` (option, URL, pg not installed), `DURATION_INVALID`. Calls reject with
 * `SCHEMA_NEWER` if a later Millpond upgraded the schema.
 */
export function postgres(options: PostgresTierOptions): PostgresTier {
  const settings = resolvePostgres(options)
  const connections = access(settings)
  const channel = `millpond_${settings.schema}`
  const followers = new Followers(channel, settings.notify ? connections.listener : undefined)
  const examine = (): Promise<readonly TierStep[]> => examinePostgres(settings, connections)
  return new PostgresDatabaseTier(
    new Database(settings, connections),
    followers,
    settings.notify ? channel : null,
    examine,
  )
}

class PostgresDatabaseTier implements PostgresTier {
  readonly name = 'postgres'
  readonly scope = 'shared'
  readonly durable = true
  /**
   * Half of the connections: the ledger's steps must not wait behind a burst of reads, nor any call in the pool, which
   * times out after a while.
   */
  readonly limits: TierLimits
  readonly bounds?: TierBounds
  readonly ledger: PostgresLedger
  readonly nodes: NodeStore
  readonly examine: PostgresTier['examine']
  readonly places: readonly string[]
  readonly #database: Database
  readonly #followers: Followers
  readonly #statements: ReturnType<typeof statementsOf>
  readonly #sweepLock: string
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(database: Database, followers: Followers, channel: string | null, examine: PostgresTier['examine']) {
    this.examine = examine
    this.places = database.settings.places
    const { schema, sweepMs, poolSize, bounds } = database.settings
    const largest =
      bounds?.maxBytes === undefined ? undefined : Math.min(LARGEST_ENTRY, Math.floor(bounds.maxBytes / LEAST_ENTRIES))
    this.limits = {
      calls: Math.max(1, poolSize >> 1),
      items: TOGETHER,
      batchBytes: Math.min(STEP_BYTES, largest ?? STEP_BYTES),
      ...(largest !== undefined && { itemBytes: largest, entryBytes: 0 }),
    }
    if (bounds !== undefined) this.bounds = bounds
    this.#database = database
    this.#followers = followers
    this.#statements = statementsOf(`"${schema}"`)
    this.#sweepLock = lockKey(schema, 'sweep')
    this.ledger = new PostgresLedger(database, followers, channel, () => this.#sweepLater(sweepMs))
    this.nodes = postgresNodes(database, followers, channel)
  }

  async read(keys: readonly string[]): Promise<(Stored | undefined)[]> {
    const answers: (Stored | undefined)[] = []
    for (const some of inSteps(keys)) {
      const bytes = some.map(bytesOf)
      const { rows } = await this.#run('read', this.#statements.read, [bytes, Date.now()])
      const found = new Map<string, Stored>()
      for (const row of rows) takeIn(found, row)
      for (const key of bytes) answers.push(found.size === 0 ? undefined : found.get(key.toString('hex')))
      // A key that is named twice has two results, which must not share their bytes.
      if (found.size < some.length) separate(answers, answers.length - some.length)
    }
    return answers
  }

  async write(items: readonly TierItem[]): Promise<readonly (Refusal | undefined)[]> {
    const { itemBytes = Number.POSITIVE_INFINITY, batchBytes = STEP_BYTES } = this.limits
    for (const all of inSteps(items, (item) => item.body.length, batchBytes)) {
      // An item that is too large only replaces the previous one, like an expired one.
      const some = all.map((item) => (item.body.length > itemBytes ? { ...item, expiresAt: 0 } : item))
      const { keys, starts, lengths, expires, bodies } = pack(some, Date.now())
      const epochs = some.map((item) => item.asOf.epoch)
      const seqs = some.map((item) => item.asOf.seq)
      const allowed = some.map(() => true)
      await this.#run('write', this.#statements.write, [epochs, seqs, keys, starts, lengths, expires, allowed, bodies])
      this.#sweepLater(this.#database.settings.sweepMs)
    }
    return items.map((item) => (item.body.length > itemBytes ? 'too_large' : undefined))
  }

  async drop(keys: readonly string[]): Promise<number> {
    let dropped = 0
    for (const some of inSteps(keys))
      dropped += (await this.#run('drop', this.#statements.drop, [some.map(bytesOf)])).count
    return dropped
  }

  /** In small steps; entries written meanwhile may stay (the ledger invalidates them). */
  async clear(prefix: string): Promise<number> {
    const end = above(prefix)
    let removed = 0
    for (let from = bytesOf(prefix); ; ) {
      const { rows } = await this.#run('clear', this.#statements.clear, [from, end, STEP])
      const count = numberAt(rows[0], 0)
      removed += count
      if (count < STEP) return removed
      from = bytesAt(rows[0], 1)
    }
  }

  async *scan(prefix: string): AsyncGenerator<readonly string[]> {
    const end = above(prefix)
    for (let from = bytesOf(prefix), isFirst = true; ; isFirst = false) {
      const { rows } = await this.#run('scan', this.#statements.scan, [from, end, isFirst, Date.now(), STEP])
      if (rows.length > 0) yield rows.map((row) => bytesAt(row, 0).toString('utf8'))
      if (rows.length < STEP) return
      from = bytesAt(rows.at(-1), 0)
    }
  }

  /**
   * Bytes on the server's disk, including indexes and rows not yet swept; for a bounded tier as its limits count,
   * without what vacuum has yet to free.
   */
  async usage(): Promise<TierUsage & { readonly bytes: number }> {
    if (this.bounds === undefined)
      return { bytes: numberAt((await this.#run('usage', this.#statements.usage, [])).rows[0], 0) }
    const [row] = (await this.#run('usage', this.#statements.counted, [])).rows
    return { entries: numberAt(row, 0), bytes: numberAt(row, 1), evicted: numberAt(row, 2) }
  }

  /**
   * Deletes expired rows. What the server keeps of deleted rows, until vacuum and in its own log, is beyond the tier's
   * control.
   */
  async scrub(): Promise<void> {
    for (let count = SWEEP; count >= SWEEP; )
      ({ count } = await this.#run('scrub', this.#statements.scrub, [Date.now(), SWEEP]))
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#followers.close()
    await this.#database.close()
  }

  #run(what: string, one: Statement, values: unknown[]): Promise<Answer> {
    return this.#database.run(what, FAILED, one, values)
  }

  /** The first write starts the sweeps; they never keep the process alive. */
  #sweepLater(ms: number): void {
    if (this.#timer !== undefined || this.#database.isClosed || ms === Number.POSITIVE_INFINITY) return
    this.#timer = unheld(outside(() => setTimeout(() => void this.#sweep(), ms * (0.75 + Math.random() / 2))))
  }

  /** One small step. If it fails, reads and writes fail too and report it; the next round comes anyway. */
  async #sweep(): Promise<void> {
    const swept = await this.#run('sweep', this.#statements.sweep, [this.#sweepLock, SWEEP]).then(
      ({ rows }) => numberAt(rows[0], 0),
      () => 0,
    )
    this.#timer = undefined
    this.#sweepLater(swept >= SWEEP ? NEXT_SWEEP_MS : this.#database.settings.sweepMs)
  }
}

function statementsOf(s: string) {
  return {
    // Each additional column is described and parsed in every result: the short ones are joined into one.
    read: statement(`SELECT encode(key, 'hex') || ':' || seq || ':' || coalesce(expires::text, '') || ':' || epoch, encode(body, 'hex')::varchar FROM ${s}.entry e
      WHERE key = ANY ($1::bytea[]) AND (expires IS NULL OR expires > $2::bigint) AND head = ${headOf('e')}`),
    write: statement(
      `SELECT ${s}.put($1::text[], $2::bigint[], $3::bytea[], $4::integer[], $5::integer[], $6::bigint[], $7::boolean[], $8::bytea)`,
    ),
    drop: statement(`WITH gone AS (SELECT key FROM ${s}.entry WHERE key = ANY ($1::bytea[]) ORDER BY key FOR UPDATE)
      DELETE FROM ${s}.entry e USING gone WHERE e.key = gone.key`),
    clear: statement(`WITH gone AS (
        DELETE FROM ${s}.entry WHERE key IN (
          SELECT key FROM ${s}.entry WHERE key >= $1::bytea AND key < $2::bytea ORDER BY key LIMIT $3::integer FOR UPDATE
        ) RETURNING key
      ) SELECT count(*), (SELECT encode(key, 'hex') FROM gone ORDER BY key DESC LIMIT 1) FROM gone`),
    scan: statement(`SELECT encode(key, 'hex') FROM ${s}.entry WHERE key >= $1::bytea AND key < $2::bytea AND ($3::boolean OR key <> $1::bytea)
      AND (expires IS NULL OR expires > $4::bigint) ORDER BY key LIMIT $5::integer`),
    counted: statement(
      `SELECT coalesce(sum(entries), 0)::bigint, coalesce(sum(bytes), 0)::bigint, coalesce(sum(evicted), 0)::bigint FROM ${s}.usage`,
    ),
    usage: statement(`SELECT pg_total_relation_size('${s}.entry')`),
    scrub: statement(`DELETE FROM ${s}.entry d WHERE d.ctid = ANY (ARRAY(
      SELECT e.ctid FROM ${s}.entry e WHERE e.expires <= $1::bigint ORDER BY e.expires LIMIT $2::integer FOR UPDATE SKIP LOCKED))`),
    sweep: statement(`SELECT ${s}.sweep($1::bigint, $2::integer)`),
  }
}

function takeIn(found: Map<string, Stored>, row: Row): void {
  const about = textAt(row, 0)
  const [keyEnd, seqEnd, expiresEnd] = colonsIn(about)
  const seq = Number(about.slice(keyEnd + 1, seqEnd))
  if (!Number.isSafeInteger(seq)) throw new TypeError(`the number of a position is ${about.slice(keyEnd + 1, seqEnd)}`)
  found.set(about.slice(0, keyEnd), {
    asOf: { epoch: about.slice(expiresEnd + 1), seq },
    expiresAt: expiresEnd === seqEnd + 1 ? Number.POSITIVE_INFINITY : Number(about.slice(seqEnd + 1, expiresEnd)),
    body: bytesAt(row, 1),
  })
}

/** The first three only: an epoch may contain more. */
function colonsIn(about: string): [number, number, number] {
  const first = about.indexOf(':')
  const second = about.indexOf(':', first + 1)
  return [first, second, about.indexOf(':', second + 1)]
}

function separate(answers: (Stored | undefined)[], from: number): void {
  const seen = new Set<Stored>()
  for (let index = from; index < answers.length; index++) {
    const stored = answers[index]
    if (stored === undefined) continue
    if (seen.has(stored)) answers[index] = { ...stored, body: Uint8Array.from(stored.body) }
    else seen.add(stored)
  }
}

/** An empty batch yields one empty step, so that a closed tier still rejects. */
function* inSteps<T>(
  items: readonly T[],
  bytesIn: (item: T) => number = () => 0,
  mostBytes = STEP_BYTES,
): Generator<readonly T[]> {
  let step: T[] = []
  let bytes = 0
  for (const item of items) {
    if (step.length === STEP || (step.length > 0 && bytes + bytesIn(item) > mostBytes)) {
      yield step
      step = []
      bytes = 0
    }
    step.push(item)
    bytes += bytesIn(item)
  }
  if (step.length > 0 || items.length === 0) yield step
}
