// What becomes of the record of a stored ring in one step: uses are added, a key that is due is put in front, and
// former ones leave.
import type { KeyRing } from '../core/codec-options.ts'
import type { Duration } from '../core/duration.ts'
import type { StoredKey, StoredKeys } from './stored-record.ts'
import { newKey, unwrapKey, wrapKey } from './tenant-record.ts'

/** When a key has sealed enough: whatever comes first. */
export interface RotateAfter {
  /** Since it began to seal. Default `'90d'`. */
  readonly age?: Duration | undefined
  /**
   * Records sealed by all processes together. Default 2^40: long before that each process has taken further derived
   * keys, so that it is a matter of policy.
   */
  readonly records?: number | undefined
}

/** A rotation that was decided on. */
export interface KeyRotation {
  readonly id: string
  /** Epoch milliseconds: from then on it seals. */
  readonly activeFrom: number
  readonly because: 'age' | 'use' | 'asked'
}

/** When keys come and go, in milliseconds and records. */
export interface RotationTimes {
  readonly ageMs: number
  readonly records: number
  readonly overlapMs: number
  readonly retireMs: number
}

export interface Step {
  readonly by: KeyRing
  /** The name of the record, to which keys are bound. */
  readonly record: string
  readonly now: number
  /** Records sealed since by each key. */
  readonly uses: ReadonlyMap<string, number>
  readonly times: RotationTimes
  readonly asked: 'what is due' | 'rotation' | 'rewrap' | 'nothing'
}

/** The keys after the step, and why there is a new one in front, if there is. */
export function stepOf(found: StoredKeys | undefined, { by, record, now, uses, times, asked }: Step) {
  const make = (activeFrom: number): StoredKey => ({ ...newKey(by, record, now), activeFrom, uses: 0 })
  if (found === undefined) return { keys: [make(now)] as const, because: undefined }
  const [first, ...others] = found
  const told = (key: StoredKey): StoredKey => {
    const its = asked === 'rewrap' ? wrappedAnew(by, record, key) : key
    return { ...its, uses: its.uses + (uses.get(key.id) ?? 0) }
  }
  const keys: StoredKeys = [told(first), ...others.map(told)]
  const because = asked === 'rotation' ? 'asked' : asked === 'what is due' ? dueFrom(keys[0], now, times) : undefined
  // One that does not seal yet is the rotation that is under way.
  if (because === undefined || first.activeFrom > now)
    return { keys: withoutRetired(keys, now, times), because: undefined }
  return { keys: withoutRetired([make(now + times.overlapMs), ...keys], now, times), because }
}

function dueFrom(
  { uses, activeFrom }: StoredKey,
  now: number,
  { ageMs, records }: RotationTimes,
): KeyRotation['because'] | undefined {
  if (uses >= records) return 'use'
  return now - activeFrom >= ageMs ? 'age' : undefined
}

function wrappedAnew(by: KeyRing, record: string, key: StoredKey): StoredKey {
  const opened = key.by === by.current ? undefined : unwrapKey(by, record, key)
  return opened === undefined ? key : { ...key, ...wrapKey(by, record, key, opened) }
}

/** A key seals no more from the moment on from which the next newer one does. */
function withoutRetired([newest, ...older]: StoredKeys, now: number, { retireMs }: RotationTimes): StoredKeys {
  let successor = newest
  const kept = older.filter((key) => {
    const isOver = now - successor.activeFrom >= retireMs
    successor = key
    return !isOver
  })
  return [newest, ...kept]
}

/** Which key seals. Where a clock is behind that of who made the first one, none is active yet, and the oldest does. */
export function sealingAt(keys: readonly StoredKey[], now: number): number {
  const at = keys.findIndex(({ activeFrom }) => activeFrom <= now)
  return at < 0 ? keys.length - 1 : at
}
