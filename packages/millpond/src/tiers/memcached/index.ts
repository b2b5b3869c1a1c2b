// The Memcached tier: shared by all processes, spread over its servers by ketama. It cannot keep a ledger; use another
// tier for that.
import { crc32 } from 'node:zlib'
import type { Refusal, Stored, Tier, TierItem, TierLimits, TierStep } from '../../core/contracts.ts'
import { MillpondError } from '../../core/errors.ts'
import { serverPlace } from '../places.ts'
import type { Verb } from './connection.ts'
import type { Listed } from './dump.ts'
import { examineMemcached } from './examine.ts'
import { Names } from './names.ts'
import { type MemcachedSettings, type MemcachedTierOptions, resolveMemcached } from './options.ts'
import { pack, unpack } from './record.ts'
import type { Reply } from './replies.ts'
import { ketama, type Ring } from './ring.ts'
import { Server } from './server.ts'

export type { MemcachedHost, MemcachedTierOptions, MemcachedWarning } from './options.ts'

/** Anomalies that were not errors, counted since the tier was created. */
export interface MemcachedCounts {
  /** Keys that read as absent because their server did not answer, while others did. */
  unreachable: number
  /** Items that a server refused: too large, or no memory for them. What it held under their keys is gone too. */
  refused: number
  /** Records that were damaged, foreign, or of another key. */
  unreadable: number
}

export interface MemcachedTier extends Tier {
  readonly name: 'memcached'
  /** What this process has missed or could not store, since its start. */
  readonly counts: Readonly<MemcachedCounts>
  scan(prefix: string): AsyncIterable<readonly string[]>
  examine(): Promise<readonly TierStep[]>
}

/** Keys per step, so that a large batch does not delay other calls. */
const STEP = 2000
const LINE_END = Buffer.from('\r\n')
/** A server takes longer TTLs as a timestamp. */
const LONGEST_S = 30 * 24 * 3600
/** The largest timestamp that it supports. */
const LAST_S = 2 ** 31 - 1
/**
 * Maximum overhead of an item beside its body: its name, the head of the record, and a key of 512 characters if the
 * name is a hash.
 */
const MOST_BESIDE = 2048
/** Maximum bytes that a server adds to an item. */
const ITEM_HEAD = 64

/**
 * A tier on Memcached servers (1.6.10 or later) over the meta protocol, with a client of its own.
 *
 * Connects on the first command. While a server is down, its keys read as absent and writes to it reject; the other
 * servers continue. It cannot keep a ledger: put `redis`, `postgres` or, on one host, `sqlite` beside it. `clear` and
 * `scan` walk everything that the servers hold.
 *
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`.
 * @example
 * const cache = createCache({ tiers: [memory(), memcached({ servers: '10.0.0.1,10.0.0.2' }), redis({ url })] })
 */
export function memcached(options: MemcachedTierOptions = {}): MemcachedTier {
  return new MemcachedServersTier(resolveMemcached(options))
}

/** The part of a batch for one connection of one server: names, and their indexes in the batch if they differ. */
interface Share {
  readonly server: Server
  readonly lane: number
  readonly names: readonly string[]
  readonly places?: readonly number[]
}

interface Failure {
  readonly share: Share
  readonly error: unknown
}

/** An item of a server; `key` if read from its record. */
interface Found extends Listed {
  readonly key?: string
}

class MemcachedServersTier implements MemcachedTier {
  readonly name = 'memcached'
  readonly scope = 'shared'
  readonly durable = true
  /** The servers' crawler does not guarantee to list every item. */
  readonly scanMayMiss = true
  readonly limits: TierLimits
  readonly places: readonly string[]
  readonly counts: MemcachedCounts = { unreachable: 0, refused: 0, unreadable: 0 }
  readonly #settings: MemcachedSettings
  readonly #names: Names
  readonly #ring: Ring
  readonly #servers: readonly Server[]
  #isClosed = false

  constructor(settings: MemcachedSettings) {
    this.#settings = settings
    this.places = settings.servers.map((host) => serverPlace('memcached', host, settings.keyPrefix))
    this.limits = { itemBytes: Math.max(1024, settings.maxItemBytes - MOST_BESIDE) }
    this.#names = new Names(settings.keyPrefix)
    this.#ring = ketama(settings.servers)
    this.#servers = settings.servers.map((host) => new Server(host, settings))
  }

