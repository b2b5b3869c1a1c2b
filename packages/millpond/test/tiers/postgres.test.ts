// The PostgreSQL tier against the published suites, on a real server, as a role that may do no more than it needs.
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { describeLedger, type LedgerTuning } from '../../src/testing/ledger.ts'
import { describeTier } from '../../src/testing/tier.ts'
import { type PostgresTierOptions, postgres, postgresGrants, postgresSchema } from '../../src/tiers/postgres/index.ts'
import { describeWith, type PostgresService, startPostgres } from '../services/index.ts'
import { postgresRecord } from './records.ts'

describeWith('postgres', 'the postgres tier', () => {
  let server: PostgresService
  let schema = ''
  beforeAll(async () => {
    server = await startPostgres()
    await server.query('CREATE ROLE service LOGIN NOSUPERUSER NOINHERIT')
    await server.query('REVOKE CREATE ON SCHEMA public FROM PUBLIC')
  })
  const record = postgresRecord(
    () => server.url,
    () => schema,
  )
  afterAll(async () => {
    await record.close()
    await server.stop()
  })

  const newSchema = (): string => {
    schema = `test_${randomBytes(4).toString('hex')}`
    return schema
  }
  const tier = (url: string, tuning?: LedgerTuning) => postgres({ url, schema, commandTimeout: 5000, poolSize: 8, ...tuned(tuning) })
  const bounded = (url: string) => postgres({ url, schema, commandTimeout: 5000, maxEntries: 700, maxBytes: 1_048_576 })
  const asService = () => server.url.replace('postgres@', 'service@')
  const loseRecord = async (namespace: string) =>
    void (await server.query(`DELETE FROM ${schema}.ledger WHERE ns = $1`, [Buffer.from(namespace)]))
  const installed = async (unlogged: boolean, isBounded = false) => {
    await server.query(postgresSchema({ schema: newSchema(), unlogged, bounded: isBounded }))
    await server.query(postgresGrants({ schema, role: 'service' }))
  }

  describe('that makes its schema', () => {
    const again = async (tuning?: LedgerTuning) => tier(server.url, tuning)
    const open = async (tuning?: LedgerTuning) => {
      newSchema()
      return again(tuning)
    }
    const openBounded = async () => {
      newSchema()
      return [bounded(server.url), bounded(server.url)] as const
    }
    describeTier({ describe, it }, { name: 'postgres (owner)', open: () => open(), again: () => again(), openBounded, record })
    describeLedger({ describe, it }, { name: 'postgres (owner)', open, again, loseRecord })
  })

  describe('as a role with the documented grants alone, with unlogged entries', () => {
    const again = async (tuning?: LedgerTuning) => tier(asService(), tuning)
    const open = async (tuning?: LedgerTuning) => {
      await installed(true)
      return again(tuning)
    }
    const openBounded = async () => {
      await installed(true, true)
      return [bounded(asService()), bounded(asService())] as const
    }
    describeTier({ describe, it }, { name: 'postgres (service)', open: () => open(), again: () => again(), openBounded, record })
    describeLedger({ describe, it }, { name: 'postgres (service)', open, again, loseRecord })
  })
})

function tuned({ targets, windowMs, externalTiers }: LedgerTuning = {}): Partial<PostgresTierOptions> {
  return { retain: { ...(targets && { targets }), ...(windowMs && { window: windowMs }), ...(externalTiers && { externalTiers }) } }
}
