// Assembles the parts: the only place that knows all of them.

import { Assembly } from './assemble.ts'
import { jsonCodec } from './codec/json.ts'
import type { AdaptiveTtl } from './core/adaptive-ttl.ts'
import {
  checkedElsewhere,
  checkOptions,
  clock as clockCheck,
  duration,
  fn,
  listOf,
  oneOf,
  options as optionsOf,
  required,
  type Shape,
  text,
  whole,
  withMethods,
} from './core/checks.ts'
import { systemClock } from './core/clock.ts'
import { asCodec, type EncryptedCodecOptions } from './core/codec-options.ts'
import type { Clock, Codec, Outbox, Tier } from './core/contracts.ts'
import { type Duration, parseDuration } from './core/duration.ts'
import { MillpondError, reasonOf, show } from './core/errors.ts'
import { Events } from './core/events.ts'
import { checkName, decodeKey } from './core/key.ts'
import { type Dependencies, LOAD_OPTIONS, type LoadOptions } from './core/options.ts'
import type { Outlet } from './core/outlet.ts'
import type { WarmingSettings } from './core/warm.ts'
import type { Cache } from './engine/cache.ts'
import type { Strategy } from './engine/collection.ts'
import { lazyId } from './engine/lazy-id.ts'
import { leaveRequests } from './engine/outside-requests.ts'
import { checkPlugin, type Plugin } from './engine/plugins.ts'
import type { RestartOptions } from './engine/restart-parts.ts'
import { MEMORY, type RouteRule, type Routing, routing } from './engine/route.ts'
import { CacheSettings, retentionOf } from './engine/settings.ts'
import { loaderOf } from './engine/sources.ts'
import type { Services } from './engine/space.ts'
import { CacheWatch } from './engine/watch.ts'
import { patternCompiler } from './invalidate/pattern.ts'
import { type ModelRules, Relations } from './invalidate/relations.ts'
import type { JobStore } from './jobs/index.ts'
import { copyLive } from './memory/copy-live.ts'
import { type MemoryTier, memory } from './memory/index.ts'
import { isolate } from './memory/isolate.ts'
import { MEMORY_OPTIONS } from './memory/options.ts'
import { own } from './memory/own.ts'
import { asPlain, type ToPlain } from './memory/to-plain.ts'
import { aLog, logEvents } from './observe/event-lines.ts'
import type { Log } from './observe/index.ts'
import { resolveOutlets } from './outlet-configuration.ts'
import { SourceRegistry } from './source/registry.ts'
import { strategiesOf } from './source/strategies.ts'
import {
  checkOrder,
  farTier,
  isFarTier,
  isMemoryTier,
  ledgerHolder,
  namesOf,
  resolveTiers,
  type TierConfiguration,
} from './tier-configuration.ts'
import { warmingDefaults } from './warm/warming.ts'

