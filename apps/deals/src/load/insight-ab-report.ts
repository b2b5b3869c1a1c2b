// The table of `npm run load -- --insight ab`, and its verdict.
import type { Arm, Comparison, Row, Seed } from './insight-ab.ts'
import { machine, ms, percent, table, whole } from './report.ts'

const NAMES: Readonly<Record<keyof Arm, string>> = {
  hitRate: 'hit rate',
  loads: 'loads of the source',
  queries: 'database queries',
  p95Ms: 'p95',
  stale: 'stale answers',
}
const SHOW: Readonly<Record<keyof Arm, (value: number) => string>> = {
  hitRate: (value) => `${(100 * value).toFixed(2)} %`,
  loads: (value) => whole(Math.round(value)),
  queries: (value) => whole(Math.round(value)),
  p95Ms: ms,
  stale: (value) => whole(Math.round(value)),
}

export function comparisonText({ seeds, rows, compared, violations }: Comparison): string {
  return [
    machine(),
    '',
    ...table(['', 'off', 'on', 'worse by', 'off against off', ''], rows.map(rowText)),
    '',
    ...table(['seed', 'hit rate off, off, on', 'loads off, off, on', 'p95 off, off, on'], seeds.map(seedText)),
    '',
    ...seeds.map(predictionText),
    ...seeds.flatMap(conditionsText),
    ...verdictOf(rows),
    violations.length === 0
      ? `correct: with it on, all answers match the database (${compared} states requested again without a cache)`
      : `NOT CORRECT: ${violations.length} answers\n${violations.slice(0, 20).join('\n')}`,
  ].join('\n')
}

function rowText({ name, off, on, worse, spread, verdict }: Row): string[] {
  const show = SHOW[name]
  const signed = `${worse < 0 ? '-' : '+'}${show(Math.abs(worse))}`
  return [NAMES[name], show(off), show(on), signed, show(spread), verdict]
}

function seedText({ seed, off, again, on }: Seed): string[] {
  const of = (name: keyof Arm): string => [off, again, on].map((arm) => SHOW[name](arm[name])).join(', ')
  return [String(seed), of('hitRate'), of('loads'), of('p95Ms')]
}

function predictionText({ seed, prediction }: Seed): string {
  if (prediction === null) return `seed ${seed}: nothing was predicted`
  const { state, accuracy, benefit, loads } = prediction
  const told = (share: number | null): string => (share === null ? 'not known yet' : percent(share))
  return `seed ${seed}: loading ahead is ${state}; ${loads.loaded} loads ahead, accuracy ${told(accuracy)}, benefit ${told(benefit)}`
}

/** Why a run proves less than it should. */
function conditionsText({ seed, quiet, unwarmed }: Seed): string[] {
  return [
    ...(quiet < 1
      ? [
          `seed ${seed}: the machine was starved for ${percent(1 - quiet)} of the run: no time is judged by what was asked then`,
        ]
      : []),
    ...(unwarmed.length > 0
      ? [`seed ${seed}: not warmed whole when the sessions began: ${unwarmed.join(', ')}; --warm-up N waits longer`]
      : []),
  ]
}

function verdictOf(rows: readonly Row[]): string[] {
  const named = (wanted: Row['verdict']): string =>
    rows
      .filter(({ verdict }) => verdict === wanted)
      .map(({ name }) => NAMES[name])
      .join(', ')
  const [worse, undecided] = [named('worse'), named('undecided')]
  return [
    ...(worse === '' ? [] : [`WORSE: ${worse}`]),
    ...(undecided === ''
      ? []
      : [
          `UNDECIDED: ${undecided}: two services without it differ by too much to tell; measure for longer, with more --pairs, or where nothing else runs`,
        ]),
    ...(worse === '' && undecided === ''
      ? ['not worse: no figure is worse by more than two services without it differ by']
      : []),
  ]
}
