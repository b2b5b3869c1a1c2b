// A SQLite file that is not a cache: nothing in it is set aside or evicted, deleted rows are overwritten, and locks of
// other processes are waited for without blocking.
import { setTimeout as pause } from 'node:timers/promises'
import { MillpondError, show } from '../../core/errors.ts'
import { classify } from '../../core/sqlite.ts'
import { loadDriver, type SqliteClass, type SqliteHandle } from './client.ts'

/** How long a call waits for another process's lock before it rejects. */
const DEADLINE_MS = 2000

export interface OwnFileOptions {
  readonly path: string
  readonly driver?: 'libsql' | 'node' | SqliteClass | undefined
}

/**
 * @param what the name of the called function and the kind of file, for the message
 * @throws MillpondError `OPTION_INVALID` when the file cannot be opened or used: it is left as it is.
 */
export function openOwnFile(
  { path, driver }: OwnFileOptions,
  schema: string,
  what: readonly [name: string, kind: string],
): SqliteHandle {
  const [name, kind] = what
  if (typeof path !== 'string' || path === '')
    throw new MillpondError(
      'OPTION_INVALID',
      `${name} path: ${show(path)} is not a path: name a file in a folder that exists`,
    )
  let handle: SqliteHandle | undefined
  try {
    handle = loadDriver(driver).open(path)
    handle.exec(
      'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA busy_timeout = 20; PRAGMA secure_delete = ON',
    )
    handle.exec(schema)
    return handle
  } catch (cause) {
    handle?.close()
    if (cause instanceof MillpondError) throw cause
    throw new MillpondError(
      'OPTION_INVALID',
      `${name} path: ${show(path)} cannot be used: name a new file, or ${kind} that this user may write`,
      { cause },
    )
  }
}

/** Tries again, without blocking, while another process holds the lock. */
export async function retried<T>(what: string, step: () => T): Promise<T> {
  const end = performance.now() + DEADLINE_MS
  for (let round = 0; ; round++) {
    try {
      return step()
    } catch (cause) {
      if (classify(cause) !== 'busy' || performance.now() >= end)
        throw new MillpondError('TIER_FAILED', `[sqlite] ${what}: the file could not be read or written`, { cause })
    }
    await pause(Math.random() * Math.min(20, 1 + round * 2))
  }
}
