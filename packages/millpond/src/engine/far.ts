// Reading from and writing to the far tiers: fastest first, the batch is the only path, nothing is believed that the ledger does not confirm.
import { isDeepStrictEqual } from 'node:util'
import type { MissCause } from '../core/causes.ts'
import type { CommitItem, DecodedParts, Near, Stored } from '../core/contracts.ts'
import type { Position } from '../core/ledger.ts'
import type { TierCounters } from './counters.ts'
import { type BodyFor, bodyOf, codecOf, countReject, decodeAll, positionOf } from './encoding.ts'
import type { Flight } from './flights.ts'
import type { Found } from './found.ts'
import { causeOf } from './misses.ts'
import { MEMORY } from './route.ts'
import { goesTo, isAsked, isLeft } from './route-tiers.ts'
import { type FarTier, handOut, inBackground, keepUntil, type Space } from './space.ts'
import { storageKey } from './storage-key.ts'

/** The most keys whose promotion is counted at a time. */
const MAX_PROMOTIONS = 10_000

/** What the tiers hold for some keys, in the order of the keys. */
export interface FarResult {
  readonly keys: readonly string[]
  /** The valid entry, fresh or stale. */
  readonly found: (Found | undefined)[]
  /** Why an entry that was there could not be served. */
  readonly causes: (MissCause | undefined)[]
  /** Some tier failed or was skipped. */
  failure: 'tier_error' | 'breaker_open' | undefined
}

/**
 * Asks one tier after the other for what is still missing, within the budget; promotes what it finds. `isAgain`: the same call has asked before, and
 * what is still missing counts once. `isQuiet`: nothing counts. `met` is told of what is expired as soon as a tier has it: the next one may be slow.
 */
export async function readFar(
  space: Space,
  keys: readonly string[],
  budgetMs: number,
  isAgain = false,
  isQuiet = false,
  met?: (at: number, entry: Found) => void,
): Promise<FarResult> {
  const result: FarResult = { keys, found: keys.map(() => undefined), causes: keys.map(() => undefined), failure: undefined }
  const until = space.services.clock.monotonic() + budgetMs
  let wanted = keys.map((_, at) => at)
  for (let depth = 0; depth < space.far.length && wanted.length > 0; depth++) {
    const far = space.far[depth]
    if (far === undefined || !isAsked(space, far)) continue
    const names = wanted.map((at) => storageKey(space.id.prefix, keys[at] ?? ''))
    const failure = far.guarded.state === 'open' ? 'breaker_open' : 'tier_error'
    const { outerFloor } = space.ledger.view
    const answer = await far.guarded.read(names, until - space.services.clock.monotonic())
    if (!answer.ok) {
      result.failure ??= failure
      continue
    }
    const asked = wanted
    const decoded = decodeAll(space, far, answer.value, isAgain || isQuiet ? undefined : (index) => keys[asked[index] ?? 0] ?? '')
    const parts = decoded instanceof Promise ? await decoded : decoded
    const hearing = space.abroad?.hear(parts.map((part) => part?.tags))
    if (hearing !== undefined) await hearing
    // A target that was forgotten meanwhile may be that of an entry which was read before its step.
    const isApart = far.isApart || space.ledger.view.outerFloor !== outerFloor
    wanted = takeIn(space, depth, wanted, answer.value, parts, result, isApart, isAgain || isQuiet, isQuiet)
    if (met !== undefined) tellMet(result, wanted, met)
  }
  return result
}

function tellMet({ found }: FarResult, missing: readonly number[], met: (at: number, entry: Found) => void): void {
  for (const at of missing) {
    const entry = found[at]
    if (entry !== undefined) met(at, entry)
  }
}

