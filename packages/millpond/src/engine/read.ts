// How a read travels: memory, then a flight over the far tiers, then the loader.
import type { Near } from '../core/contracts.ts'
import type { Consistency, LoadPolicy } from '../core/options.ts'
import { decodeToken } from '../invalidate/token.ts'
import { noteRead } from './dependencies.ts'
import { expireNear } from './expire-near.ts'
import { type FarResult, readFar } from './far.ts'
import { currentFlight, type Flight, type Landing, waitFrom } from './flights.ts'
import type { Found } from './found.ts'
import { joinFlight, PROVISIONAL_MS, refreshBehind, staleInMemory, takeOff } from './load.ts'
import { causeOf, countMiss, countStale, whyGone } from './misses.ts'
import type { BatchLoader } from './run-loader.ts'
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
  // In this order: reading the clock may move the entry's times (`Clock.onSetBack`).
  if (space.services.clock.coarse >= near.freshUntil(slot)) return -1
  if (near.asOf(slot) < ledger.view.head && !reaffirm(space, key, slot)) return -1
  return ledger.isLocal || ledger.trusted() ? slot : -1
}

const REASONS = { key: 'data_changed', tag: 'tag_based', pattern: 'pattern_based', clear: 'cleared' } as const

function reaffirm(space: Space, key: string, slot: number): boolean {
  const { near, ledger } = space
  if (near === undefined) return false
  const { view } = ledger
  const judgement = view.judge(key, near.tags(slot), near.asOf(slot))
  if (judgement === 'valid') {
    if (view.last > near.asOf(slot)) near.reaffirm(slot, view.last)
    return true
  }
  giveUp(space, near, key, slot, judgement)
  return false
}

/** Somebody has said that the entry is over, or stale: it goes, or stays as such, and who said it is remembered. */
function giveUp(space: Space, near: Near, key: string, slot: number, judgement: 'void' | 'stale'): void {
  const { watch, ledger } = space
  const blame = ledger.view.blame(key, near.tags(slot), near.asOf(slot))
  const receipt = blame === undefined ? undefined : watch.history.find(blame.seq)?.line.id
  watch.because(receipt, () => {
    if (judgement === 'stale') expireNear(space, near, slot, key, causeOf(blame))
    else {
      watch.counters.memoryInvalidated++
      near.drop(key, REASONS[blame?.kind ?? 'clear'])
    }
  })
}

/** Counts a memory hit and returns its value. */
export function hitValue(space: Space, slot: number, key: string): unknown {
  const { near } = space
  if (near === undefined) return undefined
  space.watch.counters.memoryHits++
  near.hit(slot)
  if (space.settings.dependencies === 'tracked') noteRead(space, key, near.tags(slot))
  if (space.services.events.hearsHits) space.services.events.emit('hit', { key, namespace: space.id.name, tier: 'memory' })
  return near.value(slot)
}

/** How new a read must be. */
export interface Demand {
  readonly consistency: Consistency
  /** What the reader has seen elsewhere: `cache.token()`. */
  readonly after?: string | undefined
}

/** Makes the view as new as the call demands, at once where it is. `false`: the ledger does not answer, so no copy may be believed. */
export function makeReady(space: Space, keys: readonly string[], { consistency, after }: Demand): true | Promise<boolean> {
  const { ledger, wary } = space
  if (consistency === 'strong') return ledger.refresh()
  const mark = keys.reduce((latest, key) => Math.max(latest, wary.markOf(key)), -1)
  if (ledger.heard <= mark) return after === undefined ? ledger.hear(mark) : ledger.refresh()
  const seen = after === undefined ? undefined : decodeToken(after)?.get(space.id.prefix)
  if (seen !== undefined) return ledger.reach(seen)
  return ledger.trusted() || ledger.ensure()
}

/** What belongs to one call, beside its policy. */
export interface Call {
  readonly signal?: AbortSignal | undefined
  readonly after?: string | undefined
}

/** Reads through: a value from the nearest tier that has it, else from the loader. */
export async function readThrough(space: Space, key: string, loader: BatchLoader, policy: LoadPolicy, call: Call): Promise<unknown> {
  return (await land(space, key, loader, policy, call)).read()
}

/** One key needs none of the lists that a batch does. */
async function land(space: Space, key: string, loader: BatchLoader, policy: LoadPolicy, call: Call): Promise<Landing> {
  const began = space.services.clock.monotonic()
  const ready = makeReady(space, [key], { consistency: policy.consistency, after: call.after })
  const gate = openGate(space, policy, call, began, ready === true || (await ready))
  const again: Again = () => land(space, key, loader, policy, call)
  const here = fromMemory(space, key, loader, policy, gate) ?? fromFlight(space, key, gate, policy, call.signal, again)
  const landing = await (here ?? awaitNew(space, takeOff(space, [key], loader, policy, gate.isReachable, false), policy, call.signal))
  if (space.settings.dependencies === 'tracked') noteRead(space, key, landing.found?.tags)
  return confirm(space, key, landing, gate.joinedAt, again)
}

