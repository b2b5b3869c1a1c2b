// Loading: one load per key in this process, one lease per key across all processes if the call wants that, and a
// commit only if nothing was invalidated meanwhile.
import { MillpondError, show } from '../core/errors.ts'
import { aheadOfKey } from './arms.ts'
import { tagsWithDependencies } from './dependencies.ts'
import { type FarResult, readFar } from './far.ts'
import type { Found } from './found.ts'
import { loadUnderLeases, releaseLease } from './leases.ts'
import { Load, type LoadStart } from './load.ts'
import { close, LoadCompletion } from './load-completion.ts'
import { countMiss, countStale, missReason } from './misses.ts'
import type { ReadRequest } from './read-request.ts'
import { isDueFar, isLate } from './refresh-ahead.ts'
import { runLoader } from './run-loader.ts'
import { inBackground, ledgerTier, readBudget } from './space.ts'
import { isUnheard } from './unheard.ts'

/** Opens a load for each key. `startLoads` must follow. */
export function openLoads(request: ReadRequest, keys: readonly string[]): Load[] {
  const start = startOf(request)
  return keys.map((key) => open(request, key, start))
}

/** Like `openLoads`, for one key. */
export function openLoad(request: ReadRequest, key: string): Load {
  return open(request, key, startOf(request))
}

function startOf({ space, policy, isBackground, isQuiet, openedAt }: ReadRequest): LoadStart {
  return {
    asOf: space.ledger.view.position,
    startedAt: openedAt,
    // A load's age matters while a ledger does not answer, which one in this process always does.
    startedWall: space.ledger.isLocal ? 0 : space.services.clock.now(),
    tags: policy.tags,
    hardMs: policy.hardMs,
    isBackground,
    isAhead: isQuiet,
  }
}

function open({ space, isReachable, isAbsent }: ReadRequest, key: string, start: LoadStart): Load {
  const load = new Load(space, key, missReason(space, key, isAbsent ? -1 : space.memory?.find(key)), start)
  if (!isReachable) load.cause = 'ledger_unreachable'
  space.loads.begin(load)
  return load
}

/** Runs the loads together; each completes by itself. Settles when all have, and never rejects. */
export function startLoads(request: ReadRequest, loads: readonly Load[]): Promise<void> {
  const isDirect = request.space.far.length === 0 && request.policy.dependsOn.length === 0
  return isDirect ? completeFromLoader(request, loads, true, request.openedAt) : loadThroughTiers(request, loads)
}

/** Refreshes in the background, after callers were served; one refresh per key at a time. */
export function refreshBehind(request: ReadRequest): void {
  const { space, due } = request
  if (due === undefined) return
  request.due = undefined
  const behind = request.behind(due)
  const loads = openLoads(
    behind,
    [...due.keys()].filter((key) => space.loads.joinable.get(key) === undefined),
  )
  if (loads.length === 0) return
  space.watch.counters.refreshes += loads.length
  space.loads.refreshing += loads.length
  for (const load of loads) inBackground(space, `refresh of ${load.key}`, load.result)
  void startLoads(behind, loads).then(() => {
    space.loads.refreshing -= loads.length
    for (const load of loads) load.release()
  })
}

async function loadThroughTiers(request: ReadRequest, loads: readonly Load[]): Promise<void> {
  const { space, policy, isReachable } = request
  try {
    const budgetEnds = space.services.clock.monotonic() + readBudget(space.far)
    if (policy.dependsOn.length > 0) {
      const tags = await tagsWithDependencies(space, policy)
      for (const load of loads) load.addTags(tags)
    }
    const look = async (some: readonly Load[]): Promise<readonly Load[]> =>
      (await completeFromTiers(request, some, true)).missing
    const holder = ledgerTier(space)
    const failures = holder?.errors ?? 0
    const { missing: waiting, failure } = isReachable
      ? await completeFromTiers(request, loads, false)
      : { missing: loads, failure: undefined }
    if (waiting.length === 0) return
    // A server on which a read has just timed out is not asked again: all calls share one time budget.
    const isAnswering = isReachable && (holder?.errors ?? 0) === failures
    const callLoader = (some: readonly Load[]): Promise<void> =>
      completeFromLoader(request, some, isAnswering, space.services.clock.monotonic())
    // Nor once tiers that failed have used the budget up. If all have answered, what took longer was this process (a
    // busy event loop) or the size of the batch, which is no reason to load what another process is loading.
    const isInTime = failure === undefined || space.services.clock.monotonic() < budgetEnds
    const mayAsk = policy.singleFlight === 'all' && isAnswering && isInTime
    const store = mayAsk ? holder?.guarded.ledger : undefined
    const { othersLoad } = 'one' in request.loader ? request.loader : NOT_TOLD
    await (store === undefined
      ? callLoader(waiting)
      : loadUnderLeases(space, store, waiting, { look, callLoader, othersLoad }))
  } catch (error) {
    for (const load of loads) load.fail(error)
  } finally {
    for (const load of loads) close(request, load)
  }
}

