// Reading without a loader: from memory and the tiers below.
import { checkedElsewhere, checkOptions, type Shape, text } from '../core/checks.ts'
import { checkKey, encodeKey, type Key, keyList } from '../core/key.ts'
import {
  type Consistency,
  DEFAULT_POLICY,
  LOAD_OPTIONS,
  type LoadOptions,
  type ReadOptions,
  resolvePolicy,
} from '../core/options.ts'
import { timed } from './call-time.ts'
import { type HeldEntry, heldEntries, scanCopies } from './entries.ts'
import { type Explanation, explain as explainKey } from './explain.ts'
import { type EntryFacts, factsOf, heldFacts, NO_FACTS } from './facts.ts'
import type { Found } from './found.ts'
import type { Lease } from './held-lease.ts'
import { type LeaseOptions, type LeaseOutcome, readOrLease } from './miss-lease.ts'
import { countStale } from './misses.ts'
import { freshSlot, freshValue, hitAt, hitValue } from './read-memory.ts'
import { readTiers } from './read-tiers.ts'
import { abortable, checkSignal } from './signals.ts'
import { checkOpen, type Space } from './space.ts'

/** The result of looking up an entry. */
export type EntryView<T> =
  | (EntryFacts & { readonly kind: 'hit' | 'stale'; readonly value: T; readonly lease?: Lease })
  | { readonly kind: 'miss'; readonly lease?: Lease }

/** The same if a lease was requested: a miss has it, and so has one of the readers of a stale entry. */
export type LeasedView<T> =
  | Exclude<EntryView<T>, { readonly kind: 'miss' }>
  | { readonly kind: 'miss'; readonly lease: Lease }

/** How `getEntry` reads. */
export interface EntryReadOptions extends ReadOptions {
  /**
   * If there is no fresh value, grants the right to fill the key: fetch the value yourself, then `set(key, value, {
   * lease })`, or `lease.release()`. It has one holder at a time, in this process and in all that share a ledger; other
   * callers meanwhile wait for the value (as does `getOrSet`), or get the stale value that is there.
   */
  readonly lease?: true | LeaseOptions | undefined
}

/** Which keys `keys` returns. */
export interface KeysOptions {
  /** Of entries that carry this tag. */
  readonly tag?: string | undefined
}

/** The verbs that read and never load. */
export interface CacheReads {
  /** Memory only, synchronous: the fresh value, or `undefined`. Never waits, never loads. */
  peek<T = unknown>(key: Key): T | undefined
  /** Whether a fresh value is in memory. Synchronous; not counted as a read. */
  holds(key: Key): boolean
  /** The fresh value from the nearest tier that has it, or `undefined`. */
  get<T = unknown>(key: Key, options?: ReadOptions): Promise<T | undefined>
  /**
   * As `get`, with the entry's metadata; stale entries are marked as such.
   * @example const entry = await cache.getEntry<User>('user:7', { lease: true }) if (entry.kind === 'miss') await
   * cache.set('user:7', await db.user(7), { lease: entry.lease })
   */
  getEntry<T = unknown>(key: Key, options: EntryReadOptions & { readonly lease: true }): Promise<LeasedView<T>>
  getEntry<T = unknown>(key: Key, options?: EntryReadOptions): Promise<EntryView<T>>
  /** The existing fresh values, in the order of the keys; `undefined` for the others. One round trip per tier. */
  getMany<T = unknown>(keys: readonly Key[], options?: ReadOptions): Promise<(T | undefined)[]>
  /** Whether there is a fresh entry in any tier. */
  has(key: Key, options?: ReadOptions): Promise<boolean>
  /** Why a key hits or misses, tier by tier. Changes nothing. */
  explain(key: Key): Promise<Explanation>
  /**
   * The contents of memory in this namespace, without the values: for a report by key or tag, or to find the largest.
   * Not counted as reads. May be iterated in slices while the cache is in use: entries that stay are returned once. A
   * `for` loop over many blocks the process: pause now and then.
   */
  entries(): IterableIterator<HeldEntry>
  /**
   * The encoded keys of the fresh entries of this namespace, each once: those in memory, then those that the tiers
   * below list. Reads every entry, a page at a time: for tools, not for requests. Entries that come or go meanwhile may
   * be missed, and so are those in a tier that cannot list (Memcached).
   */
  keys(options?: KeysOptions): AsyncIterableIterator<string>
}

export function peek<T>(space: Space, key: Key): T | undefined {
  return freshValue(space, encodeKey(key)) as T | undefined
}

export function holds(space: Space, key: Key): boolean {
  return freshSlot(space, encodeKey(key)) >= 0
}

export async function get<T>(space: Space, key: Key, options: ReadOptions | undefined): Promise<T | undefined> {
  const encoded = encodeKey(key)
  if (options === undefined && space.settings.policy.consistency !== 'strong') {
    const slot = freshSlot(space, encoded)
    if (slot >= 0) return hitValue(space, slot, encoded) as T
  }
  const [found] = await read(space, [encoded], options)
  return found === undefined || !isFresh(space, found) ? undefined : (found.value as T)
}

