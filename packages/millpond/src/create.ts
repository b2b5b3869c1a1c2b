// Puts the parts together: the only place that knows them all.
import { jsonCodec } from './codec/index.ts'
import { systemClock } from './core/clock.ts'
import type { Clock, Codec, NearStore, Outbox, Tier } from './core/contracts.ts'
import { type Duration, parseDuration } from './core/duration.ts'
import { MillpondError, show } from './core/errors.ts'
import { Events } from './core/events.ts'
import { checkName } from './core/key.ts'
import type { NodeStore } from './core/nodes.ts'
import { checkNames, DEFAULT_POLICY, type Dependencies, type LoadOptions, resolvePolicy } from './core/options.ts'
import { Cache } from './engine/cache.ts'
import { Departures } from './engine/departures.ts'
import { lazyId } from './engine/lazy-id.ts'
import { openSpace, type SpaceParts } from './engine/open-space.ts'
import { type Plugin, withPlugins } from './engine/plugins.ts'
import { Removals } from './engine/removals.ts'
import { keepWarm, type Restart } from './engine/restart.ts'
import type { RestartOptions, Restored } from './engine/restart-parts.ts'
import type { Space } from './engine/space.ts'
import { type CacheInfo, describeCache } from './engine/stats.ts'
import { patternCompiler } from './invalidate/pattern.ts'
import { type ModelRules, Relations } from './invalidate/relations.ts'
import { INVALIDATION_JOB, invalidationHandler } from './invalidate/schedule.ts'
import { createJobs, type JobStore, type Jobs, memoryJobs } from './jobs/index.ts'
import { copyLive } from './memory/copy-live.ts'
import { type MemoryTier, memory } from './memory/index.ts'
import { isolate } from './memory/isolate.ts'
import { own } from './memory/own.ts'
import { processNodes } from './nodes/memory.ts'
import {
  asUse,
  COMMAND_MS,
  checkOrder,
  type FarUse,
  farTier,
  isFarUse,
  isMemoryUse,
  keepOf,
  ledgerHolder,
  namesOf,
  type TierUse,
} from './tier-uses.ts'

export interface CacheOptions {
  /** Part of every storage key and metric. Default `cache`. */
  readonly name?: string
  /** Fastest first. Default: memory with 1,000 entries. */
  readonly tiers?: readonly (MemoryTier | Tier | TierUse)[]
  readonly defaults?: LoadOptions
  readonly codec?: Codec
  /**
   * How long memory may be believed without an answer from the shared ledger. Default 400 ms, which keeps other processes' invalidations
   * within 500 ms. A longer time serves local copies through an outage, at the price of that much staleness.
   */
  readonly maxStale?: Duration
  /** Declared relations: what else goes when a model changes. */
  readonly models?: ModelRules
  /**
   * Whether entries know what they were computed from. `declared`: by `dependsOn`; `tracked`: also by the reads that a loader makes.
   * Each write and delete then names one more target. Default `off`.
   */
  readonly dependencies?: Dependencies
  /**
   * Keeps invalidations while the ledger cannot be reached: they then resolve with `isApplied: false` instead of rejecting, survive a crash, and are
   * applied before memory is believed again.
   */
  readonly outbox?: Outbox
  /**
   * Where scheduled invalidations are kept. Default: in this process, gone with it; `sqliteJobs`, `postgresJobs` or `redisJobs` of `millpond/jobs`
   * survive a restart, and are picked up by any process of this cache. The store stays the caller's to close.
   */
  readonly jobs?: JobStore
  /**
   * Keeps the hottest entries over a restart in a file of this cache alone: written on close and every `every` (default `'1m'`; at least a second, 0 for
   * on close only), restored when the cache is created, as far as the ledger says that they are still valid. `maxEntries`: default 10,000.
   * `await cache.ready()` waits for the restore.
   */
  readonly restart?: { readonly path: string; readonly every?: Duration; readonly maxEntries?: number }
  /** Run around each awaited operation, the first one outermost. */
  readonly plugins?: readonly Plugin[]
  /** For tests. */
  readonly clock?: Clock
  /** For tests: numbers from 0 to 1. */
  readonly random?: () => number
}

