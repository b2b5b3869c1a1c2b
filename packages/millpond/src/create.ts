// Puts the parts together: the only place that knows them all.
import { randomUUID } from 'node:crypto'
import { jsonCodec } from './codec/index.ts'
import { systemClock } from './core/clock.ts'
import type { Clock, Codec, NearStore, Outbox, Tier } from './core/contracts.ts'
import { type Duration, parseDuration } from './core/duration.ts'
import { MillpondError, show } from './core/errors.ts'
import { Events } from './core/events.ts'
import { checkName } from './core/key.ts'
import { checkNames, DEFAULT_POLICY, type Dependencies, type LoadOptions, resolvePolicy } from './core/options.ts'
import { Cache } from './engine/cache.ts'
import { openSpace, type SpaceParts } from './engine/open-space.ts'
import { type Plugin, withPlugins } from './engine/plugins.ts'
import type { FarTier, Isolated, Keep, Space } from './engine/space.ts'
import { type CacheInfo, describeSpace } from './engine/stats.ts'
import { Tombstones } from './engine/tombstones.ts'
import { patternCompiler } from './invalidate/pattern.ts'
import { type ModelRules, Relations } from './invalidate/relations.ts'
import { type MemoryTier, memory } from './memory/index.ts'
import { copyLive, isolate } from './memory/isolate.ts'
import { createHistogram } from './observe/index.ts'
import type { BreakerOptions } from './wrap/breaker.ts'
import { guardTier } from './wrap/guard.ts'

/** A tier with settings of its own. */
export interface TierUse {
  readonly use: MemoryTier | Tier
  /** How long the tier keeps an entry, as a multiple of the entry's TTL. Default 1. Never changes how long an entry is fresh. */
  readonly ttlFactor?: number
  /** The longest the tier keeps an entry. Default: no limit. */
  readonly ttl?: Duration
  /** Copy an entry to the tiers above after this many reads found here. Default 1. */
  readonly promoteAfter?: number
  /** `false`: configured, but not used. Default true. */
  readonly enabled?: boolean
  /** The longest a single command may take. Default 250 ms. */
  readonly timeout?: Duration
  readonly breaker?: BreakerOptions
}

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
  'plugins',
  'clock',
  'random',
])
const USE_NAMES = new Set(['use', 'ttlFactor', 'ttl', 'promoteAfter', 'enabled', 'timeout', 'breaker'])
const TRUST_MS = 400
const READ_BUDGET_MS = 300
const COMMAND_MS = 250
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
  const far = farUses.map((use) => farTier(use, use === holder, clock, events))
  const maxStaleMs = options.maxStale === undefined ? TRUST_MS : Math.max(TRUST_MS, parseDuration(options.maxStale, 'maxStale'))
  const tombstones = new Tombstones()
  const externalTiers = farUses.length > 1
  if (externalTiers) holder?.use.ledger?.coverOtherTiers?.()
  const parts: SpaceParts = {
    cacheName: name,
    nearStore,
    nearKeep: keepOf(near ?? {}, near?.use.ttlFactor ?? 1),
    far,
    ledgerStore: holder?.use.ledger,
    externalTiers,
    compile: patternCompiler(),
    relations: new Relations(options.models),
    dependencies: checkDependencies(options.dependencies),
    outbox: options.outbox,
    nodeId: randomUUID(),
    trustMs: maxStaleMs,
    ledgerTimeoutMs: COMMAND_MS,
    readBudgetMs: READ_BUDGET_MS,
    codec: options.codec ?? jsonCodec(),
    clock,
    events,
    policy: resolvePolicy(options.defaults, DEFAULT_POLICY),
    isolate: isolated,
    tombstones,
    random: options.random ?? Math.random,
  }
  return withPlugins(assemble(name, parts, farUses, holder, nearStore), options.plugins ?? [])
}

