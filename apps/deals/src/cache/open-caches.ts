// The tiers of the service: memory, Redis if configured, a SQLite file; and the two layers on top.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'libsql'
import { type Cache, type CacheOptions, createCache, memory, type Outlet } from 'millpond'
import { adaptiveTtl, createInsight, type Insight, insightOf } from 'millpond/insight'
import { sqliteJobs } from 'millpond/jobs'
import type { Log } from 'millpond/observe'
import type { EdgeTier } from 'millpond/tiers/edge'
import { redis } from 'millpond/tiers/redis'
import { sqlite, sqliteOutbox } from 'millpond/tiers/sqlite'
import { type CacheSettings, redisOptions } from '../cache-settings.ts'
import { startOrExplain } from '../start-error.ts'
import { groupTag, MODELS, ttlBounds } from './kinds.ts'
import type { RegionsHeard } from './regions.ts'
import { createValues, type Values } from './values.ts'

export interface Caches {
  /** Undefined: off. */
  readonly cache: Cache | undefined
  readonly strategic: Cache | undefined
  readonly response: Cache | undefined
  /** Rows by their ids, for collections. */
  readonly records: Cache | undefined
  /** Of whole HTTP answers. */
  readonly front: Cache | undefined
  /** Images as served. */
  readonly pictures: Cache | undefined
  /** How values are kept. Undefined: off. */
  readonly values: Values | undefined
  /** The insight that watches the cache. Undefined: none. */
  readonly insight: Insight | undefined
  /** What this region knows of the others. Undefined: there are none. */
  readonly regions: RegionsHeard | undefined
  /** Redis was configured and does not answer now. */
  isRedisMissing(): boolean
  close(): Promise<void>
}

const MEMORY = '128mb'
/** Large, and read only to make a response: the response is in memory, and they are below it. */
const BELOW_MEMORY = ['deal_statistics', 'analytics', 'performance', 'overview'] as const
const NO_CACHES: Caches = {
  cache: undefined,
  strategic: undefined,
  response: undefined,
  records: undefined,
  front: undefined,
  pictures: undefined,
  values: undefined,
  insight: undefined,
  regions: undefined,
  isRedisMissing: () => false,
  close: async () => undefined,
}

interface OpenOptions {
  readonly log?: Log | undefined
  readonly outlets?: readonly Outlet[] | undefined
  /** Undefined: one region, whose tiers are those that the settings name. */
  readonly openRegions?: (() => EdgeTier) | undefined
}

/** @throws StartError if a tier's option or file cannot be used. An unreachable Redis is not an error. */
export async function openCaches(
  settings: CacheSettings,
  folder: string,
  dataset: string,
  say: (line: string) => void,
  { log, outlets = [], openRegions }: OpenOptions = {},
): Promise<Caches> {
  if (!settings.isOn) return NO_CACHES
  const redisAt = redisOptions(settings)
  const { cache, values, jobs, regions } = startOrExplain(() => {
    mkdirSync(folder, { recursive: true })
    const values = createValues(settings, folder)
    const jobs = new Sqlite(join(folder, 'jobs.sqlite'), { timeout: 2_000 })
    const regions = openRegions?.()
    const cache = createCache({
      name: `${settings.keyPrefix}-${dataset}`,
      tiers: [
        memory({ maxBytes: MEMORY }),
        ...(regions !== undefined
          ? [regions]
          : [
              ...(redisAt === undefined ? [] : [redis(redisAt)]),
              sqlite({ path: join(folder, 'cache.sqlite'), onWarning: ({ message }) => say(`cache: ${message}`) }),
            ]),
      ],
      ...timesOf(settings),
      ...insightFor(settings),
      // Shared by all processes of this folder: each job is run by one of them.
      jobs: sqliteJobs({ database: jobs }),
      // Responses are made from strategic answers, and HTTP answers from responses: invalidating one invalidates what
      // was made from it.
      dependencies: 'tracked',
      // For people who name a model (`millpond invalidate --model Deal`); the service itself knows what it changed, and
      // names less.
      models: Object.fromEntries(
        Object.entries(MODELS).map(([model, kinds]) => [
          model,
          { related: kinds.map((kind) => ({ tag: groupTag.kind(kind) })) },
        ]),
      ),
      // Pending purges of an unreachable edge outlive this process.
      ...(outlets.length > 0 && { outlets, outbox: sqliteOutbox({ path: join(folder, 'outbox.sqlite') }) }),
      codec: values.codec,
      ...(log !== undefined && { log }),
      ...(settings.isCompact && {
        route: [{ when: { namespace: 'strategic', tags: BELOW_MEMORY.map(groupTag.kind) }, except: ['memory'] }],
      }),
    })
    return { cache, values, jobs, regions: regions?.ledger.regions }
  })
  cache.on('warning', ({ message }) => say(`cache: ${message}`))
  cache.on('breaker', ({ tier, state }) =>
    say(
      `cache: ${tier} is ${state === 'closed' ? 'used again' : state === 'open' ? 'bypassed until it answers again' : 'tried again'}`,
    ),
  )
  const strategic = cache.namespace('strategic')
  // Making a body from a strategic answer, which one process computes for all, costs less than coordinating who makes
  // it.
  const response = cache.namespace('response', {
    singleFlight: 'process',
    ...(values.select && { select: values.select }),
  })
  const records = cache.namespace('records')
  const front = cache.namespace('http')
  const pictures = cache.namespace('images', { ttl: '7d' })
  const close = async (): Promise<void> => {
    await cache.close()
    jobs.close()
  }
  const isRedisMissing = () => redisAt !== undefined && !response.stats().ledger.isUp
  // A region hears of the others' invalidations in a namespace once the namespace has been used there.
  // Pending purges of an edge are also delivered once their namespace is used.
  const looked =
    regions !== undefined
      ? [strategic, response, records, front, pictures]
      : outlets.length > 0
        ? [response, front]
        : [response]
  await Promise.all(looked.map((space) => space.get('v1:first:look').catch(() => undefined)))
  if (isRedisMissing())
    say('cache: Redis does not answer; the service runs without it and uses it once it is available')
  return {
    cache,
    strategic,
    response,
    records,
    front,
    pictures,
    values,
    insight: insightOf(cache),
    regions,
    isRedisMissing,
    close,
  }
}

/** Kinds with their own TTL keep it; the others use the configured TTL, or an adaptive one. */
function timesOf({ defaultTtlMs, insight }: CacheSettings): Pick<CacheOptions, 'defaults' | 'adaptiveTtl'> {
  const jitter = 0.05
  if (!insight.isChoosingTtl) return { defaults: { ttl: defaultTtlMs, jitter } }
  return { defaults: { jitter }, adaptiveTtl: adaptiveTtl(ttlBounds(defaultTtlMs)) }
}

/** A response carries the moment at which it was stored: its ETag says whether it has changed. */
const unstamped = (value: unknown): unknown =>
  typeof value === 'object' && value !== null && 'etag' in value ? value.etag : value

/** Loads in vain, of all loads: a query more is what the cache is there to spare. */
const MOST_WASTE = 0.01

function insightFor({
  insight: { isWatching, isPredicting, isLoadingAhead, freshness },
}: CacheSettings): Pick<CacheOptions, 'insight'> {
  if (!isWatching) return {}
  const usagePrediction = isPredicting && { waste: MOST_WASTE }
  const checks = freshness && { ...freshness, select: unstamped }
  return {
    insight: (watched) =>
      createInsight({ caches: [watched], usagePrediction, predictiveLoading: isLoadingAhead, freshness: checks }),
  }
}
