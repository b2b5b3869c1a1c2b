// The path of a read: memory, then a load over the far tiers, then the loader.
import { MillpondError } from '../core/errors.ts'
import { shareOfTurn } from '../wrap/turn-share.ts'
import { currentLoad, waitFrom } from './current-load.ts'
import { noteRead } from './dependencies.ts'
import type { Found } from './found.ts'
import { LET_GO, type Load } from './load.ts'
import { PROVISIONAL_MS } from './load-completion.ts'
import { makeReady, newestMark } from './make-ready.ts'
import { countMiss, countStale } from './misses.ts'
import { hitInCall, isFreshAt, staleInMemory } from './read-memory.ts'
import type { ReadRequest } from './read-request.ts'
import { isDue, readsOf, refreshesAhead } from './refresh-ahead.ts'
import { abortable, checkSignal } from './signals.ts'
import { handOut, type Space } from './space.ts'
import { openLoad, openLoads, refreshBehind, staleMs, startLoads } from './start-loads.ts'
import { isUnheard } from './unheard.ts'
import { canWaitAlone, join, lead, staleInTier, take } from './wait.ts'

/** The value for a reader: a copy if freezing cannot protect it. */
export function shown(space: Space, { value, isolated }: Found): unknown {
  return isolated === undefined ? value : handOut(space, isolated)
}

/** Reads through: from the nearest tier that has the key, otherwise from the loader. */
export function readThrough(request: ReadRequest, key: string): Promise<Found> {
  return isNoted(request) ? readNoted(request, key) : travel(request, key)
}

/** Whether this is a read inside a loader whose reads are tracked. */
const isNoted = ({ space }: ReadRequest): boolean =>
  space.settings.dependencies === 'tracked' && currentLoad() !== undefined

/** A failed read is a dependency too: the loader's result may depend on it. */
async function readNoted(request: ReadRequest, key: string): Promise<Found> {
  try {
    const found = await travel(request, key)
    noteRead(request.space, key, found.tags, found.asOf)
    return found
  } catch (error) {
    noteRead(request.space, key, [], request.since)
    throw error
  }
}

async function travel(request: ReadRequest, key: string): Promise<Found> {
  const { space, policy, after } = request
  checkSignal(request.signal)
  const ready = makeReady(space, space.fence.markOf(key), { consistency: policy.consistency, after })
  if (ready === true) request.open(true, false)
  else {
    request.isAbsent = false
    request.open(await ready, true)
    checkSignal(request.signal)
  }
  let found = fromMemory(request, key, request.isAbsent ? -1 : (space.memory?.find(key) ?? -1))
  if (found === undefined) {
    const joined = fromLoad(request, key)
    if (joined !== undefined) found = await joined
    else {
      // Of thousands of calls waiting for one answer of the ledger, a few hundred continue at once; the others check
      // again what there is.
      const share = ready === true || request.hasShare ? undefined : shareOfTurn()
      if (share !== undefined) {
        await share
        return readAgain(request, key, true)
      }
      const load = openLoad(request, key)
      request.load = load
      const done = startLoads(request, [load])
      if (canWaitAlone(request)) {
        // The common case: only the load's end is awaited.
        load.waiters++
        await done
        load.waiters--
        found = take(request, load)
      } else found = await leadOne(request, load, done)
    }
  }
  refreshBehind(request)
  return isTooOld(request, key, found) ? readAgain(request, key) : found
}

/** Reads many keys, in their order. Keys that are not being loaded yet are loaded in one call. */
export function readThroughMany(request: ReadRequest, keys: readonly string[]): Promise<readonly Found[]> {
  return isNoted(request) ? readManyNoted(request, keys) : travelMany(request, keys)
}

async function readManyNoted(request: ReadRequest, keys: readonly string[]): Promise<readonly Found[]> {
  try {
    const all = await travelMany(request, keys)
    for (const { key, tags, asOf } of all) noteRead(request.space, key, tags, asOf)
    return all
  } catch (error) {
    for (const key of keys) noteRead(request.space, key, [], request.since)
    throw error
  }
}

