// How each options type is used: what is given together with the option that is tried, and what makes or calls with it.
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cloudFront, cloudflare, createCdn, type Edge, fastly, millpondProxy } from '@millpond/cdn'
import { folderStore, s3Store, uploadAssets } from '@millpond/cdn/assets'
import { createImageHandler, optimizeImages, pictureMarkup } from '@millpond/cdn/images'
import { createControl, ensureToken, openStore } from '@millpond/control'
import { attach, openCaches } from '@millpond/control/agent'
import { dashboard } from '@millpond/dashboard/handler'
import { startProxy } from '@millpond/proxy'
import { Redis } from 'ioredis'
import { buildKey, createCache, memory, type Tier } from 'millpond'
import { apolloCache } from 'millpond/apollo'
import { astroCache } from 'millpond/astro'
import {
  frameCodec,
  jsonCodec,
  keyring,
  memoryKeyStore,
  storedKeyring,
  tenantKeyring,
  valueCodec,
  wrappedKeyring,
} from 'millpond/codec'
import { awsKms } from 'millpond/codec/aws-kms'
import { bentocache } from 'millpond/compat/bentocache'
import { cacheManager } from 'millpond/compat/cache-manager'
import { fromEnvironment } from 'millpond/environment'
import { createHttpCache } from 'millpond/http'
import { cacheHeaders, compression, recordTraffic, requestMetrics } from 'millpond/http/middlewares'
import { wrappers } from 'millpond/http/wrappers'
import {
  adaptiveTtl,
  createInsight,
  Predictor,
  planOf,
  Shadows,
  startExperiment,
  watchFreshness,
} from 'millpond/insight'
import {
  Coalesce,
  EventMap,
  encodeToken,
  followPostgresChanges,
  ModelEvents,
  Relations,
  scheduleInvalidation,
  signWebhook,
  TokenCarrier,
  transactionOutbox,
  webhook,
} from 'millpond/invalidate'
import { createJobs, memoryJobs, postgresJobs, redisJobs, sqliteJobs } from 'millpond/jobs'
import { bullmqJobs } from 'millpond/jobs/bullmq'
import { keyvStore } from 'millpond/keyv'
import { policyByName } from 'millpond/memory'
import { Cached, InvalidateTags, MillpondModule } from 'millpond/nest'
import { nextIncrementalCache } from 'millpond/next'
import { createNodes, memoryNodes } from 'millpond/nodes'
import { createKeyStatistics, createLog, createMonitor, createRegistry, showWarming } from 'millpond/observe'
import { openTelemetry } from 'millpond/opentelemetry'
import { kyselyCache } from 'millpond/orm/kysely'
import { notifyChanges } from 'millpond/orm/pg'
import { fakeClock, recordHistory, simulatedServer, startFaultProxy } from 'millpond/testing'
import { distributed } from 'millpond/tiers/distributed'
import { edge as edgeTier } from 'millpond/tiers/edge'
import { file } from 'millpond/tiers/file'
import { memcached } from 'millpond/tiers/memcached'
import { postgres, postgresKeyStore, postgresSchema } from 'millpond/tiers/postgres'
import { redis } from 'millpond/tiers/redis'
import { sqlite, sqliteKeyStore, sqliteOutbox } from 'millpond/tiers/sqlite'
import { verifyWitness, witnessed } from 'millpond/tiers/witness'
import { unstorageDriver } from 'millpond/unstorage'
// Not by the dashboard's front door: React's types make a DOM of their own for all tests.
import { createCacheClient } from '../../../dashboard/src/api/client.ts'
import { GARBAGE } from './garbage.ts'

/** Fields of the caller's own: options of `tls.connect`, facts of a log line. */
const OTHERS = ['object', 'instance'] as const
/** Read as they are warmed: what is wrong is in the report. */
const READ_LATER = ['list', 'listOfLists', 'map'] as const

// biome-ignore lint/suspicious/noExplicitAny: garbage is what these are tried with
type Garbage = any

