// What an experiment compares, and the limits by which it is judged: fixed before it starts, so that results cannot
// influence them.
import {
  check,
  checkOptions,
  duration,
  listOf,
  oneOf,
  options,
  orOff,
  required,
  type Shape,
  text,
} from '../../core/checks.ts'
import { type ArmSettings, armSettings } from '../../core/division.ts'
import { type Duration, parseDuration } from '../../core/duration.ts'
import { MillpondError, show } from '../../core/errors.ts'
import type { PolicyName } from '../../memory/options.ts'
import { BUCKETS, LEAST_BUCKETS } from './assignment.ts'
import { checkSelect, type ExperimentSelect, properShare } from './select.ts'

/** Memory settings, for experiments that are simulated. */
export interface ArmMemory {
  /** Its eviction policy. Default: the current one. */
  readonly policy?: PolicyName | undefined
  /** Its size, as a multiple of the actual one. */
  readonly factor?: number | undefined
}

export interface ArmOptions {
  /** The name of the arm in verdicts and metrics. */
  readonly name: string
  /** The settings for its keys. The first arm may have none. */
  readonly settings?: ArmSettings | undefined
  /**
   * Memory settings of the arm: such an experiment runs in shadow caches, and changes nothing. For all arms or none.
   */
  readonly memory?: ArmMemory | undefined
  /** Its share of the keys. Default: the rest, split equally. */
  readonly share?: number | undefined
}

/** The harm to an arm at which the experiment ends by itself; `false`: no limit. */
export interface Guards {
  /** Hits per read that an arm may lose. Default .01. */
  readonly hitRate?: number | false | undefined
  /** More loads per read than the control, relative to the control's. Default .1. */
  readonly loads?: number | false | undefined
  /** More slow loads per read, relative to the control's. Default .1. */
  readonly slow?: number | false | undefined
  /** More failed loads per read. Default .005. */
  readonly errors?: number | false | undefined
  /** Stale reads per read, absolute. Default .02. */
  readonly stale?: number | false | undefined
}

export type Metric = 'hit_rate' | 'loads'

export interface PlanOptions {
  /** Another name assigns other keys. */
  readonly name: string
  /** The first is the control. At most 6. */
  readonly arms: readonly ArmOptions[]
  /**
   * The metric that decides. Default `hit_rate`: the share of reads that a tier answered. `loads`: loads from the
   * source, per read.
   */
  readonly metric?: Metric | undefined
  /** The smallest difference that matters, per read. Default .01. */
  readonly effect?: number | undefined
  /** How often an experiment between equal arms may find a difference, whenever it is looked at. Default .05. */
  readonly alpha?: number | undefined
  /** The limits on harm that end the experiment. */
  readonly guards?: Guards | undefined
  /** Loads that take longer than this are slow. Default 100 ms. */
  readonly slowAfter?: Duration | undefined
  /**
   * How long to count before the arms differ: earlier values of the same keys lead to a verdict sooner. Default 5 min.
   */
  readonly before?: Duration | undefined
  /**
   * How long the arms differ before counting, since earlier entries live on. Default: the longest TTL of an arm, at
   * most an hour.
   */
  readonly settle?: Duration | undefined
  /** No verdict before this: a minute of traffic is not representative. Default 10 min. */
  readonly minRun?: Duration | undefined
  /** It ends by itself after this. Default 7 days. */
  readonly maxRun?: Duration | undefined
  /** Only in this namespace and its tenants. Default: all. */
  readonly namespace?: string | undefined
  /** Only these of its keys; the others keep their settings, and are not counted. Default: all. */
  readonly select?: ExperimentSelect | undefined
}

export interface PlannedArm {
  /** As given. */
  readonly name: string
  /** The settings for its keys; empty: as it is. */
  readonly settings: ArmSettings
  /** For an experiment in shadow caches; otherwise `undefined`. */
  readonly memory: ArmMemory | undefined
  /** Its share of the keys that the experiment covers, above 0 and below 1; all together are 1. */
  readonly share: number
}

export interface Plan {
  /** As given: it decides which keys each arm has. */
  readonly name: string
  /** `keys`: settings on shares of the keys. `shadow`: memory, simulated in shadow caches. */
  readonly kind: 'keys' | 'shadow'
  /** 2 to 6, the control first. */
  readonly arms: readonly PlannedArm[]
  /** What decides. */
  readonly metric: Metric
  /** The smallest difference per read that matters, above 0 and below 1. */
  readonly effect: number
  /** How often equal arms may be found different, whenever they are looked at; all arms share it. */
  readonly alpha: number
  /** The harm at which it ends; `false`: no limit. */
  readonly guards: { readonly [K in keyof Guards]-?: number | false }
  /** Loads that take longer are slow, in milliseconds. */
  readonly slowMs: number
  /** How long all keys are counted before the arms differ, in milliseconds. */
  readonly beforeMs: number
  /** How long the arms differ before counting begins, in milliseconds. */
  readonly settleMs: number
  /** No verdict before it has counted for so long, in milliseconds. */
  readonly minRunMs: number
  /** It ends after it has counted for so long, in milliseconds. */
  readonly maxRunMs: number
  /** Only this namespace and its tenants; `undefined`: all. */
  readonly namespace: string | undefined
  /** Only these of its keys; `undefined`: all. */
  readonly select: ExperimentSelect | undefined
}

