// Options of the command line and of the environment, validated before anything is opened or created.
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { CdnError, type Edge, edgesFromEnvironment } from '@millpond/cdn'
import { MillpondError } from 'millpond'
import { LEVELS, type Level } from 'millpond/observe'
import { isError } from 'millpond/options'
import { type CacheSettings, readCache } from './cache-settings.ts'
import { DEFAULT_SIZES, LEAST_USERS, type Sizes } from './data/generate.ts'
import { parseIsoDay } from './db/days.ts'
import { type Environment, hidden, protocolOf, readToken, text, whole } from './setting-values.ts'
import { StartError } from './start-error.ts'

export interface Settings {
  readonly host: string
  readonly port: number
  /** The port of its own edge; undefined: none. */
  readonly edgePort: number | undefined
  /** Edges elsewhere, which it purges. */
  readonly edges: readonly Edge[]
  /** The folder of the database, the cache file and reports. */
  readonly folder: string
  /** PostgreSQL; undefined: a SQLite file in the folder. */
  readonly databaseUrl: string | undefined
  /** The folder of a sales pipeline to import; undefined: generate. */
  readonly data: string | undefined
  /** Undefined: the default sizes, or the existing data. */
  readonly sizes: Sizes | undefined
  /** Fill again even if there is data. */
  readonly isReset: boolean
  /** "Now" for statistics, as a day number; undefined: the newest date in the data. */
  readonly asOf: number | undefined
  readonly cache: CacheSettings
  readonly tokenSecret: string | undefined
  /**
   * Credentials that are known beforehand: for an administrator of the cache, from anywhere, and for reading its
   * metrics.
   */
  readonly adminToken: string | undefined
  readonly metricsToken: string | undefined
  /** Processes of one cache, each on its own port. */
  readonly nodes: number
  /** Structured lines for machines; undefined: none. */
  readonly logLevel: Level | undefined
  /** Including this one: the first starts the others. */
  readonly node: number
  /** Each a process with its own cache, over the same data; undefined: there are none. */
  readonly regions: Regions | undefined
}

export interface Regions {
  /** The first is the origin: the others read from it what they lack. */
  readonly names: readonly string[]
  /** The one of this process. */
  readonly own: string
}

export const HELP = `Usage: npm start -- [options]

  --port N             port to listen on (8080; also PORT)
  --host NAME          address to listen on (127.0.0.1)
  --dir FOLDER         where the database and the cache file are (.data)
  --data FOLDER        import a sales pipeline (accounts, products, sales_teams, sales_pipeline .csv)
  --organizations N    size of the generated data (200)
  --users N            (2000)
  --deals N            (50000)
  --seed N             (1)
  --reset              fill the database again
  --as-of YYYY-MM-DD   "now" for statistics (the newest date in the data)
  --cache on|off       (on)
  --compact on|off     pack and compress what is cached outside memory, without fields that are
                       never read again (on)
  --encrypt            encrypt what is cached outside memory, with a key that is created beside it,
                       or CACHE_ENCRYPTION_KEY
  --nodes N            processes of one cache, over Redis or the SQLite file, on consecutive ports (1)
  --regions A,B        a process for each region, on consecutive ports: each has a cache of its own,
                       and a write in one invalidates in all (none)
  --insight on|off     watch the cache: sizing and advice, prefetching, adaptive TTLs (off)
  --edge-port N|off    a caching proxy at this port in front of the service, as a CDN would be, which
                       invalidations purge (a free one; off with --nodes, --regions, --cache off, an
                       address that is not of this machine, and edges of the environment)
  --log-level LEVEL    lines of JSON on standard error, as an ELK stack takes them: debug, info, warn
                       or error (none)
  -h, --help

Environment:

  PORT                                 as --port
  DATABASE_URL                         postgres://user:password@host:5432/name (SQLite)
  REDIS_URL                            or REDIS_HOST, REDIS_PORT, REDIS_DB; or REDIS_CLUSTER, nodes as
                                       host:port,host:port
  MILLPOND_ADMIN_TOKEN                 credential for the admin API, from anywhere
  DEALS_METRICS_TOKEN                  credential for Prometheus, from anywhere
  CACHE_DEFAULT_TIMEOUT                the default TTL in seconds (300)
  CACHE_KEY_PREFIX                     (deals)
  CACHE_WARMING_ENABLED                (true)
  CACHE_WARMING_INTERVAL               seconds (300)
  CACHE_INVALIDATION_ENABLED           (true)
  CACHE_MONITORING_ENABLED             (true)
  CACHE_ENCRYPTION_KEY                 encrypts, also without --encrypt (none)
  CACHE_ANALYTICS_ENABLED              a part of --insight, each by itself; likewise
                                       CACHE_USAGE_PREDICTION_ENABLED, CACHE_PREDICTIVE_LOADING_ENABLED,
                                       CACHE_ADAPTIVE_TTL_ENABLED or CACHE_TTL_LEARNING_ENABLED (as --insight)
  CACHE_FRESHNESS_CHECKS_ENABLED       check a read against the database now and then (false)
  CACHE_FRESHNESS_CHECKS_INTERVAL      seconds between two such checks (10)
  CACHE_STALENESS_OBJECTIVE            the share of reads that may be stale (0.01)
  CDN_PROXY_ADMIN                      Millpond proxies to purge: http://host:9090,http://other:9090
  others                               CDN vendors to purge: see the guide's page on CDNs`

