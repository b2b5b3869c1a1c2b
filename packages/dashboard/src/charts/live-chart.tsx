// A chart over time: shapes as SVG, text as HTML, so that text never stretches. A sentence says what it shows, a table
// holds its numbers.
import { type PointerEvent, type ReactNode, useMemo, useState } from 'react'
import { useDashboard } from '../context.tsx'
import { stopwatch } from '../format/times.ts'
import { vars } from '../parts/words.tsx'
import {
  apart,
  areaPath,
  axisValues,
  HEIGHT,
  type Hole,
  known,
  linear,
  linePath,
  roundUp,
  timeTicks,
  WIDTH,
} from './scale.ts'

/** One line, or one layer of a stack. */
export interface ChartSeries {
  /** Shown in the legend; unique within the chart. */
  readonly name: string
  /** One value for each time of `t`; `null`: unknown, drawn as a gap. */
  readonly v: readonly (number | null)[]
  /** A CSS colour. */
  readonly color: string
  /** The shape of its mark, so that a series is not identified by colour alone; default `square`. */
  readonly shape?: 'circle' | 'square' | 'diamond' | 'triangle'
  /** Values from the source are solid, cached ones are tinted. */
  readonly fill?: 'kept' | 'solid'
  /** Drawn with a thin line. Default `false`; later series always are. */
  readonly isThin?: boolean
}

/** A letter above the chart, at a point in time. */
export interface ChartMark {
  /** Epoch milliseconds. */
  readonly at: number
  /** The letter shown, unique within the chart. */
  readonly letter: string
  /** What happened, as the tooltip shows it. */
  readonly title: string
}

/** A reference value over the whole span. */
export interface ChartReference {
  /** Shown beside the line: `usual`. */
  readonly name: string
  /** In the unit of the series. */
  readonly value: number
}

/** The contents of a chart, and its span. */
export interface LiveChartProps {
  /** The heading of the chart. */
  readonly title: string
  /** Shown beside the title: `per second`. */
  readonly unit: string
  /** What the chart shows, in a sentence. */
  readonly summary: ReactNode
  /** Epoch seconds, the ends of the steps. */
  readonly t: readonly number[]
  /** The first is the most prominent one. */
  readonly series: readonly ChartSeries[]
  /** Series are stacked. */
  readonly isStacked?: boolean
  /** The last step is not over yet, and is drawn dashed. Default `false`. */
  readonly isPartial?: boolean
  /** The beginning of the axis, epoch milliseconds. */
  readonly from: number
  /** The end of the axis, epoch milliseconds. */
  readonly to: number
  /** Largest value of the axis; default: fits the series. */
  readonly max?: number | undefined
  /** Events above the chart. Default: none. */
  readonly marks?: readonly ChartMark[]
  /** The usual or target range: a grey band behind the lines. */
  readonly reference?: ChartReference | undefined
  /** Gaps with unknown values: epoch seconds. */
  readonly missing?: readonly Hole[]
  /** A value as text, with its unit. */
  readonly format: (value: number) => string
  /** A further CSS class of the outermost element. */
  readonly className?: string
  /** The `id` of the outermost element, as the target of links. */
  readonly id?: string
}

const LABEL_APART = 15

