// The SQLite tier against the published suites, on a file and in memory.
import { afterAll, describe, it } from 'vitest'
import { describeLedger, type LedgerTuning } from '../../src/testing/ledger.ts'
import { describeTier } from '../../src/testing/tier.ts'
import { type SqliteOptions, sqlite } from '../../src/tiers/sqlite/index.ts'
import { openRaw, temporaryFolder } from './folder.ts'
import { sqliteRecord } from './records.ts'

const file = temporaryFolder()
let path = ''

const onFile = (options?: Partial<SqliteOptions>) => async () => {
  path = file()
  return sqlite({ path, ...options })
}
const again = async () => sqlite({ path })
const tuned = ({ targets, windowMs, externalTiers }: LedgerTuning = {}): Partial<SqliteOptions> => ({
  retain: {
    ...(targets && { targets }),
    ...(windowMs && { window: windowMs }),
    ...(externalTiers && { externalTiers }),
  },
})

const record = sqliteRecord(() => path)
afterAll(() => record.close())
const bounded = { maxEntries: 500, maxBytes: 400_000 }
describeTier(
  { describe, it },
  {
    name: 'sqlite (file)',
    open: onFile(),
    again,
    openBounded: async () => [await onFile(bounded)(), sqlite({ path, ...bounded })],
    record,
  },
)
describeTier(
  { describe, it },
  {
    name: 'sqlite (memory)',
    open: async () => sqlite({ path: ':memory:' }),
    skips: {
      'every-bit': 'only the process itself reaches a database in memory',
      bounded: 'a database in memory belongs to one process; in a file its bounds are the same',
      peer: 'a database in memory belongs to one process',
      durable: 'a database in memory ends with its process',
    },
  },
)

describeLedger(
  { describe, it },
  {
    name: 'sqlite (file)',
    open: async (tuning) => onFile(tuned(tuning))(),
    again: async (tuning) => sqlite({ path, ...tuned(tuning) }),
    loseRecord: async (namespace) => {
      const handle = openRaw(path)
      handle.exec('PRAGMA busy_timeout = 1000')
      handle.prepare('DELETE FROM ledger WHERE ns = ?').run(namespace)
      handle.close()
    },
  },
)
describeLedger(
  { describe, it },
  {
    name: 'sqlite (memory)',
    open: async (tuning) => sqlite({ path: ':memory:', ...tuned(tuning) }),
    skips: {
      peers: 'a database in memory belongs to one process',
      'peer-commit': 'a database in memory belongs to one process',
      'peer-hold': 'a database in memory belongs to one process',
      follow: 'a database in memory belongs to one process',
      'record-lost': 'only the process itself reaches a database in memory',
    },
  },
)
