// Tiers that are waited for however busy the machine and its disk are: for suites that ask what is answered, not when.
import type { Tier, TierConfiguration } from 'millpond'

/** For the client of a server. */
export const PATIENCE = { commandTimeout: '20s', connectTimeout: '20s' } as const

/** An erasure waits for as long as a tier may take: suites that erase are patient for less. */
export const patient = (use: Tier, timeout: NonNullable<TierConfiguration['timeout']> = '20s'): TierConfiguration => ({
  use,
  timeout,
})