/** A chart over time, with a sentence and a table of the same data. */
export function LiveChart(props: LiveChartProps) {
  const {
    title,
    unit,
    summary,
    t,
    isStacked = false,
    isPartial = false,
    from,
    to,
    marks = [],
    missing = [],
    reference,
    format,
    className = '',
    id,
  } = props
  const { times } = useDashboard()
  const series = useMemo(() => props.series.map((each) => ({ ...each, v: known(each.v) })), [props.series])
  const [hover, setHover] = useState<number | undefined>()
  const xs = useMemo(() => t.map((at) => xOf(at * 1000, from, to)), [t, from, to])
  const shown = useMemo(() => stack(series, isStacked), [series, isStacked])
  const max = props.max || roundUp(Math.max(0, ...shown.flatMap(({ top }) => top.map((value) => value ?? 0))))
  const axis = linear(max)
  const y = (values: readonly (number | null)[]) => values.map((value) => (value === null ? null : axis.y(value)))
  const last = t.length - 1
  const begun = xs.find((_, at) => series.some(({ v }) => v[at] !== null && v[at] !== undefined))
  const ends = shown.map(({ top }) => top.findLast((value) => value !== null))
  const places = apart(
    ends.map((value) => (value === undefined ? 0 : axis.y(value))),
    LABEL_APART,
  )
  const seen = together(
    marks.filter(({ at }) => at >= from && at <= to),
    (to - from) / 10,
  )
  const point = (event: PointerEvent<HTMLDivElement>) => {
    const box = event.currentTarget.getBoundingClientRect()
    const wanted = ((event.clientX - box.left) / box.width) * WIDTH
    const nearest = xs.reduce(
      (best, x, at) => (Math.abs(x - wanted) < Math.abs((xs[best] ?? 0) - wanted) ? at : best),
      0,
    )
    setHover(xs.length === 0 ? undefined : nearest)
  }
  const at = hover === undefined ? undefined : t[hover]
  return (
    <figure className={`chart ${className}`} id={id}>
      <header>
        <h3>{title}</h3>
        <span className="note">{unit}</span>
      </header>
      <p className="sum">
        {at === undefined || hover === undefined ? (
          summary
        ) : (
          <>
            {times.clock(at * 1000)}: {series.map(({ name, v }) => `${name} ${valueAt(v, hover, format)}`).join(', ')}
          </>
        )}
      </p>
      <div className="plot" onPointerMove={point} onPointerLeave={() => setHover(undefined)}>
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
          <path className="grid" d={`M0 0H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}`} />
          <path className="base" d={`M0 ${HEIGHT}H${WIDTH}`} />
          {reference !== undefined && <path className="expected" d={`M0 ${axis.y(reference.value)}H${WIDTH}`} />}
          {shown.map(({ name, top, bottom, fill, color, isThin }, index) => {
            const line = linePath(isPartial ? xs.slice(0, -1) : xs, y(isPartial ? top.slice(0, -1) : top))
            return (
              <g key={name}>
                {fill !== undefined && (
                  <path
                    className={`fill ${fill === 'kept' ? 'kept' : ''}`}
                    style={vars({ '--c': color })}
                    d={areaPath(xs, y(top), y(bottom))}
                  />
                )}
                {fill !== 'solid' && (
                  <path
                    className={`line ${isThin || index > 0 ? 'thin' : ''}`}
                    style={vars({ '--c': color })}
                    d={line}
                  />
                )}
                {fill === undefined && isPartial && (
                  <path
                    className="line part"
                    style={vars({ '--c': color })}
                    d={linePath(xs.slice(-2), y(top.slice(-2)))}
                  />
                )}
              </g>
            )
          })}
          {seen.map((mark) => (
            <path key={mark.letter} className="note-line" d={`M${xOf(mark.at, from, to)} -6V${HEIGHT}`} />
          ))}
          {hover !== undefined && <path className="note-line hover-line" d={`M${xs[hover]} 0V${HEIGHT}`} />}
        </svg>
        {axisValues(max, format).map((value) => (
          <span key={value} className="y" style={vars({ '--y': axis.y(value) })}>
            {format(value)}
          </span>
        ))}
        {reference !== undefined && (
          <span className="expected-name" style={vars({ '--y': axis.y(reference.value) })}>
            {reference.name} {format(reference.value)}
          </span>
        )}
        {seen.map((mark) => (
          <span
            key={mark.letter}
            className={`mark ${mark.at > to - (to - from) / 12 ? 'before' : ''}`}
            style={vars({ '--x': xOf(mark.at, from, to) / 10 })}
            title={mark.title}
          >
            <span className="flag">{mark.letter}</span>
            <span className="sr"> {mark.title}</span>
          </span>
        ))}
        {missing
          .filter((hole) => hole.to * 1000 > from)
          .map((hole) => {
            const [left, right] = [
              Math.max(0, xOf(hole.from * 1000, from, to) / 10),
              xOf(hole.to * 1000, from, to) / 10,
            ]
            return (
              <span
                key={hole.from}
                className="plot-empty plot-hole"
                style={{ left: `${left}%`, width: `${right - left}%` }}
              >
                {right - left > 12 && `${stopwatch((hole.to - hole.from) * 1000)} missing`}
              </span>
            )
          })}
        {begun === undefined ? (
          <span className="plot-empty">no data in this span yet</span>
        ) : (
          begun > WIDTH / 10 && (
            <span className="plot-empty" style={{ width: `${begun / 10}%` }}>
              {begun > WIDTH / 4 && 'no data before'}
            </span>
          )
        )}
        {shown.map(
          ({ name, color, shape, v }, index) =>
            // A line without a current value is labelled at its last one.
            ends[index] !== undefined && (
              <span
                key={name}
                className={`end ${shape ?? ''}`}
                style={vars({ '--y': places[index] ?? 0, '--swatch': color })}
              >
                {typeof v[last] === 'number' ? <b>{valueAt(v, last, format)}</b> : <span title="no data now">–</span>}{' '}
                {name}
              </span>
            ),
        )}
      </div>
      <div className="x-axis" aria-hidden="true">
        {timeTicks(from, to, times.offset).map((tick) => (
          <span key={tick} style={vars({ '--x': xOf(tick, from, to) / 10 })}>
            {to - from > 86_400_000
              ? times.short(tick, 0)
              : to - from <= 120_000
                ? times.clock(tick)
                : times.minutes(tick)}
          </span>
        ))}
      </div>
      <AsTable {...props} series={series} />
    </figure>
  )
}

