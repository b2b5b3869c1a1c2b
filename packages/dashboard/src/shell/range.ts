// The time span of a page; part of the URL.
import { useDashboard } from '../context.tsx'
import { usePlace } from '../place/place.tsx'

export interface Range {
  readonly name: string
  readonly label: string
  readonly ms: number
}

const MINUTE_MS = 60_000

export const RANGES: readonly Range[] = [
  { name: '5m', label: '5 min', ms: 5 * MINUTE_MS },
  { name: '15m', label: '15 min', ms: 15 * MINUTE_MS },
  { name: '1h', label: '1 h', ms: 60 * MINUTE_MS },
  { name: '6h', label: '6 h', ms: 360 * MINUTE_MS },
  { name: '24h', label: '24 h', ms: 1440 * MINUTE_MS },
  { name: '7d', label: '7 days', ms: 7 * 1440 * MINUTE_MS },
]

const USUAL: Range = { name: '15m', label: '15 min', ms: 15 * MINUTE_MS }

export function useRange(): Range {
  const { query } = usePlace()
  const { initialRange } = useDashboard()
  const wanted = query.get('range') ?? initialRange
  return RANGES.find(({ name }) => name === wanted) ?? USUAL
}
