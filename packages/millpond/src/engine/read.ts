// How a read travels: memory, then a flight over the far tiers, then the loader.
import type { Consistency, LoadPolicy } from '../core/options.ts'
import { decodeToken } from '../invalidate/token.ts'
import { noteRead } from './dependencies.ts'
import { readFar } from './far.ts'
import { currentFlight, type Flight, type Landing, waitFrom } from './flights.ts'
import type { Found } from './found.ts'
import { type BatchLoader, joinFlight, PROVISIONAL_MS, refreshBehind, staleInMemory, takeOff } from './load.ts'
import { inBackground, type Space } from './space.ts'

/**
 * The slot of an entry that memory may serve as fresh, or -1. This is the hit path: one look-up, two comparisons, no allocation.
 * An entry the ledger has moved past is judged once and then remembered as valid up to the line that was applied last.
 */
export function freshSlot(space: Space, key: string): number {
  const { near, ledger } = space
  if (near === undefined) return -1
  const slot = near.find(key)
  if (slot < 0) return -1
  if (near.freshUntil(slot) <= space.clock.coarse) return -1
  if (near.asOf(slot) < ledger.view.head && !reaffirm(space, key, slot)) return -1
  return ledger.isLocal || ledger.trusted() ? slot : -1
}

const REASONS = { key: 'data_changed', tag: 'tag_based', pattern: 'pattern_based', clear: 'cleared' } as const

function reaffirm(space: Space, key: string, slot: number): boolean {
  const { near, ledger } = space
  if (near === undefined) return false
  const { view } = ledger
  const judgement = view.judge(key, near.tags(slot), near.asOf(slot))
  if (judgement === 'void') {
    space.counters.memoryInvalidated++
    near.drop(key, REASONS[view.blame(key, near.tags(slot), near.asOf(slot))?.kind ?? 'clear'])
    return false
  }
  if (judgement === 'stale') {
    near.retime(slot, Math.min(near.freshUntil(slot), space.clock.coarse), near.staleUntil(slot))
    return false
  }
  if (view.last > near.asOf(slot)) near.reaffirm(slot, view.last)
  return true
}

/** Counts a memory hit and returns its value. */
export function hitValue(space: Space, slot: number, key: string): unknown {
  const { near, counters } = space
  if (near === undefined) return undefined
  counters.memoryHits++
  near.hit(slot)
  if (space.dependencies === 'tracked') noteRead(space, key, near.tags(slot))
  if (space.events.hearsHits) space.events.emit('hit', { key, tier: 'memory' })
  return near.value(slot)
}

/** How new a read must be. */
export interface Demand {
  readonly consistency: Consistency
  /** What the reader has seen elsewhere: `cache.token()`. */
  readonly after?: string | undefined
}

/** Makes the view as new as the call demands. `false`: the ledger does not answer, so no copy may be believed. */
export async function makeReady(space: Space, { consistency, after }: Demand): Promise<boolean> {
  if (consistency === 'strong') return space.ledger.refresh()
  const seen = after === undefined ? undefined : decodeToken(after)?.get(space.prefix)
  return seen === undefined ? space.ledger.ensure() : space.ledger.reach(seen)
}

/** What belongs to one call, beside its policy. */
export interface Call {
  readonly signal?: AbortSignal | undefined
  readonly after?: string | undefined
}

/** Reads through: a value from the nearest tier that has it, else from the loader. */
export async function readThrough(space: Space, key: string, loader: BatchLoader, policy: LoadPolicy, call: Call): Promise<unknown> {
  const [landing] = await readThroughMany(space, [key], loader, policy, call)
  return landing?.read()
}

/**
 * The batch path, and the only one: `landings[i]` belongs to `keys[i]`. One batch loads what no flight is loading yet.
 * Rejects with the first loader's error.
 */
