// The options of the edge tier, validated once.
import {
  check,
  checkedElsewhere,
  checkOptions,
  clock as clockCheck,
  duration,
  flag,
  fn,
  record,
  required,
  type Shape,
} from '../../core/checks.ts'
import { systemClock } from '../../core/clock.ts'
import type { Clock, LedgerStore, Scope, Tier } from '../../core/contracts.ts'
import { type Duration, parseDuration } from '../../core/duration.ts'
import { MillpondError, show } from '../../core/errors.ts'
import { placeOfBoth } from '../places.ts'

/** The stores of one region. */
export interface EdgeRegion {
  /**
   * The tier that keeps the region's ledger, such as `redis({ url })` or `postgres({ url })`; on one host `sqlite({
   * path })`. The edge closes it.
   */
  readonly ledger: Tier
  /**
   * Where the region's entries are stored, fastest first, shared by all of its processes. Default: the ledger's tier.
   * The edge closes them.
   */
  readonly tiers?: readonly Tier[] | undefined
}

/** A problem that an operator should know about but that fails no call. */
export interface EdgeWarning {
  /**
   * `unheard`, `heard`: a region's state, reported when it changes. While one is unheard, entries are accepted for less
   * than `maxRegionLag`. `gap`: some of its invalidations can no longer be known, so this region has dropped
   * everything.
   */
  readonly kind: 'unheard' | 'heard' | 'gap'
  /** The name of the other region. */
  readonly region: string
  /** What happened, in a sentence for an operator. */
  readonly message: string
  /** The error behind it, if there is one. */
  readonly cause?: unknown
}

export interface EdgeOptions {
  /** By name: the same list in every process of every region. Names of letters, digits, `_` and `-`, up to 63. */
  readonly regions: Readonly<Record<string, EdgeRegion>>
  /** The one that this process belongs to. */
  readonly region: string
  /** The region from which misses of this one are read. Default: none; misses are loaded. */
  readonly origin?: string | undefined
  /**
   * Values written with `set` in another region are fetched along with their invalidation, if a valid copy exists
   * there. Default false: they are fetched on a miss.
   */
  readonly replicate?: boolean | undefined
  /** How far reads here may lag behind invalidations of another region: at least `'2s'`. Default `'5s'`. */
  readonly maxRegionLag?: Duration | undefined
  /**
   * The longest that the origin may take to answer. Default 200 ms; the whole tier has 250 ms, unless its `timeout`
   * says otherwise.
   */
  readonly originTimeout?: Duration | undefined
  /** How long an invalidation waits for the other regions before its receipt says which have applied it. Default 0. */
  readonly wait?: Duration | undefined
  /** Called with problems that fail no call but that an operator should know about. */
  readonly onWarning?: ((warning: EdgeWarning) => void) | undefined
  /** For tests. */
  readonly clock?: Clock | undefined
}

/** A region with its defaults filled in. */
export interface Region {
  readonly name: string
  readonly tiers: readonly Tier[]
  readonly ledgerTier: Tier
  readonly ledger: LedgerStore
}

export interface EdgeSettings {
  readonly own: Region
  readonly others: readonly Region[]
  /** Undefined in the origin itself. */
  readonly origin: Region | undefined
  /** In the origin itself too. */
  readonly originName: string | undefined
  readonly replicate: boolean
  readonly lagMs: number
  readonly originMs: number
  readonly waitMs: number
  readonly warn: (warning: EdgeWarning) => void
  readonly clock: Clock
}

const LEAST_LAG_MS = 2000
const BEATS = 10
const MOST_BEAT_MS = 500

/** How often a region that does not notify is polled. */
export const beatOf = (lagMs: number): number => Math.min(MOST_BEAT_MS, lagMs / BEATS)
const NAME = /^[\w-]{1,63}$/
const OPTIONS: Shape<EdgeOptions> = {
  regions: required(
    record<EdgeOptions['regions']>(
      "the stores of each region by its name, such as { 'us-east-1': { ledger: redis({ url }) } }",
    ),
  ),
  region: required(
    check((value): value is string => typeof value === 'string', 'the name of the region that this process belongs to'),
  ),
  origin: checkedElsewhere,
  replicate: flag,
  maxRegionLag: duration,
  originTimeout: duration,
  wait: duration,
  onWarning: fn('a function that receives warnings for an operator'),
  clock: clockCheck,
}
const REGION: Shape<EdgeRegion> = { ledger: required<Tier>(checkedElsewhere), tiers: checkedElsewhere }
const REACH: readonly Scope[] = ['process', 'host', 'shared']

