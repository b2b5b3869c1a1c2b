// The distributed tier against the published suites: over stores in memory with one to three copies, over files and
// SQLite, and over real servers of three kinds.
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, it } from 'vitest'
import type { Tier } from '../../src/core/contracts.ts'
import { describeLedger, type LedgerTuning } from '../../src/testing/ledger.ts'
import { type SimulatedServer, simulatedServer } from '../../src/testing/simulator-server.ts'
import { describeTier } from '../../src/testing/tier.ts'
import { type DistributedOptions, distributed } from '../../src/tiers/distributed/index.ts'
import { file } from '../../src/tiers/file/index.ts'
import { memcached } from '../../src/tiers/memcached/index.ts'
import { postgres } from '../../src/tiers/postgres/index.ts'
import { redis } from '../../src/tiers/redis/index.ts'
import { sqlite } from '../../src/tiers/sqlite/index.ts'
import {
  describeWith,
  type PostgresService,
  type RedisService,
  type Service,
  startMemcached,
  startPostgres,
  startRedis,
} from '../services/index.ts'
import { temporaryFolder } from './folder.ts'
import { DRIVER } from './redis-driver.ts'

/** On a busy machine, too, what is tried here is not who is slow. */
const PATIENT = { timeout: 10_000 }
const PATIENCE = { commandTimeout: 10_000, connectTimeout: 10_000 }
const skips = {
  'every-bit': 'a record has the form that its node gives it, whose own suite flips each bit',
  bounded: 'each node keeps bounds of its own; of a ring they are judged below',
}

for (const replicas of [1, 2, 3]) {
  let stores: readonly SimulatedServer[] = []
  let ledgerStore = simulatedServer()
  const again = async (): Promise<Tier & { readonly ledger: NonNullable<Tier['ledger']> }> =>
    distributed({
      nodes: stores.map((store, at) => ({ name: `n${at}`, tier: store.connect(), weight: at + 1 })),
      ledger: ledgerStore.connect(),
      replicas,
    })
  const open = async ({ targets, windowMs, externalTiers }: LedgerTuning = {}) => {
    stores = [1, 2, 3, 4].map(() => simulatedServer())
    ledgerStore = simulatedServer({ targets, windowMs, externalTiers })
    return again()
  }
  const name = `distributed (four stores, copies: ${replicas})`
  describeTier({ describe, it }, { name, open: () => open(), again, skips })
  if (replicas === 2)
    describeLedger(
      { describe, it },
      {
        name,
        open,
        again,
        loseRecord: async (namespace) => ledgerStore.loseRecord(namespace),
        skips: {
          'keys-pruned':
            'entries lie apart from the record, so that no step drops them for certain: key targets are kept, and the floor rises instead (case external)',
          'external-later': 'entries always count as copies beside the record',
          'large-snapshot': 'a snapshot is passed on as the ledger of its tier tells it, whose own suite asks for it',
        },
      },
    )
}

const place = temporaryFolder()
let paths: readonly string[] = []
const bounds = { maxEntries: 500, maxBytes: 400_000 }
const onFiles = (options: Partial<DistributedOptions> = {}, bounded = {}): Tier =>
  distributed({
    nodes: [
      { tier: file({ path: paths[0] ?? '' }) },
      { tier: sqlite({ path: paths[1] ?? '', ...bounded }) },
      { tier: sqlite({ path: paths[2] ?? '', ...bounded }) },
    ],
    ledger: sqlite({ path: paths[3] ?? '' }),
    ...PATIENT,
    ...options,
  })
const onDatabases = (): Tier =>
  distributed({
    nodes: paths.slice(0, 3).map((path) => ({ tier: sqlite({ path, ...bounds }) })),
    ledger: sqlite({ path: paths[3] ?? '' }),
    ...PATIENT,
  })
const somewhereElse = (): void => {
  paths = [place(), place(), place(), place()]
}
describeTier(
  { describe, it },
  {
    name: 'distributed (a folder and two SQLite files)',
    open: async () => {
      somewhereElse()
      return onFiles()
    },
    again: async () => onFiles(),
    openBounded: async () => {
      somewhereElse()
      return [onDatabases(), onDatabases()]
    },
    skips: { 'every-bit': skips['every-bit'] },
  },
)

describeWith('redis', 'the distributed tier over servers', () => {
  let servers: {
    readonly redis: readonly RedisService[]
    readonly memcached: Service
    readonly postgres: PostgresService
  }
  let prefix = ''
  beforeAll(async () => {
    const [first, second, third, cache, database] = await Promise.all([
      startRedis(),
      startRedis(),
      startRedis(),
      startMemcached(),
      startPostgres(),
    ])
    servers = { redis: [first, second, third], memcached: cache, postgres: database }
  }, 60_000)
  afterAll(async () => {
    await Promise.all([...servers.redis, servers.memcached, servers.postgres].map((server) => server.stop()))
  })
  const again = async (): Promise<Tier & { readonly ledger: NonNullable<Tier['ledger']> }> => {
    const [first, second, third] = servers.redis
    return distributed({
      nodes: [
        { tier: redis({ ...DRIVER, url: first?.url ?? '', keyPrefix: prefix, ...PATIENCE }) },
        { tier: redis({ ...DRIVER, url: second?.url ?? '', keyPrefix: prefix, ...PATIENCE }) },
        { tier: memcached({ servers: `127.0.0.1:${servers.memcached.port}`, keyPrefix: prefix, ...PATIENCE }) },
        { tier: postgres({ url: servers.postgres.url, schema: `s${prefix.slice(0, -1)}`, ...PATIENCE }) },
      ],
      ledger: redis({ ...DRIVER, url: third?.url ?? '', keyPrefix: prefix, ...PATIENCE }),
      ...PATIENT,
    })
  }
  const open = async () => {
    prefix = `${randomBytes(4).toString('hex')}:`
    return again()
  }
  describeTier(
    { describe, it },
    {
      name: 'distributed (two Redis, Memcached and PostgreSQL)',
      open,
      again,
      skips: { ...skips, usage: 'of these servers not all can tell the entries of one cache from others' },
    },
  )
})