const OPTION_NAMES = new Set([
  'name',
  'tiers',
  'defaults',
  'codec',
  'maxStale',
  'models',
  'dependencies',
  'outbox',
  'jobs',
  'restart',
  'plugins',
  'clock',
  'random',
])
const RESTART_NAMES = new Set(['path', 'every', 'maxEntries'])
const LEAST_INTERVAL_MS = 1000
const TRUST_MS = 400
const READ_BUDGET_MS = 300
const DEFAULT_NAMESPACE = 'default'

/**
 * A cache over the given tiers. Without options it is complete: memory, 1,000 entries, five minutes.
 * @throws MillpondError `OPTION_INVALID` (and `DURATION_INVALID`, `TAG_INVALID`) naming the option, the value and the remedy.
 * @example
 * const cache = createCache({ tiers: [memory({ maxBytes: '128mb' }), sqlite({ path: 'cache.db' })] })
 * const user = await cache.getOrSet(['user', 7], () => db.user(7), { ttl: '10m', tags: ['users'] })
 */
export function createCache(options: CacheOptions = {}): Cache {
  checkNames(options, OPTION_NAMES, 'option')
  const name = checkName(options.name ?? 'cache', 'name')
  const clock = options.clock ?? systemClock()
  const events = new Events()
  const uses = (options.tiers ?? [memory()]).map(asUse)
  checkOrder(uses)
  const near = uses.find(isMemoryUse)
  const nearStore = near === undefined || near.enabled === false ? undefined : near.use.createStore(clock)
  const farUses = uses.filter(isFarUse)
  const holder = ledgerHolder(farUses)
  const names = namesOf(farUses)
  const far = farUses.map((use, index) => farTier(use, names[index] ?? use.use.name, use === holder, clock, events))
  const maxStaleMs = options.maxStale === undefined ? TRUST_MS : Math.max(TRUST_MS, parseDuration(options.maxStale, 'maxStale'))
  // A file that outlives the process is a tier of its own, as far as forgetting is concerned.
  const externalTiers = farUses.length > 1 || options.restart !== undefined
  if (externalTiers) holder?.use.ledger?.coverOtherTiers?.()
  const codec = options.codec ?? jsonCodec()
  const parts: SpaceParts = {
    cacheName: name,
    settings: {
      policy: resolvePolicy(options.defaults, DEFAULT_POLICY),
      nearKeep: keepOf(near ?? {}, near?.use.ttlFactor ?? 1),
      dependencies: checkDependencies(options.dependencies),
      relations: new Relations(options.models),
      readBudgetMs: READ_BUDGET_MS,
    },
    services: {
      clock,
      events,
      random: options.random ?? Math.random,
      isolate: (value) => isolate(value, codec.maxItems),
      own,
      copy: copyLive,
      codec,
    },
    nearStore,
    far,
    ledgerStore: holder?.use.ledger,
    externalTiers,
    compile: patternCompiler(),
    outbox: options.outbox,
    nodeId: lazyId(),
    trustMs: maxStaleMs,
    ledgerTimeoutMs: COMMAND_MS,
    removals: new Removals(),
    warmth: { restoring: undefined },
  }
  return withPlugins(
    assemble(name, parts, farUses, holder, nearStore, options.jobs, restartOptions(options.restart)),
    options.plugins ?? [],
  )
}

