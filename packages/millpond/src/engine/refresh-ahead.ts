// Refresh-ahead: whether a fresh value that is read is due to be reloaded in the background.
//
// - By its share of the TTL. What was loaded together does not come due together: up to a tenth of the share earlier,
// by the key, the same in all processes.
// - By chance, the likelier the nearer the end and the longer loads take: XFetch (Vattani, Chierichetti, Lowenstein:
// Optimal Probabilistic Cache Stampede Prevention, VLDB 2015). Their time of recomputation is the mean of this
// namespace's loads here.
//
// Only what is read again is refreshed: an entry without reads stays as it is, and expires with its TTL.
import { hashOf } from '../core/key-hash.ts'
import type { Ahead, LoadPolicy } from '../core/options.ts'
import { aheadOfKey } from './arms.ts'
import type { ReadRequest } from './read-request.ts'
import type { Space } from './space.ts'

const SPREAD = 0.1
/** An upper bound on draws: its probability is e^-20. */
const FARTHEST = 20
/** Refreshes of a namespace that may be under way here before hits begin others; a later hit does. */
const MOST = 32

export interface Lifetime {
  readonly createdAt: number
  readonly freshUntil: number
}

export const refreshesAhead = ({ refreshAhead, refreshBeta }: LoadPolicy): boolean =>
  refreshAhead > 0 || refreshBeta > 0

/** `reads`: since it was stored, this one among them. */
export function isDue(
  space: Space,
  policy: LoadPolicy,
  key: string,
  life: Lifetime,
  reads: number,
  now: number,
): boolean {
  const ahead = aheadOfKey(space, policy, key)
  if (reads < ahead.refreshReads || space.loads.refreshing >= MOST) return false
  return isLate(ahead, key, life, now) || isDrawn(space, ahead, life, now)
}

/** Of a value that a refresh behind has met: is it as old as the one that is to be replaced? */
export function isLate(
  { refreshAhead }: Ahead,
  key: string,
  { createdAt, freshUntil }: Lifetime,
  now: number,
): boolean {
  if (refreshAhead <= 0) return false
  const share = refreshAhead * (freshUntil - createdAt)
  const late = now - createdAt - share
  return late >= 0 || (late >= -SPREAD * share && late >= -SPREAD * share * placeOf(key))
}

function isDrawn({ watch, services }: Space, { refreshBeta }: Ahead, { freshUntil }: Lifetime, now: number): boolean {
  if (refreshBeta <= 0) return false
  const { count, sumMs } = watch.latency.load
  const reach = count === 0 ? 0 : (refreshBeta * sumMs) / count
  return freshUntil - now < reach * FARTHEST && now - reach * Math.log(services.random()) >= freshUntil
}

/** How often memory has served its entry of the key, including this read; infinite if memory cannot count. */
export function readsOf({ memory }: Space, slot: number): number {
  return memory === undefined || slot < 0 ? Number.POSITIVE_INFINITY : memory.hits(slot) + 1
}

/** From 0 to 1, by the key. */
const placeOf = (key: string): number => (hashOf(key, 0) >>> 0) / 2 ** 32

/** Of what a far tier had: memory has had nothing to count the reads by, so that this one is the first. */
export const isDueFar = ({ space, policy }: ReadRequest, key: string, life: Lifetime, now: number): boolean =>
  isDue(space, policy, key, life, space.memory === undefined ? Number.POSITIVE_INFINITY : 1, now)