function assemble(
  name: string,
  parts: SpaceParts,
  farUses: readonly FarUse[],
  holder: FarUse | undefined,
  nearStore: NearStore | undefined,
): Cache {
  const caches = new Map<string, { cache: Cache; space: Space }>()
  let closing: Promise<void> | undefined
  if (nearStore !== undefined) {
    nearStore.onLeave = (namespace, key, reason) => {
      parts.tombstones.bury(namespace, key, reason, parts.clock.coarse)
      const left = caches.get(namespace)?.space.counters.left
      if (left !== undefined) left[reason] = (left[reason] ?? 0) + 1
    }
  }
  const open = (namespace: string): Cache => {
    const known = caches.get(namespace)
    if (known !== undefined) return known.cache
    const space = openSpace(parts, namespace)
    const cache = new Cache({ space, open, info, close })
    caches.set(namespace, { cache, space })
    return cache
  }
  const info = (): CacheInfo => {
    const spaces = [...caches.values()].map(({ space }) => space)
    return describeCache(name, parts, spaces, holder, nearStore)
  }
  const close = (): Promise<void> => {
    closing ??= closeAll(
      [...caches.values()].map(({ cache, space }) => ({ cache, space })),
      farUses,
      nearStore,
      parts.outbox,
    )
    return closing
  }
  return open(DEFAULT_NAMESPACE)
}

async function closeAll(
  open: readonly { cache: Cache; space: Space }[],
  farUses: readonly FarUse[],
  nearStore: NearStore | undefined,
  outbox: Outbox | undefined,
): Promise<void> {
  for (const { space } of open) space.closed = true
  await Promise.all(open.map(({ cache }) => cache.flush()))
  for (const { space } of open) space.ledger.close()
  nearStore?.close()
  await Promise.all([...farUses.map(({ use }) => use.close()), outbox?.close()])
}

interface MemoryUse extends TierUse {
  readonly use: MemoryTier
}
interface FarUse extends TierUse {
  readonly use: Tier
}

const isMemory = (use: MemoryTier | Tier): use is MemoryTier => 'kind' in use && use.kind === 'memory'
const isMemoryUse = (use: TierUse): use is MemoryUse => isMemory(use.use)
const isFarUse = (use: TierUse): use is FarUse => !isMemory(use.use)

function asUse(given: unknown, index: number): TierUse {
  if (typeof given === 'object' && given !== null) {
    if ('use' in given) {
      checkNames(given, USE_NAMES, `option of tiers[${index}]`)
      if (isTier(given.use)) return { ...given, use: given.use }
    } else if (isTier(given)) return { use: given }
  }
  throw new MillpondError(
    'OPTION_INVALID',
    `tiers[${index}]: ${show(given)} is no tier: give memory(), redis({ url }), sqlite({ path }), or { use: tier, ttlFactor: 10 }`,
  )
}

const isTier = (given: unknown): given is MemoryTier | Tier =>
  typeof given === 'object' && given !== null && ('createStore' in given || ('read' in given && 'write' in given && 'drop' in given))

function checkOrder(uses: readonly TierUse[]): void {
  if (uses.length === 0)
    throw new MillpondError('OPTION_INVALID', 'tiers: [] has no tier: leave it out for memory alone, or name at least one')
  const at = uses.findLastIndex(isMemoryUse)
  if (at > 0) throw new MillpondError('OPTION_INVALID', `tiers[${at}] is a memory tier: there is one at most, and it comes first`)
}

/** The ledger lives where it reaches furthest; among equals, deepest. */
function ledgerHolder(uses: readonly FarUse[]): FarUse | undefined {
  const used = uses.filter((use) => use.enabled !== false)
  const reach = { process: 0, host: 1, shared: 2 } as const
  const holders = used.filter((use) => use.use.ledger !== undefined)
  const best = holders.reduce<FarUse | undefined>(
    (held, use) => (held === undefined || reach[use.use.scope] >= reach[held.use.scope] ? use : held),
    undefined,
  )
  const beyond = used.find(
    (use) => reach[use.use.scope] > (best === undefined ? 0 : reach[best.use.scope]) || (best === undefined && use.use.durable),
  )
  if (beyond === undefined) return best
  throw new MillpondError(
    'OPTION_INVALID',
    `tiers: ${show(beyond.use.name)} reaches further than any tier that can keep the ledger: without one, nobody can tell which of its entries are valid; add redis, or sqlite for one host`,
  )
}

function checkDependencies(value: unknown): Dependencies {
  if (value === undefined) return 'off'
  if (value === 'off' || value === 'declared' || value === 'tracked') return value
  throw new MillpondError('OPTION_INVALID', `dependencies: ${show(value)} is not known: use 'off', 'declared' or 'tracked'`)
}

