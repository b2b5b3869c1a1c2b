// Prices, as given by the user: nothing is assumed, and nothing is free.
import { check, checkOptions, options as optionsOf, record, required, type Shape } from '../../core/checks.ts'
import { MillpondError, show } from '../../core/errors.ts'

/** The prices of one tier. Omitted ones are not counted. */
export interface TierPrices {
  /** A gigabyte (10^9 bytes) for a month of 30 days. */
  readonly gbMonth?: number | undefined
  /** A million requests. */
  readonly millionRequests?: number | undefined
  /** The bytes held or paid for. Default: the measured bytes for memory, nothing for other tiers. */
  readonly bytes?: number | undefined
}

/** The prices of loads; one of the two, or both. */
export interface SourcePrices {
  /** A million loads: queries, calls. */
  readonly millionLoads?: number | undefined
  /** A second of the source's work, applied to the duration of a load. */
  readonly second?: number | undefined
}

/** In any currency, the same for all; each above 0. */
export interface Prices {
  /** By the tier's name, as in figures: `{ memory: { gbMonth: 4 } }`. Memory must have a price. */
  readonly tiers: Readonly<Record<string, TierPrices>>
  /** What a load costs: by number, by duration, or both. */
  readonly source: SourcePrices
}

const price = check(
  (value): value is number => typeof value === 'number' && value > 0 && value < Number.POSITIVE_INFINITY,
  'a price above 0; leave it out if there is none',
)
const TIER: Shape<TierPrices> = { gbMonth: price, millionRequests: price, bytes: price }
const tier = optionsOf(TIER)
const SOURCE: Shape<SourcePrices> = { millionLoads: price, second: price }
const PRICES: Shape<Prices> = {
  tiers: required(record("prices by the tier's name, such as { memory: { gbMonth: 4 } }")),
  source: required(optionsOf(SOURCE)),
}

/** @throws MillpondError `OPTION_INVALID` */
export function checkPrices(prices: Prices, tiers: readonly string[]): void {
  checkOptions<Prices>(prices, PRICES, 'prices')
  for (const [name, given] of Object.entries(prices.tiers)) {
    if (!tiers.includes(name))
      throw new MillpondError(
        'OPTION_INVALID',
        `prices.tiers: there is no tier ${show(name)}: there are ${tiers.join(', ')}`,
      )
    tier(given, `prices.tiers.${name}`)
  }
  if (prices.tiers.memory?.gbMonth === undefined)
    throw new MillpondError(
      'OPTION_INVALID',
      'prices.tiers.memory.gbMonth is missing: without a price for memory the savings cannot be calculated',
    )
  if (prices.source.millionLoads === undefined && prices.source.second === undefined)
    throw new MillpondError(
      'OPTION_INVALID',
      `prices.source: ${show(prices.source)} contains no price: give millionLoads or second`,
    )
}

export const GB = 1e9
export const MONTH_MS = 30 * 86_400_000
export const MILLION = 1e6

/** The cost of a load with that duration. */
export const priceOfLoad = ({ millionLoads = 0, second = 0 }: SourcePrices, ms: number): number =>
  millionLoads / MILLION + (second * ms) / 1000