/** The options of `createCache`; each has a default. */
export interface CacheOptions {
  /** Part of every storage key and metric. Default `cache`. */
  readonly name?: string | undefined
  /** Fastest first. Default: memory with 1,000 entries. */
  readonly tiers?: readonly (MemoryTier | Tier | TierConfiguration)[] | undefined
  /** The default options of reads, loads and writes: TTLs, tags, timeouts, consistency. */
  readonly defaults?: LoadOptions | undefined
  /**
   * How values are written to the tiers outside the process: `{ encrypt: keyring(...) }`, or the result of `valueCodec`
   * of `millpond/codec`. Default: lossless JSON. A change is not a flush: existing entries are read, except for
   * unencrypted ones once encryption is on.
   */
  readonly codec?: Codec | EncryptedCodecOptions | undefined
  /**
   * Chooses the TTL of loaded values if neither the call nor `defaults` sets it: `adaptiveTtl({ minTtl, maxTtl,
   * staleness })` of `millpond/insight`, one per cache. Written values (`set`) live as `defaults` say. Default: none; 5
   * minutes.
   */
  readonly adaptiveTtl?: AdaptiveTtl | undefined
  /**
   * How long memory may be trusted without an answer from the shared ledger. Default 400 ms, which keeps other
   * processes' invalidations within 500 ms. A longer time serves local copies through an outage, at the price of that
   * much staleness.
   */
  readonly maxStale?: Duration | undefined
  /** Declared relations: what else is invalidated when a model changes. */
  readonly models?: ModelRules | undefined
  /**
   * Whether entries track what they were computed from. `declared`: by `dependsOn`; `tracked`: also by the reads that a
   * loader makes. Each write and delete then names one more target; a process where it is `off` names none, so use the
   * same in all of them. Default `off`.
   */
  readonly dependencies?: Dependencies | undefined
  /**
   * Keeps invalidations while the ledger is unreachable: they then resolve with `isApplied: false` instead of
   * rejecting, survive a crash, and are applied before memory is trusted again.
   */
  readonly outbox?: Outbox | undefined
  /**
   * Further recipients of invalidations and writes: a CDN, an edge, an audit. Delivered in order, at least once, across
   * a crash too if there is an `outbox`. A call waits for the delivery, at most its `timeout`; its receipt contains the
   * result.
   */
  readonly outlets?: readonly Outlet[] | undefined
  /**
   * Where scheduled invalidations are stored. Default: in this process, lost with it; `sqliteJobs`, `postgresJobs` or
   * `redisJobs` of `millpond/jobs`, `bullmqJobs` of `millpond/jobs/bullmq` survive a restart, and are run by any
   * process of this cache. The store stays the caller's to close.
   */
  readonly jobs?: JobStore | undefined
  /**
   * Keeps the hottest entries across a restart in a file of this cache only: written on close and every `every`
   * (default `'1m'`; at least a second, 0 for on close only), restored when the cache is created, if the ledger says
   * that they are still valid. `maxEntries`: default 10,000. `await cache.ready()` waits for the restore.
   */
  readonly restart?:
    | { readonly path: string; readonly every?: Duration | undefined; readonly maxEntries?: number | undefined }
    | undefined
  /**
   * Which tiers an entry is stored in, by namespace, priority, size and tags; the first matching rule decides, and
   * without one, every tier. Tiers are named as in metrics: `memory`, `redis`, or the `name` of their configuration. If
   * an entry moves to other tiers, the previous ones drop it.
   */
  readonly route?: readonly RouteRule[] | undefined
  /**
   * What is stored in place of a class instance (an ORM's row, for example), which would be refused otherwise: `(row)
   * => row.toJSON()`, or `(instance) => ({ ...instance })`. Readers get what was stored, never the instance.
   */
  readonly toPlain?: ((instance: object) => unknown) | undefined
  /**
   * The strategies of its collections that name none, as far as they apply: `'write-through'`, `['refresh-ahead',
   * 'tag-based']`; a collection without a writable source is not written through, one without `writeBehind` not behind.
   * Eviction policies are not among them: `memory({ policy: 'lru' })`. Default: each collection's own.
   */
  readonly strategy?: Strategy | readonly Strategy[] | undefined
  /** Whether and how often `cache.warming.start` runs its plans: `{ enabled: false }` excludes this process. */
  readonly warming?: WarmingSettings | undefined
  /**
   * A log of events, `createLog({ level: 'info' })`: failing tiers, breakers, the ledger, failing loads (at most one
   * line a second of each, which says how many were left out), invalidations, settings, queues, warming, jobs; at
   * `debug` also individual reads and writes, with their keys. Never values. Default: none, without any listeners.
   */
  readonly log?: Log | undefined
  /**
   * What watches this cache from its first read: `(cache) => createInsight({ caches: [cache], predictiveLoading: true
   * })` of `millpond/insight`. Called once with the new cache; its result is closed with it.
   */
  readonly insight?: ((cache: Cache) => { close(): unknown }) | undefined
  /** Run around each awaited operation, the first one outermost. */
  readonly plugins?: readonly Plugin[] | undefined
  /** For tests. */
  readonly clock?: Clock | undefined
  /** For tests: numbers from 0 to 1. */
  readonly random?: (() => number) | undefined
}