function keepOf(use: Pick<TierUse, 'ttlFactor' | 'ttl'>, factor: number): Keep {
  const value = use.ttlFactor ?? factor
  if (typeof value !== 'number' || !(value > 0) || value > 1000) {
    throw new MillpondError('OPTION_INVALID', `ttlFactor: ${show(value)} is not allowed: give a number above 0 and up to 1000`)
  }
  return { factor: value, ttlMs: use.ttl === undefined ? Number.POSITIVE_INFINITY : parseDuration(use.ttl, 'ttl') }
}

function farTier(use: FarUse, holdsLedger: boolean, clock: Clock, events: Events): FarTier {
  const promoteAfter = use.promoteAfter ?? 1
  if (!Number.isSafeInteger(promoteAfter) || promoteAfter < 1)
    throw new MillpondError('OPTION_INVALID', `promoteAfter: ${show(promoteAfter)} is not allowed: give a whole number from 1`)
  const latency = createHistogram()
  const guarded = guardTier(
    use.use,
    {
      timeoutMs: use.timeout === undefined ? COMMAND_MS : parseDuration(use.timeout, 'timeout'),
      ...(use.breaker === undefined ? {} : { breaker: use.breaker }),
    },
    clock,
    {
      onError: (tier, verb, error) => {
        far.errors++
        events.emit('tierError', { tier, verb, error })
      },
      onState: (tier, state) => events.emit('breaker', { tier, state }),
      onTimed: (_tier, _verb, ms) => latency.record(ms),
    },
  )
  const far: FarTier = { guarded, keep: keepOf(use, 1), promoteAfter, holdsLedger, latency, enabled: use.enabled !== false, errors: 0 }
  return far
}

/** One frozen copy, handed out as it is, or copied again where freezing cannot protect it. */
function isolated(given: unknown): Isolated {
  const { value, live } = isolate(given)
  return { stored: value, read: live ? () => copyLive(value) : () => value }
}

function describeCache(
  name: string,
  parts: SpaceParts,
  spaces: readonly Space[],
  holder: FarUse | undefined,
  nearStore: NearStore | undefined,
): CacheInfo {
  const namespaces = spaces.map(describeSpace)
  const levels = [
    ...(nearStore === undefined ? [] : [{ name: 'memory', scope: 'process', enabled: true }]),
    ...parts.far.map((far) => ({ name: far.guarded.name, scope: far.guarded.tier.scope as string, enabled: far.enabled })),
  ]
  const hits = sum(namespaces.map((space) => space.hits))
  const misses = sum(namespaces.map((space) => space.misses))
  const memoryHits = sum(namespaces.map((space) => space.tiers.find((tier) => tier.name === 'memory')?.hits ?? 0))
  const get = createHistogram()
  for (const space of spaces) get.merge(space.latency.get)
  return {
    name,
    config: {
      ttlMs: parts.policy.ttlMs,
      staleForMs: parts.policy.staleForMs,
      tiers: levels.map((level) => level.name),
      ledger: holder?.use.name ?? 'memory',
      consistency: parts.policy.consistency,
    },
    cacheLevels: levels.map((level, index) => ({ level: index + 1, ...level })),
    metrics: {
      hitRate: hits + misses === 0 ? 0 : hits / (hits + misses),
      l1HitRate: hits + misses === 0 ? 0 : memoryHits / (hits + misses),
      avgGetTimeMs: get.view().avgMs,
      p95GetTimeMs: get.percentile(0.95),
      totalOperations: sum(namespaces.map((space) => space.hits + space.misses + space.sets + space.deletes)),
    },
    memory:
      nearStore === undefined
        ? undefined
        : {
            entries: nearStore.entries,
            bytes: nearStore.bytes,
            ...nearStore.limits,
            policy: nearStore.policy,
            evictions: { ...nearStore.evictions },
          },
    circuitBreaker: Object.fromEntries(parts.far.map((far) => [far.guarded.name, far.guarded.state])),
    health: parts.far.every((far) => far.guarded.state === 'closed') && namespaces.every((space) => space.ledger.isUp) ? 'ok' : 'degraded',
    warmingSchedule: [],
    namespaces,
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)
