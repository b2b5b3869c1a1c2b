// What vendors share: their options, and the messages for what they do not support.
import { check, type Duration, parseDuration } from 'millpond/options'
import { given } from '../credentials.ts'
import { CdnError } from '../errors.ts'
import { Secret, type SecretLike, secretOf } from '../secret.ts'

/** Its value is never shown. */
export const secretText = (value: unknown, at: string): SecretLike => {
  if (value instanceof Secret || (typeof value === 'string' && value.trim() !== '')) return value
  throw new CdnError('CREDENTIALS_MISSING', `${at} is not a token: give a non-empty string`)
}

/** A URL without a trailing slash, so that a path can follow. */
export const apiUrl = check(
  (value): value is string =>
    typeof value === 'string' &&
    URL.canParse(value) &&
    /^https?:$/.test(new URL(value).protocol) &&
    !value.endsWith('/'),
  'an address without a trailing slash, such as https://www.example.com',
)

export const timeoutOf = (value: Duration | undefined): number => parseDuration(value ?? '30s', 'timeout')

/** The given value, else the environment's. @throws CdnError `CREDENTIALS_MISSING` */
export function tokenOf(token: SecretLike | undefined, vendor: string, variable: string): Secret {
  const found = token ?? given(process.env, variable)
  if (found === undefined)
    throw new CdnError('CREDENTIALS_MISSING', `there is no API token: set ${variable}, or give ${vendor}({ token })`, {
      vendor,
    })
  return secretOf(found)
}

/** The given value, else the environment's; `undefined`: each call names it. @throws CdnError `TARGET_INVALID` */
export function ownSite(site: string | undefined, vendor: string, what: string, variable: string): string | undefined {
  const found = site ?? given(process.env, variable)
  return found === undefined ? undefined : siteOf(found, vendor, what, variable)
}

export function siteOf(site: string | undefined, vendor: string, what: string, variable: string): string {
  if (site !== undefined && /^[\w-]+$/.test(site)) return site
  if (site === undefined)
    throw new CdnError('TARGET_INVALID', `no ${what} is named: set ${variable}, or name one with the call`, { vendor })
  throw new CdnError(
    'TARGET_INVALID',
    `${JSON.stringify(site.slice(0, 80))} is not the id of a ${what}: use letters and digits`,
    {
      vendor,
    },
  )
}

export function addressOf(path: string, origin: string | undefined, vendor: string, option: string): URL {
  if (origin === undefined)
    throw unsupported(
      vendor,
      `does not support paths without a host, such as ${JSON.stringify(path)}`,
      `write the full address, or give ${option}`,
    )
  return new URL(path, origin)
}

export function unsupported(vendor: string, what: string, remedy: string): CdnError {
  return new CdnError('UNSUPPORTED', `${vendor} ${what}: ${remedy}`, { vendor })
}

/** Whole days in UTC, today as the last. */
export function daysBack(days: number, now = Date.now()): { readonly from: string; readonly to: string } {
  const to = new Date(now)
  const from = new Date(now - (days - 1) * 86_400_000)
  from.setUTCHours(0, 0, 0, 0)
  return { from: from.toISOString(), to: to.toISOString() }
}
