// Waiting for a load: as long as the caller's timeouts allow, and with a stale value if its loader is slow or fails.

import { onAbort } from '../core/on-abort.ts'
import { currentLoad, waitFrom } from './current-load.ts'
import type { Found } from './found.ts'
import { LET_GO, type Load } from './load.ts'
import { countStale } from './misses.ts'
import { staleInMemory } from './read-memory.ts'
import type { ReadRequest } from './read-request.ts'
import { hardTimeout } from './run-loader.ts'
import { aborted } from './signals.ts'
import { inBackground, type Space } from './space.ts'

/** Waits for a load that another call leads. The caller's own signal and timeouts affect only the caller. */
export async function join(request: ReadRequest, load: Load): Promise<Found> {
  const stop = waitFrom(currentLoad(), load)
  const patienceMs = request.policy.hardMs < load.hardMs ? request.policy.hardMs : Number.POSITIVE_INFINITY
  try {
    return await (isPatient(request, patienceMs) ? patiently(load) : untilImpatient(request, load, patienceMs))
  } catch (error) {
    return instead(request, load, error)
  } finally {
    stop()
  }
}

/** Waits for loads that this call leads, until `done`. The first error rejects for all. */
export async function lead(request: ReadRequest, loads: readonly Load[], done: Promise<void>): Promise<Found[]> {
  const current = currentLoad()
  const stops = current === undefined ? [] : loads.map((load) => waitFrom(current, load))
  try {
    return await (isPatient(request, Number.POSITIVE_INFINITY)
      ? allOf(request, loads, done)
      : eachOf(request, loads, done))
  } finally {
    for (const stop of stops) stop()
  }
}

/** Whether only the end of the load is waited for, and no loader waits for the caller. */
export function canWaitAlone(request: ReadRequest): boolean {
  return currentLoad() === undefined && isPatient(request, Number.POSITIVE_INFINITY)
}

async function allOf(request: ReadRequest, loads: readonly Load[], done: Promise<void>): Promise<Found[]> {
  for (const load of loads) load.waiters++
  await done
  for (const load of loads) load.waiters--
  return loads.map((load) => take(request, load))
}

/** The outcome of a load for its leader, or what is returned instead of its error. */
export function take(request: ReadRequest, load: Load): Found {
  try {
    return load.take()
  } catch (error) {
    return instead(request, load, error)
  }
}

function eachOf(request: ReadRequest, loads: readonly Load[], done: Promise<void>): Promise<Found[]> {
  void done.then(() => {
    for (const load of loads) load.release()
  })
  return Promise.all(
    loads.map((load) =>
      untilImpatient(request, load, Number.POSITIVE_INFINITY).catch((error: unknown) => instead(request, load, error)),
    ),
  )
}

function isPatient({ policy, signal, staleIfErrorMs }: ReadRequest, patienceMs: number): boolean {
  return (
    signal === undefined &&
    patienceMs === Number.POSITIVE_INFINITY &&
    (policy.softMs === Number.POSITIVE_INFINITY || staleIfErrorMs === 0)
  )
}

async function patiently(load: Load): Promise<Found> {
  load.waiters++
  try {
    return await load.result
  } finally {
    load.waiters--
  }
}

/**
 * Waits until the caller's signal fires or its timeout ends; or, if a stale value is available, until its soft timeout.
 */
function untilImpatient(request: ReadRequest, load: Load, patienceMs: number): Promise<Found> {
  const { space, policy, signal } = request
  const { clock } = space.services
  return new Promise((resolve, reject) => {
    const stops: (() => void)[] = []
    let isOver = false
    const end = (): boolean => {
      if (isOver) return false
      isOver = true
      load.waiters--
      for (const stop of stops) stop()
      return true
    }
    const leave = (why: unknown): void => {
      if (!end()) return
      load.leave(why)
      reject(why)
    }
    const settle = (): void => {
      if (isOver) return
      const stale = staleAtHand(request, load)
      if (stale === undefined) load.onFallback(settle)
      if (stale === undefined || !end()) return
      load.isBackground = true
      inBackground(space, `slow load of ${load.key}`, load.result)
      resolve(stale)
    }
    load.waiters++
    load.result.then(
      (found) => {
        if (end()) resolve(found)
      },
      (error: unknown) => {
        if (end()) reject(error)
      },
    )
    if (policy.softMs !== Number.POSITIVE_INFINITY) stops.push(clock.after(policy.softMs, settle, true))
    if (patienceMs !== Number.POSITIVE_INFINITY)
      stops.push(clock.after(patienceMs, () => leave(hardTimeout(load, patienceMs)), true))
    if (signal?.aborted === true) leave(aborted(signal))
    else if (signal !== undefined) stops.push(onAbort(signal, () => leave(aborted(signal))))
  })
}

/** The stale value returned instead of the error, if permitted. @throws the error. */
function instead(request: ReadRequest, load: Load, error: unknown): Found {
  const stale = request.signal?.aborted === true || error === LET_GO ? undefined : staleAtHand(request, load)
  if (stale === undefined) throw error
  return stale
}

/** The value that may be returned while the loader is slow or fails: from memory, or met in a tier during the load. */
function staleAtHand(request: ReadRequest, load: Load): Found | undefined {
  const { space, staleIfErrorMs } = request
  const stale = staleInMemory(space, load.key, staleIfErrorMs) ?? staleInTier(space, load, staleIfErrorMs)
  if (stale !== undefined && !request.isQuiet) countStale(space, stale)
  return stale
}

/** The expired entry that the load met in a tier, if it is at most `ms` past its freshness and was not invalidated. */
export function staleInTier(space: Space, load: Load, ms: number): Found | undefined {
  const { key, fallback, isOutdated, untoldBefore } = load
  if (fallback === undefined || isOutdated) return undefined
  // Its tags may be none of the load's.
  if (space.loads.untold.last(key, fallback.tags, untoldBefore) > 0) return undefined
  const now = space.services.clock.now()
  if (fallback.staleUntil <= now || fallback.freshUntil + ms <= now) return undefined
  return space.ledger.view.judgeAt(key, fallback.tags, fallback.asOf) === 'invalid' ? undefined : fallback
}
