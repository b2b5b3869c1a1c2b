// Default TTLs of kinds of data.
import { oneOf } from '../../core/checks.ts'
import type { Duration } from '../../core/duration.ts'
import { MillpondError, show } from '../../core/errors.ts'

/** TTLs by kind of data and by temperature. */
export const PROFILES = Object.freeze({
  static: '1h',
  user: '30m',
  dashboard: '10m',
  analytics: '15m',
  statistics: '5m',
  search: '3m',
  assets: '365d',
  content: '24h',
  session: '30m',
  api: '10m',
  hot: '1m',
  warm: '15m',
  cold: '6h',
} as const)

export type ProfileName = keyof typeof PROFILES

export const profile = oneOf(...(Object.keys(PROFILES) as ProfileName[]))

/** @throws MillpondError `OPTION_INVALID` naming the existing ones. */
export function profileTtl(name: ProfileName): Duration {
  const ttl = Object.hasOwn(PROFILES, name) ? PROFILES[name] : undefined
  if (ttl === undefined)
    throw new MillpondError(
      'OPTION_INVALID',
      `profile: ${show(name)} is not known: use ${Object.keys(PROFILES).join(', ')}`,
    )
  return ttl
}
