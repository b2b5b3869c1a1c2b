// Options of `npm run load`.
import { parseArgs } from 'node:util'
import { isError } from 'millpond/options'
import { DEFAULT_SIZES, LEAST_USERS, type Sizes } from '../data/generate.ts'
import { withValues } from '../settings.ts'
import { StartError } from '../start-error.ts'

export interface LoadOptions {
  readonly seconds: number
  /** Requests per second, all sessions together, on average. */
  readonly rate: number
  /** Milliseconds of thinking time between two requests, on average. */
  readonly thinkMs: number
  readonly seed: number
  readonly sizes: Sizes
  /** Start with an empty cache and do not warm it. */
  readonly isCold: boolean
  /** How long warming may delay the start of the run. */
  readonly warmUpSeconds: number
  /** Skip the measurements beside the sessions. */
  readonly isRunOnly: boolean
  /** Recorded traffic by which prediction and TTLs are judged, in place of that of the run. */
  readonly traces: string | undefined
  readonly isJson: boolean
  /** Proof of the checker: scopes with this prefix are not invalidated, and the run must fail. */
  readonly plant: string | undefined
  /** Insight is on in the run with the cache; `ab`: on against off, several times, instead of a run without a cache. */
  readonly insight: 'on' | 'off' | 'ab'
  /** Seeds of `ab`. */
  readonly pairs: number
}

export const LOAD_HELP = `Usage: npm run load -- [options]

  --seconds N          how long new sessions start (60)
  --rate N             requests per second on average (50)
  --think N            milliseconds between a user's requests (700)
  --seed N             for data and sessions (1)
  --organizations N    size of the generated data (200)
  --users N            (2000)
  --deals N            (50000)
  --warm-up N          seconds that warming may take before the first request; then the run starts
                       anyway and says so (300)
  --cold               start with an empty cache, without warming
  --plant SCOPE        skip invalidations of scopes with this prefix ("owner:"): the run must fail
  --insight on|off|ab  insight in the run with the cache (off); ab: on against off and off against
                       off, side by side, --seconds for each seed: is it ever worse? (--seconds 600
                       is the long form)
  --pairs N            seeds of --insight ab, from --seed on (3)
  --run-only           only the sessions, without the additional measurements: memory, prediction,
                       adaptive TTLs, a cluster, encryption
  --traces DIR         measure prediction and adaptive TTLs with recorded traffic (as for
                       bench:insight) instead of this run's
  --json               the figures as JSON
  -h, --help

Ctrl-C stops the run and prints what was measured so far; a second one stops it at once.
With REDIS_URL the cached run uses Redis as its middle tier.`

/** Undefined if help was requested. @throws StartError */
export function readLoadOptions(args: readonly string[]): LoadOptions | undefined {
  const given = parse(args)
  if (given.help) return undefined
  const whole = (
    name: 'seconds' | 'warm-up' | 'rate' | 'think' | 'seed' | 'organizations' | 'users' | 'deals' | 'pairs',
    fallback: number,
    least: number,
    most: number,
  ) => {
    const text = given[name]
    const number = text === undefined ? fallback : /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
    if (number >= least && number <= most) return number
    throw new StartError(
      `--${name} ${JSON.stringify(text)} is not allowed: give a whole number from ${least} to ${most}`,
    )
  }
  const organizations = whole('organizations', DEFAULT_SIZES.organizations, 1, 100_000)
  const seed = whole('seed', 1, 0, 4_294_967_295)
  return {
    seconds: whole('seconds', 60, 1, 86_400),
    rate: whole('rate', 50, 1, 10_000),
    thinkMs: whole('think', 700, 0, 60_000),
    seed,
    sizes: {
      organizations,
      users: whole(
        'users',
        Math.max(DEFAULT_SIZES.users, organizations * LEAST_USERS),
        organizations * LEAST_USERS,
        1_000_000,
      ),
      deals: whole('deals', DEFAULT_SIZES.deals, 1, 10_000_000),
      seed,
    },
    isCold: given.cold ?? false,
    warmUpSeconds: whole('warm-up', 300, 1, 86_400),
    isRunOnly: given['run-only'] ?? false,
    traces: given.traces,
    isJson: given.json ?? false,
    plant: given.plant,
    insight: insightOf(given),
    pairs: whole('pairs', 3, 1, 100),
  }
}

function insightOf({ insight = 'off', plant }: ReturnType<typeof parse>): LoadOptions['insight'] {
  if (insight !== 'on' && insight !== 'off' && insight !== 'ab')
    throw new StartError(`--insight ${JSON.stringify(insight)} is not valid: give on, off or ab`)
  if (insight === 'ab' && plant !== undefined)
    throw new StartError('--plant works only with --insight on or off: leave out one of them')
  return insight
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const options = {
    seconds: text,
    'warm-up': text,
    rate: text,
    think: text,
    seed: text,
    organizations: text,
    users: text,
    deals: text,
    plant: text,
    insight: text,
    pairs: text,
    'run-only': flag,
    traces: text,
    cold: flag,
    json: flag,
    help: { type: 'boolean', short: 'h' } as const,
  }
  try {
    return parseArgs({ args: withValues(args, options), options, strict: true, allowPositionals: false }).values
  } catch (error) {
    const [line = ''] = (isError(error) ? error.message : String(error)).split('\n')
    throw new StartError(`${line.replace(/\. To specify.*$/, '')}; --help shows the options`)
  }
}