const RESTART: Shape<NonNullable<CacheOptions['restart']>> = {
  path: required(text),
  every: duration,
  maxEntries: whole(1),
}
/** The checks of `CacheOptions`, for packages that embed them in their own options: see `millpond/options`. */
export const CACHE: Shape<CacheOptions> = {
  name: (value, at) => checkName(value, at),
  // The list and each of its tiers are validated individually below, and so are the defaults, the codec and the models.
  tiers: checkedElsewhere,
  defaults: checkedElsewhere,
  models: checkedElsewhere,
  codec: checkedElsewhere,
  adaptiveTtl: withMethods('an adaptive TTL, such as adaptiveTtl() from millpond/insight', 'next', 'explain'),
  maxStale: duration,
  dependencies: oneOf('off', 'declared', 'tracked'),
  outbox: withMethods('an outbox, such as sqliteOutbox({ path })', 'add', 'list', 'remove', 'close'),
  outlets: checkedElsewhere,
  jobs: withMethods(
    'a job store, such as sqliteJobs({ path })',
    'add',
    'get',
    'list',
    'cancel',
    'claim',
    'complete',
    'fail',
    'again',
  ),
  restart: optionsOf(RESTART),
  route: checkedElsewhere,
  toPlain: fn('a function from an instance to plain data'),
  strategy: checkedElsewhere,
  warming: checkedElsewhere,
  insight: fn('a function that is given the cache: (cache) => createInsight({ caches: [cache] })'),
  log: aLog,
  plugins: listOf(checkPlugin, 'a list of plug-ins'),
  clock: clockCheck,
  random: fn('a function that returns numbers from 0 to 1'),
}
const LEAST_INTERVAL_MS = 1000
const TRUST_MS = 400

/** Options that belong one level deeper: other caches take them at the top. */
function checkPlaces(options: unknown): void {
  if (typeof options !== 'object' || options === null) return
  for (const name of Object.keys(options)) {
    if (name in CACHE) continue
    const place =
      name in LOAD_OPTIONS
        ? `defaults: { ${name} }`
        : name in MEMORY_OPTIONS
          ? `tiers: [memory({ ${name} })]`
          : undefined
    if (place !== undefined)
      throw new MillpondError('OPTION_INVALID', `createCache has no option ${show(name)}: give ${place}`)
  }
}

/**
 * A cache over the given tiers. Without options it is complete: memory, 1,000 entries, five minutes.
 * @throws MillpondError `OPTION_INVALID` (and `DURATION_INVALID`, `TAG_INVALID`) naming the option, the value and the
 * remedy.
 * @example
 * const cache = createCache({ tiers: [memory({ maxBytes: '128mb' }), sqlite({ path: 'cache.db' })] })
 * const user = await cache.getOrSet(['user', 7], () => db.user(7), { ttl: '10m', tags: ['users'] })
 */
