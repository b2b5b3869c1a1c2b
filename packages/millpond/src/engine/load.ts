// Loading: one flight per key in this process, one lease per key over all processes where the call wants that, and a commit only where nothing moved meanwhile.
import { MillpondError, show } from '../core/errors.ts'
import { aheadOfKey } from './arms.ts'
import { tagsWithDependencies } from './dependencies.ts'
import { readFar } from './far.ts'
import { Flight, type Start } from './flight.ts'
import type { Found } from './found.ts'
import type { Journey } from './journey.ts'
import { close, Landing } from './landing.ts'
import { loadUnderLeases, releaseLease } from './leases.ts'
import { countMiss, countStale, whyGone } from './misses.ts'
import { isDueFar, isLate } from './refresh-ahead.ts'
import { runLoader } from './run-loader.ts'
import { inBackground, ledgerTier, readBudget } from './space.ts'

/** Opens a flight for each key. `fly` must follow. */
export function openFlights(journey: Journey, keys: readonly string[]): Flight[] {
  const start = startOf(journey)
  return keys.map((key) => open(journey, key, start))
}

/** The same for one key. */
export function openFlight(journey: Journey, key: string): Flight {
  return open(journey, key, startOf(journey))
}

function startOf({ space, policy, isBackground, openedAt }: Journey): Start {
  return {
    asOf: space.ledger.view.position,
    startedAt: openedAt,
    // A flight's age matters while a ledger does not answer, which one in this process always does.
    startedWall: space.ledger.isLocal ? 0 : space.services.clock.now(),
    tags: policy.tags,
    hardMs: policy.hardMs,
    isBackground,
  }
}

function open({ space, isReachable, isAbsent }: Journey, key: string, start: Start): Flight {
  const flight = new Flight(space, key, whyGone(space, key, isAbsent ? -1 : space.near?.find(key)), start)
  if (!isReachable) flight.cause = 'ledger_unreachable'
  space.flights.begin(flight)
  return flight
}

/** Loads the flights together; each lands by itself. Settles when all have, and never rejects. */
export function fly(journey: Journey, flights: readonly Flight[]): Promise<void> {
  const isDirect = journey.space.far.length === 0 && journey.policy.dependsOn.length === 0
  return isDirect ? landFromLoader(journey, flights, true, journey.openedAt) : flyThroughTiers(journey, flights)
}

/** Loads behind callers who have been served; one refresh of a key at a time. */
export function refreshBehind(journey: Journey): void {
  const { space, due } = journey
  if (due === undefined) return
  journey.due = undefined
  const behind = journey.behind(due)
  const flights = openFlights(
    behind,
    [...due.keys()].filter((key) => space.flights.loads.get(key) === undefined),
  )
  if (flights.length === 0) return
  space.watch.counters.refreshes += flights.length
  space.flights.refreshing += flights.length
  for (const flight of flights) inBackground(space, `refresh of ${flight.key}`, flight.landing)
  void fly(behind, flights).then(() => {
    space.flights.refreshing -= flights.length
    for (const flight of flights) flight.leaveBehind()
  })
}

async function flyThroughTiers(journey: Journey, flights: readonly Flight[]): Promise<void> {
  const { space, policy, isReachable } = journey
  try {
    const budgetEnds = space.services.clock.monotonic() + readBudget(space.far)
    if (policy.dependsOn.length > 0) {
      const tags = await tagsWithDependencies(space, policy)
      for (const flight of flights) flight.addTags(tags)
    }
    const look = (some: readonly Flight[]): Promise<readonly Flight[]> => landFromTiers(journey, some, true)
    const holder = ledgerTier(space)
    const failures = holder?.errors ?? 0
    const waiting = isReachable ? await landFromTiers(journey, flights, false) : flights
    if (waiting.length === 0) return
    // A server that has just let a read wait in vain is not asked for more: the budget is one for all.
    const isAnswering = isReachable && (holder?.errors ?? 0) === failures
    const load = (some: readonly Flight[]): Promise<void> => landFromLoader(journey, some, isAnswering, space.services.clock.monotonic())
    const mayAsk = policy.singleFlight === 'all' && isAnswering && space.services.clock.monotonic() < budgetEnds
    const store = mayAsk ? holder?.guarded.ledger : undefined
    const { othersLoad } = 'one' in journey.loads ? journey.loads : NOT_TOLD
    await (store === undefined ? load(waiting) : loadUnderLeases(space, store, waiting, { look, load, othersLoad }))
  } catch (error) {
    for (const flight of flights) flight.fail(error)
  } finally {
    for (const flight of flights) close(journey, flight)
  }
}