/** Believes or refuses what one tier answered; returns what is to be asked of the next. One reading of the clock serves all of it. */
function takeIn(
  space: Space,
  depth: number,
  wanted: readonly number[],
  answers: readonly (Stored | undefined)[],
  decoded: readonly (DecodedParts | undefined)[],
  { keys, found, causes }: FarResult,
  isApart: boolean,
  isUncounted: boolean,
  isQuiet: boolean,
): number[] {
  const far = space.far[depth]
  if (far === undefined) return []
  const counters = space.watch.counters.tier(far.guarded.name)
  const now = space.services.clock.now()
  const missing: number[] = []
  for (let index = 0; index < wanted.length; index++) {
    const at = wanted[index] ?? 0
    const key = keys[at] ?? ''
    const stored = answers[index]
    const known = found[at]
    const entry = stored === undefined ? undefined : believe(space, far, key, stored, decoded[index], isApart, isUncounted, now)
    if (stored === undefined || entry === undefined || typeof entry === 'string') {
      const cause = typeof entry === 'string' ? entry : undefined
      if (!isUncounted) counters.misses++
      if (!isUncounted && cause !== undefined) countCause(counters, cause)
      causes[at] ??= cause
      missing.push(at)
      continue
    }
    if (entry.freshUntil > now) {
      if (!isQuiet) countFarHit(space, counters, entry)
    } else {
      const cause = staleBy(space, entry)
      if (!isUncounted) {
        counters.misses++
        count(counters.causes, cause)
      }
      causes[at] ??= cause
    }
    if (space.near === undefined) space.watch.removals.expect(space.watch.hash(key), now, entry.staleUntil)
    if (known === undefined || known.freshUntil < entry.freshUntil) {
      found[at] = entry
      promote(space, depth, entry, stored, now)
    }
    if (entry.freshUntil <= now) missing.push(at)
  }
  return missing
}

function countCause(counters: TierCounters, cause: MissCause): void {
  if (cause !== 'expired_ttl') counters.refused++
  count(counters.causes, cause)
}

const count = <K>(counts: Map<K, number>, of: K): void => void counts.set(of, (counts.get(of) ?? 0) + 1)

/** Its time, or somebody's word. */
function staleBy({ ledger }: Space, { key, tags, asOf }: Found): MissCause {
  const blame = ledger.view.blame(key, tags, asOf.seq)
  return blame === undefined ? 'expired_ttl' : causeOf(blame)
}

function countFarHit({ id, watch, services }: Space, counters: TierCounters, { key, tier, bytes = 0 }: Found): void {
  counters.hits++
  if (services.events.hearsHits) services.events.emit('hit', { key, namespace: id.name, tier })
  watch.recorder?.hit(watch.hash(key), bytes, key, id.name)
}

/** Judges: an entry of another key, epoch or time, or one that was invalidated, is a miss, whose cause is the answer. */
function believe(
  space: Space,
  far: FarTier,
  key: string,
  stored: Stored,
  parts: DecodedParts | undefined,
  isApart: boolean,
  isUncounted: boolean,
  now: number,
): Found | MissCause {
  if (parts === undefined) return 'unreadable'
  if (parts.key !== key) {
    if (!isUncounted) countReject(space, far, key, 'moved')
    return 'unreadable'
  }
  const { view } = space.ledger
  const asOf = positionOf(space, parts, stored)
  if (asOf.epoch !== view.epoch) return 'epoch_changed'
  if (parts.staleUntil <= now) return 'expired_ttl'
  const { seq } = asOf
  // That a step has dropped a sealed entry proves nothing: somebody may have put it back.
  const isCopy = isApart || parts.sealed !== undefined
  const judgement = isCopy ? view.judgeApart(key, parts.tags, seq) : view.judge(key, parts.tags, seq)
  if (judgement === 'void') {
    if (!isUncounted && isReplayed(space, parts, stored, seq)) countReject(space, far, key, 'replayed')
    return causeOf(view.blame(key, parts.tags, seq, isCopy))
  }
  const isStale = judgement === 'stale'
  // Where there is no memory to share it with, the value is the caller's own as it is.
  const isolated = space.near === undefined ? undefined : space.services.own(parts.value, parts.isNarrow)
  return {
    key,
    value: isolated === undefined ? parts.value : handOut(space, isolated),
    createdAt: parts.createdAt,
    freshUntil: isStale ? Math.min(parts.freshUntil, now) : parts.freshUntil,
    staleUntil: parts.staleUntil,
    tags: parts.tags,
    // Judged valid by every line up to `last`, so that is what it is valid as of.
    asOf: isStale || seq >= view.last ? asOf : { epoch: asOf.epoch, seq: view.last },
    tier: far.guarded.name,
    isolated,
    bytes: stored.body.byteLength,
    isCompressed: parts.isCompressed,
    isEncrypted: parts.isEncrypted,
  }
}

