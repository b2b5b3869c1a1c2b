// The PostgreSQL tier against the published suites, on a real server, as a role that may do no more than it needs.
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { describeLedger, type LedgerTuning } from '../../src/testing/ledger.ts'
import { describeTier } from '../../src/testing/tier.ts'
import { type PostgresTierOptions, postgres, postgresGrants, postgresSchema } from '../../src/tiers/postgres/index.ts'
import { describeWith, PATIENCE, type PostgresService, startPostgres } from '../services/index.ts'
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
  /**
   * Made once for its cases and emptied for each: to make all its tables and functions takes longer than most of them.
   */
  const oneSchema = (install: () => Promise<unknown> = async () => {}) => {
    let made: string | undefined
    return async (): Promise<void> => {
      if (made === undefined) {
        made = newSchema()
        return void (await install())
      }
      schema = made
      await server.query(`DO $$ DECLARE its record; BEGIN
        FOR its IN SELECT tablename AS name FROM pg_tables WHERE schemaname = '${schema}' AND tablename NOT IN ('meta', 'server', 'entry') LOOP
          EXECUTE format('DELETE FROM %I.%I', '${schema}', its.name);
        END LOOP;
        TRUNCATE ${schema}.entry; -- its size is asked for
      END $$`)
    }
  }
  const tier = (url: string, tuning?: LedgerTuning) =>
    postgres({ url, schema, ...PATIENCE, poolSize: 8, ...tuned(tuning) })
  const bounded = (url: string) => postgres({ url, schema, ...PATIENCE, maxEntries: 700, maxBytes: 1_048_576 })
  const asService = () => server.url.replace('postgres@', 'service@')
  const loseRecord = async (namespace: string) =>
    void (await server.query(`DELETE FROM ${schema}.ledger WHERE ns = $1`, [Buffer.from(namespace)]))
  const installed = async (isBounded: boolean) => {
    await server.query(postgresSchema({ schema, unlogged: true, bounded: isBounded }))
    await server.query(postgresGrants({ schema, role: 'service' }))
  }

  describe('that makes its schema', () => {
    const again = async (tuning?: LedgerTuning) => tier(server.url, tuning)
    const empty = oneSchema()
    const open = async (tuning?: LedgerTuning) => {
      await empty()
      return again(tuning)
    }
    const openBounded = async () => {
      newSchema()
      return [bounded(server.url), bounded(server.url)] as const
    }
    describeTier(
      { describe, it },
      { name: 'postgres (owner)', open: () => open(), again: () => again(), openBounded, record },
    )
    describeLedger({ describe, it }, { name: 'postgres (owner)', open, again, loseRecord })
  })

  describe('as a role with the documented grants alone, with unlogged entries, through pools of the program', () => {
    const pools: pg.Pool[] = []
    beforeAll(() => {
      for (let count = 0; count < 2; count++) pools.push(new pg.Pool({ connectionString: asService(), max: 8 }))
      for (const pool of pools) pool.on('error', () => undefined)
    })
    afterAll(() => Promise.all(pools.map((pool) => pool.end())))
    const through = (pool: pg.Pool | undefined, tuning?: LedgerTuning) =>
      postgres({ ...(pool && { pool }), schema, ...PATIENCE, ...tuned(tuning) })
    const empty = oneSchema(() => installed(false))
    const open = async (tuning?: LedgerTuning) => {
      await empty()
      return through(pools[0], tuning)
    }
    const again = async (tuning?: LedgerTuning) => through(pools[1], tuning)
    const openBounded = async () => {
      newSchema()
      await installed(true)
      return [bounded(asService()), bounded(asService())] as const
    }
    describeTier(
      { describe, it },
      { name: 'postgres (service)', open: () => open(), again: () => again(), openBounded, record },
    )
    describeLedger({ describe, it }, { name: 'postgres (service)', open, again, loseRecord })
  })
})

function tuned({ targets, windowMs, externalTiers }: LedgerTuning = {}): Partial<PostgresTierOptions> {
  return {
    retain: {
      ...(targets && { targets }),
      ...(windowMs && { window: windowMs }),
      ...(externalTiers && { externalTiers }),
    },
  }
}
