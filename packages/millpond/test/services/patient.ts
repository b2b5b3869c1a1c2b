// Tiers that are waited for however busy the machine and its disk are: for suites that ask what is answered, not when.
import type { Tier, TierUse } from 'millpond'

/** For the client of a server. */
export const PATIENCE = { commandTimeout: '20s', connectTimeout: '20s' } as const

export const patient = (use: Tier): TierUse => ({ use, timeout: '20s' })
