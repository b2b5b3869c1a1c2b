// The places where nodes may meet, each against the suite.
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, it } from 'vitest'
import type { Tier } from '../../src/core/contracts.ts'
import type { NodeStore } from '../../src/core/nodes.ts'
import { memoryNodes } from '../../src/nodes/memory.ts'
import { describeNodeStore } from '../../src/testing/node-store.ts'
import { postgres, postgresGrants, postgresSchema } from '../../src/tiers/postgres/index.ts'
import { redis } from '../../src/tiers/redis/index.ts'
import { sqlite } from '../../src/tiers/sqlite/index.ts'
import {
  type ClusterGroup,
  describeWith,
  PATIENCE,
  type PostgresService,
  type RedisService,
  startCluster,
  startPostgres,
  startRedis,
} from '../services/index.ts'
import { temporaryFolder } from '../tiers/folder.ts'

const closeAll = async (tiers: Tier[]): Promise<void> => {
  for (const tier of tiers.splice(0)) await tier.close()
}

let inMemory: NodeStore
describeNodeStore(
  { describe, it },
  {
    name: 'memory',
    open: async () => {
      inMemory = memoryNodes()
      return inMemory
    },
    again: async () => inMemory,
    close: async () => undefined,
  },
)

describeWith('redis', 'redis', () => {
  let server: RedisService
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())
  const opened: Tier[] = []
  let keyPrefix = ''
  const again = async (): Promise<NodeStore> => {
    const tier = redis({ url: server.url, keyPrefix, ...PATIENCE })
    opened.push(tier)
    return tier.nodes
  }
  const open = (): Promise<NodeStore> => {
    keyPrefix = `nodes-${randomUUID()}:`
    return again()
  }
  describeNodeStore({ describe, it }, { name: 'redis', open, again, close: () => closeAll(opened) })
})

/** What the guide on running it tells operators to allow. */
const RULES =
  '~shop:* &shop:* -@all +ping +info +select +mget +set +unlink +scan +evalsha +eval +get +hget +hmget +hset +hdel +hexists +hgetall +hscan +pexpire +pttl +time +publish +subscribe +unsubscribe'

describeWith('redis', 'redis, as a least-privilege user', () => {
  let server: RedisService
  beforeAll(async () => {
    server = await startRedis({ acl: { user: 'shop', password: 'pass', rules: RULES } })
  })
  afterAll(() => server.stop())
  const opened: Tier[] = []
  let keyPrefix = ''
  const again = async (): Promise<NodeStore> => {
    const tier = redis({ url: server.url, keyPrefix, ...PATIENCE })
    opened.push(tier)
    return tier.nodes
  }
  const open = (): Promise<NodeStore> => {
    keyPrefix = `shop:${randomUUID()}:`
    return again()
  }
  describeNodeStore({ describe, it }, { name: 'redis (user)', open, again, close: () => closeAll(opened) })
})

describeWith('redis', 'redis cluster', () => {
  let cluster: ClusterGroup
  beforeAll(async () => {
    cluster = await startCluster()
  })
  afterAll(() => cluster.stop())
  const opened: Tier[] = []
  let keyPrefix = ''
  const again = async (): Promise<NodeStore> => {
    const tier = redis({ cluster: cluster.addresses.slice(0, 2), keyPrefix, ...PATIENCE })
    opened.push(tier)
    return tier.nodes
  }
  const open = (): Promise<NodeStore> => {
    keyPrefix = `nodes-${randomUUID()}:`
    return again()
  }
  describeNodeStore({ describe, it }, { name: 'redis on a cluster', open, again, close: () => closeAll(opened) })
})

describe('sqlite', () => {
  const file = temporaryFolder()
  const opened: Tier[] = []
  let path = ''
  const again = async (): Promise<NodeStore> => {
    const tier = sqlite({ path })
    opened.push(tier)
    return tier.nodes
  }
  const open = (): Promise<NodeStore> => {
    path = file()
    return again()
  }
  describeNodeStore({ describe, it }, { name: 'sqlite', open, again, close: () => closeAll(opened) })
})

describeWith('postgres', 'postgres', () => {
  let server: PostgresService
  let schema = ''
  const opened: Tier[] = []
  beforeAll(async () => {
    server = await startPostgres()
    await server.query('CREATE ROLE service LOGIN NOSUPERUSER NOINHERIT')
  })
  afterAll(() => server.stop())
  const again =
    (notify = true) =>
    async (): Promise<NodeStore> => {
      const tier = postgres({
        url: server.url.replace('postgres@', 'service@'),
        schema,
        ...PATIENCE,
        poolSize: 8,
        notify,
      })
      opened.push(tier)
      return tier.nodes
    }
  const open = (notify?: boolean) => async (): Promise<NodeStore> => {
    schema = `nodes_${randomUUID().slice(0, 8)}`
    await server.query(postgresSchema({ schema }))
    await server.query(postgresGrants({ schema, role: 'service' }))
    return again(notify)()
  }
  describeNodeStore({ describe, it }, { name: 'postgres', open: open(), again: again(), close: () => closeAll(opened) })
  describeNodeStore(
    { describe, it },
    { name: 'postgres without notifications', open: open(false), again: again(false), close: () => closeAll(opened) },
  )
})