const OPTIONS = {
  port: { type: 'string' },
  host: { type: 'string' },
  dir: { type: 'string' },
  data: { type: 'string' },
  organizations: { type: 'string' },
  users: { type: 'string' },
  deals: { type: 'string' },
  seed: { type: 'string' },
  reset: { type: 'boolean' },
  'as-of': { type: 'string' },
  cache: { type: 'string' },
  compact: { type: 'string' },
  encrypt: { type: 'boolean' },
  nodes: { type: 'string' },
  'edge-port': { type: 'string' },
  regions: { type: 'string' },
  insight: { type: 'string' },
  'log-level': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const

const MOST_PROCESSES = 16
const REGION = /^[\w-]{1,63}$/

/** Undefined if help was requested. @throws StartError naming the option, its value and the remedy. */
export function readSettings(args: readonly string[], env: Environment): Settings | undefined {
  const given = parseOptions(args)
  if (given.help) return undefined
  // An empty value, as from an unset shell variable, must not mean all addresses, nor the current folder.
  const empty = Object.entries(given).find(([, value]) => value === '')
  if (empty !== undefined) throw new StartError(`--${empty[0]} "" is empty: give a value, or leave it out`)
  const folder = resolve(given.dir ?? '.data')
  const edges = readEdges(env)
  const node = whole('DEALS_NODE', text(env.DEALS_NODE) ?? '1', 1, MOST_PROCESSES)
  return {
    host: given.host ?? '127.0.0.1',
    port: whole(given.port !== undefined ? '--port' : 'PORT', given.port ?? text(env.PORT) ?? '8080', 0, 65_535),
    edgePort: readEdgePort(given, edges, node),
    edges,
    folder,
    databaseUrl: readDatabase(text(env.DATABASE_URL)),
    data: given.data === undefined ? undefined : resolve(given.data),
    sizes: readSizes(given),
    isReset: given.reset ?? false,
    asOf: readDay(given['as-of']),
    cache: readCache(given, env),
    tokenSecret: readSecret(text(env.DEALS_TOKEN_SECRET)),
    nodes: whole('--nodes', given.nodes ?? '1', 1, MOST_PROCESSES),
    adminToken: readToken('MILLPOND_ADMIN_TOKEN', env),
    metricsToken: readToken('DEALS_METRICS_TOKEN', env),
    logLevel: readLevel(given['log-level']),
    node,
    regions: readRegions(given, node),
  }
}

function parseOptions(args: readonly string[]) {
  try {
    return parseArgs({ args: withValues(args, OPTIONS), options: OPTIONS, strict: true, allowPositionals: false })
      .values
  } catch (error) {
    const [line = ''] = (isError(error) ? error.message : String(error)).split('\n')
    throw new StartError(`${line.replace(/\. To specify.*$/, '')}; --help shows the options`)
  }
}

/** `--users -5` as `--users=-5`: a negative number is a value with its own error, not an unknown option. */
export function withValues(
  args: readonly string[],
  options: Readonly<Record<string, { readonly type: string }>>,
): string[] {
  const joined: string[] = []
  for (const arg of args) {
    const last = joined.at(-1)
    if (/^-\d/.test(arg) && last?.startsWith('--') && options[last.slice(2)]?.type === 'string')
      joined[joined.length - 1] = `${last}=${arg}`
    else joined.push(arg)
  }
  return joined
}

function readSizes(given: ReturnType<typeof parseOptions>): Sizes | undefined {
  const names = ['organizations', 'users', 'deals', 'seed'] as const
  if (names.every((name) => given[name] === undefined)) return undefined
  if (given.data !== undefined)
    throw new StartError('--data brings its own data: leave out --organizations, --users, --deals and --seed')
  const size = (name: (typeof names)[number], least: number, most: number) => {
    const value = given[name]
    return value === undefined ? DEFAULT_SIZES[name] : whole(`--${name}`, value, least, most)
  }
  const organizations = size('organizations', 1, 100_000)
  const users =
    given.users === undefined ? Math.max(DEFAULT_SIZES.users, organizations * LEAST_USERS) : size('users', 1, 1_000_000)
  if (users < organizations * LEAST_USERS) {
    throw new StartError(
      `--users ${users} is too few for ${organizations} organisations: each has at least ${LEAST_USERS}, give ${organizations * LEAST_USERS} or more`,
    )
  }
  return { organizations, users, deals: size('deals', 0, 10_000_000), seed: size('seed', 0, 4_294_967_295) }
}

function readDatabase(url: string | undefined): string | undefined {
  if (url === undefined || /^postgres(ql)?:$/.test(protocolOf(url))) return url
  throw new StartError(
    `DATABASE_URL ${JSON.stringify(hidden(url))} is not understood: give postgres://user:password@host:5432/name, or leave it out for SQLite`,
  )
}

function readDay(day: string | undefined): number | undefined {
  if (day === undefined) return undefined
  const number = parseIsoDay(day)
  if (number === undefined) throw new StartError(`--as-of ${JSON.stringify(day)} is not a date: give it as 2025-12-31`)
  return number
}

function readLevel(given: string | undefined): Level | undefined {
  const level = LEVELS.find((one) => one === given)
  if (level !== undefined || given === undefined) return level
  throw new StartError(
    `--log-level ${JSON.stringify(given)} is not understood: give ${LEVELS.slice(0, -1).join(', ')} or ${LEVELS.at(-1)}`,
  )
}

function readEdgePort(
  { 'edge-port': port, nodes = '1', cache, regions, host = '127.0.0.1' }: ReturnType<typeof parseOptions>,
  edges: readonly Edge[],
  node: number,
): number | undefined {
  if (port === 'off') return undefined
  if (port === undefined) {
    const isAlone = nodes === '1' && node === 1 && regions === undefined && edges.length === 0
    return isAlone && cache !== 'off' && ['127.0.0.1', '::1', 'localhost'].includes(host) ? 0 : undefined
  }
  if (nodes !== '1') throw new StartError('--edge-port is of one process, which purges it: leave out --nodes')
  if (cache === 'off')
    throw new StartError('--edge-port needs the cache, whose invalidations purge the edge: leave out --cache off')
  return whole('--edge-port', port, 0, 65_535)
}

function readEdges(env: Environment): readonly Edge[] {
  try {
    return edgesFromEnvironment(env)
  } catch (error) {
    if (error instanceof CdnError || error instanceof MillpondError)
      throw new StartError(error.message.replace(/^(?:\[\w+\] )+/, ''), { cause: error })
    throw error
  }
}

function readRegions(
  { regions, nodes = '1', cache, 'edge-port': port }: ReturnType<typeof parseOptions>,
  node: number,
): Regions | undefined {
  if (regions === undefined) return undefined
  if (nodes !== '1') throw new StartError('--regions has one process for each region: leave out --nodes')
  if (port !== undefined && port !== 'off')
    throw new StartError('--edge-port is of one process, which purges it: leave out --regions')
  if (cache === 'off')
    throw new StartError('--regions needs the cache, whose invalidations go to every region: leave out --cache off')
  const names = regions.split(',').map((name) => name.trim())
  const shown = JSON.stringify(regions)
  const wrong = names.find((name) => !REGION.test(name))
  if (wrong !== undefined)
    throw new StartError(
      `--regions ${shown}: ${JSON.stringify(wrong)} is not the name of a region: give names of up to 63 letters, digits, - and _, as us-east-1,eu-west-1`,
    )
  // Each has a folder, and some file systems are case-insensitive.
  const again = names.find((name, at) => names.slice(0, at).some((other) => other.toLowerCase() === name.toLowerCase()))
  if (again !== undefined)
    throw new StartError(`--regions ${shown}: ${JSON.stringify(again)} is there twice: name each region once`)
  if (names.length < 2 || names.length > MOST_PROCESSES)
    throw new StartError(
      `--regions ${shown}: give from 2 to ${MOST_PROCESSES} regions, as us-east-1,eu-west-1, or leave it out`,
    )
  const own = names[node - 1]
  if (own === undefined) throw new StartError(`DEALS_NODE ${node} is not allowed: there are ${names.length} regions`)
  return { names, own }
}

function readSecret(secret: string | undefined): string | undefined {
  if (secret === undefined || secret.length >= 32) return secret
  throw new StartError(
    `DEALS_TOKEN_SECRET has ${secret.length} characters: give at least 32, or leave it out for a random one`,
  )
}