const NOT_TOLD = { othersLoad: undefined }

/** Lands the flights whose entry some tier has; returns the others. */
async function landFromTiers(journey: Journey, flights: readonly Flight[], isAgain: boolean): Promise<readonly Flight[]> {
  const { space, policy, wants, isQuiet } = journey
  if (space.far.length === 0 || wants === 'new' || policy.singleFlight === 'call') return flights
  const { found, causes, failure } = await readFar(
    space,
    flights.map((flight) => flight.key),
    isAgain,
    isQuiet,
    (at, entry) => {
      const flight = flights[at]
      if (flight !== undefined) flight.fallback = shared(journey, { ...entry, isStale: true })
    },
    policy.tags,
  )
  const now = space.services.clock.now()
  const missing = flights.filter((flight, at) => {
    const entry = found[at]
    if (entry !== undefined && isGoodEnough(journey, entry, now)) {
      const isFresh = entry.freshUntil > now
      space.flights.end(flight)
      flight.land(shared(journey, isFresh ? entry : { ...entry, isStale: true }))
      if (!isFresh && !journey.isBackground && !isQuiet) countStale(space, entry)
      if (!isFresh || isDueFar(journey, flight.key, entry, now)) journey.noteDue(flight.key, entry.createdAt)
      return false
    }
    flight.fallback = entry === undefined ? undefined : shared(journey, { ...entry, isStale: true })
    flight.cause = causes[at] ?? failure ?? flight.cause
    return true
  })
  refreshBehind(journey)
  return missing
}

/** May the entry be given to the caller, as far as time goes? While its source fails, what a failure permits is given without asking again. */
function isGoodEnough(journey: Journey, entry: Found, now: number): boolean {
  if (entry.freshUntil > now) return !journey.isBackground || isNews(journey, entry, now)
  return entry.staleUntil > now && entry.freshUntil + staleMs(journey, entry.key) > now
}

/** Of a refresh behind: another process has refreshed it already. */
function isNews({ space, policy, served }: Journey, entry: Found, now: number): boolean {
  const ahead = aheadOfKey(space, policy, entry.key)
  const isSame = ahead.refreshBeta > 0 && entry.createdAt <= (served?.get(entry.key) ?? Number.NEGATIVE_INFINITY)
  return !isSame && !isLate(ahead, entry.key, entry, now)
}

/** How long past its freshness a value may be given to the caller without a load, in milliseconds. */
export function staleMs({ space, staleForMs, staleIfErrorMs }: Journey, key: string): number {
  return staleIfErrorMs > staleForMs && space.flights.isPaused(key, space.services.clock) ? staleIfErrorMs : staleForMs
}

/** For callers, however many: a value that came from a tier is nobody else's. */
function shared({ space }: Journey, found: Found): Found {
  return found.isolated === undefined ? { ...found, isolated: space.services.own(found.value) } : found
}

function landFromLoader(journey: Journey, waiting: readonly Flight[], isAnswering: boolean, began: number): Promise<void> {
  const { space } = journey
  const flights = waiting.some((flight) => flight.isGivenUp) ? leftOf(journey, waiting) : waiting
  if (flights.length === 0) return Promise.resolve()
  space.watch.counters.loads += flights.length
  if (!journey.isBackground && !journey.isQuiet) for (const { key, cause, gone } of flights) countMiss(space, key, cause, gone)
  return new Promise((resolve) => runLoader(space, flights, journey.loads, new Landing(journey, flights, isAnswering, began, resolve)))
}

/** Those that somebody waits for: for the others no loader is run. */
function leftOf({ space }: Journey, flights: readonly Flight[]): readonly Flight[] {
  return flights.filter((flight) => {
    if (!flight.isGivenUp) return true
    releaseLease(space, flight)
    flight.fail(new MillpondError('ABORTED', `nobody waits for ${show(flight.key)} any more`))
    return false
  })
}
