// Examines the SQLite tier.
import { dirname, resolve } from 'node:path'
import type { TierStep } from '../../core/contracts.ts'
import { numberIn, numbers } from '../../core/sqlite.ts'
import { folderFinding, noFolder } from '../disk.ts'
import { Examination, type Finding } from '../examination.ts'
import type { Database } from './database.ts'
import type { CacheFile } from './file.ts'
import type { SqliteSettings } from './options.ts'

const FAILED = 'TIER_FAILED'
const NOT_READ =
  'another process may hold the file in a long transaction, or it is damaged: check which process has it open'

/** Never rejects. */
export async function examineSqlite(
  database: Database,
  settings: SqliteSettings,
  driver: string,
): Promise<readonly TierStep[]> {
  const { path, maxBytes, deadlineMs } = settings
  const at = database.inMemory ? path : resolve(path)
  const examination = new Examination(deadlineMs)
  const look = <T>(step: (file: CacheFile) => T): Promise<T> => database.look('examine', FAILED, step)
  if (!database.inMemory) {
    const held = async (): Promise<Finding> => folderFinding(dirname(at), await look(bytesIn), maxBytes)
    if ((await examination.step('open', at, held, noFolder)) === undefined) return examination.steps
  }
  if (
    !(await examination.ping(
      at,
      () => look(bytesIn),
      () => NOT_READ,
    ))
  )
    return examination.steps
  if (
    (await examination.step(
      'server',
      at,
      () => look((file) => aboutFile(file, driver)),
      () => NOT_READ,
    )) === undefined
  )
    return examination.steps
  await examination.step(
    'settings',
    at,
    () => look((file) => aboutSettings(file, database.inMemory)),
    () => NOT_READ,
  )
  return examination.steps
}

const bytesIn = (file: CacheFile): number => numberIn(file.sql(`SELECT ${numbers('bytes')} FROM total`).get(), 'bytes')

const aboutFile = (file: CacheFile, driver: string): Finding => ({
  detail: `SQLite ${String(file.value('SELECT sqlite_version() AS version', 'version'))} by ${driver}`,
})

function aboutSettings(file: CacheFile, isInMemory: boolean): Finding {
  const mode = String(file.value('PRAGMA journal_mode', 'journal_mode'))
  const level = Number(file.value('PRAGMA synchronous', 'synchronous'))
  return {
    detail: `journal ${mode}, synchronous ${['off', 'normal', 'full', 'extra'][level] ?? level}`,
    ...(mode !== 'wal' &&
      !isInMemory && { remedy: 'set journal_mode back to WAL: it was changed, so readers now wait for writers' }),
  }
}
