// Several regions on one machine: each has its own store and ledger, reads from the origin what it lacks, and applies
// the invalidations of all.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type EdgeTier, edge } from 'millpond/tiers/edge'
import { redis } from 'millpond/tiers/redis'
import { sqlite } from 'millpond/tiers/sqlite'
import { redisOptions } from '../cache-settings.ts'
import type { Regions, Settings } from '../settings.ts'

/** What a region knows of the others. */
export type RegionsHeard = NonNullable<EdgeTier['ledger']['regions']>

/** Where a process keeps everything but the data, which the regions share. */
export const folderOf = ({ folder, regions }: Pick<Settings, 'folder' | 'regions'>, region = regions?.own): string =>
  region === undefined ? folder : join(folder, 'regions', region)

/** Over Redis, if configured, with a prefix for each region; else over a SQLite file for each. */
export function openRegions({ names, own }: Regions, settings: Settings, say: (line: string) => void): EdgeTier {
  const redisAt = redisOptions(settings.cache)
  const onWarning = ({ message }: { readonly message: string }): void => say(`cache: ${message}`)
  const storeOf = (name: string) => {
    if (redisAt !== undefined) return redis({ ...redisAt, keyPrefix: `millpond-${name}:` })
    const folder = folderOf(settings, name)
    mkdirSync(folder, { recursive: true })
    return sqlite({ path: join(folder, 'cache.sqlite'), onWarning })
  }
  return edge({
    regions: Object.fromEntries(names.map((name) => [name, { ledger: storeOf(name) }])),
    region: own,
    origin: names[0],
    onWarning,
  })
}
