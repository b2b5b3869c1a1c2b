// The CDN that the environment names, for a control plane that runs by itself. Its package is optional: where no site
// is named, nothing is loaded.
import type { Cdn } from '@millpond/cdn'
import { MillpondError } from 'millpond'
import { isError } from '../is-error.ts'

/** Of `cdnFromEnvironment`, which says what stands beside each. */
const SITES = [
  'CLOUDFRONT_DISTRIBUTION_ID',
  'CLOUDFLARE_ZONE_ID',
  'FASTLY_SERVICE_ID',
  'CDN_PROXY_ADMIN',
  'CDN_FOLDERS',
] as const

/** @throws MillpondError `OPTION_INVALID`: the package is not there, or what the environment says is not enough. */
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
