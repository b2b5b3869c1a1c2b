// The miss-ratio curve: misses by memory size with their 95 % band, the current size and a chosen one marked, and the
// same as a table.
import { type ReactNode, useState } from 'react'
import type { Sized, SizePoint } from '../../api/insight.ts'
import { areaPath, HEIGHT, linear, linePath, roundUp, WIDTH } from '../../charts/scale.ts'
import { useDashboard } from '../../context.tsx'
import { vars } from '../../parts/words.tsx'
import { amountOf, missAt, missOf } from './figures.ts'

/** The curve goes from a sixteenth to sixteen times the current size. */
export const REACH = 16
const TICKS = [1 / 16, 1 / 4, 1, 4, 16]

export const xOf = (factor: number): number => ((Math.log2(factor) + Math.log2(REACH)) / (2 * Math.log2(REACH))) * WIDTH

export function Curve({
  said,
  factor,
  children,
}: {
  readonly said: Sized
  readonly factor: number
  readonly children: ReactNode
}) {
  const { numbers } = useDashboard()
  const { sizes, capacity } = said
  const misses = sizes.map(({ hit_ratio }) => missOf(hit_ratio))
  const max = Math.min(1, roundUp(Math.max(0.01, ...misses.map(({ high }) => high))))
  const axis = linear(max)
  const xs = sizes.map((point) => xOf(point.factor))
  const y = (of: (range: { value: number; low: number; high: number }) => number) =>
    misses.map((range) => axis.y(of(range)))
  const [now, then] = [missAt(sizes, 1), missAt(sizes, factor)]
  const size = (times: number): string => {
    const { value, unit } = amountOf(numbers, {
      unit: capacity?.unit ?? 'entries',
      amount: (capacity?.amount ?? 0) * times,
    })
    return capacity?.unit === 'bytes' ? `${value} ${unit}` : value
  }
  return (
    <figure className="chart plain miss-curve">
      <div className="plot">
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
          <path className="grid" d={`M0 0H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}`} />
          <path className="base" d={`M0 ${HEIGHT}H${WIDTH}`} />
          <path
            className="band"
            d={areaPath(
              xs,
              y(({ high }) => high),
              y(({ low }) => low),
            )}
          />
          <path
            className="line"
            d={linePath(
              xs,
              y(({ value }) => value),
            )}
          />
          <path className="note-line" d={`M${xOf(1)} 0V${HEIGHT}`} />
          {factor !== 1 && <path className="note-line hover-line" d={`M${xOf(factor)} 0V${HEIGHT}`} />}
        </svg>
        {[max, max / 2, 0].map((value) => (
          <span key={value} className="y" style={vars({ '--y': axis.y(value) })}>
            {numbers.short(value * 100)} %
          </span>
        ))}
        <span className="mark" style={vars({ '--x': xOf(1) / 10 })}>
          <span className="flag">now</span>
        </span>
        {now !== undefined && <i className="dot" style={vars({ '--x': xOf(1) / 10, '--y': axis.y(now.value) })} />}
        {then !== undefined && factor !== 1 && (
          <i className="dot is-other" style={vars({ '--x': xOf(factor) / 10, '--y': axis.y(then.value) })} />
        )}
      </div>
      <div className="x-axis" aria-hidden="true">
        {TICKS.map((tick) => (
          <span key={tick} style={vars({ '--x': xOf(tick) / 10 })}>
            {size(tick)}
          </span>
        ))}
      </div>
      {children}
      <AsTable sizes={sizes} size={size} />
    </figure>
  )
}

function AsTable({ sizes, size }: { readonly sizes: readonly SizePoint[]; readonly size: (factor: number) => string }) {
  const { numbers } = useDashboard()
  const [isOpen, setOpen] = useState(false)
  const percent = (share: number): string => numbers.number(share * 100, 1)
  return (
    <details className="data" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        As a table<span className="sr"> of misses by size of memory</span>
      </summary>
      {isOpen && (
        <table>
          <caption className="sr">Misses by size of memory, % of all reads</caption>
          <thead>
            <tr>
              <th scope="col">Size</th>
              <th scope="col" className="num">
                Times now
              </th>
              <th scope="col" className="num">
                Misses, %
              </th>
              <th scope="col" className="num">
                95 % within
              </th>
            </tr>
          </thead>
          <tbody>
            {sizes.map(({ factor, hit_ratio }) => {
              const { value, low, high } = missOf(hit_ratio)
              return (
                <tr key={factor}>
                  <th scope="row">{size(factor)}</th>
                  <td className="num">{numbers.short(factor)}</td>
                  <td className="num">{percent(value)}</td>
                  <td className="num">
                    {percent(low)} to {percent(high)}
                  </td>
                </tr>
              )
            })}
          </tbody>
        </table>
      )}
    </details>
  )
}
