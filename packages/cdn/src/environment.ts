// The edges that the environment configures.
import { resolve } from 'node:path'
import { s3Store } from './assets/s3.ts'
import type { Cdn } from './cdn.ts'
import { createCdn } from './create-cdn.ts'
import { awsCredentials, type Environment, given } from './credentials.ts'
import type { Edge } from './edge.ts'
import { CdnError } from './errors.ts'
import type { CdnFolderOptions } from './folders.ts'
import { type CloudflarePlan, cloudflare } from './vendors/cloudflare.ts'
import { cloudFront } from './vendors/cloudfront.ts'
import { fastly } from './vendors/fastly.ts'
import { millpondProxy } from './vendors/millpond-proxy.ts'

const PLANS: readonly CloudflarePlan[] = ['free', 'pro', 'business', 'enterprise']

/**
 * The result of `edgesFromEnvironment`, with folders. `CDN_FOLDERS` names local folders that may be uploaded (to the
 * bucket in `AWS_STORAGE_BUCKET_NAME`, if set) and whose images may be optimised (into `FOLDER-optimized`):
 * `site=/srv/site/dist,photos=/srv/photos`. `undefined`: neither a site nor a folder is named.
 * @throws CdnError `CREDENTIALS_MISSING`; MillpondError `OPTION_INVALID`
 */
export function cdnFromEnvironment(env: Environment = process.env): Cdn | undefined {
  const edges = edgesFromEnvironment(env)
  const folders = foldersOf(given(env, 'CDN_FOLDERS'), env)
  return edges.length === 0 && folders === undefined ? undefined : createCdn({ edges, folders })
}

/**
 * An edge for each vendor whose site is named: `CLOUDFRONT_DISTRIBUTION_ID` (with `AWS_ACCESS_KEY_ID` and
 * `AWS_SECRET_ACCESS_KEY`, or a role; `CLOUDFRONT_TAGS=true`), `CLOUDFLARE_ZONE_ID` (with `CLOUDFLARE_API_TOKEN`;
 * `CLOUDFLARE_PLAN`), `FASTLY_SERVICE_ID` (with `FASTLY_API_TOKEN`); and for each Millpond proxy whose admin port is in
 * `CDN_PROXY_ADMIN`: `http://10.0.0.1:9090,http://10.0.0.2:9090`. `CDN_ORIGIN` is the base of paths:
 * `https://www.example.com`. `CLOUDFRONT_API_URL`, `CLOUDFLARE_API_URL` and `FASTLY_API_URL` replace the URL of the
 * vendor's API.
 * @throws CdnError `CREDENTIALS_MISSING`; MillpondError `OPTION_INVALID`
 */
export function edgesFromEnvironment(env: Environment = process.env): readonly Edge[] {
  const read = (name: string): string | undefined => given(env, name)
  const origin = read('CDN_ORIGIN')
  const edges: Edge[] = []
  const distribution = read('CLOUDFRONT_DISTRIBUTION_ID')
  if (distribution !== undefined)
    edges.push(
      cloudFront({
        distribution,
        credentials: awsCredentials(env),
        api: read('CLOUDFRONT_API_URL'),
        tags: read('CLOUDFRONT_TAGS') === 'true',
      }),
    )
  const zone = read('CLOUDFLARE_ZONE_ID')
  if (zone !== undefined)
    edges.push(
      cloudflare({
        zone,
        token: needed(env, 'CLOUDFLARE_API_TOKEN', 'CLOUDFLARE_ZONE_ID'),
        origin,
        plan: planOf(read('CLOUDFLARE_PLAN')),
        api: read('CLOUDFLARE_API_URL'),
      }),
    )
  const service = read('FASTLY_SERVICE_ID')
  if (service !== undefined)
    edges.push(
      fastly({
        service,
        token: needed(env, 'FASTLY_API_TOKEN', 'FASTLY_SERVICE_ID'),
        origin,
        api: read('FASTLY_API_URL'),
      }),
    )
  const proxies = read('CDN_PROXY_ADMIN')?.split(',') ?? []
  for (const [at, admin] of proxies.entries())
    edges.push(
      millpondProxy({ name: proxies.length === 1 ? undefined : `proxy-${at + 1}`, admin: admin.trim(), origin }),
    )
  return edges
}

function foldersOf(value: string | undefined, env: Environment): Record<string, CdnFolderOptions> | undefined {
  if (value === undefined) return undefined
  const to =
    given(env, 'AWS_STORAGE_BUCKET_NAME') === undefined
      ? undefined
      : (name: string) => s3Store({ prefix: `${name}/` }, env)
  return Object.fromEntries(
    value.split(',').map((one) => {
      const [, name, path] = /^\s*([^=]+)=(.+?)\s*$/.exec(one) ?? []
      if (name === undefined || path === undefined)
        throw new CdnError(
          'TARGET_INVALID',
          `CDN_FOLDERS: ${JSON.stringify(one)} is not a folder: write one such as site=/srv/site/dist`,
        )
      return [name, { path, to: to?.(name), output: `${resolve(path)}-optimized` }]
    }),
  )
}

function needed(env: Environment, name: string, beside: string): string {
  const value = given(env, name)
  if (value === undefined)
    throw new CdnError('CREDENTIALS_MISSING', `${beside} is set but ${name} is not: set both or neither`)
  return value
}

function planOf(value: string | undefined): CloudflarePlan | undefined {
  const plan = PLANS.find((one) => one === value)
  if (value !== undefined && plan === undefined)
    throw new CdnError(
      'TARGET_INVALID',
      `CLOUDFLARE_PLAN: ${JSON.stringify(value)} is not a plan: use ${PLANS.join(', ')}`,
    )
  return plan
}
