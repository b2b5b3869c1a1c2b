// A cache made from a stored configuration, and the tiers that it may be made of.
import { type Cache, type CacheOptions, createCache, MillpondError, memory, type Tier } from 'millpond'
import { valueCodec } from 'millpond/codec'
import { type Check, fn, options as optionsOf } from 'millpond/options'
import { type ConfigurationDocument, entryPriority } from './document.ts'

const BELOW = ['redis', 'memcached', 'database', 'file_system'] as const

/** How to reach a configuration's tier; `memory` needs nothing. Called once for each cache, with its name. */
export type TierFactories = Readonly<Partial<Record<(typeof BELOW)[number], (name: string) => Tier>>>

const aFactory = fn<(name: string) => Tier>('a function that makes a tier: () => redis({ url })')
/** The validation of `TierFactories`. */
export const tierFactories: Check<TierFactories> = optionsOf<TierFactories>({
  redis: aFactory,
  memcached: aFactory,
  database: aFactory,
  file_system: aFactory,
})

/** A strategy that does not say how collections write. */
const isOther = (strategy: string): boolean => !/^(write|cache)[-_]/i.test(strategy)

/** @throws MillpondError `OPTION_INVALID` if no way was given to reach the tier that it names. */
export function makeCache(
  document: ConfigurationDocument,
  factories: TierFactories,
  more: Omit<CacheOptions, 'name' | 'tiers'> = {},
): Cache {
  const { name, cache_type, strategy, ttl_seconds, max_size_mb, compression_enabled, is_active } = document
  const priority = entryPriority(document.priority)
  const types =
    cache_type === 'memory'
      ? []
      : cache_type === 'multi'
        ? BELOW.filter((one) => factories[one] !== undefined)
        : [cache_type]
  const below = types.map((type) => {
    const factory = factories[type]
    if (factory !== undefined) return { use: factory(name), enabled: is_active }
    throw new MillpondError(
      'OPTION_INVALID',
      `the cache ${name} is of type ${type}, and there is no tier for that type: give tiers: { ${type}: () => ... }`,
    )
  })
  const near = memory({ maxBytes: `${max_size_mb}mb`, enabled: is_active })
  return createCache({
    // Without compression it still reads what another process has compressed.
    codec: valueCodec({ compress: compression_enabled ? 'auto' : 'off' }),
    ...more,
    // The default of stored configurations imposes nothing. The others say how collections write, and nothing else.
    ...(strategy !== 'cache_aside' && { strategy: [...[more.strategy ?? []].flat().filter(isOther), strategy] }),
    name,
    tiers: [near, ...below],
    defaults: { ...more.defaults, ...(priority !== undefined && { priority }), ttl: ttl_seconds * 1000 },
  })
}
