// Sealed entries over PostgreSQL.
import { createCache, type Tier } from 'millpond'
import { postgres } from 'millpond/tiers/postgres'
import { afterAll, beforeAll } from 'vitest'
import { describeWith, PATIENCE, type PostgresService, patient, startPostgres, until } from '../services/index.ts'
import { bound, sealedSuite } from './sealed-suite.ts'

describeWith('postgres', 'sealed entries over PostgreSQL', () => {
  let server: PostgresService
  let shared: Tier
  beforeAll(async () => {
    server = await startPostgres()
    shared = postgres({ url: server.url, ...PATIENCE })
    const first = createCache({ tiers: [patient(lent())] })
    // The first use makes the schema, which may take longer than a command.
    await until('the ledger to answer', async () => (await first.explain('k')).ledger.isTrusted)
    await first.close()
  })
  afterAll(async () => {
    await shared.close()
    await server.stop()
  })
  /** Its connections are open: what is tested here is not how soon they open. */
  const lent = (): Tier => new Proxy(shared, { get: (its, at) => (at === 'close' ? async () => {} : bound(its, at)) })
  sealedSuite(lent, true)
})
