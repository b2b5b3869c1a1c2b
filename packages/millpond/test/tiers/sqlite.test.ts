// The SQLite tier against the published suites, on a file and in memory.
import { describe, it } from 'vitest'
import { describeTier } from '../../src/testing/tier.ts'
import { type SqliteOptions, sqlite } from '../../src/tiers/sqlite/index.ts'
import { temporaryFolder } from './folder.ts'

const file = temporaryFolder()
let path = ''

const onFile = (options?: Partial<SqliteOptions>) => async () => {
  path = file()
  return sqlite({ path, ...options })
}
const again = async () => sqlite({ path })

describeTier({ describe, it }, { name: 'sqlite (file)', open: onFile(), again })
describeTier(
  { describe, it },
  {
    name: 'sqlite (memory)',
    open: async () => sqlite({ path: ':memory:' }),
    skips: { peer: 'a database in memory belongs to one process', durable: 'a database in memory ends with its process' },
  },
)