const ROWS = 12

function AsTable({ title, unit, t, series, format }: LiveChartProps) {
  const { times } = useDashboard()
  const [isOpen, setOpen] = useState(false)
  const every = Math.max(1, Math.ceil(t.length / ROWS))
  const rows = t.map((at, index) => ({ at, index })).filter(({ index }) => (t.length - 1 - index) % every === 0)
  return (
    <details className="data" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        As a table<span className="sr"> of {title}</span>
      </summary>
      {isOpen && (
        <table>
          <caption className="sr">
            {title}, {unit}
          </caption>
          <thead>
            <tr>
              <th scope="col">Time</th>
              {series.map(({ name }) => (
                <th scope="col" className="num" key={name}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ at, index }) => (
              <tr key={at}>
                <th scope="row">{times.clock(at * 1000)}</th>
                {series.map(({ name, v }) => (
                  <td className="num" key={name}>
                    {valueAt(v, index, format)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </details>
  )
}

/** Letters that would overlap share a flag. The newest has the first letter. */
function together(marks: readonly ChartMark[], leastMs: number): readonly ChartMark[] {
  const groups: ChartMark[][] = []
  for (const mark of [...marks].sort((a, b) => b.at - a.at)) {
    const last = groups.at(-1)
    if (last?.[0] !== undefined && last[0].at - mark.at < leastMs) last.push(mark)
    else groups.push([mark])
  }
  return groups.flatMap((group) => {
    const [first, last] = [group[0], group.at(-1)]
    if (first === undefined || last === undefined) return []
    const title = group.map((one) => `${one.letter}: ${one.title}`).join(', ')
    return [{ at: first.at, title, letter: group.length === 1 ? first.letter : `${first.letter}–${last.letter}` }]
  })
}

const xOf = (at: number, from: number, to: number): number => ((at - from) / Math.max(1, to - from)) * WIDTH

function valueAt(values: readonly (number | null)[], at: number, format: (value: number) => string): string {
  const value = values[at]
  return value === null || value === undefined ? 'no data' : format(value)
}

interface Shown extends ChartSeries {
  readonly top: readonly (number | null)[]
  readonly bottom: readonly (number | null)[]
}

function stack(series: readonly ChartSeries[], isStacked: boolean): readonly Shown[] {
  let below: readonly (number | null)[] = series[0]?.v.map((value) => (value === null ? null : 0)) ?? []
  return series.map((each) => {
    const bottom = below
    const top = isStacked ? each.v.map((value, at) => (value === null ? null : value + (bottom[at] ?? 0))) : each.v
    if (isStacked) below = top
    return { ...each, top, bottom: isStacked ? bottom : each.v.map((value) => (value === null ? null : 0)) }
  })
}
