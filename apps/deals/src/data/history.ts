// The span of the generated data.
import { parseIsoDay } from '../db/days.ts'

export const LAST_DAY = parseIsoDay('2025-12-31') ?? 0
export const HISTORY_DAYS = 3 * 365

/** A user as deals see one. */
export interface Member {
  readonly userId: number
  readonly teamId: number
}
