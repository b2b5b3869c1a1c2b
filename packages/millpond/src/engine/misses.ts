// Why a read missed: what this process knows about a key that no tier has, and the one place where misses are counted
// and reported.
import type { MissCause } from '../core/causes.ts'
import type { Blame } from '../core/ledger-view.ts'
import type { Found } from './found.ts'
import type { MissReason } from './miss-reason.ts'
import type { Removal } from './removal-history.ts'
import { MEMORY } from './route.ts'
import { isAsked } from './route-tiers.ts'
import type { Space } from './space.ts'

const COLD: MissReason = Object.freeze({ cause: 'cold' })
const EXPIRED: MissReason = Object.freeze({ cause: 'expired_ttl' })
const SWITCHED_OFF: MissReason = Object.freeze({ cause: 'switched_off' })

export const GONE_UNSEEN = 'gone from its tier before it expired, for a reason that this process has not seen'

/** For entries evicted from memory: after their expiry the cause is expiration. */
const GIVEN_UP: ReadonlySet<MissCause> = new Set(['evicted_capacity', 'memory_pressure', 'not_admitted'])

/** Costs a hash of the key and a lookup. `slot`: the key's slot in memory. */
export function missReason(space: Space, key: string, slot = space.memory?.find(key) ?? -1): MissReason {
  const { memory, watch, services } = space
  if (isKeptNowhere(space)) return SWITCHED_OFF
  const hash = watch.hash(key)
  const removal = watch.removals.find(hash)
  // An expired entry may still be held: it is removed when its space is needed, or soon after.
  if (memory !== undefined && slot >= 0 && memory.freshUntil(slot) <= services.clock.coarse)
    return removal !== undefined && removal.at >= memory.createdAt(slot) ? removal : EXPIRED
  if (removal !== undefined) return afterRemoval(space, removal)
  return watch.removals.wasSeen(hash) ? forgotten(space) : COLD
}

/** Whether every tier is disabled, or excluded by the route. */
function isKeptNowhere(space: Space): boolean {
  const { memory, far, settings } = space
  return (memory === undefined || settings.route?.mayHold(MEMORY) === false) && !far.some((one) => isAsked(space, one))
}

/** Like `missReason`, but for memory alone, ignoring the tiers below. */
export function missReasonInMemory(space: Space, key: string): MissReason {
  const { removals } = space.watch
  const hash = space.watch.hash(key)
  const removal = removals.find(hash)
  return removal ?? (removals.wasSeen(hash) ? forgotten(space) : COLD)
}

/** What happened to the entry since: a tier below may have kept it longer. */
function afterRemoval({ far, watch, services }: Space, removal: Removal): MissReason {
  const { cause, at, until } = removal
  const { cleared } = watch
  const isOver = until <= services.clock.coarse
  if (cause === 'expired_ttl' || GIVEN_UP.has(cause)) {
    if (cleared !== undefined && cleared.at >= at && cleared.at < until && far.length > 0)
      return { cause: 'invalidated_all', at: cleared.at, receipt: cleared.receipt }
    if (isOver) return cause === 'expired_ttl' ? removal : { cause: 'expired_ttl', at: until }
  }
  if (cause === 'expired_ttl') return { cause: 'unknown', detail: GONE_UNSEEN }
  return removal
}

function forgotten({ watch, services }: Space): MissReason {
  const since = services.clock.now() - watch.removals.forgottenAt
  const detail = Number.isFinite(since)
    ? `it was cached, but was removed longer ago than this process remembers: ${ago(since)}`
    : 'it was stored again after its last removal, and is gone for a reason that this process has not seen'
  return { cause: 'unknown', detail }
}

function ago(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  return seconds < 120
    ? `${seconds} s`
    : seconds < 7200
      ? `${Math.round(seconds / 60)} min`
      : `${Math.round(seconds / 3600)} h`
}

/** The form that is reported to users. */
export function toldOf({ cause, at, receipt, detail }: MissReason): MissReason {
  return {
    cause,
    ...(at === undefined ? {} : { at }),
    ...(receipt === undefined ? {} : { receipt }),
    ...(detail === undefined ? {} : { detail }),
  }
}

const CAUSE_OF_BLAME = {
  key: 'invalidated_key',
  tag: 'invalidated_tag',
  pattern: 'invalidated_pattern',
  clear: 'invalidated_all',
} as const satisfies Record<Blame['kind'], MissCause>

/** The miss cause for the ledger's reason against an entry. */
export function causeOf(blame: Blame | undefined): MissCause {
  return blame === undefined ? 'unknown' : CAUSE_OF_BLAME[blame.kind]
}

/**
 * A caller's read of a key missed: counts it and tells the listeners. `gone` is what memory and the past say, `cause`
 * what a tier said to the contrary.
 */
export function countMiss(space: Space, key: string, cause: MissCause, gone?: MissReason): void {
  const { events } = space.services
  space.watch.counters.miss(cause)
  if (cause === 'evicted_capacity' && gone !== undefined && isYoung(gone)) space.watch.counters.youngEvictions++
  space.watch.recorder?.miss(space.watch.hash(key), cause, key, space.id.name)
  if (!events.has('miss')) return
  events.emit('miss', { key, namespace: space.id.name, ...toldOf(gone?.cause === cause ? gone : { cause }) })
}

const isYoung = (gone: MissReason | Removal): boolean => 'isYoung' in gone && gone.isYoung

/** Counts a stale value given to a caller. */
export function countStale({ id, watch, services }: Space, { key, tier, bytes = 0 }: Found): void {
  watch.counters.stale++
  watch.recorder?.hit(watch.hash(key), bytes, key, id.name, tier)
  if (services.events.has('stale')) services.events.emit('stale', { key, namespace: id.name, tier })
}
