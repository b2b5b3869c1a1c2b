// The records of the service: deals and users by their ids, activities and views that are stored later.
import { type Activities, openActivities, type QueueParts, within } from './activities.ts'
import { type DealRecord, openDeals } from './deals.ts'
import type { Through } from './through.ts'
import { openUsers, type UserRecord } from './users.ts'
import { openViews, type Views } from './views.ts'

export interface Records {
  readonly deals: Through<DealRecord>
  readonly users: Through<UserRecord>
  readonly activities: Activities
  readonly views: Views
  /** Stores what is queued before the rest closes; what cannot be stored in time stays in the journals. */
  close(): Promise<void>
}

const DRAIN_MS = 5_000

/** @throws MillpondError `JOURNAL_FAILED` if the folder of the journals is not writable. */
export function openRecords(parts: QueueParts, say: (line: string) => void): Records {
  const activities = openActivities(parts)
  const views = openViews(parts, say)
  return {
    deals: openDeals(parts),
    users: openUsers(parts),
    activities,
    views,
    close: () =>
      within(
        Promise.all([activities.flush(), views.flush()]).then(() => undefined),
        DRAIN_MS,
      ),
  }
}