/** A caller may pass on the options that it loads with. */
const READ: Shape<EntryReadOptions & LoadOptions> = { ...LOAD_OPTIONS, lease: checkedElsewhere }

export async function getEntry<T>(space: Space, key: Key, given: EntryReadOptions | undefined): Promise<EntryView<T>> {
  const encoded = encodeKey(key)
  const { memory, ledger, services } = space
  const slot = memory?.find(encoded) ?? -1
  // Before this read is added to its reads.
  const { hits, lastReadAt } = memory === undefined || slot < 0 ? NO_FACTS : heldFacts(memory, ledger.view.epoch, slot)
  if (given !== undefined) checkOptions<EntryReadOptions & LoadOptions>(given, READ, 'getEntry')
  const answer = await (given !== undefined && 'lease' in given
    ? lookOrLease(space, encoded, given)
    : look(space, encoded, given))
  const { found } = answer
  const lease = answer.lease === undefined ? {} : { lease: answer.lease }
  if (found === undefined) return { kind: 'miss', ...lease }
  const isHit = isFresh(space, found)
  // The lease's holder goes on to the source: that counts as a miss.
  if (!isHit && answer.lease === undefined && given?.quiet !== true) countStale(space, found)
  const known = found.tier === 'memory' && hits !== undefined ? { ...found, hits, lastReadAt } : found
  return { kind: isHit ? 'hit' : 'stale', value: found.value as T, ...factsOf(known, services.clock.now()), ...lease }
}

async function look(space: Space, key: string, options: ReadOptions | undefined): Promise<LeaseOutcome> {
  const [found] = await read(space, [key], options, true)
  return { found, lease: undefined }
}

function lookOrLease(space: Space, key: string, { lease, ...options }: EntryReadOptions): Promise<LeaseOutcome> {
  if (lease === undefined) return look(space, key, options)
  checkOpen(space)
  const call = { began: space.services.clock.monotonic(), isQuiet: options.quiet === true }
  return timed(
    space,
    readOrLease(space, checkKey(key), lease, options, resolvePolicy(options, space.settings.policy)),
    call,
  )
}

export async function getMany<T>(
  space: Space,
  keys: readonly Key[],
  options: ReadOptions | undefined,
): Promise<(T | undefined)[]> {
  const found = await read(space, keyList(keys, 'getMany').map(encodeKey), options)
  const now = space.services.clock.now()
  return found.map((entry) => (entry === undefined || entry.freshUntil <= now ? undefined : (entry.value as T)))
}

export async function has(space: Space, key: Key, options: ReadOptions | undefined): Promise<boolean> {
  const [found] = await read(space, [encodeKey(key)], options)
  return found !== undefined && isFresh(space, found)
}

export async function explain(space: Space, key: Key): Promise<Explanation> {
  checkOpen(space)
  return explainKey(space, checkKey(encodeKey(key)))
}

export function entries(space: Space): IterableIterator<HeldEntry> {
  return heldEntries(space)
}

const KEYS: Shape<KeysOptions> = { tag: text }

export function keys(space: Space, options: KeysOptions): AsyncIterableIterator<string> {
  checkOpen(space)
  checkOptions<KeysOptions>(options, KEYS, 'keys')
  return freshKeys(space, options.tag)
}

async function* freshKeys(space: Space, tag: string | undefined): AsyncIterableIterator<string> {
  const seen = new Set<string>()
  for await (const { key, tags, isFresh } of scanCopies(space)) {
    if (!isFresh || seen.has(key)) continue
    seen.add(key)
    if (tag === undefined || tags.includes(tag)) yield key
  }
}

type ReadResult = readonly (Found | undefined)[]

/** Not an async function, since it is called by those alone. */
function read(
  space: Space,
  keys: readonly string[],
  options: ReadOptions | undefined,
  takesStale = false,
): ReadResult | Promise<ReadResult> {
  checkOpen(space)
  const consistency = consistencyOf(options, space.settings.policy.consistency)
  const signal = options?.signal
  const after = options?.after
  const isQuiet = options?.quiet === true
  checkSignal(signal)
  if (consistency !== 'strong' && after === undefined) {
    const here = readMemory(space, keys, isQuiet)
    if (here !== undefined) return here
  }
  for (const key of keys) checkKey(key)
  const work = readTiers(space, keys, { consistency, after }, takesStale, isQuiet)
  return signal === undefined ? work : abortable(work, signal)
}

/** All keys from memory, or nothing. */
function readMemory(space: Space, keys: readonly string[], isQuiet: boolean): (Found | undefined)[] | undefined {
  for (const key of keys) if (freshSlot(space, key) < 0) return undefined
  return keys.map((key) => hitAt(space, space.memory?.find(key) ?? -1, key, isQuiet))
}

function isFresh({ services }: Space, found: Found): boolean {
  return found.freshUntil > services.clock.now()
}

function consistencyOf(options: ReadOptions | undefined, fallback: Consistency): Consistency {
  return options === undefined
    ? fallback
    : resolvePolicy(options, { ...DEFAULT_POLICY, consistency: fallback }).consistency
}
