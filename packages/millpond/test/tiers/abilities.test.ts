// The table of tiers and abilities, as the tiers themselves tell it: printed, and compared with the guide's.
import { readFileSync } from 'node:fs'
import { tierAbilities } from 'millpond/testing'
import { file } from 'millpond/tiers/file'
import { memcached } from 'millpond/tiers/memcached'
import { postgres } from 'millpond/tiers/postgres'
import { redis } from 'millpond/tiers/redis'
import { sqlite } from 'millpond/tiers/sqlite'
import { expect, test } from 'vitest'
import { temporaryFolder } from './folder.ts'

const folder = temporaryFolder()

test('what the guide says of each tier is what the tier says', async () => {
  // With every bound that each takes. None of them connects before its first command.
  const tiers = [
    redis(),
    postgres({ url: 'postgres://127.0.0.1:1/none', maxEntries: 1000, maxBytes: 2 ** 30 }),
    sqlite({ path: folder(), maxEntries: 1000 }),
    memcached(),
    file({ path: folder() }),
  ]
  try {
    const table = tierAbilities(tiers)
    console.log(`\n${table}\n`)
    const guide = readFileSync(new URL('../../../../docs/guide/tiers.md', import.meta.url), 'utf8')
    expect(guide).toContain(table)
  } finally {
    await Promise.all(tiers.map((tier) => tier.close()))
  }
})
