// How the interval has narrowed: the gain of each arm over time with its always-valid band, and the same as a table.

import type { Experiment } from '../../api/experiments.ts'
import type { Range } from '../../api/insight.ts'
import { areaPath, HEIGHT, linePath, WIDTH } from '../../charts/scale.ts'
import { useDashboard } from '../../context.tsx'
import { Section } from '../../parts/section.tsx'
import { Time, vars } from '../../parts/words.tsx'
import { points } from '../insight/figures.ts'

interface Point extends Range {
  readonly at: number
}

export function Course({ experiment }: { readonly experiment: Experiment }) {
  const gained = experiment.plan.metric === 'loads' ? 'loads less' : 'hits more'
  return experiment.judgement.arms.map(({ name }, arm) => (
    <CourseOf
      key={name}
      name={name}
      gained={gained}
      seen={experiment.course.flatMap(({ at, arms }) => {
        const range = arms[arm]
        return range === null || range === undefined ? [] : [{ at: Date.parse(at), ...range }]
      })}
    />
  ))
}

interface Props {
  readonly name: string
  /** The part above 0. */
  readonly gained: string
  readonly seen: readonly Point[]
}

function CourseOf({ name, gained, seen }: Props) {
  const { numbers } = useDashboard()
  const [first, last] = [seen[0], seen.at(-1)]
  if (first === undefined || last === undefined || first === last) return null
  // The wide bands at the beginning are cut off: the end matters.
  const later = seen.slice(Math.floor(seen.length / 4))
  const most = Math.max(0.005, ...later.map(({ low, high }) => Math.max(Math.abs(low), Math.abs(high))))
  const x = ({ at }: Point): number => ((at - first.at) / (last.at - first.at)) * WIDTH
  const y = (value: number): number => HEIGHT / 2 - (Math.max(-1, Math.min(1, value / most)) * HEIGHT) / 2
  const xs = seen.map(x)
  return (
    <Section
      title={`How sure ${name} has become`}
      note={`${gained} in 100 reads, with an interval that always holds: now ${points(numbers, last.low)} to ${points(numbers, last.high)}`}
    >
      <figure className="chart plain miss-curve">
        <div className="plot">
          <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
            <path className="grid" d={`M0 0H${WIDTH}M0 ${HEIGHT}H${WIDTH}`} />
            <path
              className="band"
              d={areaPath(
                xs,
                seen.map(({ high }) => y(high)),
                seen.map(({ low }) => y(low)),
              )}
            />
            <path className="base" d={`M0 ${HEIGHT / 2}H${WIDTH}`} />
            <path
              className="line"
              d={linePath(
                xs,
                seen.map(({ value }) => y(value)),
              )}
            />
          </svg>
          {[most, 0, -most].map((value) => (
            <span key={value} className="y" style={vars({ '--y': (y(value) / HEIGHT) * 100 })}>
              {points(numbers, value)}
            </span>
          ))}
        </div>
        <figcaption className="note">
          From <Time at={first.at} /> to <Time at={last.at} />; the result is significant once the band leaves the
          middle line.
        </figcaption>
        <details className="data">
          <summary>
            As a table<span className="sr"> of how sure {name} has become</span>
          </summary>
          <table>
            <caption className="sr">Gain in 100 reads over time</caption>
            <thead>
              <tr>
                <th scope="col">At</th>
                <th scope="col" className="num">
                  Gain
                </th>
                <th scope="col" className="num">
                  From
                </th>
                <th scope="col" className="num">
                  To
                </th>
              </tr>
            </thead>
            <tbody>
              {seen.slice(-20).map(({ at, value, low, high }) => (
                <tr key={at}>
                  <th scope="row">
                    <Time at={at} />
                  </th>
                  <td className="num">{points(numbers, value)}</td>
                  <td className="num">{points(numbers, low)}</td>
                  <td className="num">{points(numbers, high)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </details>
      </figure>
    </Section>
  )
}
