// What each environment variable means, for the reference: the build of the site fails for one that the code reads and
// that has no words here, and for words that nothing reads.
// @ts-check
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Upper-case names in the files that read variables, which are none. */
const NOT_VARIABLES = new Set(['WHEN_REQUIRED'])

const API = 'replaces the URL of the vendor’s API'

/** Which parts read variables, and in which files. @type {readonly (readonly [title: string, ...files: string[]])[]} */
export const READERS = [
  ['fromEnvironment() of millpond', 'packages/millpond/src/environment.ts'],
  ['environmentKeyring() of millpond/codec', 'packages/millpond/src/codec/key-sources.ts'],
  [
    'cdnFromEnvironment(), s3Store() of @millpond/cdn',
    'packages/cdn/src/environment.ts',
    'packages/cdn/src/credentials.ts',
    'packages/cdn/src/vendors/cloudflare.ts',
    'packages/cdn/src/vendors/fastly.ts',
    'packages/cdn/src/vendors/cloudfront.ts',
    'packages/cdn/src/assets/s3.ts',
  ],
  ['the command line millpond', 'packages/cli/src/connection/settings.ts', 'packages/cli/src/terminal/streams.ts'],
  ['the control plane', 'packages/control/src/main.ts'],
  ['the deals service', 'apps/deals/src/settings.ts', 'apps/deals/src/cache-settings.ts'],
]

/**
 * The variables that a reader's files read. Codes of errors are written alike: those are left out.
 * @param {string} root @param {readonly string[]} files @returns {readonly string[]}
 */