/** It lies at a position that it was not sealed for. A write is sealed for an earlier one: what the ledger has forgotten the step of may only be old. */
function isReplayed({ ledger: { view } }: Space, { key, tags, sealed }: DecodedParts, { asOf }: Stored, seq: number): boolean {
  if (sealed === undefined || asOf.seq <= seq || view.judgeAt(key, tags, asOf) === 'void') return false
  return sealed.stamp === undefined || seq >= view.outerFloor
}

/** Copies an entry that has just been believed to memory and to the tiers above the one that had it, once it was read often enough there. */
function promote(space: Space, depth: number, entry: Found, stored: Stored, now: number): void {
  const far = space.far[depth]
  if (far === undefined) return
  const isWanted = isDue(space, far, entry.key)
  if (space.near !== undefined) promoteNear(space, space.near, entry, isWanted, now)
  if (!isWanted) return
  const bodyFor = bodyOf(space, entry, entry.asOf)
  const from = codecOf(space, far)
  for (let above = 0; above < depth; above++) {
    const to = space.far[above]
    if (to === undefined || !goesTo(space, to, entry)) continue
    // Bytes that are bound to a position must not be copied to another one.
    const isCopy = codecOf(space, to) === from && from.isBound !== true
    const commit = commitBody(space, to, entry, entry.asOf, isCopy ? () => stored.body : bodyFor, keepUntil(to.keep, entry, now), undefined)
    inBackground(space, `promotion to ${to.guarded.name}`, commit)
  }
}

/**
 * A read comes here when memory has nothing to serve: what it may serve now came while this answer was on its way. Where the two differ, readers may
 * have seen both, and memory keeps neither: see `wary.ts`. With a ledger of this process alone nothing is unheard, and what is valid is the latest.
 */
function promoteNear(space: Space, near: Near, entry: Found, isWanted: boolean, now: number): void {
  const { key } = entry
  const { ledger, wary } = space
  if (entry.freshUntil > now) space.flights.overlap(key)
  const held = near.find(key)
  if (held < 0 || near.freshUntil(held) <= now || ledger.view.judge(key, near.tags(held), near.asOf(held)) !== 'valid') {
    if (isWanted && !wary.isOf(key, ledger)) putNear(space, near, entry, entry.asOf.seq, 0, now)
  } else if (!ledger.isLocal && !holds(near, key, entry.value)) {
    near.drop(key, 'replaced')
    wary.mark(key, ledger)
  }
}

function holds(near: Near, key: string, value: unknown): boolean {
  const slot = near.find(key)
  return slot >= 0 && isDeepStrictEqual(near.value(slot), value)
}

/** Puts a loaded value into memory, unless another one was shown while it was on its way: see `wary.ts`. */
export function landNear(space: Space, entry: Owned, flight: Flight, cost: number, now: number): void {
  const { near, ledger } = space
  if (near === undefined) return
  if (ledger.isLocal) storeNear(space, entry, flight.asOf, cost, now)
  else if (flight.isOverlapped && !holds(near, entry.key, entry.value)) near.drop(entry.key, 'replaced')
  else putNear(space, near, entry, flight.asOf.seq, cost, now)
}

function isDue(space: Space, far: FarTier, key: string): boolean {
  if (far.promoteAfter <= 1) return true
  const reads = (space.promotions.get(key) ?? 0) + 1
  if (reads >= far.promoteAfter) {
    space.promotions.delete(key)
    return true
  }
  if (space.promotions.size >= MAX_PROMOTIONS) space.promotions.clear()
  space.promotions.set(key, reads)
  return false
}

/** An entry with a value that nobody else will ever change. */
type Owned = Omit<Found, 'asOf' | 'tier'>

/**
 * Puts an entry into memory unless the ledger has moved past it. Where memory holds one of a later position, nobody can tell which of the two is newer,
 * so that neither stays. Answers whether it is there.
 */
export function storeNear(space: Space, entry: Owned, asOf: Position, cost = 0, now = space.services.clock.now()): boolean {
  const { near, ledger } = space
  if (near === undefined || ledger.view.judgeAt(entry.key, entry.tags, asOf) === 'void') return false
  const held = near.find(entry.key)
  if (held >= 0 && near.asOf(held) > asOf.seq) {
    if (!ledger.isLocal) near.drop(entry.key, 'replaced')
    return false
  }
  return !space.wary.isOf(entry.key, ledger) && putNear(space, near, entry, asOf.seq, cost, now)
}

