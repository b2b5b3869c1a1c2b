// Reading the far tiers: fastest first, always in batches, accepting only what the ledger confirms.
import { setImmediate as yieldToOthers } from 'node:timers/promises'
import type { MissCause } from '../core/causes.ts'
import type { DecodedParts, Stored } from '../core/contracts.ts'
import type { TierCounters } from './counters.ts'
import { countReject, decodeAll, positionOf } from './encoding.ts'
import type { Found } from './found.ts'
import { causeOf } from './misses.ts'
import { promote } from './promote.ts'
import { dropLeft } from './reroute.ts'
import { goesTo, isAsked } from './route-tiers.ts'
import { type FarTier, handOut, readBudget, type Space } from './space.ts'
import { storageKey } from './storage-key.ts'

/** The tiers' entries of some keys, in the order of the keys. */
export interface FarResult {
  readonly keys: readonly string[]
  /** The valid entry, fresh or stale. */
  readonly found: (Found | undefined)[]
  /** Why an existing entry could not be served. */
  readonly causes: (MissCause | undefined)[]
  /** Some tier failed or was skipped. */
  failure: 'tier_error' | 'breaker_open' | undefined
}

/** Entries that are decoded and judged in one turn: some milliseconds. */
const SHARE = 1000

/**
 * Asks one tier after the other for what is still missing, within the budget (of a batch larger than a command of the
 * tier, it begins again with each answer); promotes what it finds. `isAgain`: the
 * same call has asked before, and what is still missing counts once. `isQuiet`: nothing counts. `met` is told of what
 * is expired as soon as a tier has it: the next one may be slow. `tags`: what the caller says of the entries, for the
 * tiers that are asked.
 */
export async function readFar(
  space: Space,
  keys: readonly string[],
  isAgain = false,
  isQuiet = false,
  met?: (at: number, entry: Found) => void,
  tags?: readonly string[],
): Promise<FarResult> {
  const result: FarResult = {
    keys,
    found: keys.map(() => undefined),
    causes: keys.map(() => undefined),
    failure: undefined,
  }
  const { clock } = space.services
  const budgetMs = readBudget(space.far)
  let until = clock.monotonic() + budgetMs
  let wanted = keys.map((_, at) => at)
  for (let depth = 0; depth < space.far.length && wanted.length > 0; depth++) {
    const far = space.far[depth]
    if (far === undefined || !isAsked(space, far, tags)) continue
    const names = wanted.map((at) => storageKey(space, keys[at] ?? ''))
    const failure = far.guarded.state === 'open' ? 'breaker_open' : 'tier_error'
    const { outerFloor } = space.ledger.view
    const answer = await far.guarded.read(names, until - clock.monotonic())
    if (!answer.ok) {
      result.failure ??= failure
      continue
    }
    if (names.length > far.guarded.limits.items) until = clock.monotonic() + budgetMs
    const { value, unanswered } = answer
    const asked = wanted
    if (unanswered !== undefined) result.failure ??= failure
    wanted = unanswered === undefined ? [] : [...unanswered].map((index) => asked[index] ?? 0)
    const isOneShare = unanswered === undefined && asked.length <= SHARE
    const answered = isOneShare ? asked : indexesBut(asked.length, unanswered)
    for (let from = 0; from < answered.length; from += SHARE) {
      if (from > 0) await yieldToOthers()
      const some = isOneShare ? answered : answered.slice(from, from + SHARE)
      const places = isOneShare ? asked : some.map((index) => asked[index] ?? 0)
      const records = isOneShare ? value : some.map((index) => value[index])
      const keyOf = isAgain || isQuiet ? undefined : (index: number) => keys[places[index] ?? 0] ?? ''
      const decoded = decodeAll(space, far, records, keyOf)
      const parts = decoded instanceof Promise ? await decoded : decoded
      const hearing = space.foreign?.hear(parts.map((part) => part?.tags))
      if (hearing !== undefined) await hearing
      // A target that was forgotten meanwhile may concern an entry that was read before its step.
      const isApart = far.isApart || space.ledger.view.outerFloor !== outerFloor
      const missing = takeIn(space, depth, places, records, parts, result, isApart, isAgain || isQuiet, isQuiet)
      if (isOneShare) wanted = missing
      else for (const at of missing) wanted.push(at)
    }
    if (met !== undefined) tellMet(result, wanted, met)
  }
  return result
}

function indexesBut(count: number, left: ReadonlySet<number> | undefined): number[] {
  const indexes: number[] = []
  for (let index = 0; index < count; index++) if (left?.has(index) !== true) indexes.push(index)
  return indexes
}

