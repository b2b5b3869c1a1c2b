// Waiting for a flight: as long as the caller has patience, and with what may be given instead where its loader is slow or fails.

import { onAbort } from '../core/on-abort.ts'
import { currentFlight, waitFrom } from './current-flight.ts'
import { type Flight, LET_GO } from './flight.ts'
import type { Found } from './found.ts'
import type { Journey } from './journey.ts'
import { countStale } from './misses.ts'
import { staleInMemory } from './near.ts'
import { hardTimeout } from './run-loader.ts'
import { aborted } from './signals.ts'
import { inBackground, type Space } from './space.ts'

/** Waits for a flight that another call leads. The caller's own signal and timeouts concern the caller alone. */
export async function join(journey: Journey, flight: Flight): Promise<Found> {
  const stop = waitFrom(currentFlight(), flight)
  const patienceMs = journey.policy.hardMs < flight.hardMs ? journey.policy.hardMs : Number.POSITIVE_INFINITY
  try {
    return await (isPatient(journey, patienceMs) ? patiently(flight) : untilImpatient(journey, flight, patienceMs))
  } catch (error) {
    return instead(journey, flight, error)
  } finally {
    stop()
  }
}

/** Waits for flights that this call leads, of which `done` is the end. The first error is everybody's. */
export async function lead(journey: Journey, flights: readonly Flight[], done: Promise<void>): Promise<Found[]> {
  const current = currentFlight()
  const stops = current === undefined ? [] : flights.map((flight) => waitFrom(current, flight))
  try {
    return await (isPatient(journey, Number.POSITIVE_INFINITY) ? allOf(journey, flights, done) : eachOf(journey, flights, done))
  } finally {
    for (const stop of stops) stop()
  }
}

/** Nothing but the end of the load is waited for, and no loader waits for the caller. */
export function canWaitAlone(journey: Journey): boolean {
  return currentFlight() === undefined && isPatient(journey, Number.POSITIVE_INFINITY)
}

async function allOf(journey: Journey, flights: readonly Flight[], done: Promise<void>): Promise<Found[]> {
  for (const flight of flights) flight.waiters++
  await done
  for (const flight of flights) flight.waiters--
  return flights.map((flight) => take(journey, flight))
}

/** What the flight came to, for the one who led it; or what is given instead of its error. */
export function take(journey: Journey, flight: Flight): Found {
  try {
    return flight.take()
  } catch (error) {
    return instead(journey, flight, error)
  }
}

function eachOf(journey: Journey, flights: readonly Flight[], done: Promise<void>): Promise<Found[]> {
  void done.then(() => {
    for (const flight of flights) flight.leaveBehind()
  })
  return Promise.all(
    flights.map((flight) =>
      untilImpatient(journey, flight, Number.POSITIVE_INFINITY).catch((error: unknown) => instead(journey, flight, error)),
    ),
  )
}

function isPatient({ policy, signal, staleIfErrorMs }: Journey, patienceMs: number): boolean {
  return (
    signal === undefined && patienceMs === Number.POSITIVE_INFINITY && (policy.softMs === Number.POSITIVE_INFINITY || staleIfErrorMs === 0)
  )
}

async function patiently(flight: Flight): Promise<Found> {
  flight.waiters++
  try {
    return await flight.landing
  } finally {
    flight.waiters--
  }
}

/** Until the caller's signal fires or its patience ends; or, with a stale value at hand, until its soft timeout. */
function untilImpatient(journey: Journey, flight: Flight, patienceMs: number): Promise<Found> {
  const { space, policy, signal } = journey
  const { clock } = space.services
  return new Promise((resolve, reject) => {
    const stops: (() => void)[] = []
    let isOver = false
    const end = (): boolean => {
      if (isOver) return false
      isOver = true
      flight.waiters--
      for (const stop of stops) stop()
      return true
    }
    const leave = (why: unknown): void => {
      if (!end()) return
      flight.leave(why)
      reject(why)
    }
    const settle = (): void => {
      if (isOver) return
      const stale = staleAtHand(journey, flight)
      if (stale === undefined) flight.hopeFor(settle)
      if (stale === undefined || !end()) return
      flight.isBackground = true
      inBackground(space, `slow load of ${flight.key}`, flight.landing)
      resolve(stale)
    }
    flight.waiters++
    flight.landing.then(
      (found) => {
        if (end()) resolve(found)
      },
      (error: unknown) => {
        if (end()) reject(error)
      },
    )
    if (policy.softMs !== Number.POSITIVE_INFINITY) stops.push(clock.after(policy.softMs, settle, true))
    if (patienceMs !== Number.POSITIVE_INFINITY) stops.push(clock.after(patienceMs, () => leave(hardTimeout(flight, patienceMs)), true))
    if (signal?.aborted === true) leave(aborted(signal))
    else if (signal !== undefined) stops.push(onAbort(signal, () => leave(aborted(signal))))
  })
}

/** What the caller gets instead of the error, if a stale value is permitted. @throws the error. */
function instead(journey: Journey, flight: Flight, error: unknown): Found {
  const stale = journey.signal?.aborted === true || error === LET_GO ? undefined : staleAtHand(journey, flight)
  if (stale === undefined) throw error
  return stale
}

/** What the caller may be given while the loader is slow or fails: held in memory, or met in a tier on the way. */
function staleAtHand(journey: Journey, flight: Flight): Found | undefined {
  const { space, staleIfErrorMs } = journey
  const stale = staleInMemory(space, flight.key, staleIfErrorMs) ?? staleInTier(space, flight, staleIfErrorMs)
  if (stale !== undefined && !journey.isQuiet) countStale(space, stale)
  return stale
}

/** The expired entry that the flight met in a tier, if it is at most `ms` past its freshness and was not invalidated. */
export function staleInTier(space: Space, { key, fallback, isOutdated }: Flight, ms: number): Found | undefined {
  if (fallback === undefined || isOutdated) return undefined
  const now = space.services.clock.now()
  if (fallback.staleUntil <= now || fallback.freshUntil + ms <= now) return undefined
  return space.ledger.view.judgeAt(key, fallback.tags, fallback.asOf) === 'void' ? undefined : fallback
}
