// Timers of caches run outside the contexts of requests: in those in which this module was loaded, usually none. Caches
// themselves are often created in the first request that needs them.
import { AsyncResource } from 'node:async_hooks'
import { runOutsideBy } from '../core/outside.ts'

const home = new AsyncResource('millpond')
const run = <T>(work: () => T): T => home.runInAsyncScope(work)

/** To be called by what creates a cache. */
export const leaveRequests = (): void => runOutsideBy(run)
