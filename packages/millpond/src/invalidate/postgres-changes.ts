// Follows the change notifications of PostgreSQL and turns them into changes of models.
//
// Notifications are not stored: a disconnected client misses them. After each (re)connection the follower therefore
// reports every table as changed as a whole, before it reports single changes again.
import {
  check,
  checkOptions,
  clock,
  fn,
  listOf,
  options as optionsOf,
  required,
  type Shape,
  whole,
} from '../core/checks.ts'
import type { Clock } from '../core/contracts.ts'
import { MillpondError } from '../core/errors.ts'
import { CHANNEL, checkChannel, fullName, type PostgresChangesSql, WATCHED_TABLE } from './postgres-triggers.ts'
import type { ChangeKind } from './relations.ts'

/** A dedicated connected client of pg: `const client = new pg.Client(url); await client.connect()`. */
export interface ListenClient {
  /** Runs a statement. */
  query(text: string): Promise<unknown>
  /** Adds a listener for `notification`, `error` and `end`. */
  on(event: string, listener: (...args: never[]) => void): unknown
  /** Closes the connection. */
  end(): Promise<void>
}

/** A notified change; without an id any rows of the model may have changed. */
export interface TableChange {
  /** The model of the changed table. */
  readonly model: string
  /** The id of the changed row. */
  readonly id?: string
  /** Whether rows were created, updated or deleted. */
  readonly kind: ChangeKind
}

export interface FollowOptions extends PostgresChangesSql {
  /** Creates and connects a client. Called again after each loss. */
  readonly connect: () => Promise<ListenClient>
  /** The clock. */
  readonly clock: Clock
  /**
   * Called with changes, in the order of commits, one batch at a time. A rejection is passed to `onError`, and the
   * batch counts as missed.
   */
  readonly changed: (changes: readonly TableChange[]) => Promise<unknown>
  /** Called with errors of changes that could not be read or applied. */
  readonly onError?: ((error: unknown) => void) | undefined
  /**
   * How long to wait before connecting again: from the first number, doubled, to the second, in milliseconds. Default
   * [100, 10,000].
   */
  readonly reconnectMs?: readonly [number, number] | undefined
  /**
   * How often the connection is checked, and how long the check may take, in milliseconds: a half-open one shows no
   * error. Default 5,000.
   */
  readonly checkMs?: number | undefined
}

export interface ChangesFollower {
  /** Resolves when the first connection listens, and everything before it has been reported. */
  readonly ready: Promise<void>
  /** Whether it is listening; while it is not, changes are missed and will be reported as a whole. */
  readonly isListening: boolean
  /** How often it had to start again. */
  readonly gaps: number
  /** Ends it, with its connection. */
  close(): Promise<void>
}

/** More changes than this in one batch become whole models. */
const MAX_BATCH = 1000

const tables = listOf<FollowOptions['tables'][number]>(
  optionsOf(WATCHED_TABLE),
  "a list of tables, such as [{ table: 'users' }]",
)
const OPTIONS: Shape<FollowOptions> = {
  connect: required(fn('a function that creates and connects a pg client')),
  clock: required(clock),
  changed: required(fn('a function that receives the changes')),
  tables: required(tables),
  channel: (value) => checkChannel(value),
  onError: fn(),
  reconnectMs: check(
    (value): value is readonly [number, number] =>
      Array.isArray(value) && value.length === 2 && value.every((ms) => Number.isSafeInteger(ms) && ms >= 1),
    'two numbers of milliseconds, such as [100, 10_000]',
  ),
  checkMs: whole(1),
}

/** Follows the notifications until `close`. Never throws: failures go to `onError`, and it reconnects. */
export function followPostgresChanges(options: FollowOptions): ChangesFollower {
  checkOptions<FollowOptions>(options, OPTIONS, 'followPostgresChanges')
  return new Follower(options)
}

class Follower implements ChangesFollower {
  readonly ready: Promise<void>
  isListening = false
  gaps = -1
  readonly #options: FollowOptions
  readonly #channel: string
  readonly #models: ReadonlyMap<string, string>
  #client: ListenClient | undefined
  #pending: TableChange[] = []
  #reporting: Promise<void> = Promise.resolve()
  #isReporting = false
  #isClosed = false
  #failures = 0
  #cancelTimer: () => void = () => undefined
  #resolveReady: () => void = () => undefined

  constructor(options: FollowOptions) {
    this.#options = options
    this.#channel = checkChannel(options.channel ?? CHANNEL)
    this.#models = new Map(options.tables.map(({ table, model }) => [fullName(table), model ?? table]))
    this.ready = new Promise((resolve) => {
      this.#resolveReady = resolve
    })
    void this.#connect()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancelTimer()
    this.isListening = false
    const client = this.#client
    this.#client = undefined
    this.#resolveReady()
    if (client !== undefined) await this.#end(client)
    await this.#reporting
  }

