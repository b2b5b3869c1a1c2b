// Which client the Redis suites run on: `REDIS_DRIVER=redis npx vitest run redis` runs all of them on node-redis.
import type { RedisTierOptions } from '../../src/tiers/redis/index.ts'

export const DRIVER: Pick<RedisTierOptions, 'driver'> = process.env.REDIS_DRIVER === 'redis' ? { driver: 'redis' } : {}
