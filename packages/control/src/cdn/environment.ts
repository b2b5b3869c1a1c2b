// The CDN that the environment configures, for a stand-alone control plane. Its package is optional: it is loaded only
// if a site is named.
import type { Cdn } from '@millpond/cdn'
import { MillpondError } from 'millpond'
import { isError } from '../is-error.ts'

/** Those of `cdnFromEnvironment`, which documents them. */
const SITES = [
  'CLOUDFRONT_DISTRIBUTION_ID',
  'CLOUDFLARE_ZONE_ID',
  'FASTLY_SERVICE_ID',
  'CDN_PROXY_ADMIN',
  'CDN_FOLDERS',
] as const

/** @throws MillpondError `OPTION_INVALID` if the package is missing, or the environment is incomplete. */
export async function cdnOfEnvironment(
  env: NodeJS.ProcessEnv,
  load = (): Promise<typeof import('@millpond/cdn')> => import('@millpond/cdn'),
): Promise<Cdn | undefined> {
  const named = SITES.find((name) => (env[name] ?? '').trim() !== '')
  if (named === undefined) return undefined
  try {
    return (await load()).cdnFromEnvironment(env)
  } catch (cause) {
    if (!isError(cause) || !('code' in cause)) throw cause
    if (cause.code === 'ERR_MODULE_NOT_FOUND' && cause.message.includes("'@millpond/cdn'"))
      throw new MillpondError(
        'OPTION_INVALID',
        `${named} needs the package @millpond/cdn: npm install @millpond/cdn, or unset it`,
        {
          cause,
        },
      )
    if (cause.name !== 'CdnError') throw cause
    throw new MillpondError('OPTION_INVALID', cause.message.replace(/^(?:\[\w+\] )+/, ''), { cause })
  }
}