function assemble(
  name: string,
  parts: SpaceParts,
  farUses: readonly FarUse[],
  holder: FarUse | undefined,
  nearStore: NearStore | undefined,
  jobStore: JobStore | undefined,
  restart: RestartOptions | undefined,
): Cache {
  const caches = new Map<string, { cache: Cache; space: Space }>()
  let closing: Promise<void> | undefined
  let running: Jobs | undefined
  const jobKind = `${INVALIDATION_JOB}.${name}`
  if (nearStore !== undefined) {
    const departures = new Departures(parts.services.events)
    nearStore.onLeave = (namespace, key, reason, createdAt, freshUntil) => {
      caches.get(namespace)?.space.watch.left(key, reason, parts.services.clock.coarse, createdAt, freshUntil)
      if (parts.services.events.hearsLeaves) departures.add(namespace, key, reason)
    }
  }
  let restarting: Restart | undefined
  const ready = async (): Promise<Restored> => (await restarting?.restored) ?? { restored: 0, refused: 0 }
  const spaceOf = (namespace: string): Space => {
    const known = caches.get(namespace)
    if (known === undefined) throw new MillpondError('CLOSED', `the namespace ${show(namespace)} is not open`)
    return known.space
  }
  const jobs = (): Jobs => {
    running ??= invalidationJobs(jobKind, parts, jobStore ?? memoryJobs({ clock: parts.services.clock }), open)
    return running
  }
  const open = (namespace: string): Cache => {
    const known = caches.get(namespace)
    if (known !== undefined) return known.cache
    const space = openSpace(parts, namespace)
    const cache = new Cache({ space, open, info, close, jobs, jobKind, ready, nodeStore })
    caches.set(namespace, { cache, space })
    return cache
  }
  const nodeStore = (): NodeStore => holder?.use.nodes ?? processNodes()
  const info = (): CacheInfo => {
    const spaces = [...caches.values()].map(({ space }) => space)
    return describeCache(name, spaces, holder?.use.name ?? 'memory', nearStore)
  }
  const close = (): Promise<void> => {
    closing ??= closeAll(parts, [...caches.values()], farUses, nearStore, running, restarting)
    return closing
  }
  // What a former run has left in a lasting store is due without anybody asking.
  if (jobStore !== undefined) jobs()
  const first = open(DEFAULT_NAMESPACE)
  if (restart !== undefined) {
    restarting = keepWarm(
      parts,
      restart,
      (namespace) => spaceOf(open(namespace).name),
      () => [...caches.values()].map(({ space }) => space),
    )
  }
  return first
}

function invalidationJobs(kind: string, parts: SpaceParts, store: JobStore, open: (namespace: string) => Cache): Jobs {
  const handler = invalidationHandler((due) => open(due.namespace).invalidate(due.criteria, { mode: due.mode }))
  const onError = (error: unknown): void =>
    parts.services.events.emit('warning', { message: 'a scheduled invalidation failed, and is tried again', error })
  const jobs = createJobs({ store, clock: parts.services.clock, handlers: { [kind]: handler }, onError })
  jobs.start()
  return jobs
}

function restartOptions(given: CacheOptions['restart']): RestartOptions | undefined {
  if (given === undefined) return undefined
  checkNames(given, RESTART_NAMES, 'option of restart')
  const { path, every = '1m', maxEntries = 10_000 } = given
  if (typeof path !== 'string' || path === '')
    throw new MillpondError('OPTION_INVALID', `restart.path: ${show(path)} is no path: name a file in a folder that exists`)
  if (!Number.isSafeInteger(maxEntries) || maxEntries < 1)
    throw new MillpondError('OPTION_INVALID', `restart.maxEntries: ${show(maxEntries)} is not allowed: give a whole number from 1`)
  return { path, maxEntries, everyMs: intervalOf(every) }
}

/** As for any duration, 0 means not at all. */
function intervalOf(every: Duration): number {
  const ms = parseDuration(every, 'restart.every')
  if (ms === 0) return Number.POSITIVE_INFINITY
  if (ms >= LEAST_INTERVAL_MS) return ms
  throw new MillpondError(
    'OPTION_INVALID',
    `restart.every: ${show(every)} is not allowed: the whole file is written each time; give a second or more, or 0 to write it on close only`,
  )
}

async function closeAll(
  parts: SpaceParts,
  open: readonly { cache: Cache; space: Space }[],
  farUses: readonly FarUse[],
  nearStore: NearStore | undefined,
  jobs: Jobs | undefined,
  restarting: Restart | undefined,
): Promise<void> {
  await jobs?.stop()
  for (const { space } of open) {
    await space.delays.flush()
    for (const windows of space.coalescing.values()) await windows.flush()
    space.closed = true
  }
  await Promise.all(open.map(({ cache }) => cache.flush()))
  // Only now: what was put off has been invalidated, and nobody invalidates any more, so the file holds nothing that is void.
  await restarting?.stop()
  for (const { space } of open) space.ledger.close()
  nearStore?.close()
  await Promise.all([...farUses.map(({ use }) => use.close()), parts.outbox?.close()])
}

function checkDependencies(value: unknown): Dependencies {
  if (value === undefined) return 'off'
  if (value === 'off' || value === 'declared' || value === 'tracked') return value
  throw new MillpondError('OPTION_INVALID', `dependencies: ${show(value)} is not known: use 'off', 'declared' or 'tracked'`)
}
