// The tiers of the service: memory, Redis when it is asked for, a SQLite file; and the two layers upon them.
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
import { type CacheSettings, redisOptions } from '../settings.ts'
import { startOrExplain } from '../start-error.ts'
import { groupTag, MODELS, ttlBounds } from './kinds.ts'
import type { RegionsHeard } from './regions.ts'
import { createValues, type Values } from './values.ts'

export interface Caches {
  /** Undefined: off. */
  readonly cache: Cache | undefined
  readonly strategic: Cache | undefined
  readonly response: Cache | undefined
  /** Of rows by their ids: what collections read and write. */
  readonly records: Cache | undefined
  /** Of whole HTTP answers. */
  readonly front: Cache | undefined
  /** Of pictures, as they are given. */
  readonly pictures: Cache | undefined
  /** How values are kept. Undefined: off. */
  readonly values: Values | undefined
  /** What watches the cache. Undefined: nobody does. */
  readonly insight: Insight | undefined
  /** What this region knows of the others. Undefined: there are none. */
  readonly regions: RegionsHeard | undefined
  /** Redis was asked for and does not answer now. */
  isRedisMissing(): boolean
  close(): Promise<void>
}

const MEMORY = '128mb'
/** Large, and asked for only when a response is made of them: the response lies in memory, and they below it. */
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

/** @throws StartError when a tier's option or file cannot be used. A Redis that does not answer is no error. */
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
      // Responses are made of strategic answers, and HTTP answers of responses: whoever forgets one forgets what was
      // made of it.
      dependencies: 'tracked',
      // For people who name a model (`millpond invalidate --model Deal`); the service itself knows what it changed, and
      // names less.
      models: Object.fromEntries(
        Object.entries(MODELS).map(([model, kinds]) => [
          model,
          { related: kinds.map((kind) => ({ tag: groupTag.kind(kind) })) },
        ]),
      ),
      // What an edge that is away has not heard of outlives this process.
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
  // A body is made of a strategic answer, which one process computes for all: to make it twice costs less than to ask
  // who does.
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
  // A region hears of what the others forget in a namespace once it has been asked for something there.
  // And what an edge has not heard of is told there as soon as its namespace is asked.
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

/** What has a time to live of its own keeps it; the rest lives as long as the settings say, or as its values do. */
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
