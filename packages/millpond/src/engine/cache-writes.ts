// Writing, removing and changing the TTL of entries by their keys.

import { check, checkOptions, refused, required, type Shape } from '../core/checks.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { MillpondError, show } from '../core/errors.ts'
import { checkKey, encodeKey, type Key, keyList } from '../core/key.ts'
import { type EntryOptions, LOAD_OPTIONS, type LoadOptions, resolvePolicy } from '../core/options.ts'
import { type InvalidationReason, invalidationReason, reasonGiven } from '../core/reason.ts'
import { forget } from './forget.ts'
import { type Lease, type LeaseVerdict, MissLease } from './held-lease.ts'
import type { Receipt } from './receipt.ts'
import { type Resealed, type ResealOptions, reseal as resealAll } from './reseal.ts'
import { expire as expireKey, touch as touchKey } from './retime.ts'
import { checkOpen, type Space } from './space.ts'
import type { Transaction, TransactionOptions } from './transaction.ts'
import { type WriteItem, write, writeAtOnce } from './write.ts'

/** How to store a value that was fetched under a lease. */
export interface LeasedOptions extends EntryOptions {
  /** The lease that `getEntry(key, { lease: true })` has granted for the key. */
  readonly lease: Lease
}

/** Why entries are removed. */
export interface DeleteOptions {
  /**
   * Counted, and reported in events and receipts. `data_changed`: the source has changed. `superseded`: replaced under
   * other keys, and no longer requested. `error_threshold`: its source keeps failing. Or your own words, which events,
   * receipts and `explain` show. Default `manual`.
   */
  readonly reason?: InvalidationReason | undefined
}

/** The verbs that change entries by their keys. */
export interface CacheWrites {
  /**
   * Stores a value everywhere. The acknowledgement means that no reader, in any process, gets an older one after the
   * documented bound.
   */
  set(key: Key, value: unknown, options?: EntryOptions): Promise<void>
  /**
   * Stores a value that was fetched for a miss, if nothing that concerns it was invalidated or written since the miss:
   * as `getOrSet` does with its loader's value. Callers that wait for the key get the value, whatever the result.
   * @throws MillpondError `LEDGER_UNREACHABLE`: it is not stored, and the lease is over.
   */
  set(key: Key, value: unknown, options: LeasedOptions): Promise<LeaseVerdict>
  /** Stores many values; a few hundred take one step of the ledger and one round trip per tier. */
  setMany(entries: Iterable<readonly [Key, unknown]>, options?: EntryOptions): Promise<void>
  /** Removes a key from every tier of every process. */
  delete(key: Key, options?: DeleteOptions): Promise<Receipt>
  /** Removes many keys with one step of the ledger. */
  deleteMany(keys: readonly Key[], options?: DeleteOptions): Promise<Receipt>
  /** Makes a key stale everywhere: it may still be returned where stale values are permitted. */
  expire(key: Key): Promise<Receipt>
  /**
   * Gives a fresh entry a new TTL from now, in this process and the tiers below. `false`: there was none. A copy in
   * another process's memory keeps the time it has: where a shorter one must hold everywhere, use `expire` or `set`.
   */
  touch(key: Key, ttl?: Duration): Promise<boolean>
  /**
   * Runs a database transaction between two invalidations. Before the work, what it names is invalidated in every
   * process, and held: values loaded meanwhile are not stored. When the work has resolved, the names are invalidated
   * once more, and what it has `set` is cached. If it rejects, the caches are invalidated all the same, and the error
   * passes unchanged. If the process ends in between, the hold remains, and the caches are invalidated when it expires.
   * @throws MillpondError `LEDGER_UNREACHABLE` before the work: it has not begun. After it: it is done, and caches
   * elsewhere hear of it when the hold runs out at the latest.
   * @example await cache.transaction({ keys: [['deal', 7]], tags: ['deal-lists'] }, () => sql.begin((tx) => tx`update
   * deal set stage = 'won' where id = 7`))
   */
  transaction<T>(options: TransactionOptions, work: (transaction: Transaction) => Promise<T> | T): Promise<T>
  /**
   * Encrypts entries in the tiers again that were encrypted with a former key of the ring, or are in plain although
   * encryption is on: after a rotation, before the former key is removed. May be interrupted, and continued in any
   * process: finished entries are skipped. For this namespace only; each has its own.
   * @throws MillpondError `ABORTED`, `TIER_FAILED`, `LEDGER_UNREACHABLE`: what was done stays done.
   */
  reseal(options?: ResealOptions): Promise<Resealed>
}

