// A change with its 95 % interval: the number, and its position relative to zero.
import type { Range } from '../../api/insight.ts'
import { useDashboard } from '../../context.tsx'
import { vars } from '../../parts/words.tsx'
import { points } from './figures.ts'

/** "+6.1 (4.9 to 7.2)": percentage points of all reads. */
export function Change({ change }: { readonly change: Range }) {
  const { numbers } = useDashboard()
  return (
    <span className="nw">
      <b>{points(numbers, change.value)}</b>{' '}
      <span className="note">
        ({points(numbers, change.low)} to {points(numbers, change.high)})
      </span>
    </span>
  )
}

/** @param most the value at the full width, in either direction */
export function Whisker({ change: { value, low, high }, most }: { readonly change: Range; readonly most: number }) {
  const at = (share: number): number => 50 + 50 * Math.min(1, Math.max(-1, share / most))
  return (
    <span className={`whisker ${low > 0 ? 'is-gain' : high < 0 ? 'is-loss' : ''}`} aria-hidden="true">
      <i style={vars({ '--from': at(low), '--to': at(high) })} />
      <b style={vars({ '--x': at(value) })} />
    </span>
  )
}

export const mostOf = (changes: readonly Range[]): number =>
  Math.max(0.005, ...changes.map(({ low, high }) => Math.max(Math.abs(low), Math.abs(high))))