const NOT_TOLD = { othersLoad: undefined }

/** Completes the loads whose entry some tier has; returns the others, and whether a tier has failed. */
async function completeFromTiers(
  request: ReadRequest,
  loads: readonly Load[],
  isAgain: boolean,
): Promise<{ readonly missing: readonly Load[]; readonly failure: FarResult['failure'] }> {
  const { space, policy, wants, isQuiet } = request
  if (space.far.length === 0 || wants === 'new' || policy.singleFlight === 'call')
    return { missing: loads, failure: undefined }
  const { found, causes, failure } = await readFar(
    space,
    loads.map((load) => load.key),
    isAgain,
    isQuiet,
    (at, entry) => {
      const load = loads[at]
      if (load !== undefined) load.fallback = shared(request, { ...entry, isStale: true })
    },
    policy.tags,
  )
  const now = space.services.clock.now()
  const missing = loads.filter((load, at) => {
    const entry = found[at]
    if (entry !== undefined && isGoodEnough(request, entry, now)) {
      const isFresh = entry.freshUntil > now
      space.loads.end(load)
      load.complete(shared(request, isFresh ? entry : { ...entry, isStale: true }))
      if (!isFresh && !request.isBackground && !isQuiet) countStale(space, entry)
      if (!isFresh || isDueFar(request, load.key, entry, now)) request.noteDue(load.key, entry.createdAt)
      return false
    }
    load.fallback = entry === undefined ? undefined : shared(request, { ...entry, isStale: true })
    load.cause = causes[at] ?? failure ?? load.cause
    return true
  })
  refreshBehind(request)
  return { missing, failure }
}

/**
 * Whether the entry is fresh enough for the caller. While its source fails, a value permitted on failure is returned
 * without loading again.
 */
function isGoodEnough(request: ReadRequest, entry: Found, now: number): boolean {
  if (entry.freshUntil > now) return !request.isBackground || isNews(request, entry, now)
  return (
    entry.staleUntil > now && entry.freshUntil + staleMs(request, entry.key) > now && !isUnheard(request.space, entry)
  )
}

/** For a background refresh: whether another process has refreshed it already. */
function isNews({ space, policy, served }: ReadRequest, entry: Found, now: number): boolean {
  const ahead = aheadOfKey(space, policy, entry.key)
  const isSame = ahead.refreshBeta > 0 && entry.createdAt <= (served?.get(entry.key) ?? Number.NEGATIVE_INFINITY)
  return !isSame && !isLate(ahead, entry.key, entry, now)
}

/** How long past its freshness a value may be given to the caller without a load, in milliseconds. */
export function staleMs({ space, staleForMs, staleIfErrorMs }: ReadRequest, key: string): number {
  return staleIfErrorMs > staleForMs && space.loads.isPaused(key, space.services.clock) ? staleIfErrorMs : staleForMs
}

/** Prepares an entry for any number of callers: a value decoded from a tier has no other references. */
function shared({ space }: ReadRequest, found: Found): Found {
  return found.isolated === undefined ? { ...found, isolated: space.services.own(found.value) } : found
}

function completeFromLoader(
  request: ReadRequest,
  waiting: readonly Load[],
  isAnswering: boolean,
  began: number,
): Promise<void> {
  const { space } = request
  const loads = waiting.some((load) => load.isGivenUp) ? leftOf(request, waiting) : waiting
  if (loads.length === 0) return Promise.resolve()
  space.watch.counters.loads += loads.length
  if (!request.isBackground && !request.isQuiet)
    for (const { key, cause, missReason } of loads) countMiss(space, key, cause, missReason)
  return new Promise((resolve) =>
    runLoader(space, loads, request.loader, new LoadCompletion(request, loads, isAnswering, began, resolve)),
  )
}

/** The loads with waiting callers: no loader is run for the others. */
function leftOf({ space }: ReadRequest, loads: readonly Load[]): readonly Load[] {
  return loads.filter((load) => {
    if (!load.isGivenUp) return true
    releaseLease(space, load)
    load.fail(new MillpondError('ABORTED', `no caller waits for ${show(load.key)} any more`))
    return false
  })
}
