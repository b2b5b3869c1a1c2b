// What an experiment compares, and by which bounds it is judged: said before it begins, so that nothing that is seen
// can choose it.
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

/** Of memory: for experiments that are simulated beside the cache. */
export interface ArmMemory {
  readonly policy?: PolicyName | undefined
  /** Its size, as a multiple of what is there. */
  readonly factor?: number | undefined
}

export interface ArmOptions {
  /** The name of the arm in verdicts and metrics. */
  readonly name: string
  /** What is different for its keys. Of the first arm nothing needs to be. */
  readonly settings?: ArmSettings | undefined
  /**
   * What would be different in its memory: such an experiment runs in shadow caches, and changes nothing. In all arms,
   * or in none.
   */
  readonly memory?: ArmMemory | undefined
  /** Of the keys. Default: what others leave, equally. */
  readonly share?: number | undefined
}

/** Beyond which harm to an arm the experiment ends by itself; `false`: never for that reason. */
export interface Guards {
  /** Hits per read that an arm may lose. Default .01. */
  readonly hitRate?: number | false | undefined
  /** More loads per read than the control has, as a share of them. Default .1. */
  readonly loads?: number | false | undefined
  /** More slow loads per read, as a share of the control's. Default .1. */
  readonly slow?: number | false | undefined
  /** More failed loads per read. Default .005. */
  readonly errors?: number | false | undefined
  /** Stale reads per read, in all. Default .02. */
  readonly stale?: number | false | undefined
}

export type Metric = 'hit_rate' | 'loads'

export interface PlanOptions {
  /** Another name draws other keys. */
  readonly name: string
  /** The first is what the others are compared with. At most 6. */
  readonly arms: readonly ArmOptions[]
  /** What decides. Default `hit_rate`: of all reads, those that a tier answered. `loads`: of the source, per read. */
  readonly metric?: Metric | undefined
  /** The smallest difference that matters, per read. Default .01. */
  readonly effect?: number | undefined
  /**
   * How often an experiment between equal arms may find a difference, at whatever time it is looked at. Default .05.
   */
  readonly alpha?: number | undefined
  /** What ends the experiment where it does harm. */
  readonly guards?: Guards | undefined
  /** Loads that take longer than this are slow. Default 100 ms. */
  readonly slowAfter?: Duration | undefined
  /**
   * How long is counted before the arms differ: what is known of the same keys makes the verdict sooner. Default 5 min.
   */
  readonly before?: Duration | undefined
  /**
   * How long the arms differ before anything is counted: entries of before live on. Default: the longest time to live
   * of an arm, an hour at most.
   */
  readonly settle?: Duration | undefined
  /** No verdict before: traffic of a minute is not traffic. Default 10 min. */
  readonly minRun?: Duration | undefined
  /** It ends by itself. Default 7 days. */
  readonly maxRun?: Duration | undefined
  /** In this namespace and its tenants alone. Default: all. */
  readonly namespace?: string | undefined
}

export interface PlannedArm {
  readonly name: string
  readonly settings: ArmSettings
  readonly memory: ArmMemory | undefined
  readonly share: number
}

export interface Plan {
  readonly name: string
  readonly kind: 'keys' | 'shadow'
  readonly arms: readonly PlannedArm[]
  readonly metric: Metric
  readonly effect: number
  readonly alpha: number
  readonly guards: { readonly [K in keyof Guards]-?: number | false }
  readonly slowMs: number
  readonly beforeMs: number
  readonly settleMs: number
  readonly minRunMs: number
  readonly maxRunMs: number
  readonly namespace: string | undefined
}

const HOUR_MS = 3_600_000
const MOST_ARMS = 6
/** Of who says none: experiments, and changes that are watched. */
export const GUARDS = { hitRate: 0.01, loads: 0.1, slow: 0.1, errors: 0.005, stale: 0.02 } as const
const positive = check(
  (value): value is number => typeof value === 'number' && value > 0 && value < 1,
  'a number between 0 and 1',
)
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
  share: positive,
}
const GUARD: Shape<Guards> = { hitRate: bound, loads: bound, slow: bound, errors: bound, stale: bound }
export const PLAN: Shape<PlanOptions> = {
  name: required(text),
  arms: required(listOf(options(ARM), 'a list of arms, the control first')),
  metric: oneOf('hit_rate', 'loads'),
  effect: positive,
  alpha: positive,
  guards: options(GUARD),
  slowAfter: duration,
  before: duration,
  settle: duration,
  minRun: duration,
  maxRun: duration,
  namespace: text,
}

/**
 * Checks what an experiment is to do, and gives it its defaults.
 * @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`
 */
export function planOf(given: PlanOptions): Plan {
  checkOptions<PlanOptions>(given, PLAN, 'experiment')
  const { name, metric = 'hit_rate', effect = 0.01, alpha = 0.05, namespace } = given
  const arms = armsOf(given.arms)
  const kind = arms.some(({ memory }) => memory !== undefined) ? 'shadow' : 'keys'
  if (kind === 'keys') checkShares(arms)
  if (kind === 'shadow') checkShadow(arms, metric, namespace)
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
  // Two that are the same are an A/A test, which whoever distrusts the verdict should run; of more, one is a mistake.
  if (same >= 0 && arms.length > 2)
    throw wrong(`arms: ${show(arms[same]?.name)} has the same settings as another arm: only two arms may be the same`)
}

function checkShadow(arms: readonly PlannedArm[], metric: Metric, namespace: string | undefined): void {
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
}

const longest = (arms: readonly PlannedArm[]): number =>
  arms.reduce(
    (most, { settings: { ttl } }) => (ttl === undefined ? most : Math.max(most, parseDuration(ttl, 'ttl'))),
    0,
  )

const wrong = (what: string): MillpondError => new MillpondError('OPTION_INVALID', `experiment.${what}`)