function tellMet({ found }: FarResult, missing: readonly number[], met: (at: number, entry: Found) => void): void {
  for (const at of missing) {
    const entry = found[at]
    if (entry !== undefined) met(at, entry)
  }
}

/**
 * Accepts or refuses one tier's answers; returns what to request from the next. One reading of the clock serves all of
 * it.
 */
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
  const left: string[] = []
  for (let index = 0; index < wanted.length; index++) {
    const at = wanted[index] ?? 0
    const key = keys[at] ?? ''
    const stored = answers[index]
    const known = found[at]
    const entry =
      stored === undefined ? undefined : accept(space, far, key, stored, decoded[index], isApart, isUncounted, now)
    if (stored === undefined || entry === undefined || typeof entry === 'string') {
      const cause = typeof entry === 'string' ? entry : undefined
      if (cause === LEFT_OUT) left.push(key)
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
    if (space.memory === undefined) space.watch.removals.expect(space.watch.hash(key), now, entry.staleUntil)
    if (known === undefined || known.freshUntil < entry.freshUntil) {
      found[at] = entry
      promote(space, depth, entry, stored, now, isQuiet)
    }
    if (entry.freshUntil <= now) missing.push(at)
  }
  if (left.length > 0) dropLeft(space, far, left)
  return missing
}

/** For an entry in a tier that the route excludes. */
const LEFT_OUT = 'switched_off' satisfies MissCause

function countCause(counters: TierCounters, cause: MissCause): void {
  if (cause !== 'expired_ttl') counters.refused++
  count(counters.causes, cause)
}

const count = <K>(counts: Map<K, number>, of: K): void => void counts.set(of, (counts.get(of) ?? 0) + 1)

/** Its time, or an invalidation. */
function staleBy({ ledger }: Space, { key, tags, asOf }: Found): MissCause {
  const blame = ledger.view.blame(key, tags, asOf.seq)
  return blame === undefined ? 'expired_ttl' : causeOf(blame)
}

function countFarHit({ id, watch, services }: Space, counters: TierCounters, { key, tier, bytes = 0 }: Found): void {
  counters.hits++
  if (services.events.hearsHits) services.events.emit('hit', { key, namespace: id.name, tier })
  watch.recorder?.hit(watch.hash(key), bytes, key, id.name, tier)
}

/** Judges: an entry of another key, epoch or time, or an invalidated one, is a miss, whose cause is returned. */
function accept(
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
  // That a step has dropped an encrypted entry proves nothing: it may have been put back.
  const isCopy = isApart || parts.sealed !== undefined
  const judgement = isCopy ? view.judgeApart(key, parts.tags, seq) : view.judge(key, parts.tags, seq)
  if (judgement === 'invalid') {
    if (!isUncounted && isReplayed(space, parts, stored, seq)) countReject(space, far, key, 'replayed')
    return causeOf(view.blame(key, parts.tags, seq, isCopy))
  }
  const fitted = space.shapes.fit(key, parts.value)
  if (typeof fitted === 'string') return fitted
  const value = fitted === undefined ? parts.value : fitted.value
  const isStale = judgement === 'stale'
  // Without memory to share it with, the value belongs to the caller.
  const isolated =
    space.memory === undefined
      ? undefined
      : space.services.own(value, value === parts.value ? parts.isNarrow : undefined)
  // The route was different when it was stored, here or in another process.
  if (!goesTo(space, far, { value, isolated, tags: parts.tags })) return LEFT_OUT
  return {
    key,
    value: isolated === undefined ? value : handOut(space, isolated),
    createdAt: parts.createdAt,
    freshUntil: isStale ? Math.min(parts.freshUntil, now) : parts.freshUntil,
    staleUntil: parts.staleUntil,
    tags: parts.tags,
    // Judged valid by every line up to `last`, so it is valid as of `last`.
    asOf: isStale || seq >= view.last ? asOf : { epoch: asOf.epoch, seq: view.last },
    tier: far.guarded.name,
    isolated,
    bytes: stored.body.byteLength,
    isCompressed: parts.isCompressed,
    isEncrypted: parts.isEncrypted,
  }
}

/**
 * It has a position for which it was not encrypted. A write is encrypted for an earlier one: if the ledger has
 * forgotten the step, it can only be old.
 */
function isReplayed(
  { ledger: { view } }: Space,
  { key, tags, sealed }: DecodedParts,
  { asOf }: Stored,
  seq: number,
): boolean {
  if (sealed === undefined || asOf.seq <= seq || view.judgeAt(key, tags, asOf) === 'invalid') return false
  return sealed.stamp === undefined || seq >= view.outerFloor
}