  async #connect(): Promise<void> {
    let client: ListenClient | undefined
    try {
      client = await this.#options.connect()
      const connected = client
      if (this.#isClosed) return await this.#end(connected)
      this.#client = connected
      connected.on('notification', (message: { channel?: unknown; payload?: unknown }) =>
        this.#heard(connected, message),
      )
      connected.on('error', (error: unknown) => this.#lost(connected, error))
      connected.on('end', () => this.#lost(connected, undefined))
      await this.#inTime(connected.query(`LISTEN "${this.#channel}"`))
      if (this.#client !== connected) return
      // From here on nothing is missed; earlier changes may have been.
      this.gaps++
      this.#report(this.#everything())
      await this.#reporting
      if (this.#client !== connected) return
      this.isListening = true
      this.#failures = 0
      this.#resolveReady()
      this.#checkLater(connected)
    } catch (error) {
      if (client === undefined) this.#retry(error)
      else this.#lost(client, error)
    }
  }

  #heard(client: ListenClient, message: { channel?: unknown; payload?: unknown }): void {
    if (client !== this.#client || message.channel !== this.#channel) return
    this.#report(this.#changesOf(message.payload))
  }

  /** A notification that cannot be parsed, or names a table that is not watched here, can only invalidate. */
  #changesOf(payload: unknown): readonly TableChange[] {
    const message = parse(payload)
    if (message === undefined) return this.#everything()
    const model = this.#models.get(message.table)
    if (model === undefined) return []
    const kind: ChangeKind = message.operation === 'DELETE' || message.operation === 'TRUNCATE' ? 'delete' : 'save'
    return message.keys === undefined
      ? [
          { model, kind: 'delete' },
          { model, kind: 'save' },
        ]
      : message.keys.map((id) => ({ model, id, kind }))
  }

  #everything(): TableChange[] {
    return [...this.#models.values()].flatMap((model): TableChange[] => [
      { model, kind: 'delete' },
      { model, kind: 'save' },
    ])
  }

  /** One batch at a time: changes that arrive meanwhile form the next one. */
  #report(changes: readonly TableChange[]): void {
    if (changes.length === 0) return
    this.#pending.push(...changes)
    if (this.#pending.length > MAX_BATCH) this.#pending = this.#everything()
    if (this.#isReporting) return
    this.#isReporting = true
    this.#reporting = this.#drain().finally(() => {
      this.#isReporting = false
    })
  }

  async #drain(): Promise<void> {
    while (this.#pending.length > 0) {
      const batch = this.#pending
      this.#pending = []
      try {
        await this.#options.changed(batch)
      } catch (error) {
        this.#options.onError?.(error)
        // Not applied: everything of these tables has to be invalidated once that is possible, and a new connection
        // begins with it.
        this.#pending = []
        if (this.#client !== undefined) this.#lost(this.#client, undefined)
      }
    }
  }

  #checkLater(client: ListenClient): void {
    const { clock, checkMs = 5000 } = this.#options
    this.#cancelTimer = clock.after(checkMs, () => {
      this.#inTime(client.query('SELECT 1')).then(
        () => {
          if (client === this.#client) this.#checkLater(client)
        },
        (error: unknown) => this.#lost(client, error),
      )
    })
  }

  #inTime<T>(work: Promise<T>): Promise<T> {
    const { clock, checkMs = 5000 } = this.#options
    return new Promise<T>((resolve, reject) => {
      const cancel = clock.after(checkMs, () =>
        reject(new MillpondError('TIER_FAILED', `[postgres] the connection did not answer within ${checkMs} ms`)),
      )
      work.then(resolve, reject).finally(cancel)
    })
  }

  #lost(client: ListenClient, error: unknown): void {
    if (client !== this.#client) return
    this.#client = undefined
    this.isListening = false
    void this.#end(client)
    this.#retry(error)
  }

  #retry(error: unknown): void {
    if (this.#isClosed) return
    if (error !== undefined) this.#options.onError?.(error)
    const [first, longest] = this.#options.reconnectMs ?? [100, 10_000]
    this.#cancelTimer()
    this.#cancelTimer = this.#options.clock.after(
      Math.min(longest, first * 2 ** Math.min(this.#failures++, 20)),
      () => void this.#connect(),
    )
  }

  /** Ending a broken connection may fail. */
  async #end(client: ListenClient): Promise<void> {
    client.on('error', () => undefined)
    try {
      await this.#inTime(client.end())
    } catch (error) {
      if (!this.#isClosed) this.#options.onError?.(error)
    }
  }
}

interface Message {
  readonly operation: string
  readonly table: string
  readonly keys: readonly string[] | undefined
}

function parse(payload: unknown): Message | undefined {
  try {
    const value: unknown = typeof payload === 'string' ? JSON.parse(payload) : undefined
    if (typeof value !== 'object' || value === null || !('o' in value) || !('t' in value)) return undefined
    if (typeof value.o !== 'string' || typeof value.t !== 'string') return undefined
    const keys = 'k' in value ? value.k : undefined
    const isList = Array.isArray(keys) && keys.every((key) => typeof key === 'string' && key.length > 0)
    return { operation: value.o, table: value.t, keys: isList ? keys : undefined }
  } catch {
    return undefined
  }
}
