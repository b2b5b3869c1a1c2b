// The Redis tier: shared by all processes, with the ledger, the log and the leases on the same server. Valkey works the
// same way.
import type { LedgerStore, Stored, Tier, TierItem, TierStep } from '../../core/contracts.ts'
import type { NodeStore } from '../../core/nodes.ts'
import { restore } from '../record-head.ts'
import { ClusterEntries } from './cluster-entries.ts'
import { type Connection, clientClass, type Wire } from './connection.ts'
import { ClusterConnection } from './connection-cluster.ts'
import { NodeConnection } from './connection-node.ts'
import { examineRedis } from './examine.ts'
import { RedisLedger } from './ledger.ts'
import { Names } from './names.ts'
import { redisNodes } from './nodes.ts'
import { type RedisTierOptions, resolveRedis } from './options.ts'
import { store, timeToLive } from './record.ts'
import { scanNames } from './scan.ts'

export type { RetainOptions } from '../retain.ts'
export type { RedisClient, RedisClientOptions } from './client.ts'
export type { NodeRedisClient } from './client-node-redis.ts'
export type { RedisDriver, RedisHost, RedisTierOptions } from './options.ts'

export interface RedisTier extends Tier {
  readonly name: 'redis'
  readonly ledger: LedgerStore
  readonly nodes: NodeStore
  scan(prefix: string): AsyncIterable<readonly string[]>
  examine(): Promise<readonly TierStep[]>
}

const FAILED = 'TIER_FAILED'
/**
 * The most keys in one command; a larger batch takes several round trips, so that the server serves others in between.
 */
const STEP = 2000
/** The result of an empty batch, which sends no command. */
const NOTHING = Promise.resolve(undefined)

/**
 * A tier on one Redis or Valkey server (6.2 or later), on the master that Sentinel names (`sentinels`, `name`), or on a
 * Cluster (`cluster`), through ioredis or node-redis.
 *
 * A promoted replica is a new epoch: memory is dropped and loads under way are not stored. In a cluster an invalidation
 * and a write are two steps each, the ledger's record first: its master decides, and an entry that the second step did
 * not reach is not trusted.
 *
 * Connects with the first command, not before. A command takes at most `commandTimeout` (250 ms); while the server is
 * known to be down calls reject at once, and the connection comes back by itself. Whether the server keeps its data
 * over a restart is its own setting.
 *
 * A least-privilege user for the key prefix `shop:` needs `~shop:* &shop:* -@all +ping +info +select +mget +set +unlink
 * +scan +evalsha +eval +get +hget +hmget +hset +hdel +hexists +hgetall +hscan +pexpire +pttl +time +publish +subscribe
 * +unsubscribe`; in a cluster also `+cluster|slots +asking +getrange`.
 *
 * @throws MillpondError `OPTION_INVALID` (option, URL, no client installed), `DURATION_INVALID`.
 */
export function redis(options: RedisTierOptions = {}): RedisTier {
  const settings = resolveRedis(options)
  const names = new Names(settings.keyPrefix)
  const Client = clientClass(settings)
  const examine = (): Promise<readonly TierStep[]> => examineRedis(settings, Client)
  if (settings.cluster !== undefined) {
    const connection = new ClusterConnection(settings, Client)
    const entries = new ClusterEntries(connection, names)
    const ledger = new RedisLedger(connection, names, settings.retain, entries)
    return new RedisClusterTier(connection, entries, ledger, redisNodes(connection, names), examine, settings.places)
  }
  const connection = new NodeConnection(settings, Client)
  return new RedisServerTier(
    connection,
    names,
    new RedisLedger(connection, names, settings.retain),
    examine,
    settings.places,
  )
}

class RedisServerTier implements RedisTier {
  readonly name = 'redis'
  readonly scope = 'shared'
  readonly durable = true
  readonly ledger: RedisLedger
  readonly nodes: NodeStore
  readonly examine: RedisTier['examine']
  readonly places: readonly string[]
  readonly #connection: Connection
  readonly #names: Names

  constructor(
    connection: Connection,
    names: Names,
    ledger: RedisLedger,
    examine: RedisTier['examine'],
    places: readonly string[],
  ) {
    this.places = places
    this.examine = examine
    this.#connection = connection
    this.#names = names
    this.ledger = ledger
    this.nodes = redisNodes(connection, names)
  }

  /** A single step is returned as it is: a promise around it would cost two more turns. */
  read(keys: readonly string[]): Promise<(Stored | undefined)[]> {
    return keys.length <= STEP ? this.#readStep(keys) : this.#readSteps(keys)
  }

