// The options of the PostgreSQL tier, validated once. Secrets never appear in a message.
import type { ConnectionOptions } from 'node:tls'
import { checkedElsewhere, checkOptions, duration, flag, flagOr, type Shape, whole } from '../../core/checks.ts'
import type { TierBounds } from '../../core/contracts.ts'
import { type Duration, parseDuration } from '../../core/duration.ts'
import { MillpondError, show } from '../../core/errors.ts'
import { objectPlace, serverPlace } from '../places.ts'
import { type Retain, type RetainOptions, resolveRetain } from '../retain.ts'
import { parseServerUrl, wrongUrl } from '../url.ts'
import type { Address, PostgresPool } from './client.ts'
import { checkSchema, type PostgresSchemaOptions } from './schema.ts'

export interface PostgresTierOptions extends Omit<PostgresSchemaOptions, 'bounded'> {
  /**
   * `postgres://user:password@host:5432/database`, with the parameters that pg understands (`sslmode`,
   * `application_name`).
   */
  readonly url?: string | undefined
  /**
   * Your own pg pool instead of `url`; it stays open after `close`. Give it a `connectionTimeoutMillis` and a few
   * connections to spare.
   */
  readonly pool?: PostgresPool | undefined
  /** `true`, or the options of `tls.connect`. Default: as `url` says. */
  readonly tls?: boolean | ConnectionOptions | undefined
  /** Maximum connections of our own pool, besides the one for LISTEN. Default 4. */
  readonly poolSize?: number | undefined
  /**
   * `false`: schema and grants exist already (`postgresSchema`, `postgresGrants`), and this role may not create them.
   * Default `true`.
   */
  readonly install?: boolean | undefined
  /**
   * `false`: no LISTEN and NOTIFY; other processes then learn of an invalidation when they next check, within 100 ms.
   * Default `true`.
   */
  readonly notify?: boolean | undefined
  /** `false`: no prepared statements. PgBouncer in transaction mode needs that and `notify: false`. Default `true`. */
  readonly prepare?: boolean | undefined
  /** The longest that a command may take. Default 250 ms. */
  readonly commandTimeout?: Duration | undefined
  /** The longest that opening a connection may take. Default `'1s'`. */
  readonly connectTimeout?: Duration | undefined
  /**
   * How often one of the processes sweeps expired rows, a few hundred at a time. Default `'1s'`; `Infinity` for never.
   */
  readonly sweepEvery?: Duration | undefined
  /** How much of the ledger's history is kept. */
  readonly retain?: RetainOptions | undefined
  /**
   * Maximum entries in the schema, over all caches and processes that use it; those written first are evicted first. If
   * processes set different limits, the one that connected last wins. Default: no limit.
   */
  readonly maxEntries?: number | undefined
  /**
   * Maximum bytes of entries in the schema on disk, including indexes (without what vacuum has yet to free); at least 1
   * MiB. The largest entry is an eighth of it. Default: no limit.
   */
  readonly maxBytes?: number | undefined
}

export interface PostgresSettings extends Address {
  readonly schema: string
  readonly unlogged: boolean
  readonly install: boolean
  readonly notify: boolean
  readonly prepare: boolean
  readonly commandMs: number
  readonly sweepMs: number
  readonly retain: Retain
  /** Undefined: none. */
  readonly bounds: TierBounds | undefined
  /** See `Tier`. */
  readonly places: readonly string[]
}

const OPTIONS: Shape<PostgresTierOptions> = {
  url: checkedElsewhere,
  pool: checkedElsewhere,
  tls: flagOr('true or false, or the options of tls.connect'),
  poolSize: whole(1, 100),
  schema: (value) => checkSchema(value),
  unlogged: flag,
  install: flag,
  notify: flag,
  prepare: flag,
  commandTimeout: duration,
  connectTimeout: duration,
  sweepEvery: duration,
  retain: checkedElsewhere,
  maxEntries: whole(100),
  maxBytes: whole(1_048_576),
}
const FORM = 'postgres://user:password@host:5432/database'
const LONGEST_MS = 3_600_000