/** For a caller that another flight or memory cannot serve. */
function awaitNew(
  space: Space,
  [flight]: readonly Flight[],
  policy: LoadPolicy,
  signal: AbortSignal | undefined,
): Landing | Promise<Landing> {
  return flight === undefined ? NOTHING : awaitLanding(space, flight, policy, signal)
}

/**
 * Many keys: `landings[i]` belongs to `keys[i]`. One batch loads what no flight is loading yet.
 * Rejects with the first loader's error.
 */
export async function readThroughMany(
  space: Space,
  keys: readonly string[],
  loader: BatchLoader,
  policy: LoadPolicy,
  call: Call,
): Promise<Landing[]> {
  const began = space.services.clock.monotonic()
  const ready = makeReady(space, keys, { consistency: policy.consistency, after: call.after })
  const gate = openGate(space, policy, call, began, ready === true || (await ready))
  const again: Again = (key) => land(space, key, loader, policy, call)
  const landings = new Map<string, Landing | Promise<Landing>>()
  const absent: string[] = []
  for (const key of keys) {
    if (landings.has(key)) continue
    const here = fromMemory(space, key, loader, policy, gate) ?? fromFlight(space, key, gate, policy, call.signal, again)
    if (here === undefined) absent.push(key)
    landings.set(key, here ?? NOTHING)
  }
  if (absent.length > 0) {
    for (const flight of takeOff(space, absent, loader, policy, gate.isReachable, false))
      landings.set(flight.key, awaitLanding(space, flight, policy, call.signal))
  }
  const settled = await Promise.all(keys.map((key) => landings.get(key) ?? NOTHING))
  if (space.settings.dependencies === 'tracked') keys.forEach((key, index) => noteRead(space, key, settled[index]?.found?.tags))
  return Promise.all(settled.map((landing, index) => confirm(space, keys[index] ?? '', landing, gate.joinedAt, again)))
}

/** Reads a key anew: what was joined turned out to be too old. */
type Again = (key: string) => Promise<Landing>

/** What a call may be given. */
interface Gate {
  /** The ledger's number when the call began. */
  readonly joinedAt: number
  /** Monotonic milliseconds: no flight that began earlier. */
  readonly notBefore: number
  readonly isReachable: boolean
  /** Nobody can say what has moved, and the caller must see the latest. */
  readonly isBlind: boolean
}

function openGate(space: Space, { consistency }: LoadPolicy, { after }: Call, began: number, isReachable: boolean): Gate {
  // Who must see the latest joins only loads that began after the call.
  const isBlind = !isReachable && (consistency === 'strong' || after !== undefined)
  return { joinedAt: space.ledger.view.head, notBefore: isBlind ? began : Number.NEGATIVE_INFINITY, isReachable, isBlind }
}

/** Never throws: in a batch, others may have been joined already. */
function fromMemory(
  space: Space,
  key: string,
  loader: BatchLoader,
  policy: LoadPolicy,
  gate: Gate,
): Landing | Promise<Landing> | undefined {
  if (gate.isBlind) return undefined
  const slot = freshSlot(space, key)
  if (slot >= 0) {
    const value = hitValue(space, slot, key)
    return { found: undefined, read: () => value }
  }
  const failure = space.flights.failure(key, space.services.clock.monotonic())
  if (failure !== undefined) {
    countMiss(space, key, 'negative')
    return Promise.reject(failure.error)
  }
  const stale = staleInMemory(space, key, policy.staleForMs)
  if (stale === undefined) return undefined
  refreshBehind(space, key, loader, policy, gate.isReachable)
  countStale(space, stale)
  return { found: stale, read: () => stale.value }
}

function fromFlight(
  space: Space,
  key: string,
  gate: Gate,
  policy: LoadPolicy,
  signal: AbortSignal | undefined,
  again: Again,
): Promise<Landing> | undefined {
  const flight = space.flights.loads.get(key)
  if (flight === undefined || flight.isOutdated || movedSince(space, flight, gate.joinedAt)) return undefined
  // It began before the ledger had answered for the first time: a later epoch outdates flights.
  const isUnnumbered = flight.asOf.epoch !== space.ledger.view.epoch
  if (
    isUnnumbered ||
    flight.startedAt < gate.notBefore ||
    (!gate.isReachable && (flight.isOverlapped || flight.age(space.services.clock) >= PROVISIONAL_MS))
  ) {
    // Nobody can say what has moved since it began. One load at a time all the same: wait for its end, then load anew.
    return flight.isProvisional ? undefined : afterIts(flight, again)
  }
  space.watch.counters.loadJoins++
  if (flight.isProvisional) space.wary.mark(key, space.ledger) // its value is stored nowhere, and given out once more
  return awaitLanding(space, flight, policy, signal)
}