export function createCache(options: CacheOptions = {}): Cache {
  checkPlaces(options)
  checkOptions<CacheOptions>(options, CACHE, '')
  const name = checkName(options.name ?? 'cache', 'name')
  if (options.adaptiveTtl !== undefined && options.defaults?.ttl !== undefined)
    throw new MillpondError(
      'OPTION_INVALID',
      `createCache: adaptiveTtl is given, and defaults.ttl ${show(options.defaults.ttl)} leaves it nothing to choose: use adaptiveTtl({ ttl: ${show(options.defaults.ttl)} })`,
    )
  leaveRequests()
  const clock = options.clock ?? systemClock()
  const events = new Events()
  if (options.log !== undefined) logEvents(name, events, options.log, () => clock.monotonic())
  const codec = options.codec === undefined ? jsonCodec() : asCodec(options.codec, 'codec')
  const tiers = resolveTiers(options.tiers ?? [memory()], (at, error) => warnOfMissing(events, at, error))
  checkOrder(tiers)
  const memoryTier = tiers.find(isMemoryTier)
  const farTiers = tiers.filter(isFarTier)
  const holder = ledgerHolder(farTiers)
  const names = namesOf(farTiers, memoryTier === undefined ? [] : [MEMORY])
  const far = farTiers.map((tier, index) =>
    farTier(tier, names[index] ?? tier.use.name, tier === holder, clock, events),
  )
  const maxStaleMs =
    options.maxStale === undefined ? TRUST_MS : Math.max(TRUST_MS, parseDuration(options.maxStale, 'maxStale'))
  // For invalidation, a file that outlives the process is a tier of its own.
  // So is any tier whose records prove the position for which they were written: someone may put back a record that was
  // dropped.
  const isBound = farTiers.some((_, index) => (far[index]?.codec ?? codec).isBound === true)
  const externalTiers = farTiers.length > 1 || options.restart !== undefined || isBound
  if (externalTiers) holder?.use.ledger?.coverOtherTiers?.()
  const routed = (given: unknown): Routing =>
    routing(given, [...(memoryTier === undefined ? [] : [MEMORY]), ...names], weighed)
  const sources = new SourceRegistry()
  const store = memoryTier?.use.createStore(clock)
  const common = {
    memoryRetention: retentionOf(memoryTier ?? {}, memoryTier?.use.ttlFactor ?? 1),
    dependencies: options.dependencies ?? 'off',
    relations: new Relations(options.models),
  }
  const settings = new CacheSettings(options.defaults, common, routed(options.route))
  return new Assembly({
    settings,
    routed,
    memory: memoryTier && store && { store, isOn: memoryTier.enabled !== false && memoryTier.use.enabled },
    holder,
    sources,
    plugins: options.plugins ?? [],
    tiers: farTiers.map(({ use }) => use),
    jobStore: options.jobs,
    restart: restartOptions(options.restart),
    strategies: strategiesOf(options.strategy, options.adaptiveTtl !== undefined),
    warming: warmingDefaults(options.warming),
    watchedBy: options.insight,
    space: {
      cacheName: name,
      services: {
        clock,
        events,
        random: options.random ?? Math.random,
        isolate: isolatorOf(codec, options.toPlain),
        own,
        copy: copyLive,
        codec,
        adaptiveTtl: options.adaptiveTtl,
        sourceOf: (namespace, key) => loaderOf(sources.of(namespace, key)),
      },
      far,
      ledgerStore: holder?.use.ledger,
      compile: patternCompiler(),
      outbox: options.outbox,
      outlets: resolveOutlets(options.outlets),
      nodeId: lazyId(),
      trustMs: maxStaleMs,
      watch: new CacheWatch(store, clock, (message, error) => events.emit('warning', { message, error })),
      warmth: { restoring: undefined, rewrite: undefined },
    },
  }).start()
}

/** Of a copy, since weighing freezes the value. */
const weighed = (value: unknown): number => own(structuredClone(value)).bytes

/**
 * Emitted once the caller could add listeners; without any, on the process's own warning channel: a missing tier must
 * not go unnoticed.
 */
function warnOfMissing(events: Events, at: string, error: MillpondError): void {
  const message = `${at} is optional and was left out, so nothing is stored or shared there: ${reasonOf(error)}`
  void Promise.resolve().then(() => {
    if (events.has('warning')) events.emit('warning', { message, error })
    else process.emitWarning(message, 'MillpondWarning')
  })
}

function restartOptions(given: CacheOptions['restart']): RestartOptions | undefined {
  if (given === undefined) return undefined
  const { path, every = '1m', maxEntries = 10_000 } = given
  return { path, maxEntries, everyMs: intervalOf(every) }
}

/** As for any duration, 0 means not at all. */
function intervalOf(every: Duration): number {
  const ms = parseDuration(every, 'restart.every')
  if (ms === 0) return Number.POSITIVE_INFINITY
  if (ms >= LEAST_INTERVAL_MS) return ms
  throw new MillpondError(
    'OPTION_INVALID',
    `restart.every: ${show(every)} is not allowed: the whole file is written each time; give at least a second, or 0 to write it only on close`,
  )
}

/**
 * Adds the key to errors of values that cannot be stored. Plain values, the usual case, do not pay for the conversion.
 */
function isolatorOf(codec: Codec, toPlain: ToPlain | undefined): Services['isolate'] {
  return (value, key, maxBytes) => {
    const note = () => ` (key ${show(decodeKey(key))})`
    if (toPlain === undefined) return isolate(value, codec.maxItems, note, maxBytes)
    try {
      return isolate(value, codec.maxItems, note, maxBytes)
    } catch (error) {
      if (!(error instanceof MillpondError) || error.code !== 'VALUE_UNSUPPORTED') throw error
      return isolate(asPlain(value, toPlain), codec.maxItems, note, maxBytes)
    }
  }
}
