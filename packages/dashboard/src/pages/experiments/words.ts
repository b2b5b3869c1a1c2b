// Texts of the experiments page.
import type { ArmPlan, Experiment, ExperimentPlan } from '../../api/experiments.ts'
import type { Numbers } from '../../format/numbers.ts'
import { spelled } from '../../format/text.ts'
import { standingOf } from './standing.ts'

/** The title: the present state. */
export function verdictOf(experiment: Experiment): string {
  const { state, applied } = experiment
  if (applied !== null)
    return applied.is_undone ? `${applied.arm} was applied and rolled back` : `${applied.arm} is applied to all keys`
  const { verdict: sure, winner: of } = standingOf(experiment)
  if (sure === 'better') return `${of} is better`
  if (sure === 'worse') return `${of} stays better`
  if (sure === 'no_difference') return 'There is no difference that matters'
  if (sure === 'harm') return 'It did harm and was stopped'
  if (sure === 'uneven') return 'The arms did not get the assigned keys'
  if (state === 'ended') return 'It ended before anything was significant'
  return sure === 'undecided' ? 'Nothing is significant yet' : 'Not enough data yet'
}

export function phaseOf({ phase, ended, kind }: Experiment): string {
  if (phase === 'before') return 'all keys are still treated alike, and are measured for comparison'
  if (phase === 'settling') return 'the arms differ, and older entries are expiring'
  if (phase === 'measuring')
    return kind === 'shadow' ? 'measuring in shadow caches; the cache itself is unchanged' : 'measuring on live traffic'
  const why = {
    stopped: 'it was stopped',
    harm: 'an arm did harm',
    uneven: 'its result was not valid',
    over: 'its time was up',
    failed: 'it could not start',
  }
  return `ended, since ${Object.entries(why).find(([word]) => word === ended)?.[1] ?? 'it is over'}`
}

/** The server's sentence: once significant it stays the verdict; until then it says what is missing. */
export const reasonOf = (numbers: Numbers, experiment: Experiment): string =>
  spelled(numbers, standingOf(experiment).text.replace(/^not enough data: /, ''))

/** Which keys it covers; undefined: all of them. */
export function coversOf(numbers: Numbers, { select }: ExperimentPlan): string | undefined {
  if (select === undefined) return undefined
  const { keys, except, tenants, tenant_share, share } = select
  const percent = (part: number): string => {
    const { value, unit } = numbers.percent(part)
    return `${value} ${unit}`
  }
  const parts = [
    ...(share === undefined ? [] : [`${percent(share)} of the keys`]),
    ...(keys === undefined ? [] : [`like ${[keys].flat().join(' or ')}`]),
    ...(except === undefined ? [] : [`but not like ${[except].flat().join(' or ')}`]),
    ...(tenants === undefined ? [] : [`of the tenants ${tenants.join(', ')}`]),
    ...(tenant_share === undefined ? [] : [`of ${percent(tenant_share)} of the tenants`]),
  ]
  return share === undefined ? `keys ${parts.join(', ')}` : parts.join(', ')
}

/** Whether what it found may not hold for the rest: a share of the keys is drawn at random. */
export const isPartial = ({ select = {} }: ExperimentPlan): boolean =>
  Object.entries(select).some(([name, value]) => name !== 'share' && value !== undefined)

/** A description of an arm. */
export function settingOf(numbers: Numbers, { ttl_seconds, refresh_ahead, memory }: ArmPlan): string {
  const life = ttl_seconds === undefined ? undefined : numbers.span(ttl_seconds)
  const parts = [
    ...(life === undefined ? [] : [`lives ${life.value} ${life.unit}`]),
    ...(refresh_ahead === undefined ? [] : [`refreshed at ${Math.round(refresh_ahead * 100)} %`]),
    ...(memory?.policy === undefined ? [] : [memory.policy]),
    ...(memory?.factor === undefined ? [] : [`${memory.factor} times the memory`]),
  ]
  return parts.length === 0 ? 'as it is' : parts.join(', ')
}