  async #readSteps(keys: readonly string[]): Promise<(Stored | undefined)[]> {
    const answers: (Stored | undefined)[] = []
    for (const some of inSteps(keys)) for (const answer of await this.#readStep(some)) answers.push(answer)
    return answers
  }

  async #readStep(keys: readonly string[]): Promise<(Stored | undefined)[]> {
    const names = keys.map((key) => this.#names.entry(key))
    const talk = (wire: Wire): Promise<unknown> => (names.length === 0 ? NOTHING : wire.call('MGET', names))
    const reply = await this.#connection.exchange('read', FAILED, talk, undefined, true)
    const now = Date.now()
    return names.map((_, index) => restore(Array.isArray(reply) ? reply[index] : undefined, now))
  }

  async write(items: readonly TierItem[]): Promise<void> {
    for (const some of inSteps(items)) {
      const now = Date.now()
      const commands = some.map(({ key, body, expiresAt, asOf }): [string, ...(string | Buffer)[]] => {
        const name = this.#names.entry(key)
        const ms = timeToLive(expiresAt, now)
        if (ms === '0') return ['unlink', name]
        const bytes = store(asOf, body, expiresAt)
        return ms === '' ? ['set', name, bytes] : ['set', name, bytes, 'PX', ms]
      })
      await this.#connection.exchange('write', FAILED, (wire) => wire.callAll(commands))
    }
  }

  async drop(keys: readonly string[]): Promise<number> {
    let dropped = 0
    for (const some of inSteps(keys)) dropped += await this.#unlink(some.map((key) => this.#names.entry(key)))
    return dropped
  }

  /** By SCAN, which never blocks the server; entries written meanwhile may stay (the ledger invalidates them). */
  async clear(prefix: string): Promise<number> {
    let removed = 0
    for await (const names of scanNames(this.#connection, 'clear', this.#names.match(prefix)))
      removed += await this.#unlink(names)
    return removed
  }

  async *scan(prefix: string): AsyncGenerator<readonly string[]> {
    for await (const names of scanNames(this.#connection, 'scan', this.#names.match(prefix))) {
      const keys = names.flatMap((name) => this.#names.keyOf(name.toString()) ?? [])
      if (keys.length > 0) yield keys
    }
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  async #unlink(names: (string | Buffer)[]): Promise<number> {
    const reply = await this.#connection.exchange('drop', FAILED, (wire) =>
      names.length === 0 ? NOTHING : wire.call('UNLINK', names),
    )
    return Number(reply ?? 0)
  }
}

/** The tier in a cluster. */
class RedisClusterTier implements RedisTier {
  readonly name = 'redis'
  readonly scope = 'shared'
  readonly durable = true
  readonly ledger: RedisLedger
  readonly nodes: NodeStore
  readonly examine: RedisTier['examine']
  readonly places: readonly string[]
  readonly #connection: Connection
  readonly #entries: ClusterEntries

  constructor(
    connection: Connection,
    entries: ClusterEntries,
    ledger: RedisLedger,
    nodes: NodeStore,
    examine: RedisTier['examine'],
    places: readonly string[],
  ) {
    this.places = places
    this.examine = examine
    this.#connection = connection
    this.#entries = entries
    this.ledger = ledger
    this.nodes = nodes
  }

  async read(keys: readonly string[]): Promise<(Stored | undefined)[]> {
    const answers: (Stored | undefined)[] = []
    for (const some of inSteps(keys)) for (const answer of await this.#entries.read(some)) answers.push(answer)
    return answers
  }

  async write(items: readonly TierItem[]): Promise<void> {
    for (const some of inSteps(items)) await this.#entries.write(some)
  }

  async drop(keys: readonly string[]): Promise<number> {
    let dropped = 0
    for (const some of inSteps(keys)) dropped += await this.#entries.drop(some)
    return dropped
  }

  clear(prefix: string): Promise<number> {
    return this.#entries.clear(prefix)
  }

  scan(prefix: string): AsyncGenerator<readonly string[]> {
    return this.#entries.scan(prefix)
  }

  close(): Promise<void> {
    return this.#connection.close()
  }
}

/** An empty batch is one empty step, so that a closed tier still rejects. */
function* inSteps<T>(items: readonly T[]): Generator<readonly T[]> {
  if (items.length <= STEP) yield items
  else for (let start = 0; start < items.length; start += STEP) yield items.slice(start, start + STEP)
}
