// The options of the SQLite tier, validated once.
import {
  checkedElsewhere,
  checkOptions,
  duration,
  fn,
  oneOf,
  required,
  type Shape,
  text,
  whole,
} from '../../core/checks.ts'
import { type Duration, parseDuration } from '../../core/duration.ts'
import { MillpondError, show } from '../../core/errors.ts'
import { type Retain, type RetainOptions, resolveRetain } from '../retain.ts'
import { isUrl } from '../url.ts'
import { DRIVER, type SqliteClass } from './client.ts'

/** A problem that an operator should know about but that fails no call. */
export interface TierWarning {
  /**
   * `corrupt`: the file was kept under another name and a new one begun. `replaced`: the file was exchanged by someone,
   * and the new one is used. `sweep`: expired rows could not be removed this time. `close`: the WAL could not be merged
   * on closing.
   */
  readonly kind: 'corrupt' | 'replaced' | 'sweep' | 'close'
  /** What happened, in a sentence for an operator. */
  readonly message: string
  /** The error behind it; absent for `replaced`. */
  readonly cause?: unknown
}

export interface SqliteOptions {
  /** The database file, in an existing, writable folder. `':memory:'` keeps everything in this process, for tests. */
  readonly path: string
  /** Maximum entries; the oldest are evicted first. Default: no limit. */
  readonly maxEntries?: number | undefined
  /** Maximum bytes of keys and bodies; the oldest entries are evicted first. Default 1 GiB. */
  readonly maxBytes?: number | undefined
  /**
   * How long one call may block this process, inside SQLite, waiting for another process's lock: 0 to 20 ms. Default 2
   * ms.
   */
  readonly busyTimeout?: Duration | undefined
  /** How long a call keeps trying, without blocking, while other processes hold the lock. Default `'2s'`. */
  readonly deadline?: Duration | undefined
  /** How often expired rows are swept, a few hundred at a time. Default `'1s'`; `Infinity` for never. */
  readonly sweepEvery?: Duration | undefined
  /**
   * `normal` survives a kill of the process; `full` also a power loss, at one disk flush per write. Default `normal`.
   */
  readonly synchronous?: 'normal' | 'full' | undefined
  /** `'libsql'`, `'node'` (node:sqlite), or better-sqlite3's class. Default: the first that is installed. */
  readonly driver?: 'libsql' | 'node' | SqliteClass | undefined
  /** How much of the ledger's history is kept. */
  readonly retain?: RetainOptions | undefined
  /** Called when a corrupt file was set aside, when the file was replaced by another one, and when sweeping fails. */
  readonly onWarning?: ((warning: TierWarning) => void) | undefined
}

export interface SqliteSettings {
  readonly path: string
  readonly maxEntries: number
  readonly maxBytes: number
  readonly busyMs: number
  readonly deadlineMs: number
  readonly sweepMs: number
  readonly synchronous: 'normal' | 'full'
  readonly retain: Retain
  readonly warn: (warning: TierWarning) => void
}

const OPTIONS: Shape<SqliteOptions> = {
  path: required(text),
  maxEntries: whole(1, undefined, true),
  maxBytes: whole(1, undefined, true),
  busyTimeout: duration,
  deadline: duration,
  sweepEvery: duration,
  synchronous: oneOf('normal', 'full'),
  driver: DRIVER,
  retain: checkedElsewhere,
  onWarning: fn(),
}
const MAX_BUSY_MS = 20

/** @throws MillpondError `OPTION_INVALID` or `DURATION_INVALID`, naming the option and showing the value. */
export function resolveSqlite(options: SqliteOptions): SqliteSettings {
  checkOptions<SqliteOptions>(options, OPTIONS, 'sqlite')
  if (
    typeof options.path !== 'string' ||
    options.path === '' ||
    options.path.includes('\u0000') ||
    isUrl(options.path)
  ) {
    throw new MillpondError(
      'OPTION_INVALID',
      `sqlite path: ${show(options.path)} is not a file name: give one such as './cache.db', or ':memory:'`,
    )
  }
  const busyMs = parseDuration(options.busyTimeout ?? 2, 'sqlite busyTimeout')
  if (busyMs > MAX_BUSY_MS) {
    throw new MillpondError(
      'OPTION_INVALID',
      `sqlite busyTimeout: ${show(options.busyTimeout)} blocks the event loop for too long: give at most ${MAX_BUSY_MS} ms; "deadline" sets how long to keep trying`,
    )
  }
  const synchronous = options.synchronous ?? 'normal'
  return {
    path: options.path,
    maxEntries: options.maxEntries ?? Number.POSITIVE_INFINITY,
    maxBytes: options.maxBytes ?? 1_073_741_824,
    busyMs: Math.floor(busyMs),
    deadlineMs: parseDuration(options.deadline ?? 2000, 'sqlite deadline'),
    sweepMs: parseDuration(options.sweepEvery ?? 1000, 'sqlite sweepEvery'),
    synchronous,
    retain: resolveRetain(options.retain, 'sqlite'),
    warn: options.onWarning ?? (() => {}),
  }
}
