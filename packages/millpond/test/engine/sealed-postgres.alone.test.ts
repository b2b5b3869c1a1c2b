// Sealed entries over PostgreSQL.
import { randomBytes } from 'node:crypto'
import { postgres } from 'millpond/tiers/postgres'
import { afterAll, beforeAll } from 'vitest'
import { describeWith, type PostgresService, startPostgres, until } from '../services/index.ts'
import { sealedSuite } from './sealed-suite.ts'
import { open } from './setups.ts'

describeWith('postgres', 'sealed entries over PostgreSQL', () => {
  const schema = `sealed_${randomBytes(4).toString('hex')}`
  let server: PostgresService
  const tier = () => postgres({ url: server.url, schema })
  beforeAll(async () => {
    server = await startPostgres()
    const first = open({ tiers: [tier()] })
    // The first use makes the schema, which may take longer than a command.
    await until('the ledger to answer', async () => (await first.explain('k')).ledger.isTrusted)
  })
  afterAll(() => server.stop())
  sealedSuite(tier, true)
})