async function afterIts(flight: Flight, again: Again): Promise<Landing> {
  const end = waitFrom(currentFlight(), flight)
  await flight.landing.then(end, end)
  return again(flight.key)
}

/** Has something that concerns the flight moved between its start and now? Then its result would be older than what this caller may see. */
const movedSince = (space: Space, flight: Flight, now: number): boolean =>
  flight.asOf.epoch === space.ledger.view.epoch &&
  flight.asOf.seq < now &&
  space.ledger.view.concerning(flight.key, [...flight.tags]) > flight.asOf.seq

/** Waits for a flight; with a stale value at hand, no longer than the soft timeout. Begins to wait at once, and never throws. */
function awaitLanding(space: Space, flight: Flight, policy: LoadPolicy, signal: AbortSignal | undefined): Promise<Landing> {
  const stale = policy.softMs === Number.POSITIVE_INFINITY ? undefined : staleInMemory(space, flight.key, policy.staleIfErrorMs)
  const joined = joinFlight(flight, signal)
  return stale === undefined ? joined : landingOr(space, flight, stale, policy, joined)
}

async function landingOr(space: Space, flight: Flight, stale: Found, policy: LoadPolicy, joined: Promise<Landing>): Promise<Landing> {
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
    cancel = space.services.clock.after(ms, () => resolve(undefined), true)
  })
  return { reached, cancel: () => cancel() }
}

/** A joined flight whose tags became known only at its end may turn out to be older than the caller's own invalidations: then load again. */
function confirm(space: Space, key: string, landing: Landing, joinedAt: number, again: Again): Landing | Promise<Landing> {
  const { found } = landing
  if (found === undefined || found.isStale === true) return landing
  const { view } = space.ledger
  if (found.asOf.epoch !== view.epoch || found.asOf.seq >= joinedAt) return landing
  const moved = view.concerning(key, found.tags)
  if (moved <= found.asOf.seq || moved > joinedAt) return landing
  return again(key)
}

const NOTHING: Landing = Object.freeze({ found: undefined, read: () => undefined })

/**
 * Reads without a loader: what the tiers hold for each key, fresh or stale, in the order of the keys. `takesStale`: what is stale is no miss for the
 * caller.
 */
export async function readTiers(
  space: Space,
  keys: readonly string[],
  demand: Demand,
  takesStale: boolean,
): Promise<(Found | undefined)[]> {
  const ready = makeReady(space, keys, demand)
  const isReachable = ready === true || (await ready)
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
  if (!isReachable) for (const at of wanted) countMiss(space, keys[at] ?? '', 'ledger_unreachable')
  else if (wanted.length > 0) {
    const asked = wanted.length === keys.length ? keys : wanted.map((at) => keys[at] ?? '')
    takeOver(space, wanted, await readFar(space, asked, space.settings.readBudgetMs), found, takesStale)
  }
  if (space.settings.dependencies === 'tracked') for (const at of wanted) noteRead(space, keys[at] ?? '', found[at]?.tags ?? [])
  return found
}

/** Puts what the far tiers answered in the places of the keys that were wanted of them. */
function takeOver(space: Space, wanted: readonly number[], far: FarResult, found: (Found | undefined)[], takesStale: boolean): void {
  const now = space.services.clock.now()
  for (let index = 0; index < wanted.length; index++) {
    const key = far.keys[index] ?? ''
    const entry = far.found[index] ?? staleInMemory(space, key, Number.POSITIVE_INFINITY)
    found[wanted[index] ?? 0] = entry
    if (entry !== undefined && (takesStale || entry.freshUntil > now)) continue
    const gone = whyGone(space, key)
    countMiss(space, key, far.causes[index] ?? far.failure ?? gone.cause, gone)
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
  if (flight === undefined || !flight.isProvisional || flight.isOutdated || flight.isOverlapped) return undefined
  if (flight.age(space.services.clock) >= PROVISIONAL_MS) return undefined
  const { found, read } = await flight.landing
  space.wary.mark(key, space.ledger)
  return found === undefined ? undefined : { ...found, value: read() }
}