export function variablesIn(root, files) {
  const read = (/** @type {string} */ file) => readFileSync(join(root, file), 'utf8')
  const codes = new Set(
    ['packages/millpond/src/core/errors.ts', 'packages/cdn/src/errors.ts'].flatMap((file) =>
      [...read(file).matchAll(/'([A-Z][A-Z_]+)'/g)].map(([, name = '']) => name),
    ),
  )
  const text = files.map((file) => read(file).replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')).join('\n')
  const named = /(?:\benv\??\.|environment\.|['"`]|^\s*)([A-Z][A-Z\d]*(?:_[A-Z\d]+)+|PORT|TERM)\b(?=['"`:)]|\W)/gm
  return [...new Set([...text.matchAll(named)].map(([, name = '']) => name))]
    .filter((name) => !codes.has(name) && !name.startsWith('ERR_') && !NOT_VARIABLES.has(name))
    .sort()
}

/** @type {Readonly<Record<string, string>>} */
export const VARIABLES = {
  AWS_ACCESS_KEY_ID: 'credentials for CloudFront and S3; without them a profile or role is used',
  AWS_REGION: 'region of the bucket',
  AWS_SECRET_ACCESS_KEY: 'see `AWS_ACCESS_KEY_ID`',
  AWS_SESSION_TOKEN: 'for temporary credentials',
  AWS_STORAGE_BUCKET_NAME: 'the bucket that static files and images are uploaded to; ignored by `fromEnvironment()`',
  CACHE_ADAPTIVE_TTL_ENABLED: '`true`: TTLs follow how often values change. Default: `false`',
  CACHE_ANALYTICS_ENABLED: '`true`: insight watches the cache. Default: `false`',
  CACHE_DEFAULT_TIMEOUT: 'the default TTL in seconds. Default: 300',
  CACHE_DISTRIBUTED_INVALIDATION_ENABLED: 'only `true` is accepted: every process hears of each invalidation',
  CACHE_ENCRYPTION_KEY:
    'values leave the process encrypted with this key of 32 bytes (base64), or with the first of `k2:<key>,k1:<key>`. Default: not encrypted',
  CACHE_FRESHNESS_CHECKS_ENABLED: '`true`: reads are checked against their source now and then. Default: `false`',
  CACHE_FRESHNESS_CHECKS_INTERVAL: 'the shortest time between two such checks, in seconds. Default: 10',
  CACHE_INVALIDATION_ENABLED: 'only `true` is accepted: invalidation cannot be switched off',
  CACHE_KEY_PREFIX: 'the name of the cache, part of every storage key. Default: `cache`; of the deals service `deals`',
  CACHE_MAX_ENTRIES: 'the limit of memory in entries. Default: 1,000; no limit if only a size is given',
  CACHE_MAX_SIZE_MB: 'the limit of memory in megabytes. Default: none',
  CACHE_MONITORING_ENABLED: 'only `true` is accepted: metrics are always collected',
  CACHE_PREDICTIVE_LOADING_ENABLED: '`true`: what will probably be read next is loaded ahead. Default: `false`',
  CACHE_SQLITE_PATH: 'a SQLite file as the lowest tier',
  CACHE_STALENESS_OBJECTIVE: 'the share of reads that may be stale. Default: 0.01',
  CACHE_TTL_LEARNING_ENABLED: 'the same as `CACHE_ADAPTIVE_TTL_ENABLED`',
  CACHE_USAGE_PREDICTION_ENABLED:
    '`true`: what will be read next is predicted, and nothing is loaded. Default: `false`',
  CACHE_WARMING_ENABLED: '`false`: this process runs no warming schedule. Default: `true`',
  CACHE_WARMING_INTERVAL: 'seconds between runs of plans without an interval of their own. Default: 300',
  CDN_FOLDERS: 'local folders that may be uploaded, by name: `site=/srv/site/dist,photos=/srv/photos`',
  CDN_ORIGIN: 'the base of paths to purge: `https://www.example.com`',
  CDN_PROXY_ADMIN: 'admin ports of Millpond proxies to purge: `http://10.0.0.1:9090,http://10.0.0.2:9090`',
  CLOUDFLARE_API_TOKEN: 'credential for `CLOUDFLARE_ZONE_ID`',
  CLOUDFLARE_API_URL: API,
  CLOUDFLARE_PLAN: '`free`, `pro`, `business` or `enterprise`: determines the limits',
  CLOUDFLARE_ZONE_ID: 'the zone to purge; refused by `fromEnvironment()` unless named in `own`',
  CLOUDFRONT_API_URL: API,
  CLOUDFRONT_DISTRIBUTION_ID: 'the distribution to purge',
  CLOUDFRONT_TAGS: '`true`: the distribution has a `CacheTagConfig`, so tags can be purged. Default: `false`',
  DATABASE_URL: 'PostgreSQL (`postgres://…`): a tier; of the deals service its database',
  DEALS_METRICS_TOKEN: 'a token that may only read the metrics, of at least 32 characters. Default: none',
  DEALS_NODE: 'which of several processes this is; set by `npm start -- --nodes`',
  DEALS_PLANTED_FAULT: 'a fault for the load driver to find; for tests only',
  DEALS_TOKEN_SECRET: 'signs the users’ tokens, at least 32 characters. Default: random with each start',
  FASTLY_API_TOKEN: 'credential for `FASTLY_SERVICE_ID`',
  FASTLY_API_URL: API,
  FASTLY_SERVICE_ID: 'the service to purge',
  MEMCACHED_SERVERS: 'Memcached servers as a tier: `a:11211,b:11211`',
  MILLPOND_ADMIN_TOKEN:
    'the administrator’s token of the control plane, at least 32 characters. Default: `millpond serve` makes one at the first start',
  MILLPOND_PROFILE: 'the profile to use from `millpond.config.json` or your own `config.json`',
  MILLPOND_TOKEN: 'the token for the control plane',
  MILLPOND_TOKEN_FILE: 'a file with the token for the control plane',
  MILLPOND_URL: 'the address of the control plane. Default: `http://127.0.0.1:8090`',
  NO_COLOR: 'any value: output without colours',
  PORT: 'the port to listen on. Default: 8080',
  REDIS_CLUSTER: 'nodes of a Redis Cluster, instead of `REDIS_URL`: `host:port,host:port`',
  REDIS_DB: 'the database beside `REDIS_HOST`. Default: 0',
  REDIS_HOST: 'a Redis server, instead of `REDIS_URL`',
  REDIS_PORT: 'the port beside `REDIS_HOST`. Default: 6379',
  REDIS_URL: 'a Redis server as a tier: `redis://…`, or `rediss://…` for TLS',
  TERM: '`dumb`: output without colours',
  XDG_CONFIG_HOME: 'where your own `millpond/config.json` is. Default: `~/.config`',
}
