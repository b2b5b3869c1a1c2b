// A tier that is waited for however busy the machine is: these suites ask what is answered, not when.
import type { Tier, TierUse } from 'millpond'

export const patient = (use: Tier): TierUse => ({ use, timeout: '20s' })
