// What the page of experiments says in words.
import type { ArmPlan, Experiment } from '../../api/experiments.ts'
import type { Numbers } from '../../format/numbers.ts'
import { spelled } from '../../format/text.ts'

/** The title: what is so now. */
export function verdictOf({ judgement: { verdict, winner }, decided, state, applied }: Experiment): string {
  if (applied !== null) return applied.is_undone ? `${applied.arm} was set, and taken back` : `${applied.arm} is set for all keys`
  const [sure, of] = decided === null || verdict === 'harm' || verdict === 'uneven' ? [verdict, winner] : [decided.verdict, decided.winner]
  if (sure === 'better') return `${of} is better`
  if (sure === 'worse') return `${of} stays better`
  if (sure === 'no_difference') return 'It makes no difference that matters'
  if (sure === 'harm') return 'It did harm, and was ended'
  if (sure === 'uneven') return 'The arms were not shared out as drawn'
  if (state === 'ended') return 'It ended before anything was sure'
  return sure === 'undecided' ? 'Nothing is sure yet' : 'Not enough data yet'
}

export function phaseOf({ phase, ended, kind }: Experiment): string {
  if (phase === 'before') return 'all keys are still alike, and are counted for comparison'
  if (phase === 'settling') return 'the arms differ, and what lies there from before is waited out'
  if (phase === 'measuring') return kind === 'shadow' ? 'measuring beside the cache, which is as it was' : 'measuring on live traffic'
  const why = {
    stopped: 'it was stopped',
    harm: 'an arm did harm',
    uneven: 'it was not sound',
    over: 'its time was over',
    failed: 'it could not begin',
  }
  return `ended, since ${Object.entries(why).find(([word]) => word === ended)?.[1] ?? 'it is over'}`
}

/** The server's sentence: of the time when it became sure, which stays the verdict; until then what is still missing. */
export const reasonOf = (numbers: Numbers, { judgement, decided }: Experiment): string =>
  spelled(numbers, (decided ?? judgement).text.replace(/^not enough data: /, ''))

/** What an arm is. */
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
