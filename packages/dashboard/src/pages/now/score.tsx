// The health score, drawn as what is left of 100: each deduction hatched in its place; unknown parts make it a range.
import type { Health, HealthPart } from '../../api/types.ts'
import { Sparkline } from '../../charts/sparkline.tsx'
import { useDashboard } from '../../context.tsx'
import { sourceName } from '../../parts/source.tsx'
import { Unit, vars } from '../../parts/words.tsx'

const NAMES: Readonly<Record<string, string>> = {
  hit_ratio: 'Hit ratio',
  tier_latency: 'Latency of tiers',
  errors: 'Errors',
  young_evictions: 'Early evictions',
  invalidation_lag: 'Invalidations late',
  refill: 'Refill',
}

const partName = ({ name, detail }: HealthPart): string =>
  name === 'tier_latency' && detail !== null ? `${sourceName(detail)} p99` : (NAMES[name] ?? name.replaceAll('_', ' '))

export interface HealthScoreProps {
  /** What is drawn: the score and its parts. */
  readonly health: Health
  /** The score over the selected span, oldest first; `null` if unknown. Default: not drawn. */
  readonly course?: readonly (number | null)[] | undefined
}

/** The score of one cache with its deductions. */
export function HealthScore({ health, course = [] }: HealthScoreProps) {
  const { score, parts } = health
  const lost = parts.filter(({ deduction }) => deduction > 0)
  const unknown = parts.filter(({ state }) => state === 'unknown')
  const within = parts.length - lost.length - unknown.length
  const shown = score.from === score.to ? String(score.to) : `${score.from}–${score.to}`
  const said = [
    `${shown} of 100 points`,
    ...lost.map((part) => `${part.deduction} lost to ${partName(part)}`),
    ...unknown.map((part) => `${part.weight} not known: ${partName(part)}`),
  ].join('; ')
  return (
    <section className="now-score score" aria-labelledby="score">
      <div className="score-top">
        <div>
          <h2 className="label score-label" id="score">
            Health
          </h2>
          <p className="score-n">
            {shown} <span className="u">of 100</span>
          </p>
        </div>
        <Course course={course} now={score.to} />
      </div>
      <div className="score-bar" role="img" aria-label={said}>
        <i className="left" style={vars({ '--v': Math.max(0, score.from) })} />
        {unknown.map(({ name, weight }) => (
          <i key={name} className="maybe" style={vars({ '--v': weight })} />
        ))}
        {lost.map(({ name, deduction }) => (
          <i key={name} className="off" style={vars({ '--v': deduction })} />
        ))}
      </div>
      <table>
        <caption className="sr">Deductions from the health score, and unknown parts</caption>
        <thead className="sr">
          <tr>
            <th scope="col">Points</th>
            <th scope="col">Part</th>
            <th scope="col">Now</th>
            <th scope="col">Expected</th>
          </tr>
        </thead>
        <tbody>
          {lost.map((part) => (
            <tr key={part.name}>
              <td className="pts">−{part.deduction}</td>
              <th scope="row">{partName(part)}</th>
              <td className="num">
                <PartValue part={part} value={part.value} />
              </td>
              <td className="note num">
                {part.target !== null && (
                  <>
                    {part.name === 'hit_ratio' && part.detail !== null
                      ? 'usual '
                      : part.name === 'refill'
                        ? 'usual '
                        : 'objective '}
                    <PartValue part={part} value={part.target} />
                  </>
                )}
              </td>
            </tr>
          ))}
          {unknown.map((part) => (
            <tr key={part.name} className="quiet">
              <td className="nw">?&nbsp;{part.weight}</td>
              <th scope="row">{partName(part)}</th>
              <td colSpan={2} className="note">
                {part.detail ?? 'not known'}
              </td>
            </tr>
          ))}
          {within > 0 && (
            <tr className="quiet">
              <td>0</td>
              <td colSpan={3}>
                {within === 1
                  ? '1 other part is'
                  : `${within} ${lost.length + unknown.length > 0 ? 'other ' : ''}parts are`}{' '}
                within target
              </td>
            </tr>
          )}
        </tbody>
      </table>
    </section>
  )
}

/** A smaller change is not shown. */
const LEAST_FALL = 5

function Course({ course, now }: { readonly course: readonly (number | null)[]; readonly now: number }) {
  const known = course.filter((value) => value !== null)
  if (known.length < 2) return null
  const [worst, best] = [Math.min(...known), Math.max(...known)]
  const fall = Math.round(best - now)
  const said = `Health in this span: between ${Math.round(worst)} and ${Math.round(best)}, now ${Math.round(now)}`
  return (
    <div className="score-course">
      <Sparkline label={said} v={course} min={0} max={100} isWrong={fall >= LEAST_FALL} />
      <p className="note">
        {fall >= LEAST_FALL ? <b className="is-critical">▼ {fall} in this span</b> : 'steady in this span'}
      </p>
    </div>
  )
}

function PartValue({ part, value }: { readonly part: HealthPart; readonly value: number | null }) {
  const { numbers } = useDashboard()
  if (value === null) return <>no data</>
  if (part.name === 'tier_latency') return <Unit figure={numbers.ms(value)} />
  if (part.name === 'refill') return <Unit figure={{ value: numbers.short(value), unit: 'loads/s' }} />
  if (part.name === 'invalidation_lag') return <>{numbers.count(value)}</>
  return <Unit figure={numbers.percent(value)} />
}
