// The SQLite tier: an embedded cache file for one host, shared by its processes, with the ledger in the same
// transactions as the entries.
import { setImmediate as yieldToOthers } from 'node:timers/promises'
import type { LedgerStore, Scope, Stored, Tier, TierBounds, TierItem, TierStep } from '../../core/contracts.ts'
import type { NodeStore } from '../../core/nodes.ts'
import { outside } from '../../core/outside.ts'
import { numberIn, numbers } from '../../core/sqlite.ts'
import { unheld } from '../../core/unheld.ts'
import { pathPlace } from '../places.ts'
import { loadDriver } from './client.ts'
import { Database } from './database.ts'
import {
  type Bounds,
  clearSome,
  dropEntry,
  enforceBounds,
  listSome,
  readEntry,
  sweepExpired,
  writeEntry,
} from './entries.ts'
import { examineSqlite } from './examine.ts'
import { Followers } from './followers.ts'
import { emptyLog } from './key-store.ts'
import { SqliteLedger } from './ledger.ts'
import { SqliteNodes } from './nodes.ts'
import { resolveSqlite, type SqliteOptions, type SqliteSettings } from './options.ts'

export type { RetainOptions } from '../retain.ts'
export type { SqliteClass, SqliteDriver, SqliteHandle, SqliteStatement } from './client.ts'
export { type SqliteKeyStoreOptions, sqliteKeyStore } from './key-store.ts'
export type { SqliteOptions, TierWarning } from './options.ts'
export { type SqliteOutboxOptions, sqliteOutbox } from './outbox.ts'

export interface SqliteTier extends Tier {
  readonly name: 'sqlite'
  /** The database file, as given in the options. */
  readonly path: string
  /** `libsql`, `node`, or the name of the class passed in. */
  readonly driver: string
  readonly ledger: LedgerStore
  readonly nodes: NodeStore
  usage(): Promise<{ entries: number; bytes: number }>
  scan(prefix: string): AsyncIterable<readonly string[]>
  examine(): Promise<readonly TierStep[]>
}

const FAILED = 'TIER_FAILED'
/** Keys handled before yielding to the event loop: a few milliseconds of work. */
const STEP = 256
const SWEEP = 200

/**
 * A tier in a SQLite file (WAL), for one host: network file systems do not support its locks reliably.
 *
 * The file is opened here, so that a wrong path throws here. Defaults: 1 GiB, oldest entries evicted first; expired
 * rows are swept every second. An acknowledged step survives a kill of the process; a power loss only with
 * `synchronous: 'full'`.
 *
 * @throws MillpondError `OPTION_INVALID` (option, path, driver), `DURATION_INVALID`, `SCHEMA_NEWER` (the file was
 * written by a later Millpond).
 */
export function sqlite(options: SqliteOptions): SqliteTier {
  const settings = resolveSqlite(options)
  const driver = loadDriver(options.driver)
  return new SqliteFileTier(new Database(driver, settings), settings, driver.name)
}

class SqliteFileTier implements SqliteTier {
  readonly name = 'sqlite'
  readonly scope: Scope
  readonly durable: boolean
  /**
   * It runs in this process: concurrent calls would only wait for each other, and other work needs the event loop in
   * between.
   */
  readonly limits = { calls: 1, items: STEP }
  readonly bounds: TierBounds
  readonly path: string
  /** Empty for one in memory: it belongs to this object alone. */
  readonly places: readonly string[]
  readonly driver: string
  readonly ledger: SqliteLedger
  readonly nodes: SqliteNodes
  readonly examine: SqliteTier['examine']
  readonly #database: Database
  readonly #followers: Followers
  readonly #bounds: Bounds
  readonly #sweepMs: number
  readonly #warn: SqliteSettings['warn']
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(database: Database, settings: SqliteSettings, driver: string) {
    this.scope = database.inMemory ? 'process' : 'host'
    this.durable = !database.inMemory
    this.path = settings.path
    this.places = database.inMemory ? [] : [pathPlace('sqlite', settings.path)]
    this.bounds = finite(settings)
    this.driver = driver
    this.examine = () => examineSqlite(database, settings, driver)
    this.#database = database
    this.#bounds = settings
    this.#sweepMs = settings.sweepMs
    this.#warn = settings.warn
    this.#followers = new Followers(database)
    this.ledger = new SqliteLedger(database, this.#followers, () => this.#sweepLater(this.#sweepMs))
    this.nodes = new SqliteNodes(database, this.scope)
  }

  /** A single step, as for small reads, returns its own promise. */
  read(keys: readonly string[]): Promise<(Stored | undefined)[]> {
    return keys.length <= STEP ? this.#readStep(keys) : this.#readSteps(keys)
  }

  async #readSteps(keys: readonly string[]): Promise<(Stored | undefined)[]> {
    const answers: (Stored | undefined)[] = []
    for (const some of inSteps(keys)) {
      if (answers.length > 0) await yieldToOthers()
      for (const one of await this.#readStep(some)) answers.push(one)
    }
    return answers
  }

  #readStep(keys: readonly string[]): Promise<(Stored | undefined)[]> {
    const now = Date.now()
    return this.#database.look('read', FAILED, (file) => keys.map((key) => readEntry(file, key, now)))
  }

