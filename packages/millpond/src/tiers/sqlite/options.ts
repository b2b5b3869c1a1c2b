// The options of the SQLite tier, checked once.
import { type Duration, parseDuration } from '../../core/duration.ts'
import { MillpondError, show } from '../../core/errors.ts'
import { checkNames } from '../../core/options.ts'
import { type Retain, type RetainOptions, resolveRetain } from '../retain.ts'
import type { SqliteClass } from './driver.ts'

/** Something an operator should know and no caller must fail for. */
export interface TierWarning {
  readonly kind: 'corrupt' | 'replaced' | 'sweep' | 'close'
  readonly message: string
  readonly cause?: unknown
}

export interface SqliteOptions {
  /** The database file, in a folder that exists and can be written. `':memory:'` keeps everything in this process, for tests. */
  readonly path: string
  /** Most entries; the oldest leave first. Default: no limit. */
  readonly maxEntries?: number
  /** Most bytes of keys and bodies; the oldest entries leave first. Default 1 GiB. */
  readonly maxBytes?: number
  /** How long one call may wait inside SQLite for another process's lock, blocking this one: 0 to 20 ms. Default 2 ms. */
  readonly busyTimeout?: Duration
  /** How long a call keeps trying, without blocking, while other processes hold the lock. Default `'2s'`. */
  readonly deadline?: Duration
  /** How often expired rows are swept, a few hundred at a time. Default `'1s'`; `Infinity` for never. */
  readonly sweepEvery?: Duration
  /** `normal` survives a kill of the process; `full` also a power loss, at one disk flush a write. Default `normal`. */
  readonly synchronous?: 'normal' | 'full'
  /** `'libsql'`, `'node'` (node:sqlite), or better-sqlite3's class. Default: the first that is installed. */
  readonly driver?: 'libsql' | 'node' | SqliteClass
  readonly retain?: RetainOptions
  /** Told when a corrupt file was set aside, when the file was replaced by somebody, and when sweeping fails. */
  readonly onWarning?: (warning: TierWarning) => void
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

const NAMES = new Set([
  'path',
  'maxEntries',
  'maxBytes',
  'busyTimeout',
  'deadline',
  'sweepEvery',
  'synchronous',
  'driver',
  'retain',
  'onWarning',
])
const MAX_BUSY_MS = 20

/** @throws MillpondError `OPTION_INVALID` or `DURATION_INVALID`, naming the option and showing the value. */
export function resolveSqlite(options: SqliteOptions): SqliteSettings {
  checkNames(options, NAMES, 'sqlite option')
  if (typeof options.path !== 'string' || options.path === '' || options.path.includes('\u0000')) {
    throw new MillpondError(
      'OPTION_INVALID',
      `sqlite path: ${show(options.path)} is no file name: give one such as './cache.db', or ':memory:'`,
    )
  }
  const busyMs = parseDuration(options.busyTimeout ?? 2, 'sqlite busyTimeout')
  if (busyMs > MAX_BUSY_MS) {
    throw new MillpondError(
      'OPTION_INVALID',
      `sqlite busyTimeout: ${show(options.busyTimeout)} blocks the event loop too long: at most ${MAX_BUSY_MS} ms; "deadline" says how long to keep trying`,
    )
  }
  const synchronous = options.synchronous ?? 'normal'
  if (synchronous !== 'normal' && synchronous !== 'full') {
    throw new MillpondError('OPTION_INVALID', `sqlite synchronous: ${show(synchronous)} is not known: use 'normal' or 'full'`)
  }
  if (options.onWarning !== undefined && typeof options.onWarning !== 'function') {
    throw new MillpondError('OPTION_INVALID', `sqlite onWarning: ${show(options.onWarning)} is no function`)
  }
  return {
    path: options.path,
    maxEntries: limit(options.maxEntries ?? Number.POSITIVE_INFINITY, 'maxEntries'),
    maxBytes: limit(options.maxBytes ?? 1_073_741_824, 'maxBytes'),
    busyMs: Math.floor(busyMs),
    deadlineMs: parseDuration(options.deadline ?? 2000, 'sqlite deadline'),
    sweepMs: parseDuration(options.sweepEvery ?? 1000, 'sqlite sweepEvery'),
    synchronous,
    retain: resolveRetain(options.retain, 'sqlite'),
    warn: options.onWarning ?? (() => {}),
  }
}

function limit(value: number, name: string): number {
  if (value === Number.POSITIVE_INFINITY || (Number.isSafeInteger(value) && value >= 1)) return value
  throw new MillpondError('OPTION_INVALID', `sqlite ${name}: ${show(value)} is no limit: give a whole number of at least 1, or Infinity`)
}