export interface Probe {
  /** What is given together with. */
  readonly base?: object
  readonly use: (options: Garbage) => unknown
  /** Options of which a number below 0, or an empty text, means something. */
  readonly takesAny?: readonly string[]
  /** Values of these are secrets, and never shown. */
  readonly secret?: readonly string[]
  /** Options that stand beside others or not at all: what is said of them first. */
  readonly besides?: readonly string[]
  /** What is somebody else's to judge, or is judged only when it is reached. */
  readonly leaves?: Readonly<Record<string, readonly (keyof typeof GARBAGE)[]>>
  /** Where the whole is not an object but may be something else. */
  readonly whole?: readonly string[]
}

const clock = fakeClock()
const cache = createCache({ clock, dependencies: 'declared' })
const tier = (): Tier => simulatedServer().connect()
const ringOf = () => ({ clock, nodes: [{ tier: tier() }], ledger: tier() })
const edgeOf = () => ({ clock, regions: { us: { ledger: tier() } }, region: 'us' })
const regionsOfTwo = () =>
  edgeTier({ regions: { us: { ledger: tier() }, eu: { ledger: tier() } }, region: 'us', maxRegionLag: '2s' }).ledger
    .regions
const [toDrain, toFill] = [regionsOfTwo(), regionsOfTwo()]
const layered = createCache({ clock, tiers: [memory(), tier()] })
const nothing = async (): Promise<undefined> => undefined
/** Made by what is tried. */
export const witnesses = join(tmpdir(), `millpond-witness-${process.pid}`)
let fresh = 0
/** What a hit would not look at. */
const insight = createInsight({ caches: [createCache({ name: 'probed', clock })], clock })
const predicted = createInsight({ caches: [createCache({ name: 'predicted', clock })], clock, usagePrediction: true })
const tried = createCache({ name: 'tried', clock })
const EQUAL_ARMS = { name: 'probed', arms: [{ name: 'a' }, { name: 'b' }] }
const newKey = (): string => `key-${fresh++}`
const key = new Uint8Array(32)
const jobs = memoryJobs({ clock })
const pool = { query: async () => ({ rows: [], rowCount: 0 }) }
/** An address where no server answers. */
const bullClient = new Redis({ port: 1, lazyConnect: true, retryStrategy: () => null }).on('error', () => {})
class ListeningClient {
  readonly connect = nothing
  readonly query = nothing
  readonly end = nothing
  on(): void {}
}
const never = (): Promise<never> => new Promise(() => {})
const refusing = (): Promise<never> => Promise.reject(new Error('there is no server'))

const admin = await openStore(':memory:')
const ORIGIN = 'http://127.0.0.1:1'
const TOKEN = 'of-a-test-'.repeat(4)

/** A folder with nothing in it. */
export const empty = mkdtempSync(join(tmpdir(), 'millpond-empty-'))
const edge: Edge = {
  name: 'probed',
  vendor: 'probed',
  abilities: { purge: ['everything'], soft: ['everything'], status: false, analytics: false, locations: false },
  limits: [{ kinds: ['everything'], perRequest: 1, cost: 'request', burst: 1e6, perSecond: 1e6, source: '' }],
  site: 'site',
  plan: (target) => target,
  limitOf: () => 0,
  send: async () => ({ id: undefined, isDone: true }),
  state: async () => ({ site: 'site', name: undefined, isReady: true, notes: [] }),
}
const cdn = createCdn({ edges: [edge], clock })
const variant = { format: 'webp', width: 1, height: 1, bytes: 1, path: 'a.webp' } as const
const picture = { path: 'a.jpg', sha256: '', bytes: 1, settings: '', variants: [variant] }

/** Each time a runner of its own, where no name is taken. */
const repeat = (options: Garbage): unknown =>
  createJobs({ store: jobs, clock, handlers: {} }).repeat('job', options, nothing)

/** Options that are an object have the lease of a miss unless they bring their own. */
async function setLeased(options: Garbage): Promise<unknown> {
  const key = newKey()
  const entry = await cache.getEntry(key, { lease: true })
  const lease = entry.kind === 'miss' ? entry.lease : undefined
  const isOptions =
    typeof options === 'object' && options !== null && Object.getPrototypeOf(options) === Object.prototype
  return cache.set(key, 1, isOptions ? { lease, ...options } : options)
}