export async function set(space: Space, key: Key, value: unknown, options: EntryOptions | undefined): Promise<void> {
  checkOpen(space)
  const item = itemOf(key, value)
  const policy = resolvePolicy(options, space.settings.policy)
  const { clock } = space.services
  const started = clock.monotonic()
  if (!writeAtOnce(space, item, policy)) await write(space, [item], policy)
  space.watch.latency.set.record(clock.monotonic() - started)
}

/** Any value given as options: it is validated afterwards. */
export const isLeased = (options: unknown): options is LeasedOptions =>
  typeof options === 'object' && options !== null && 'lease' in options

type Leased = LoadOptions & { readonly lease: MissLease }

const LEASED: Shape<Leased> = {
  ...LOAD_OPTIONS,
  lease: required(
    check(
      (value): value is MissLease => value instanceof MissLease,
      'the lease from getEntry(key, { lease: true }) for this key',
    ),
  ),
}

/** With the lease that was granted for it. */
export async function setLeased(space: Space, key: Key, value: unknown, given: LeasedOptions): Promise<LeaseVerdict> {
  checkOpen(space)
  checkOptions<Leased>(given, LEASED, 'set')
  const { lease, ...options } = given
  const item = itemOf(key, value)
  const { clock } = space.services
  const started = clock.monotonic()
  const verdict = await lease.set(space, item, resolvePolicy(options, space.settings.policy))
  space.watch.latency.set.record(clock.monotonic() - started)
  return verdict
}

function pairsOf(entries: Iterable<readonly [Key, unknown]>): readonly (readonly [Key, unknown])[] {
  const given: unknown = entries
  if (typeof given !== 'object' || given === null || !(Symbol.iterator in given))
    throw refused(given, 'setMany', 'pairs of a key and its value: an array of [key, value], or a Map')
  const pairs = [...entries]
  const odd = pairs.findIndex((pair) => !Array.isArray(pair) || pair.length !== 2)
  if (odd >= 0) throw refused(pairs[odd], `setMany[${odd}]`, 'pairs of a key and its value: [key, value]')
  return pairs
}

export async function setMany(
  space: Space,
  entries: Iterable<readonly [Key, unknown]>,
  options: EntryOptions | undefined,
): Promise<void> {
  checkOpen(space)
  const items = pairsOf(entries).map(([key, value]) => itemOf(key, value))
  if (items.length === 0) return
  const { clock } = space.services
  const started = clock.monotonic()
  await write(space, items, resolvePolicy(options, space.settings.policy))
  space.watch.latency.set.record(clock.monotonic() - started)
}

const DELETE: Shape<DeleteOptions> = { reason: invalidationReason }

export async function deleteMany(
  space: Space,
  keys: readonly Key[],
  options: DeleteOptions | undefined,
  at = 'deleteMany',
): Promise<Receipt> {
  checkOpen(space)
  if (options !== undefined) checkOptions<DeleteOptions>(options, DELETE, at)
  const encoded = keyList(keys, 'deleteMany').map((key) => checkKey(encodeKey(key)))
  space.watch.counters.deletes += encoded.length
  const receipt = await forget(space, { keys: encoded, ...reasonGiven(options?.reason, 'manual') })
  const { events } = space.services
  if (events.has('delete')) for (const key of encoded) events.emit('delete', { key, namespace: space.id.name })
  return receipt
}

export async function expire(space: Space, key: Key): Promise<Receipt> {
  checkOpen(space)
  return expireKey(space, checkKey(encodeKey(key)), 'manual')
}

export async function touch(space: Space, key: Key, ttl: Duration | undefined): Promise<boolean> {
  checkOpen(space)
  const policy = resolvePolicy(
    ttl === undefined ? undefined : { ttl: parseDuration(ttl, 'ttl') },
    space.settings.policy,
  )
  return touchKey(space, checkKey(encodeKey(key)), policy)
}

function itemOf(key: Key, value: unknown): WriteItem {
  if (value === undefined)
    throw new MillpondError(
      'VALUE_UNSUPPORTED',
      `the value of ${show(key)} is undefined: delete the key, or store null`,
    )
  return { key: checkKey(encodeKey(key)), value }
}

export async function reseal(space: Space, options: ResealOptions | undefined): Promise<Resealed> {
  checkOpen(space)
  return resealAll(space, options)
}