  /** Rejects only if none of the servers asked has answered. */
  async read(keys: readonly string[]): Promise<(Stored | undefined)[]> {
    const answers: (Stored | undefined)[] = []
    for (const some of inSteps(keys)) {
      const names = some.map((key) => this.#names.nameOf(key))
      const step = new Array<Stored | undefined>(some.length).fill(undefined)
      const now = Date.now()
      const take = (reply: Reply, place: number): void => {
        if (typeof reply !== 'string') step[place] = this.#restore(reply, names[place] ?? '', some[place] ?? '', now)
      }
      const failures = await this.#ask(names, 'mg', (name) => `mg ${name} v\r\n`, take)
      const lost = failures.reduce((sum, { share }) => sum + share.names.length, 0)
      if (lost === some.length && failures[0] !== undefined) throw failures[0].error
      this.counts.unreachable += lost
      for (const one of step) answers.push(one)
    }
    return answers
  }

  async write(items: readonly TierItem[]): Promise<readonly (Refusal | undefined)[]> {
    const refusals = new Array<Refusal | undefined>(items.length).fill(undefined)
    let from = 0
    for (const some of inSteps(items)) {
      const start = from
      const now = Date.now()
      const names = some.map(({ key }) => this.#names.nameOf(key))
      const command = (name: string, place: number): Buffer => {
        const item = some[place]
        if (item === undefined || timeToLive(item.expiresAt, now) < 0) return forgetting(name)
        const storing = this.#storing(item, name, now)
        if (storing === undefined) refusals[start + place] = 'too_large'
        return storing ?? forgetting(name)
      }
      const take = (reply: Reply, place: number): void => {
        if (typeof reply === 'string' && reply.startsWith('SERVER_ERROR'))
          refusals[start + place] = reply.includes('too large') ? 'too_large' : 'full'
      }
      throwFirst(await this.#ask(names, 'ms', command, take))
      from += some.length
    }
    this.counts.refused += refusals.reduce((sum, one) => (one === undefined ? sum : sum + 1), 0)
    return refusals
  }

  async drop(keys: readonly string[]): Promise<number> {
    let dropped = 0
    for (const some of inSteps(keys)) {
      const names = some.map((key) => this.#names.nameOf(key))
      const take = (reply: Reply): void => {
        if (reply === 'HD') dropped++
      }
      throwFirst(await this.#ask(names, 'md', (name) => `md ${name}\r\n`, take))
    }
    return dropped
  }

  /** Walks all servers. Items written meanwhile stay: each is removed only if it is still the one that was listed. */
  async clear(prefix: string): Promise<number> {
    let removed = 0
    for await (const { server, found } of this.#find(prefix))
      for (const some of inSteps(found)) {
        const commands = some.map(({ name, cas }) => `md ${name} C${cas}\r\n`).join('')
        const replies = await server.send(0, commands, some.length, 'md')
        removed += replies.filter((reply) => reply === 'HD').length
      }
    return removed
  }

  async *scan(prefix: string): AsyncGenerator<readonly string[]> {
    for await (const { found } of this.#find(prefix)) {
      const keys = found.flatMap(({ key }) => key ?? [])
      if (keys.length > 0) yield keys
    }
  }

  examine(): Promise<readonly TierStep[]> {
    return examineMemcached(this.#settings)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all(this.#servers.map((server) => server.close()))
  }

  /** Passes each reply to `take` with its index. Resolves with what could not be asked; never rejects. */
  async #ask(
    names: readonly string[],
    verb: Verb,
    command: (name: string, place: number) => string | Buffer,
    take: (reply: Reply, place: number) => void,
  ): Promise<Failure[]> {
    const failures: Failure[] = []
    const one = async (share: Share): Promise<void> => {
      try {
        const { places } = share
        const commands = joined(share.names.map((name, at) => command(name, places?.[at] ?? at)))
        const replies = await share.server.send(share.lane, commands, share.names.length, verb)
        for (let at = 0; at < replies.length; at++) take(replies[at] ?? '', places?.[at] ?? at)
      } catch (error) {
        failures.push({ share, error })
      }
    }
    const [first, ...others] = this.#shares(names)
    if (first !== undefined && others.length === 0) await one(first)
    else if (first !== undefined) await Promise.all([first, ...others].map(one))
    return failures
  }

  /** An empty batch asks no server, but a closed tier still rejects. */
  #shares(names: readonly string[]): readonly Share[] {
    const [only, second] = this.#servers
    if (only === undefined) return []
    if (this.#isClosed) throw new MillpondError('CLOSED', 'memcached: the tier is closed')
    const { poolSize } = this.#settings
    if (second === undefined && poolSize === 1) return names.length === 0 ? [] : [{ server: only, lane: 0, names }]
    const shares = new Map<number, Share & { readonly names: string[]; readonly places: number[] }>()
    for (const [place, name] of names.entries()) {
      const at = this.#ring(name)
      const lane = poolSize === 1 ? 0 : crc32(name) % poolSize
      let share = shares.get(at * poolSize + lane)
      if (share === undefined) {
        share = { server: this.#servers[at] ?? only, lane, names: [], places: [] }
        shares.set(at * poolSize + lane, share)
      }
      share.places.push(place)
      share.names.push(name)
    }
    return [...shares.values()]
  }

  #restore(record: Buffer, name: string, key: string, now: number): Stored | undefined {
    const unpacked = unpack(record, name)
    if (unpacked === undefined || (unpacked.key !== undefined && unpacked.key !== key)) {
      this.counts.unreadable++
      return undefined
    }
    return unpacked.expiresAt <= now ? undefined : unpacked
  }

  /** Undefined for items that are too large. */
  #storing(item: TierItem, name: string, now: number): Buffer | undefined {
    const record = pack(item, name, this.#names.isHashed(name))
    if (record.length + name.length + ITEM_HEAD > this.#settings.maxItemBytes) return undefined
    const head = `ms ${name} ${record.length} T${timeToLive(item.expiresAt, now)}\r\n`
    return Buffer.concat([Buffer.from(head, 'latin1'), record, LINE_END])
  }

  /** The servers' items under the prefix, in batches. */
  async *#find(prefix: string): AsyncGenerator<{ readonly server: Server; readonly found: readonly Found[] }> {
    for (const server of this.#servers)
      for await (const listed of server.list()) {
        const found: Found[] = listed.flatMap(({ name, cas }) => {
          const key = this.#names.keyOf(name)
          return key?.startsWith(prefix) ? [{ name, cas, key }] : []
        })
        const hashed = listed.filter(({ name }) => name.startsWith(this.#names.prefix) && this.#names.isHashed(name))
        for (const some of inSteps(hashed)) found.push(...(await this.#tell(server, some, prefix)))
        if (found.length > 0) yield { server, found }
      }
  }

  /** Reads the keys of hashed names from their records. Unreadable records match any prefix. */
  async #tell(server: Server, hashed: readonly Listed[], prefix: string): Promise<Found[]> {
    if (hashed.length === 0) return []
    const replies = await server.send(0, hashed.map(({ name }) => `mg ${name} v\r\n`).join(''), hashed.length, 'mg')
    return hashed.flatMap(({ name, cas }, at) => {
      const reply = replies[at]
      const key = Buffer.isBuffer(reply) ? unpack(reply, name)?.key : undefined
      return key === undefined ? [{ name, cas }] : key.startsWith(prefix) ? [{ name, cas, key }] : []
    })
  }
}

function joined(commands: readonly (string | Buffer)[]): string | Buffer {
  return commands.every((command) => typeof command === 'string')
    ? commands.join('')
    : Buffer.concat(commands.map(bytesOf))
}

const bytesOf = (command: string | Buffer): Buffer =>
  typeof command === 'string' ? Buffer.from(command, 'latin1') : command

/** Stores an already expired item, which removes the previous one. */
const forgetting = (name: string): Buffer => Buffer.from(`ms ${name} 0 T-1\r\n\r\n`, 'latin1')

function throwFirst([first]: readonly Failure[]): void {
  if (first !== undefined) throw first.error
}

/**
 * In seconds as the server takes them, slightly later than the record's own deadline, which decides; 0 means never, -1
 * at once.
 */
function timeToLive(expiresAt: number, now: number): number {
  if (expiresAt <= now) return -1
  const seconds = Math.ceil((expiresAt - now) / 1000) + 1
  if (seconds <= LONGEST_S) return seconds
  const instant = Math.ceil(expiresAt / 1000) + 1
  return instant > LAST_S ? 0 : instant
}

/** An empty batch yields one empty step, so that a closed tier still rejects. */
function* inSteps<T>(items: readonly T[]): Generator<readonly T[]> {
  if (items.length <= STEP) yield items
  else for (let start = 0; start < items.length; start += STEP) yield items.slice(start, start + STEP)
}