/** @throws MillpondError `OPTION_INVALID` or `DURATION_INVALID`, naming the option and showing the value. */
export function resolveEdge(options: EdgeOptions): EdgeSettings {
  checkOptions<EdgeOptions>(options, OPTIONS, 'edge')
  const { replicate = false, onWarning } = options
  const regions = Object.entries(options.regions).map(([name, region]) => regionOf(name, region))
  checkApart(regions)
  const named = (name: unknown, option: string): Region => {
    if (isEdge(name))
      throw invalid(option, 'edge', 'is itself an edge: name one of the regions, whose tiers are then used')
    const found = regions.find((region) => region.name === name)
    if (found !== undefined) return found
    const known =
      regions.length === 0 ? 'there are none' : `there are ${regions.map((region) => show(region.name)).join(', ')}`
    throw invalid(
      option,
      name,
      `is not one of the regions: ${known}; name one of them, or add it to regions with its ledger`,
    )
  }
  const own = named(options.region, 'region')
  const origin = options.origin === undefined ? undefined : named(options.origin, 'origin')
  return {
    own,
    others: regions.filter((region) => region !== own),
    origin: origin === own ? undefined : origin,
    originName: origin?.name,
    replicate,
    lagMs: atLeast(options.maxRegionLag ?? '5s', 'maxRegionLag', LEAST_LAG_MS),
    originMs: atLeast(options.originTimeout ?? 200, 'originTimeout', 1),
    waitMs: atLeast(options.wait ?? 0, 'wait', 0),
    warn: onWarning ?? (() => {}),
    clock: options.clock ?? systemClock(),
  }
}

function regionOf(name: string, given: unknown): Region {
  if (!NAME.test(name))
    throw invalid('regions', name, 'is not a valid region name: use up to 63 letters, digits, _ and -')
  const at = `regions.${name}`
  checkOptions<EdgeRegion>(given, REGION, `edge.${at}`)
  const { ledger: ledgerTier, tiers = [ledgerTier] } = given
  if (!isTier(ledgerTier))
    throw invalid(`${at}.ledger`, ledgerTier, 'is not a tier: give one that can hold a ledger, such as redis({ url })')
  if (!Array.isArray(tiers) || tiers.length === 0)
    throw invalid(`${at}.tiers`, tiers, 'is not a list of tiers: give one, or leave it out')
  for (const [index, tier] of tiers.entries()) {
    if (!isTier(tier))
      throw invalid(
        `${at}.tiers[${index}]`,
        tier,
        'is not a tier outside memory: give redis({ url }), or memcached({ servers })',
      )
    if (tiers.indexOf(tier) !== index) throw invalid(`${at}.tiers[${index}]`, tier.name, 'is given twice: name it once')
  }
  for (const tier of [ledgerTier, ...tiers])
    if (isEdge(tier)) throw invalid(at, 'edge', 'is itself an edge: name the tiers of the region')
  const { ledger } = ledgerTier
  if (ledger === undefined)
    throw invalid(`${at}.ledger`, ledgerTier.name, 'cannot hold a ledger: give redis({ url }) or postgres({ url })')
  const beyond = tiers.find((tier) => REACH.indexOf(tier.scope) > REACH.indexOf(ledger.scope))
  if (beyond !== undefined)
    throw invalid(
      `${at}.ledger`,
      ledgerTier.name,
      `reaches one ${ledger.scope}, and ${show(beyond.name)} reaches further, so it would be unknown which of its entries are valid; give redis({ url }) or postgres({ url })`,
    )
  return { name, tiers, ledgerTier, ledger }
}

/** Two ledgers on one server under two names are detected once both have answered: see `Follower`. */
function checkApart(regions: readonly Region[]): void {
  const owners = new Map<Tier, Region>()
  for (const region of regions) {
    for (const tier of new Set([region.ledgerTier, ...region.tiers])) {
      for (const [other, owner] of owners) {
        const place = other === tier ? tier.name : placeOfBoth(tier, other)
        if (place === undefined || owner === region) continue
        const what = tier === region.ledgerTier && other === owner.ledgerTier ? 'ledger' : 'tiers'
        throw invalid(
          `regions.${region.name}.${what}`,
          place,
          `is also that of ${show(owner.name)}: each region needs its own stores; with a single store there is only one region, and no edge is needed`,
        )
      }
      owners.set(tier, region)
    }
  }
}

const isTier = (given: unknown): given is Tier =>
  typeof given === 'object' &&
  given !== null &&
  'read' in given &&
  'write' in given &&
  'drop' in given &&
  'clear' in given

const isEdge = (given: unknown): boolean => isTier(given) && given.ledger?.regions !== undefined

function atLeast(given: Duration, name: string, least: number): number {
  const ms = parseDuration(given, `edge.${name}`)
  if (ms >= least && Number.isFinite(ms)) return ms
  throw invalid(name, given, `is not allowed: give a finite time of at least ${least} ms`)
}

export function invalid(name: string, value: unknown, why: string): MillpondError {
  return new MillpondError('OPTION_INVALID', `edge.${name}: ${show(value)} ${why}`)
}
