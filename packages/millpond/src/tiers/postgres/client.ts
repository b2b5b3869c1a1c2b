// The parts of pg that are used: a pool and its clients, ours or the user's.

import type { EventEmitter } from 'node:events'
import type { ConnectionOptions } from 'node:tls'
import { MillpondError } from '../../core/errors.ts'
import { loadPackage } from '../../core/packages.ts'

/** The parts of pg's Pool that are used. */
export interface PostgresPool {
  /**
   * With a callback: awaiting a promise would be too late for an error that arrives together with the connection, and
   * an unhandled one ends the program.
   */
  connect(callback: (error: Error | undefined, client: PostgresClient | undefined) => void): void
  /** Errors of idle clients: without a listener, one would end the program. */
  on(event: 'error', listener: (error: Error) => void): unknown
  /** Called when the tier is closed, since a pool that was passed in stays open. */
  removeListener(event: 'error', listener: (error: Error) => void): unknown
}

/** The parts of a pooled client that are used. */
export interface PostgresClient {
  /** Runs one statement; rejects with the server's error, whose `code` is the SQLSTATE. */
  query(config: PostgresQuery): Promise<{ readonly rows: unknown[]; readonly rowCount: number | null }>
  /** With `true` the connection is closed instead of used again. */
  release(destroy?: boolean): void
  /** Errors of the connection while the client is checked out. */
  on(event: 'error', listener: (error: Error) => void): unknown
}

/** `types` makes every column text, or bytes if marked, whatever parsers the program has set globally. */
export interface PostgresQuery {
  /** The statement, with `$1`, `$2` for its values. */
  readonly text: string
  /** The name of the prepared statement; absent: it is not prepared. */
  readonly name?: string | undefined
  /** The values of `$1`, `$2`; absent if the statement has none. */
  readonly values?: unknown[]
  readonly rowMode: 'array'
  /** How columns of a type, named by its OID, are parsed. */
  readonly types: { getTypeParser(type: number): (text: string) => string | Buffer }
}

/** The parts of an own client that are used. */
export interface Listening extends EventEmitter {
  connect(): Promise<void>
  query(text: string): Promise<unknown>
  end(): Promise<void>
  unref?(): void
}

interface Pg {
  readonly Pool: new (options: object) => PostgresPool & { end(): Promise<void> }
  readonly Client: new (options: object) => Listening
}

/** Where to connect, and how. */
export interface Address {
  readonly url: string | undefined
  readonly pool: PostgresPool | undefined
  readonly tls: boolean | ConnectionOptions | undefined
  readonly poolSize: number
  readonly connectMs: number
}

export interface Access {
  readonly pool: PostgresPool
  /** Ends the pool if it is ours. */
  readonly end: () => Promise<void>
  /** A new client outside the pool; absent if the user's pool does not tell how to connect. */
  readonly listener: (() => Listening) | undefined
  /** Whether the pool is ours, so that its sessions may be configured. */
  readonly isOwn: boolean
}

/** @throws MillpondError `OPTION_INVALID` when pg is not installed. */
function loadPg(): Pg {
  try {
    // The module's shape is trusted: it is the package named here.
    return loadPackage('pg') as Pg
  } catch (cause) {
    throw new MillpondError(
      'OPTION_INVALID',
      'postgres: the package pg could not be loaded: run "npm install pg"; in a bundle that has it inside, pass "pool: new pg.Pool(...)"',
      { cause },
    )
  }
}

/** Does not connect yet. */
export function access({ pool, url, tls, poolSize, connectMs }: Address): Access {
  if (pool !== undefined) return { pool, end: async () => {}, listener: listenerOf(pool), isOwn: false }
  const pg = loadPg()
  const options = {
    connectionString: url,
    ...(tls !== undefined && { ssl: tls }),
    connectionTimeoutMillis: connectMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
  }
  const own = new pg.Pool({ ...options, max: poolSize, allowExitOnIdle: true })
  return { pool: own, end: () => own.end(), listener: () => new pg.Client(options), isOwn: true }
}

/** A pool of pg exposes its client class and options. */
function listenerOf(pool: PostgresPool): Access['listener'] {
  const Client: unknown = Reflect.get(pool, 'Client')
  const options: unknown = Reflect.get(pool, 'options')
  if (typeof Client !== 'function' || typeof options !== 'object' || options === null) return undefined
  return () => Reflect.construct(Client, [options])
}