function putNear(space: Space, near: Near, made: Owned, asOf: number, cost: number, now: number): boolean {
  if (space.route !== undefined && !space.route.takes(MEMORY, made)) {
    // It goes elsewhere: what memory holds of the key would be older.
    near.drop(made.key, 'replaced')
    return false
  }
  const entry = inTime(made, now)
  const until = keepUntil(space.settings.nearKeep, entry, now)
  const isolated = entry.isolated ?? space.services.own(entry.value)
  return near.set(entry.key, {
    value: isolated.value,
    isolated,
    createdAt: entry.createdAt,
    freshUntil: Math.min(entry.freshUntil, until),
    staleUntil: Math.min(entry.staleUntil, until),
    tags: entry.tags,
    asOf,
    cost,
  })
}

/**
 * An entry from the future was made by a clock that is ahead of this one, or before this one was set back. It lives for as long as it was made for,
 * from now, and no longer.
 */
function inTime(entry: Owned, now: number): Owned {
  const ahead = entry.createdAt - now
  if (ahead <= 0) return entry
  return { ...entry, createdAt: now, freshUntil: entry.freshUntil - ahead, staleUntil: entry.staleUntil - ahead }
}

/** Gives what memory holds of a key new times, as far as memory keeps an entry. */
export function retimeNear(space: Space, key: string, times: Pick<Owned, 'freshUntil' | 'staleUntil'>, now: number): void {
  const { near, settings } = space
  const slot = near?.find(key) ?? -1
  if (near === undefined || slot < 0) return
  const until = keepUntil(settings.nearKeep, times, now)
  near.retime(slot, Math.min(times.freshUntil, until), Math.min(times.staleUntil, until))
}

/** Stores a loaded entry in every far tier, conditionally where the ledger lives. `false`: it was refused there. */
export async function commitFar(
  space: Space,
  key: string,
  entry: Omit<Found, 'asOf' | 'tier'>,
  asOf: Position,
  lease: string | undefined,
): Promise<boolean> {
  const bodyFor = bodyOf(space, entry, asOf)
  const now = space.services.clock.now()
  if (space.near === undefined) space.watch.removals.expect(space.watch.hash(key), now, entry.staleUntil)
  const left = space.far.filter((far) => isLeft(space, far, entry))
  const [accepted] = await Promise.all([
    Promise.all(
      space.far
        .filter((far) => goesTo(space, far, entry))
        .map((far) => commitBody(space, far, entry, asOf, bodyFor, keepUntil(far.keep, entry, now), lease)),
    ),
    ...left.map((far) => far.guarded.drop([storageKey(space.id.prefix, key)])),
  ])
  return !accepted.includes(false)
}

/** The position was taken before the entry is encoded, however long that takes: the ledger refuses what moved meanwhile, and only that is `false`. */
export async function commitBody(
  space: Space,
  far: FarTier,
  { key }: Pick<Found, 'key'>,
  asOf: Position,
  bodyFor: BodyFor,
  expiresAt: number,
  lease: string | undefined,
): Promise<boolean> {
  if (far.guarded.state === 'open') return true
  const body = bodyFor(far)
  return commitTo(space, far, key, asOf, body instanceof Promise ? await body : body, expiresAt, lease)
}

async function commitTo(
  space: Space,
  far: FarTier,
  key: string,
  asOf: Position,
  body: Uint8Array,
  expiresAt: number,
  lease: string | undefined,
): Promise<boolean> {
  const item: CommitItem = {
    key: storageKey(space.id.prefix, key),
    target: key,
    asOf,
    body,
    expiresAt,
    ...(lease === undefined ? {} : { lease }),
  }
  const store = far.holdsLedger ? far.guarded.ledger : undefined
  if (store === undefined) {
    const written = await far.guarded.write([item])
    if (written.ok) space.watch.counters.tier(far.guarded.name).writes++
    return true
  }
  const accepted = await store.commit(space.id.prefix, item)
  if (accepted) space.watch.counters.tier(far.guarded.name).writes++
  else dropRefused(space, key, asOf)
  return accepted
}

/** The key has moved, or its source is being written: what the load has left in memory goes, unless something else is there by now. */
function dropRefused({ near }: Space, key: string, asOf: Position): void {
  const slot = near?.find(key) ?? -1
  if (near !== undefined && slot >= 0 && near.asOf(slot) === asOf.seq) near.drop(key, 'data_changed')
}