export async function readThroughMany(
  space: Space,
  keys: readonly string[],
  loader: BatchLoader,
  policy: LoadPolicy,
  call: Call,
): Promise<Landing[]> {
  const { signal } = call
  const began = space.clock.monotonic()
  const isReachable = await makeReady(space, { consistency: policy.consistency, after: call.after })
  const joinedAt = space.ledger.view.head
  // Nobody can say what has moved: who must see the latest joins only loads that began after the call.
  const isBlind = !isReachable && (policy.consistency === 'strong' || call.after !== undefined)
  const gate: Gate = { joinedAt, notBefore: isBlind ? began : Number.NEGATIVE_INFINITY, isReachable }
  const again = (key: string): Promise<Landing> =>
    readThroughMany(space, [key], loader, policy, call).then(([landing]) => landing ?? NOTHING)
  const landings = new Map<string, Landing | Promise<Landing>>()
  const absent: string[] = []
  for (const key of keys) {
    if (landings.has(key) || absent.includes(key)) continue
    const here =
      (isBlind ? undefined : fromMemory(space, key, loader, policy, isReachable)) ?? fromFlight(space, key, gate, policy, signal, again)
    if (here === undefined) absent.push(key)
    else landings.set(key, here)
  }
  if (absent.length > 0) {
    for (const flight of takeOff(space, absent, loader, policy, isReachable, false))
      landings.set(flight.key, awaitLanding(space, flight, policy, signal))
  }
  const settled = await Promise.all(keys.map((key) => landings.get(key)))
  if (space.dependencies === 'tracked') keys.forEach((key, index) => noteRead(space, key, settled[index]?.found?.tags))
  return Promise.all(settled.map((landing, index) => confirm(space, keys[index] ?? '', landing, joinedAt, loader, policy, call)))
}

function fromMemory(space: Space, key: string, loader: BatchLoader, policy: LoadPolicy, isReachable: boolean): Landing | undefined {
  const slot = freshSlot(space, key)
  if (slot >= 0) {
    const value = hitValue(space, slot, key)
    return { found: undefined, read: () => value }
  }
  const failure = space.flights.failure(key, space.clock.monotonic())
  if (failure !== undefined) throw failure.error
  const stale = staleInMemory(space, key, policy.staleForMs)
  if (stale === undefined) return undefined
  refreshBehind(space, key, loader, policy, isReachable)
  countStale(space, stale)
  return { found: stale, read: () => stale.value }
}

export function countStale(space: Space, stale: Found): void {
  space.counters.stale++
  if (space.events.has('stale')) space.events.emit('stale', { key: stale.key, tier: stale.tier })
}

/** Which flights a call may join. */
interface Gate {
  /** The ledger's number when the call began. */
  readonly joinedAt: number
  /** Monotonic milliseconds: no flight that began earlier. */
  readonly notBefore: number
  readonly isReachable: boolean
}

function fromFlight(
  space: Space,
  key: string,
  gate: Gate,
  policy: LoadPolicy,
  signal: AbortSignal | undefined,
  again: (key: string) => Promise<Landing>,
): Promise<Landing> | undefined {
  const flight = space.flights.loads.get(key)
  if (flight === undefined || flight.isOutdated || movedSince(space, flight, gate.joinedAt)) return undefined
  if (flight.startedAt < gate.notBefore || (!gate.isReachable && flight.age(space.clock) >= PROVISIONAL_MS)) {
    // Nobody can say what has moved since it began. One load at a time all the same: wait for its end, then load anew.
    if (flight.isProvisional) return undefined
    const end = waitFrom(currentFlight(), flight)
    return flight.landing.then(end, end).then(() => again(key))
  }
  space.counters.loadJoins++
  return awaitLanding(space, flight, policy, signal)
}

/** Has something that concerns the flight moved between its start and now? Then its result would be older than what this caller may see. */
const movedSince = (space: Space, flight: Flight, now: number): boolean =>
  flight.asOf.epoch !== space.ledger.view.epoch ||
  (flight.asOf.seq < now && space.ledger.view.concerning(flight.key, [...flight.tags]) > flight.asOf.seq)

/** Waits for a flight; with a stale value at hand, no longer than the soft timeout. */
async function awaitLanding(space: Space, flight: Flight, policy: LoadPolicy, signal: AbortSignal | undefined): Promise<Landing> {
  const stale = policy.softMs === Number.POSITIVE_INFINITY ? undefined : staleInMemory(space, flight.key, policy.staleIfErrorMs)
  if (stale === undefined) return joinFlight(flight, signal)
  const joined = joinFlight(flight, signal)
  const soft = softTimeout(space, policy.softMs)
  const first = await Promise.race([joined, soft.reached])
  soft.cancel()
  if (first !== undefined) return first
  flight.isBackground = true
  inBackground(space, `slow load of ${flight.key}`, joined)
  if (space.ledger.view.judge(flight.key, stale.tags, stale.asOf.seq) === 'void') return joined
  countStale(space, stale)
  return { found: stale, read: () => stale.value }
}

