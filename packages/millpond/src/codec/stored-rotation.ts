// One step of the record of a stored ring: uses are added, a new key is prepended if due, and expired ones are removed.
import type { KeyRing } from '../core/codec-options.ts'
import type { Duration } from '../core/duration.ts'
import type { StoredKey, StoredKeys } from './stored-record.ts'
import { newKey, unwrapKey, wrapKey } from './tenant-record.ts'

/** When a key is rotated: whichever comes first. */
export interface RotateAfter {
  /** Time since it began to encrypt. Default `'90d'`. */
  readonly age?: Duration | undefined
  /**
   * Records encrypted by all processes together. Default 2^40: a matter of policy rather than safety, since each
   * process derives new keys long before.
   */
  readonly records?: number | undefined
}

/** A rotation that has been decided. */
export interface KeyRotation {
  /** The id of the new key. */
  readonly id: string
  /** Epoch milliseconds from which it encrypts. */
  readonly activeFrom: number
  /** Why: the current key is too old, has encrypted too much, or a rotation was requested. */
  readonly because: 'age' | 'use' | 'asked'
}

/** When keys rotate and expire, in milliseconds and records. */
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
  /** Records encrypted by each key since the last step. */
  readonly uses: ReadonlyMap<string, number>
  readonly times: RotationTimes
  readonly asked: 'what is due' | 'rotation' | 'rewrap' | 'nothing'
}

/** The keys after the step, and the reason if there is a new key in front. */
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
  // A key that does not encrypt yet is a rotation in progress.
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

/** A key stops encrypting at the time from which the next newer one does. */
function withoutRetired([newest, ...older]: StoredKeys, now: number, { retireMs }: RotationTimes): StoredKeys {
  let successor = newest
  const kept = older.filter((key) => {
    const isOver = now - successor.activeFrom >= retireMs
    successor = key
    return !isOver
  })
  return [newest, ...kept]
}

/**
 * Which key encrypts. If this clock is behind that of the process that created the first key, none is active yet, and
 * the oldest is used.
 */
export function sealingAt(keys: readonly StoredKey[], now: number): number {
  const at = keys.findIndex(({ activeFrom }) => activeFrom <= now)
  return at < 0 ? keys.length - 1 : at
}
