// The tier that the processes of a fleet share.
import type { LedgerStore, Tier } from 'millpond/tier'
import { postgres } from 'millpond/tiers/postgres'
import { redis } from 'millpond/tiers/redis'
import type { Kind } from './words.ts'

export interface LedgerTier extends Tier {
  readonly ledger: LedgerStore
}

export const tierOf = (kind: Kind, url: string): LedgerTier => (kind === 'redis' ? redis({ url }) : postgres({ url }))

/** Of a process that is only simulated: it asks, over one connection, and has time to connect. */
export const askingTier = (kind: Kind, url: string): LedgerTier =>
  kind === 'redis'
    ? redis({ url, connectTimeout: '20s', commandTimeout: '5s' })
    : postgres({
        url,
        connectTimeout: '20s',
        commandTimeout: '5s',
        poolSize: 1,
        notify: false,
        sweepEvery: Number.POSITIVE_INFINITY,
      })