function softTimeout(space: Space, ms: number): { reached: Promise<undefined>; cancel: () => void } {
  let cancel = (): void => {}
  const reached = new Promise<undefined>((resolve) => {
    cancel = space.clock.after(ms, () => resolve(undefined), true)
  })
  return { reached, cancel: () => cancel() }
}

/** A joined flight whose tags became known only at its end may turn out to be older than the caller's own invalidations: then load again. */
function confirm(
  space: Space,
  key: string,
  landing: Landing | undefined,
  joinedAt: number,
  loader: BatchLoader,
  policy: LoadPolicy,
  call: Call,
): Landing | Promise<Landing> {
  const found = landing?.found
  if (landing === undefined || found === undefined || found.isStale === true) return landing ?? NOTHING
  const { view } = space.ledger
  if (found.asOf.epoch !== view.epoch || found.asOf.seq >= joinedAt) return landing
  const moved = view.concerning(key, found.tags)
  if (moved <= found.asOf.seq || moved > joinedAt) return landing
  return readThroughMany(space, [key], loader, policy, call).then(([again]) => again ?? NOTHING)
}

const NOTHING: Landing = Object.freeze({ found: undefined, read: () => undefined })

/** Reads without a loader: what the tiers hold for each key, fresh or stale, in the order of the keys. */
export async function readTiers(space: Space, keys: readonly string[], demand: Demand): Promise<(Found | undefined)[]> {
  const isReachable = await makeReady(space, demand)
  const isBlind = !isReachable && (demand.consistency === 'strong' || demand.after !== undefined)
  const found: (Found | undefined)[] = []
  const wanted: number[] = []
  for (let at = 0; at < keys.length; at++) {
    const key = keys[at] ?? ''
    const slot = isBlind ? -1 : freshSlot(space, key)
    const here = slot >= 0 ? inMemory(space, key, slot) : isReachable || isBlind ? undefined : await provisional(space, key)
    found.push(here)
    if (here === undefined) wanted.push(at)
  }
  if (!isReachable) for (const _ of wanted) space.counters.miss('ledger_unreachable')
  else if (wanted.length > 0) await readWanted(space, keys, wanted, found)
  if (space.dependencies === 'tracked') for (const at of wanted) noteRead(space, keys[at] ?? '', found[at]?.tags ?? [])
  return found
}

async function readWanted(space: Space, keys: readonly string[], wanted: readonly number[], found: (Found | undefined)[]): Promise<void> {
  const asked = wanted.length === keys.length ? keys : wanted.map((at) => keys[at] ?? '')
  const far = await readFar(space, asked, space.readBudgetMs)
  const now = space.clock.now()
  for (let index = 0; index < asked.length; index++) {
    const entry = far.found[index] ?? staleInMemory(space, asked[index] ?? '', Number.POSITIVE_INFINITY)
    found[wanted[index] ?? 0] = entry
    if (entry === undefined || entry.freshUntil <= now) {
      space.counters.miss(far.refused[index] ? 'invalidated' : far.isPartial ? 'tier_error' : entry === undefined ? 'cold' : 'expired')
    }
  }
}

export function inMemory(space: Space, key: string, slot: number): Found | undefined {
  const { near, ledger } = space
  if (near === undefined) return undefined
  return {
    key,
    value: hitValue(space, slot, key),
    createdAt: near.createdAt(slot),
    freshUntil: near.freshUntil(slot),
    staleUntil: near.staleUntil(slot),
    tags: near.tags(slot),
    asOf: { epoch: ledger.view.epoch, seq: near.asOf(slot) },
    tier: 'memory',
  }
}

/** What was loaded a moment ago while the ledger did not answer. */
async function provisional(space: Space, key: string): Promise<Found | undefined> {
  const flight = space.flights.loads.get(key)
  if (flight === undefined || !flight.isProvisional || flight.isOutdated || flight.age(space.clock) >= PROVISIONAL_MS) return undefined
  return (await flight.landing).found
}
