// A line without axes, beside its latest number. Gaps are left open.
import { useId } from 'react'
import { runsOf } from './runs.ts'

const WIDTH = 100
const HEIGHT = 32

export interface SparklineProps {
  /** The text alternative. */
  readonly label: string
  readonly v: readonly (number | null)[]
  readonly min: number
  readonly max: number
  readonly isWrong?: boolean
}

export function Sparkline({ label, v, min, max, isWrong = false }: SparklineProps) {
  const clip = useId()
  const x = (at: number): string => ((WIDTH * at) / Math.max(1, v.length - 1)).toFixed(1)
  const y = (value: number): string => (HEIGHT - (HEIGHT * (value - min)) / Math.max(1e-9, max - min)).toFixed(1)
  const runs = runsOf(v)
  return (
    <svg
      className={`spark ${isWrong ? 'is-wrong' : ''}`}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <clipPath id={clip}>
        <rect x="0" y="-2" width={WIDTH} height={HEIGHT + 4} />
      </clipPath>
      <g clipPath={`url(#${clip})`}>
        {runs.map(({ from, values }) => {
          const points = values.map((value, at) => `${x(from + at)} ${y(value)}`)
          const [first, last] = [x(from), x(from + values.length - 1)]
          return (
            <g key={from}>
              <path className="spark-fill" d={`M${first} ${HEIGHT}L${points.join('L')}L${last} ${HEIGHT}Z`} />
              <path className="spark-line" d={`M${points.join('L')}`} />
            </g>
          )
        })}
      </g>
    </svg>
  )
}