const HOUR_MS = 3_600_000
const MOST_ARMS = 6
/** The default guards of experiments and of watched changes. */
export const GUARDS = { hitRate: 0.01, loads: 0.1, slow: 0.1, errors: 0.005, stale: 0.02 } as const
const bound = orOff(
  check((value): value is number => typeof value === 'number' && value > 0 && value <= 100, 'a number above 0'),
)
const MEMORY: Shape<ArmMemory> = {
  policy: oneOf('lru', 'sieve', 's3-fifo', 'w-tinylfu', 'adaptive'),
  factor: check(
    (value): value is number => typeof value === 'number' && value >= 1 / 16 && value <= 16,
    'a number from 1/16 to 16',
  ),
}
const ARM: Shape<ArmOptions> = {
  name: required(text),
  settings: armSettings,
  memory: options(MEMORY),
  share: properShare,
}
const GUARD: Shape<Guards> = { hitRate: bound, loads: bound, slow: bound, errors: bound, stale: bound }
export const PLAN: Shape<PlanOptions> = {
  name: required(text),
  arms: required(listOf(options(ARM), 'a list of arms, the control first')),
  metric: oneOf('hit_rate', 'loads'),
  effect: properShare,
  alpha: properShare,
  guards: options(GUARD),
  slowAfter: duration,
  before: duration,
  settle: duration,
  minRun: duration,
  maxRun: duration,
  namespace: text,
  select: checkSelect,
}

/**
 * Checks an experiment's options, and fills in the defaults.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`
 */
export function planOf(given: PlanOptions): Plan {
  checkOptions<PlanOptions>(given, PLAN, 'experiment')
  const { name, metric = 'hit_rate', effect = 0.01, alpha = 0.05, namespace, select } = given
  const arms = armsOf(given.arms)
  const kind = arms.some(({ memory }) => memory !== undefined) ? 'shadow' : 'keys'
  if (kind === 'keys') checkShares(arms)
  if (kind === 'shadow') checkShadow(arms, metric, given)
  const ms = (said: Duration | undefined, otherwise: number): number =>
    said === undefined ? otherwise : parseDuration(said, 'experiment')
  return {
    name,
    kind,
    arms,
    metric,
    effect,
    alpha,
    guards: { ...GUARDS, ...given.guards } as Plan['guards'],
    slowMs: ms(given.slowAfter, 100),
    beforeMs: ms(given.before, 5 * 60_000),
    settleMs: ms(given.settle, Math.min(HOUR_MS, longest(arms))),
    minRunMs: ms(given.minRun, 10 * 60_000),
    maxRunMs: ms(given.maxRun, 7 * 24 * HOUR_MS),
    namespace,
    select,
  }
}

function armsOf(given: readonly ArmOptions[]): PlannedArm[] {
  if (given.length < 2 || given.length > MOST_ARMS)
    throw wrong(`arms: ${given.length} are not allowed: give from 2 to ${MOST_ARMS}, the control first`)
  const names = given.map(({ name }) => name)
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined) throw wrong(`arms: two are named ${show(twice)}: give each its own name`)
  const said = given.reduce((sum, { share }) => sum + (share ?? 0), 0)
  const unsaid = given.filter(({ share }) => share === undefined).length
  if (said > 1 + 1e-9 || (unsaid === 0 && said < 1 - 1e-9))
    throw wrong(`arms: their shares add up to ${said}: they must add up to 1`)
  return given.map(({ name, settings = {}, memory, share = (1 - said) / unsaid }) => ({
    name,
    settings,
    memory,
    share,
  }))
}

function checkShares(arms: readonly PlannedArm[]): void {
  for (const { name, share } of arms)
    if (share * BUCKETS < LEAST_BUCKETS)
      throw wrong(
        `arms: the share of ${show(name)}, ${share}, is too small for a result: at least ${LEAST_BUCKETS / BUCKETS} is needed`,
      )
  const texts = arms.map(({ settings }) => JSON.stringify(settings))
  const same = texts.findIndex((text, at) => texts.indexOf(text) !== at)
  // Two equal arms are an A/A test, which checks the verdict itself; among more arms, equal ones are a mistake.
  if (same >= 0 && arms.length > 2)
    throw wrong(`arms: ${show(arms[same]?.name)} has the same settings as another arm: only two arms may be the same`)
}

function checkShadow(
  arms: readonly PlannedArm[],
  metric: Metric,
  { namespace, select }: Pick<PlanOptions, 'namespace' | 'select'>,
): void {
  const mixed = arms.find(
    ({ memory, settings }, at) => (at > 0 && memory === undefined) || Object.keys(settings).length > 0,
  )
  if (mixed !== undefined)
    throw wrong(
      `arms: ${show(mixed.name)} differs in settings other than memory: shadow caches have no times to live of their own; run two experiments`,
    )
  if (metric !== 'hit_rate')
    throw wrong(`metric: ${show(metric)} is not measured in shadow caches, which load nothing: use 'hit_rate'`)
  if (namespace !== undefined) throw wrong(`namespace: ${show(namespace)} has no memory of its own: leave it out`)
  if (select !== undefined)
    throw wrong(`select: ${show(select)} has no memory of its own: shadow caches try the whole memory, so leave it out`)
}

const longest = (arms: readonly PlannedArm[]): number =>
  arms.reduce(
    (most, { settings: { ttl } }) => (ttl === undefined ? most : Math.max(most, parseDuration(ttl, 'ttl'))),
    0,
  )

const wrong = (what: string): MillpondError => new MillpondError('OPTION_INVALID', `experiment.${what}`)
