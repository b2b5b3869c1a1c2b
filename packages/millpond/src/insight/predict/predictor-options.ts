// Checks a predictor's options about the memory for which it predicts.
import { check, fn, oneOf, required, type Shape, whole } from '../../core/checks.ts'
import type { WasteBounds } from './budget.ts'
import type { GateOptions } from './gate.ts'

/** A predictor's options about the memory for which it predicts. */
export interface PredictorOptions extends WasteBounds, Pick<GateOptions, 'policy' | 'capacity' | 'unit'> {
  /** The number of entries when memory is full. */
  readonly entries: number
  /** The number of entries that memory holds already. Default 0. */
  readonly held?: number | undefined
  /** The most keys that are tracked. Default 65,536. */
  readonly keys?: number | undefined
}

const chance = check(
  (value): value is number => typeof value === 'number' && value >= 0 && value <= 1,
  'a number from 0 to 1',
)
const least = check(
  (value): value is number => typeof value === 'number' && value > 0 && value < 1,
  'a number above 0 and below 1',
)
const keys = whole(1024, 65_536)
/** The limits that users may set. */
export const BOUNDS: Shape<Pick<PredictorOptions, 'waste' | 'least' | 'keys'>> = { waste: chance, least, keys }
const amount = check(
  (value): value is number => typeof value === 'number' && value > 0 && value < Number.POSITIVE_INFINITY,
  'a number above 0',
)
/** The checks of `PredictorOptions`. */
export const PREDICTOR: Shape<PredictorOptions> = {
  ...BOUNDS,
  entries: required(amount),
  held: whole(0, Number.MAX_SAFE_INTEGER),
  capacity: required(amount),
  unit: required(oneOf('entries', 'bytes')),
  policy: required(fn("a policy, such as policyByName('lru')")),
}