  async write(items: readonly TierItem[]): Promise<void> {
    for (const some of inSteps(items)) {
      await this.#database.write('write', FAILED, (file) => {
        const now = Date.now()
        for (const item of some) writeEntry(file, item, now, this.#bounds)
        enforceBounds(file, this.#bounds, now)
      })
      this.#sweepLater(this.#sweepMs)
    }
  }

  async drop(keys: readonly string[]): Promise<number> {
    let dropped = 0
    for (const some of inSteps(keys)) {
      dropped += await this.#database.write('drop', FAILED, (file) =>
        some.reduce((sum, key) => sum + dropEntry(file, key), 0),
      )
    }
    return dropped
  }

  async clear(prefix: string): Promise<number> {
    let removed = 0
    for (;;) {
      const step = await this.#database.write('clear', FAILED, (file) => clearSome(file, prefix, STEP))
      removed += step
      if (step < STEP) return removed
      await yieldToOthers()
    }
  }

  async *scan(prefix: string): AsyncGenerator<readonly string[]> {
    for (let after: string | undefined; ; ) {
      const from = after
      const keys = await this.#database.look('scan', FAILED, (file) => listSome(file, prefix, from, STEP, Date.now()))
      if (keys.length > 0) yield keys
      if (keys.length < STEP) return
      after = keys.at(-1)
      await yieldToOthers()
    }
  }

  /** Expired rows count until they are swept. */
  usage(): Promise<{ entries: number; bytes: number }> {
    return this.#database.look('usage', FAILED, (file) => {
      const total = file.sql(`SELECT ${numbers('entries', 'bytes')} FROM total`).get()
      return { entries: numberIn(total, 'entries'), bytes: numberIn(total, 'bytes') }
    })
  }

  /**
   * Deleted rows are overwritten at once (`secure_delete`): expired rows are deleted, and the log with all former pages
   * is emptied.
   */
  async scrub(): Promise<void> {
    for (;;) {
      const swept = await this.#database.write('scrub', FAILED, (file) => sweepExpired(file, Date.now(), STEP))
      if (swept < STEP) break
      await yieldToOthers()
    }
    if (this.durable)
      await this.#database.look('scrub', FAILED, (file) => emptyLog(file.sql('PRAGMA wal_checkpoint(TRUNCATE)').get()))
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#followers.close()
    this.nodes.end()
    this.#database.close()
  }

  /** The first write starts the sweeps; they never keep the process alive. */
  #sweepLater(ms: number): void {
    if (this.#timer !== undefined || this.#database.isClosed || this.#sweepMs === Number.POSITIVE_INFINITY) return
    this.#timer = unheld(
      outside(() =>
        setTimeout(() => {
          this.#timer = undefined
          this.#sweepLater(this.#sweep() ? 20 : this.#sweepMs)
        }, ms),
      ),
    )
  }

  /** One small step; returns whether there is more. Does not wait for locks: the next round comes anyway. */
  #sweep(): boolean {
    try {
      const swept = this.#database.tryWrite((file) => {
        const now = Date.now()
        file.sql('DELETE FROM lease WHERE until <= ?').run(now)
        return sweepExpired(file, now, SWEEP)
      })
      return swept === SWEEP
    } catch (cause) {
      this.#warn({
        kind: 'sweep',
        message: 'expired rows of the cache file could not be swept now; the next round tries again',
        cause,
      })
      return false
    }
  }
}

const finite = ({ maxEntries, maxBytes }: Bounds): TierBounds => ({
  ...(maxEntries < Number.POSITIVE_INFINITY && { maxEntries }),
  ...(maxBytes < Number.POSITIVE_INFINITY && { maxBytes }),
})

/** An empty batch yields one empty step, so that a closed tier still rejects. */
function* inSteps<T>(items: readonly T[]): Generator<readonly T[]> {
  if (items.length <= STEP) yield items
  else for (let start = 0; start < items.length; start += STEP) yield items.slice(start, start + STEP)
}