async function travelMany(request: ReadRequest, keys: readonly string[]): Promise<readonly Found[]> {
  const { space, policy, after } = request
  checkSignal(request.signal)
  const ready = makeReady(space, newestMark(space, keys), { consistency: policy.consistency, after })
  request.open(ready === true || (await ready), ready !== true)
  checkSignal(request.signal)
  const unique = [...new Set(keys)]
  // First the synchronous part: it may throw, and no load may have been joined then, whose error would be unhandled.
  let isAbsent = true
  const found = unique.map((key) => {
    const slot = space.memory?.find(key) ?? -1
    const held = fromMemory(request, key, slot)
    if (held === undefined && slot >= 0) isAbsent = false
    return held
  })
  request.isAbsent = isAbsent
  const joined: Promise<unknown>[] = []
  const absent: number[] = []
  for (let at = 0; at < unique.length; at++) {
    if (found[at] !== undefined) continue
    const load = fromLoad(request, unique[at] ?? '')
    if (load === undefined) absent.push(at)
    else joined.push(load.then((value) => (found[at] = value)))
  }
  if (absent.length > 0) joined.push(leadMany(request, unique, absent, found))
  if (joined.length > 0) await Promise.all(joined)
  refreshBehind(request)
  const again: Promise<unknown>[] = []
  for (const [at, one] of found.entries()) {
    if (one !== undefined && isTooOld(request, one.key, one))
      again.push(readAgain(request, one.key).then((anew) => (found[at] = anew)))
  }
  if (again.length > 0) await Promise.all(again)
  return inOrder(keys, unique, found as readonly Found[])
}

/** A key may be named more than once. */
function inOrder(keys: readonly string[], unique: readonly string[], found: readonly Found[]): readonly Found[] {
  if (unique.length === keys.length) return found
  const places = new Map(unique.map((key, at) => [key, at]))
  return keys.map((key) => found[places.get(key) ?? 0] as Found)
}

async function leadOne(request: ReadRequest, load: Load, done: Promise<void>): Promise<Found> {
  const [found] = await lead(request, [load], done)
  return found as Found
}

async function leadMany(
  request: ReadRequest,
  keys: readonly string[],
  places: readonly number[],
  found: (Found | undefined)[],
): Promise<void> {
  const loads = openLoads(request, places.length === keys.length ? keys : places.map((at) => keys[at] ?? ''))
  const loaded = await lead(request, loads, startLoads(request, loads))
  for (const [index, at] of places.entries()) found[at] = loaded[index]
}

/** Reads a key anew: what was joined turned out to be too old, or others have gone on meanwhile. */
async function readAgain(request: ReadRequest, key: string, hasShare = false): Promise<Found> {
  const next = request.again()
  next.hasShare = hasShare
  const found = await travel(next, key)
  request.isJoined = next.isJoined
  request.load = next.load
  return found
}

/** What may be served at once. @throws the error that the key's loader is remembered to have ended with. */
function fromMemory(request: ReadRequest, key: string, slot: number): Found | undefined {
  const { space, isQuiet } = request
  if (request.refusesCopies || request.wants === 'new') return undefined
  const { clock } = space.services
  const isFresh = slot >= 0 && space.memory !== undefined && isFreshAt(space, space.memory, slot, key)
  const reads = isFresh && refreshesAhead(request.policy) ? readsOf(space, slot) : 0
  const fresh = isFresh ? hitInCall(space, slot, key, isQuiet) : undefined
  if (fresh !== undefined) {
    if (reads > 0 && isDue(space, request.policy, key, fresh, reads, clock.coarse))
      request.noteDue(key, fresh.createdAt)
    return fresh
  }
  const stale = slot < 0 ? undefined : staleInMemory(space, key, staleMs(request, key))
  if (stale !== undefined && !isUnheard(space, stale)) {
    request.noteDue(key, stale.createdAt)
    if (!isQuiet) countStale(space, stale)
    return stale
  }
  const failure = space.loads.failure(key, clock)
  if (failure === undefined) return undefined
  if (!isQuiet) countMiss(space, key, 'negative')
  throw failure.error
}

