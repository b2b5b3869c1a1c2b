// Timers of caches run outside the contexts of requests: in those in which the first cache was created, usually none.
import { AsyncResource } from 'node:async_hooks'
import { runOutsideBy } from '../core/outside.ts'

let home: AsyncResource | undefined

/** To be called by what creates a cache. */
export function leaveRequests(): void {
  if (home !== undefined) return
  const own = new AsyncResource('millpond')
  home = own
  runOutsideBy((work) => own.runInAsyncScope(work))
}