/** By entry and name. */
export const PROBES: Readonly<Record<string, Probe>> = {
  '. CacheOptions': { base: { clock }, secret: ['codec'], use: (options) => createCache(options) },
  '. EntryOptions': { use: (options) => cache.set(newKey(), 1, options) },
  '. ReadOptions': { use: (options) => cache.get(newKey(), options), takesAny: ['after'] },
  '. LoadOptions': { use: (options) => cache.getOrSet(newKey(), () => 1, options), takesAny: ['after'] },
  '. EntryReadOptions': { use: (options) => cache.getEntry(newKey(), options), takesAny: ['after'] },
  '. KeysOptions': { use: (options) => cache.keys(options) },
  './compat/cache-manager CacheManagerOptions': { use: (options) => cacheManager(cache, options) },
  './compat/bentocache BentocacheOptions': { use: (options) => bentocache(cache, options) },
  './compat/bentocache BentoEntryOptions': {
    base: { key: 'k', value: 1 },
    use: (options) => bentocache(cache).set(options),
  },
  './compat/bentocache BentoGetOrSetOptions': {
    base: { key: 'k', factory: nothing },
    use: (options) => bentocache(cache).getOrSet(options),
  },
  './compat/bentocache BentoSetOptions': {
    base: { key: 'k', value: 1 },
    use: (options) => bentocache(cache).set(options),
  },
  './compat/bentocache BentoGetOptions': {
    base: { key: 'k' },
    use: (options) => bentocache(cache).get(options),
    // Whatever is to be given where nothing is held.
    leaves: { defaultValue: Object.keys(GARBAGE) as (keyof typeof GARBAGE)[] },
  },
  './unstorage UnstorageOptions': { use: (options) => unstorageDriver(cache, options) },
  './apollo ApolloCacheOptions': { use: (options) => apolloCache(cache, options) },
  './nest CachedOptions': { use: (options) => Cached(options), takesAny: ['after'] },
  './nest InvalidateTagsOptions': { use: (options) => InvalidateTags(['a'], options) },
  './nest MillpondModuleAsyncOptions': {
    base: { useFactory: () => cache },
    use: (options) => MillpondModule.forRootAsync(options),
  },
  './astro AstroCacheOptions': { use: (options) => astroCache(cache, options) },
  './astro AstroQueryOptions': { use: (query) => astroCache(cache, { query }) },
  './next NextCacheOptions': { use: (options) => nextIncrementalCache(cache, options) },
  './keyv KeyvStoreOptions': { use: (options) => keyvStore(cache, options) },
  '. LeaseOptions': { whole: ['true'], use: (lease) => cache.getEntry(newKey(), { lease }) },
  '. LeasedOptions': { use: setLeased },
  './http Purge': { base: { tags: ['a'] }, use: (what) => createHttpCache(cache).purge(what) },
  './http GroupNames': {
    base: { host: 'http://a', names: ['a'] },
    use: (groups) => createHttpCache(cache).purge({ groups }),
  },
  '. ClearOptions': { use: (options) => cache.namespace('cleared').clear(options) },
  '. DeleteOptions': { use: (options) => cache.delete(newKey(), options) },
  '. GetOrSetManyOptions': {
    base: { load: async (ids: string[]) => ids.map(() => 1) },
    use: (options) => cache.getOrSetMany([newKey()], options),
    takesAny: ['after'],
  },
  '. NamespaceOptions': {
    secret: ['codec'],
    use: (options) => cache.namespace(newKey(), options),
    takesAny: ['after'],
  },
  '. Outlet': { base: { name: 'cdn', deliver: nothing }, use: (outlet) => createCache({ clock, outlets: [outlet] }) },
  '. SourceOptions': { use: (options) => cache.source([newKey()], () => 1, options) },
  '. WarmOptions': { use: (options) => cache.warm([], options) },
  '. WarmScheduleOptions': { leaves: {}, base: { plans: [] }, use: (options) => cache.warming.start(options) },
  '. WarmPlanOptions': { base: { keys: [], load: () => 1 }, use: (plan) => cache.warm(plan) },
  '. WarmKeys': { leaves: { keys: READ_LATER }, base: { keys: [], load: () => 1 }, use: (plan) => cache.warm(plan) },
  '. WarmValues': { leaves: { values: READ_LATER }, base: { values: [] }, use: (plan) => cache.warm(plan) },
  '. CollectionOptions': { takesAny: ['keyVersion'], use: (options) => cache.collection(newKey(), options) },
  '. GuardOptions': { use: (options) => cache.guard(newKey(), options) },
  '. GuardBreaker': { whole: ['false'], use: (breaker) => cache.guard(newKey(), { breaker }) },
  '. GuardRetry': { whole: ['false'], use: (retry) => cache.guard(newKey(), { retry }) },
  '. GuardBulkhead': { whole: ['false'], use: (bulkhead) => cache.guard(newKey(), { bulkhead }) },
  '. GuardHedge': { whole: ['false'], base: { after: '1s' }, use: (hedge) => cache.guard(newKey(), { hedge }) },
  '. GuardErrorThreshold': {
    whole: ['false'],
    base: { failures: 1, action: 'hold' },
    use: (errorThreshold) => cache.guard(newKey(), { errorThreshold }),
  },
  '. WriteBehindOptions': {
    base: { durability: 'memory' },
    use: (writeBehind) => cache.collection(newKey(), { store: nothing, write: 'write-behind', writeBehind }),
  },
  '. WriteStreamOptions': {
    base: { client: { call: refusing, callBuffer: refusing } },
    besides: ['url'],
    use: (stream) => cache.collection(newKey(), { store: nothing, write: 'write-behind', writeBehind: { stream } }),
  },
  '. CollectionWriteOptions': { use: (options) => cache.collection<number, number>(newKey(), {}).set(1, 1, options) },
  '. Changes': { use: (changes) => cache.configure(changes, { dryRun: true }) },
  '. DefaultChanges': { use: (defaults) => cache.configure({ defaults }, { dryRun: true }) },
  '. TierChanges': {
    use: (changes) => {
      const isFar = Object.keys(Object(changes)).some((name) => /^(promote|timeo|break)/.test(name))
      return layered.configure({ tiers: { [isFar ? 'simulated' : 'memory']: changes } }, { dryRun: true })
    },
  },
  '. InfoOptions': { use: (options) => cache.info(options) },
  '. ConfigureOptions': { use: (options) => cache.configure({}, options) },
  '. InvalidateOptions': { use: (options) => cache.invalidateTags(['t'], options) },
  '. Criteria': {
    base: { key: 'k' },
    use: (criteria) => cache.invalidate(criteria, { dryRun: true }),
    takesAny: ['createdBefore'],
  },
  '. ResealOptions': { use: (options) => cache.reseal(options) },
  '. RouteRule': { base: { tiers: [] }, use: (rule) => createCache({ clock, route: [rule] }) },
  '. TransactionOptions': { use: (options) => cache.transaction(options, nothing) },
  '. TransactionTargets': { use: (targets) => cache.transaction({}, ({ hold }) => hold(targets)) },
  '. WrapOptions': { base: { key: [newKey()] }, use: (options) => cache.wrap(async () => 1, options).unregister() },
  '. MemoryOptions': { use: (options) => memory(options) },
  '. TierConfiguration': {
    secret: ['codec'],
    base: { use: tier() },
    use: (use) => createCache({ clock, tiers: [memory(), use] }),
  },
  '. BreakerOptions': { use: (breaker) => createCache({ clock, tiers: [memory(), { use: tier(), breaker }] }) },
  '. KeyParts': {
    base: { prefix: 'p', identifier: 1 },
    use: (parts) => buildKey(parts),
    takesAny: ['identifier'],
    leaves: { parameters: ['instance'] },
  },
  '. WarmingSettings': { use: (warming) => createCache({ clock, warming }) },
  '. ScheduledFor': { base: { in: '1h' }, use: (when) => cache.schedule({ tags: ['t'] }, when) },
  './tiers/distributed DistributedOptions': { base: ringOf(), use: (options) => distributed(options) },
  './tiers/distributed DistributedNode': {
    base: { tier: tier() },
    use: (node) => distributed({ ...ringOf(), nodes: [node] }),
  },
  './tiers/distributed HintOptions': { use: (hints) => distributed({ ...ringOf(), hints }) },
  './tiers/edge EdgeOptions': { base: edgeOf(), use: (options) => edgeTier(options) },
  '. DrainRegionOptions': { base: { region: 'eu' }, use: (options) => toDrain.drain(options) },
  '. FillRegionOptions': { base: { from: 'eu' }, use: (options) => toFill.fill(options) },
  './tiers/edge EdgeRegion': {
    base: { ledger: tier() },
    use: (us) => edgeTier({ ...edgeOf(), regions: { ...edgeOf().regions, us } }),
  },
  './tiers/file FileTierOptions': { base: { path: '/nonexistent/millpond' }, use: (options) => file(options) },
  './tiers/memcached MemcachedTierOptions': {
    base: { servers: '127.0.0.1:1' },
    use: (options) => memcached(options),
    secret: ['username', 'password'],
    takesAny: ['keyPrefix'],
    leaves: { tls: OTHERS },
  },
  './tiers/postgres PostgresTierOptions': {
    base: { url: 'postgres://127.0.0.1:1/none' },
    use: (options) => postgres(options),
    secret: ['url'],
    besides: ['pool'],
    leaves: { tls: OTHERS },
  },
  './tiers/postgres RetainOptions': { use: (retain) => postgres({ url: 'postgres://127.0.0.1:1/none', retain }) },
  './tiers/postgres PostgresSchemaOptions': { use: (options) => postgresSchema(options) },
  './tiers/redis RedisTierOptions': {
    base: { host: '127.0.0.1' },
    use: (options) => redis(options),
    secret: ['url', 'username', 'password', 'sentinelUsername', 'sentinelPassword'],
    besides: ['path', 'sentinels', 'name', 'sentinelTls', 'cluster', 'client'],
    takesAny: ['keyPrefix', 'username', 'password', 'sentinelUsername', 'sentinelPassword'],
    leaves: { tls: OTHERS, sentinelTls: OTHERS },
  },
  './tiers/postgres PostgresKeyStoreOptions': { base: { pool }, use: (options) => postgresKeyStore(options) },
  './tiers/sqlite SqliteOptions': { base: { path: ':memory:' }, use: (options) => sqlite(options) },
  './tiers/sqlite SqliteKeyStoreOptions': { base: { path: ':memory:' }, use: (options) => sqliteKeyStore(options) },
  './tiers/sqlite SqliteOutboxOptions': { base: { path: ':memory:' }, use: (options) => sqliteOutbox(options) },
  './http HttpCacheOptions': { use: (options) => createHttpCache(cache, options) },
  './http/middlewares HeaderRule': { use: (rule) => cacheHeaders(rule), whole: ['function'] },
  './http/middlewares CompressionOptions': { use: (options) => compression(options) },
  './http/middlewares MetricsOptions': { use: (options) => requestMetrics(options) },
  './http/middlewares RecorderOptions': { use: (options) => recordTraffic(options) },
  './http/wrappers VaryOptions': { use: (options) => wrappers(cache).cachedView(options) },
  './http/wrappers WrapOptions': { use: (options) => wrappers(cache).cachedMethod(options) },
  './environment EnvironmentOptions': { use: (options) => fromEnvironment({}, options) },
  './invalidate CoalesceOptions': {
    base: { every: '1s', clock, run: nothing },
    use: (options) => new Coalesce(options),
  },
  './invalidate EventMapOptions': {
    base: { events: {}, invalidate: nothing, onError: () => {} },
    use: (options) => new EventMap(options),
  },
  './invalidate ModelEventsOptions': {
    base: { relations: new Relations(), invalidate: nothing },
    use: (options) => new ModelEvents(options),
  },
  './invalidate FollowOptions': {
    base: { connect: never, clock, changed: nothing, tables: [] },
    use: (options) => followPostgresChanges(options).close(),
  },
  './invalidate TransactionOutboxOptions': {
    base: { dialect: 'sqlite', run: nothing, invalidate: nothing },
    use: (options) => transactionOutbox(options),
  },
  './orm/kysely OrmOptions': { base: { cache }, use: (options) => kyselyCache(options) },
  './orm/pg NotifyOptions': {
    base: { cache, tables: ['users'], pool: { query: nothing, Client: ListeningClient, options: {} } },
    use: async (options) => (await notifyChanges(options)).close(),
  },
  './orm/kysely QueryOptions': { use: (options) => kyselyCache({ cache }).cached(options), takesAny: ['after'] },
  './invalidate NoteOptions': {
    use: (options) =>
      transactionOutbox({ dialect: 'sqlite', run: async () => [], invalidate: async () => {} }).note(
        async () => [],
        { key: 'k' },
        options,
      ),
  },
  './invalidate ModelRule': { use: (rule) => new Relations({ User: rule }) },
  './invalidate RelationLimits': { use: (limits) => new Relations({}, limits) },
  './invalidate ScheduleOptions': {
    base: { jobs: { add: async () => 'id' }, namespace: 'n', criteria: { tag: 't' }, now: 0 },
    use: (options) => scheduleInvalidation(options, { in: '1s' }),
    takesAny: ['now'],
  },
  './invalidate ScheduleTime': {
    base: { in: '1h' },
    use: (when) =>
      scheduleInvalidation({ jobs: { add: async () => 'id' }, namespace: 'n', criteria: { tag: 't' }, now: 0 }, when),
    takesAny: ['at'],
  },
  './invalidate TokenOptions': { use: (options) => encodeToken(new Map(), options), secret: ['key'] },
  './invalidate TokenCarrierOptions': { use: (options) => new TokenCarrier(options), secret: ['key'] },
  './invalidate WebhookOptions': {
    base: { secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', invalidate: nothing, clock },
    use: (options) => webhook(options),
    secret: ['secret'],
  },
  './invalidate SignOptions': {
    base: { secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', id: 'id', body: '{}', now: 0 },
    use: (options) => signWebhook(options),
    secret: ['secret'],
    takesAny: ['now', 'body'],
  },
  './observe WarmBarOptions': { use: (options) => showWarming(cache, options) },
  './jobs QueueOptions': { base: { pool }, use: (options) => postgresJobs(options) },
  './jobs RetentionOptions': { use: (options) => memoryJobs(options) },
  './jobs ServerOptions': { base: { pool }, use: (options) => postgresJobs(options) },
  './jobs ListOptions': { use: (options) => jobs.list(options) },
  './jobs JobsOptions': { base: { store: jobs, clock, handlers: {} }, use: (options) => createJobs(options) },
  './jobs WhenOptions': {
    use: (when) => createJobs({ store: jobs, clock, handlers: {} }).add('kind', 1, when),
    takesAny: ['at'],
  },
  './jobs RepeatOptions': { base: { every: '1h' }, use: repeat, besides: ['cron'] },
  './jobs TimetableOptions': { base: { every: '1h' }, use: repeat, besides: ['cron'] },
  './jobs MemoryJobsOptions': { use: (options) => memoryJobs(options) },
  './jobs PostgresJobsOptions': { base: { pool }, use: (options) => postgresJobs(options) },
  './jobs RedisJobsOptions': { base: { client: { call: nothing } }, use: (options) => redisJobs(options) },
  './jobs/bullmq BullmqJobsOptions': { base: { client: bullClient }, use: (options) => bullmqJobs(options) },
  './jobs SqliteJobsOptions': {
    base: { database: { prepare: () => ({}), exec: () => {} } },
    use: (options) => sqliteJobs(options),
  },
  './codec CodecOptions': { use: (options) => valueCodec(options), secret: ['encrypt', 'keyNames'] },
  './codec EncryptedCodecOptions': {
    base: { encrypt: keyring({ current: 'k1', keys: { k1: key } }) },
    use: (codec) => createCache({ clock, codec }),
    secret: ['encrypt', 'keyNames'],
  },
  './codec CompressOptions': { use: (compress) => valueCodec({ compress }) },
  './codec FrameCodecOptions': { use: (options) => frameCodec(options) },
  './codec JsonCodecOptions': { use: (options) => jsonCodec(options) },
  './codec CodecLimits': { use: (limits) => jsonCodec({ limits }) },
  './codec KeyringOptions': {
    base: { current: 'k1', keys: { k1: key } },
    use: (options) => keyring(options),
    secret: ['keys', 'next'],
  },
  './codec TenantKeyringOptions': {
    base: { ring: keyring({ current: 'k1', keys: { k1: key } }), store: memoryKeyStore() },
    use: (options) => tenantKeyring(options),
    secret: ['ring'],
  },
  './tiers/witness WitnessOptions': {
    base: { path: witnesses },
    secret: ['signingKey'],
    use: async (options) => witnessed(sqlite({ path: ':memory:' }), options).close(),
  },
  './tiers/witness VerifyWitnessOptions': { use: (options) => verifyWitness(tmpdir(), options), secret: ['publicKey'] },
  './codec StoredKeyringOptions': {
    base: { by: keyring({ current: 'k1', keys: { k1: key } }), store: memoryKeyStore() },
    use: async (options) => (await storedKeyring(options)).close(),
    secret: ['by'],
  },
  './codec RotateAfter': {
    use: async (rotateAfter) => {
      const by = keyring({ current: 'k1', keys: { k1: key } })
      await (await storedKeyring({ by, store: memoryKeyStore(), rotateAfter })).close()
    },
  },
  './codec RewrapOptions': {
    use: (options) =>
      tenantKeyring({ ring: keyring({ current: 'k1', keys: { k1: key } }), store: memoryKeyStore() }).rewrap(options),
  },
  './codec/aws-kms AwsKmsOptions': { base: { keyId: 'alias/cache' }, use: (options) => awsKms(options) },
  './codec WrappedKeyringOptions': {
    base: { service: { unwrap: async () => key }, current: 'k1', keys: { k1: key } },
    use: (options) => wrappedKeyring(options),
    secret: ['keys', 'next'],
  },
  './opentelemetry OpenTelemetryOptions': { use: (options) => openTelemetry(options).close() },
  './nodes AskOptions': { use: (options) => createNodes({ store: memoryNodes(), clock }).ask('topic', 1, options) },
  './nodes NodesOptions': { base: { store: memoryNodes(), clock }, use: (options) => createNodes(options) },
  './insight AdaptiveTtlOptions': { use: (options) => adaptiveTtl(options) },
  './insight BenchmarkOptions': { base: { duration: 10 }, use: (options) => insight.benchmark('probed', options) },
  './insight CostOptions': {
    base: { prices: { tiers: { memory: { gbMonth: 1 } }, source: { second: 1 } } },
    use: (options) => insight.cost('probed', options),
  },
  './insight ExperimentOptions': {
    base: { cache: tried, ...EQUAL_ARMS },
    use: (options) => startExperiment(options).stop(),
  },
  './insight ExperimentSelect': { use: (select) => planOf({ ...EQUAL_ARMS, select }) },
  './insight PlanOptions': { base: EQUAL_ARMS, use: (options) => planOf(options) },
  './insight ArmOptions': { base: { name: 'b' }, use: (arm) => planOf({ name: 'probed', arms: [{ name: 'a' }, arm] }) },
  './insight InsightOptions': { base: { caches: [] }, use: (options) => createInsight(options).close() },
  './insight OptimizeOptions': { use: (options) => insight.optimize('probed', options) },
  './insight PredictorOptions': {
    base: { entries: 10, capacity: 10, unit: 'entries', policy: policyByName('lru') },
    use: (options) => new Predictor(options),
  },
  './insight FreshnessOptions': { use: (options) => watchFreshness(cache, options).close() },
  './insight WarmPlanOfOptions': { use: (options) => predicted.warmPlan('predicted', options) },
  './insight ShadowsOptions': {
    base: { shadows: [{ policy: policyByName('lru'), scale: 1 }], capacity: 10, unit: 'entries', entries: 10 },
    use: (options) => new Shadows(options),
  },
  './insight WhatIfQuestion': { base: { size: 2 }, use: (options) => insight.whatIf('probed', options) },
  './insight WindowOptions': { use: (options) => insight.sizing('probed', options) },
  './observe KeyStatisticsOptions': { use: (options) => createKeyStatistics(options) },
  './observe LogOptions': { leaves: { fields: OTHERS }, use: (options) => createLog(options) },
  './observe MonitorOptions': { base: { caches: () => [] }, use: (options) => createMonitor(options).close() },
  './observe RegistryOptions': { use: (options) => createRegistry(options) },
  './testing FakeClockOptions': { takesAny: ['now', 'monotonic'], use: (options) => fakeClock(options) },
  './testing FaultProxyOptions': { base: { to: { port: 1 } }, use: (options) => startFaultProxy(options) },
  './testing RecorderOptions': {
    base: { process: 'p', write: () => {} },
    use: (options) => recordHistory(options).close(),
  },
  './testing SimulatedServerOptions': { use: (options) => simulatedServer(options) },
  'cdn . CdnOptions': { base: { edges: [edge] }, use: (options) => createCdn(options) },
  'cdn . CdnFolderOptions': {
    base: { path: empty },
    use: (options) => createCdn({ edges: [edge], folders: { site: options } }),
  },
  'cdn . FolderUploadOptions': {
    base: { dryRun: true },
    use: (options) =>
      createCdn({ edges: [], folders: { site: { path: empty, to: folderStore({ path: empty }) } } }).uploadAssets(
        [],
        options,
      ),
  },
  'cdn . FolderImagesOptions': {
    use: (options) =>
      createCdn({ edges: [], folders: { site: { path: empty, output: `${empty}-made` } } }).optimizeImages(
        [],
        [],
        options,
      ),
  },
  'cdn . CloudflareOptions': { base: { token: 'token' }, use: (options) => cloudflare(options), secret: ['token'] },
  'cdn . CloudFrontOptions': { use: (options) => cloudFront(options), secret: ['credentials'] },
  'cdn . FastlyOptions': { base: { token: 'token' }, use: (options) => fastly(options), secret: ['token'] },
  'cdn . MillpondProxyOptions': { base: { admin: 'http://127.0.0.1:9' }, use: (options) => millpondProxy(options) },
  'cdn . CdnOutletOptions': { use: (options) => cdn.outlet(options) },
  'cdn . PurgeOptions': { use: (options) => cdn.purge([{ kind: 'everything' }], options) },
  'cdn . ProbeOptions': { use: (options) => cdn.look([], options) },
  'cdn ./assets FolderStoreOptions': { base: { path: empty }, use: (options) => folderStore(options) },
  'cdn ./assets S3StoreOptions': {
    base: { bucket: 'bucket' },
    use: (options) => s3Store(options, {}),
    secret: ['credentials'],
    besides: ['client'],
    takesAny: ['prefix'],
  },
  'cdn ./assets UploadOptions': {
    base: { folder: empty, to: folderStore({ path: empty }), dryRun: true },
    use: (options) => uploadAssets(options),
  },
  'cdn ./images ImageHandlerOptions': {
    base: { cache, source: nothing, keys: { current: 'k1', keys: { k1: TOKEN } } },
    use: (options) => createImageHandler(options),
    secret: ['keys'],
  },
  'cdn ./images OptimizeOptions': { base: { folder: empty }, use: (options) => optimizeImages(options) },
  'cdn ./images PictureOptions': {
    base: { alt: '' },
    use: (options) => pictureMarkup(picture, options),
    takesAny: ['alt'],
  },
  'control . ControlOptions': { base: { store: admin }, use: (options) => createControl(options) },
  'control . AttachOptions': { use: (options) => attach(cache, options) },
  'control . Application': { use: (application) => attach(cache, { application }) },
  'control . CacheType': { use: (type) => attach(cache, { application: { cacheTypes: { strategic: type } } }) },
  'control . ApplicationScope': {
    base: { find: nothing, tags: () => [] },
    use: (scope) => attach(cache, { application: { scopes: { organization: scope } } }),
  },
  'control . NewUser': { base: { name: 'a', role: 'viewer' }, use: (user) => ensureToken(admin, user, TOKEN) },
  'control . TierFactories': { use: (tiers) => createControl({ store: admin, tiers }) },
  'control ./agent OpenCachesOptions': { base: { store: memoryNodes() }, use: (options) => openCaches(options) },
  'dashboard . CacheClientOptions': { use: (options) => createCacheClient(options) },
  'dashboard ./handler DashboardOptions': { use: (options) => dashboard(options) },
  'proxy . ProxyOptions': { base: { origin: ORIGIN, port: 0 }, use: (options) => startProxy(options) },
}

/** What carries such a name and is no options that anybody gives. */
export const NO_OPTIONS: Readonly<Record<string, string>> = {
  'cdn ./images ImageOptions': 'a part of OptimizeOptions, and tried there',
  './codec HybridOptions': 'needs Node 24; tried by hybrid.test.ts',
  './tiers/redis RedisClientOptions': "ioredis's own, as the tier hands them on",
}
