// The suite that Keyv publishes for its stores.
// @ts-expect-error: installed for the run.
import suite, { keyvIteratorTests } from '@keyv/test-suite'
import { Keyv } from 'keyv'
import { createCache, memory } from 'millpond'
import { keyvStore } from 'millpond/keyv'
import { sqlite } from 'millpond/tiers/sqlite'
import * as vitest from 'vitest'

const caches = {
  memory: () => createCache(),
  SQLite: () => createCache({ tiers: [memory(), sqlite({ path: ':memory:' })] }),
}
for (const [name, open] of Object.entries(caches))
  vitest.describe(`over ${name}`, () => {
    const cache = open()
    vitest.afterAll(() => cache.close())
    const store = () => keyvStore(cache)
    suite(vitest, Keyv as never, store)
    keyvIteratorTests(vitest, Keyv as never, store)
  })