/**
 * @throws MillpondError `OPTION_INVALID` or `DURATION_INVALID`, naming the option and showing the value without its
 * secrets.
 */
export function resolvePostgres(options: PostgresTierOptions): PostgresSettings {
  checkOptions<PostgresTierOptions>(options, OPTIONS, 'postgres')
  const { url, pool, maxEntries, maxBytes } = options
  if ((url === undefined) === (pool === undefined)) {
    throw new MillpondError(
      'OPTION_INVALID',
      url === undefined
        ? `postgres: no server is given: give url (${FORM}) or pool`
        : 'postgres pool: is given together with url: use only one of them',
    )
  }
  if (url !== undefined) checkUrl(url)
  if (pool !== undefined) checkPool(pool, options)
  return {
    url,
    pool,
    tls: options.tls,
    poolSize: options.poolSize ?? 4,
    schema: options.schema ?? 'millpond',
    unlogged: options.unlogged ?? false,
    install: options.install ?? true,
    notify: options.notify ?? true,
    prepare: options.prepare ?? true,
    commandMs: deadline(options.commandTimeout ?? 250, 'commandTimeout'),
    connectMs: deadline(options.connectTimeout ?? 1000, 'connectTimeout'),
    sweepMs: sweep(options.sweepEvery ?? 1000),
    retain: resolveRetain(options.retain, 'postgres'),
    places: placesOf(options),
    bounds:
      maxEntries === undefined && maxBytes === undefined
        ? undefined
        : { ...(maxEntries !== undefined && { maxEntries }), ...(maxBytes !== undefined && { maxBytes }) },
  }
}

function checkUrl(given: unknown): void {
  const words = { at: 'postgres url', form: FORM }
  const { protocol } = parseServerUrl(given, words)
  if (protocol !== 'postgres:' && protocol !== 'postgresql:')
    throw wrongUrl(given, `begins with ${show(protocol)}, not postgres: give one such as ${FORM}`, words)
}

/** Empty if parameters, the environment or the user's name select the server or database. */
function placesOf({ url: text, pool, schema = 'millpond' }: PostgresTierOptions): readonly string[] {
  if (pool !== undefined) return [objectPlace('postgres pool', pool, schema)]
  const url = new URL(text ?? '')
  const isSaidElsewhere = ['host', 'port', 'database', 'dbname'].some((name) => url.searchParams.has(name))
  if (isSaidElsewhere || url.hostname === '' || url.pathname.length < 2) return []
  const port = url.port || process.env.PGPORT || 5432
  return [serverPlace('postgres', { host: url.hostname, port }, `${url.pathname.slice(1)} ${schema}`)]
}

function checkPool(pool: PostgresPool, options: PostgresTierOptions): void {
  if (
    typeof pool !== 'object' ||
    pool === null ||
    typeof pool.connect !== 'function' ||
    typeof pool.on !== 'function'
  ) {
    throw new MillpondError(
      'OPTION_INVALID',
      `postgres pool: a ${typeof pool} is not a pg pool: pass new pg.Pool(...), or use url`,
    )
  }
  for (const name of ['tls', 'poolSize'] as const) {
    if (options[name] === undefined) continue
    throw new MillpondError(
      'OPTION_INVALID',
      `postgres ${name}: is given together with pool, which has its own: set it there, or use url`,
    )
  }
}

function deadline(value: Duration, name: string): number {
  const ms = parseDuration(value, `postgres ${name}`)
  if (ms >= 1 && ms <= LONGEST_MS) return ms
  throw new MillpondError('OPTION_INVALID', `postgres ${name}: ${show(value)} is not a deadline: give 1 ms to 1 h`)
}

function sweep(value: Duration): number {
  const ms = parseDuration(value, 'postgres sweepEvery')
  if (ms === Number.POSITIVE_INFINITY || (ms >= 10 && ms <= 86_400_000)) return ms
  throw new MillpondError(
    'OPTION_INVALID',
    `postgres sweepEvery: ${show(value)} is not an interval: give 10 ms to 24 h, or Infinity for never`,
  )
}