/** Joins the key's current load, if it may be joined. */
function fromLoad(request: ReadRequest, key: string): Promise<Found> | undefined {
  const { space, isReachable, isQuiet } = request
  const load = space.loads.joinable.get(key)
  if (load === undefined || load.isOutdated || movedSince(space, load, request.joinedAt)) return undefined
  if ('one' in request.loader && request.loader.othersLoad !== undefined) {
    request.loader.othersLoad(load)
    checkSignal(request.signal) // who does not wait for them has left
  }
  // It began before the ledger's first answer: a later epoch outdates loads.
  const isUnnumbered = load.asOf.epoch !== space.ledger.view.epoch
  if (
    isUnnumbered ||
    load.startedAt < request.notBefore ||
    (!isReachable && (load.isOverlapped || load.age(space.services.clock) >= PROVISIONAL_MS))
  ) {
    // What has moved since it began is unknown. Still one load at a time: wait for its end, then load anew.
    return load.isProvisional ? undefined : afterIts(request, load)
  }
  const stale = staleInTier(space, load, request.staleForMs)
  if (stale !== undefined && !isUnheard(space, stale)) {
    if (!isQuiet) countStale(space, stale)
    return Promise.resolve(stale)
  }
  space.watch.counters.loadJoins++
  if (!isQuiet) load.isAhead = false
  if (load.isProvisional) space.fence.mark(key, space.ledger) // its value is stored nowhere, and given out once more
  return joinOne(request, load)
}

/**
 * The value of another call's load, unless it was a stale value that this caller does not permit, or timed out sooner
 * than this caller would have, or was to be set under a lease and never was.
 */
async function joinOne(request: ReadRequest, load: Load): Promise<Found> {
  const { key } = load
  const knownTags = load.tags
  try {
    const found = await join(request, load)
    const { clock } = request.space.services
    if (found.isStale === true && found.freshUntil + staleMsAtMost(request) <= clock.now())
      return readAgain(request, key)
    if (learnedTooLate(request, load, found, knownTags)) return readAgain(request, key)
    request.isJoined = true
    request.load = load
    return found
  } catch (error) {
    if (error === LET_GO) return readAgain(request, key)
    const isImpatient =
      error instanceof MillpondError && error.code === 'LOAD_TIMEOUT' && load.hardMs < request.policy.hardMs
    if (isImpatient && !load.isOpen) return readAgain(request, key)
    throw error
  }
}

const staleMsAtMost = ({ staleForMs, staleIfErrorMs }: ReadRequest): number => Math.max(staleForMs, staleIfErrorMs)

async function afterIts(request: ReadRequest, load: Load): Promise<Found> {
  const stop = waitFrom(currentLoad(), load)
  const ended = load.result.then(stop, stop)
  await (request.signal === undefined ? ended : abortable(ended, request.signal))
  return readAgain(request, load.key)
}

/**
 * Whether something that concerns the load was invalidated between its start and now. Then its result would be older
 * than this caller may see.
 */
const movedSince = (space: Space, load: Load, now: number): boolean =>
  space.loads.untold.last(load.key, load.tags, load.untoldBefore) > 0 ||
  (load.asOf.epoch === space.ledger.view.epoch &&
    load.asOf.seq < now &&
    space.ledger.view.concerning(load.key, load.tags) > load.asOf.seq) ||
  foreignMoved(space, load.tags)

/** Whether a dependency in another namespace was invalidated. */
function foreignMoved({ foreign }: Space, tags: readonly string[]): boolean {
  const judgement = foreign === undefined ? 'valid' : foreign.judge(tags)
  return judgement === 'invalid' || judgement === 'stale'
}

/**
 * Whether a joined load has tags, unknown when it was joined, that were invalidated after it began. Only the last
 * invalidation of a tag is known: it may have come after the caller, but so may an earlier one before it.
 */
function learnedTooLate(
  request: ReadRequest,
  load: Load,
  { tags, asOf }: Found,
  knownTags: readonly string[],
): boolean {
  if (tags.every((tag) => knownTags.includes(tag))) return false
  const { space, joinedAt, joinedUntold } = request
  const { key, untoldBefore } = load
  if (untoldBefore < joinedUntold && space.loads.untold.last(key, tags, untoldBefore) > 0) return true
  const { view } = space.ledger
  return asOf.epoch === view.epoch && asOf.seq < joinedAt && view.concerning(key, tags) > asOf.seq
}

/** A joined load whose tags became known only at its end may be older than the caller's own invalidations. */
function isTooOld({ space, joinedAt, isJoined }: ReadRequest, key: string, found: Found): boolean {
  if (found.tier === 'memory') return false
  if (isJoined && foreignMoved(space, found.tags)) return true
  const { view } = space.ledger
  if (found.asOf.epoch !== view.epoch || found.asOf.seq >= joinedAt) return false
  const moved = view.concerning(key, found.tags)
  return moved > found.asOf.seq && moved <= joinedAt
}
