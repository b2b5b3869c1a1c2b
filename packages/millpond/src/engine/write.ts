// How a write travels: the ledger moves and logs "forget key", the far tiers get the value, and memory last.
import { randomUUID } from 'node:crypto'
import type { Change, Isolated, Reason, Settled } from '../core/contracts.ts'
import { dependencyTag } from '../core/dependency.ts'
import { MillpondError } from '../core/errors.ts'
import { type Position, stampedId, type Target } from '../core/ledger.ts'
import { type LoadPolicy, timesOf } from '../core/options.ts'
import type { OutletLine } from '../core/outlet.ts'
import { tagsWithDependencies } from './dependencies.ts'
import { type BodiesFor, bodiesOf, type Draft, draftOf } from './encoding.ts'
import { commitFar, readFar, retimeNear, storeNear } from './far.ts'
import { forget } from './forget.ts'
import type { Found } from './found.ts'
import { heldAt } from './held.ts'
import type { Receipt } from './receipt.ts'
import { goesTo, isLeft } from './route-tiers.ts'
import { type FarTier, isolateFor, keepUntil, ledgerTier, type Space } from './space.ts'
import { storageKey } from './storage-key.ts'

/** Estimated bytes of the values that one step takes: more would hold up everybody else on a shared server. */
const MAX_STEP_BYTES = 2 ** 22

export interface WriteItem {
  readonly key: string
  readonly value: unknown
}

/**
 * Stores values, a step at a time. Ack means: every other copy of the keys is void, and this process sees the new ones.
 * @throws MillpondError `VALUE_UNSUPPORTED` before anything is changed, `VALUE_TOO_LARGE` when all others are stored; `LEDGER_UNREACHABLE` when the shared tier does not
 * answer: nothing more is stored, and the keys that are left are void in this process at once, elsewhere as soon as it answers.
 */
export async function write(space: Space, items: readonly WriteItem[], policy: LoadPolicy): Promise<void> {
  const now = space.services.clock.now()
  const kept = items.map((item) => isolateItem(space, item))
  const tags = await tagsWithDependencies(space, policy)
  const entries = kept.map((item) => entryOf(space, item, policy, tags, now))
  space.watch.counters.sets += entries.length
  if (policy.ttlMs === 0) {
    await forget(space, { keys: entries.map((entry) => entry.key), reason: 'replaced' })
    return
  }
  const deliver = space.outlets === undefined ? undefined : await space.outlets.promise(replacing(entries))
  let refused: ReadonlyMap<Found, unknown> = NONE
  try {
    if (space.far.length === 0) for (const entry of entries) writeNear(space, entry)
    else refused = await writeInSteps(space, entries, now)
  } catch (error) {
    void deliver?.()
    throw error
  }
  if (deliver !== undefined) await deliver()
  for (const entry of entries) if (!refused.has(entry)) noteSet(space, entry)
  for (const [, error] of refused) throw error
}

const NONE: ReadonlyMap<Found, unknown> = new Map()

export function noteSet({ id, watch, services }: Space, { key, isolated }: Pick<Found, 'key' | 'isolated'>): void {
  watch.recorder?.set(watch.hash(key), isolated?.bytes ?? 0, key, id.name)
  if (services.events.has('set')) services.events.emit('set', { key, namespace: id.name })
}

function replacing(entries: readonly Found[]): OutletLine {
  const targets = entries.map(({ key }): Target => ({ kind: 'key', key }))
  return { id: randomUUID(), reason: 'replaced', mode: 'delete', targets, isOwn: true }
}

/** Answers those that no codec takes, each with its error: of their keys nothing has changed, and the others are stored. */
async function writeInSteps(space: Space, entries: readonly Found[], now: number): Promise<ReadonlyMap<Found, unknown>> {
  const refused = new Map<Found, unknown>()
  for (let from = 0, to = 0; from < entries.length; from = to) {
    to = endOfStep(space, entries, from)
    try {
      await apart(entries.slice(from, to), refused, (step) => writeFar(space, step, now))
    } catch (error) {
      const left = entries.slice(to)
      // What was to be written is no longer what the source says. Its own failure is the one that is told already.
      if (left.length > 0) await forget(space, { keys: left.map(({ key }) => key), reason: 'replaced' }).catch(() => {})
      throw error
    }
  }
  return refused
}

/** A value that its codec does not take must not fail the step that it is in: the others go without it. It fails before anything has changed. */
async function apart(
  step: readonly Found[],
  refused: Map<Found, unknown>,
  store: (step: readonly Found[]) => Promise<void>,
): Promise<void> {
  try {
    await store(step)
  } catch (error) {
    const [only] = step
    if (only === undefined || !isOfValue(error)) throw error
    if (step.length === 1) refused.set(only, error)
    else {
      const half = step.length >> 1
      await apart(step.slice(0, half), refused, store)
      await apart(step.slice(half), refused, store)
    }
  }
}

const isOfValue = (error: unknown): boolean =>
  error instanceof MillpondError && (error.code === 'VALUE_TOO_LARGE' || error.code === 'VALUE_UNSUPPORTED')

/** Entries that the ledger's own tier keeps and those that it does not, by the rules of `route`, go in steps of their own. */
function endOfStep(space: Space, entries: readonly Found[], from: number): number {
  const holder = space.route === undefined ? undefined : ledgerTier(space)
  const isKept = (entry: Found | undefined): boolean => holder === undefined || entry === undefined || goesTo(space, holder, entry)
  let bytes = 0
  for (let to = from; to < entries.length; to++) {
    bytes += entries[to]?.isolated?.bytes ?? 0
    if (to > from && (to - from >= space.ledger.stepSize || bytes > MAX_STEP_BYTES || isKept(entries[to]) !== isKept(entries[from])))
      return to
  }
  return entries.length
}

/**
 * Stores what a source has taken, where nobody has moved its key since a position that was taken before; elsewhere the key is void. `isHeld`: the key is held
 * since then, and the hold ends.
 * @throws as `write` does.
 */
export async function writeUnmoved(
  space: Space,
  items: readonly WriteItem[],
  policy: LoadPolicy,
  since: Position,
  isHeld: boolean,
): Promise<void> {
  const now = space.services.clock.now()
  const kept = items.map((item) => isolateItem(space, item))
  const tags = await tagsWithDependencies(space, policy)
  const entries = kept.map((item) => entryOf(space, item, policy, tags, now))
  space.watch.counters.sets += entries.length
  const refused = new Map<Found, unknown>()
  for (let from = 0, to = 0; from < entries.length; from = to) {
    to = endOfStep(space, entries, from)
    const step = entries.slice(from, to)
    if (space.far.length === 0) for (const entry of step) writeNearUnmoved(space, entry, since)
    else await apart(step, refused, (some) => writeDraft(space, some, now, since, isHeld))
  }
  // The source has taken them: what caches hold of their keys is older.
  if (refused.size > 0) await forget(space, { keys: keysOf([...refused.keys()]), reason: 'replaced', ...(isHeld && { ends: since }) })
  for (const entry of entries) if (!refused.has(entry)) noteSet(space, entry)
  for (const [, error] of refused) throw error
}

async function writeDraft(space: Space, entries: readonly Found[], now: number, since: Position, isHeld: boolean): Promise<void> {
  const draft = draftOf(space, keysOf(entries), since)
  await storeFar(space, entries, await bodiesOf(space, entries, draft), now, draft, 1, isHeld)
}

const endsOf = ({ epoch, seq }: Position, count: number): Settled => ({ epoch, seqs: Array.from({ length: count }, () => seq) })

const keysOf = (entries: readonly Found[]): string[] => entries.map(({ key }) => key)

function writeNearUnmoved(space: Space, entry: Found, since: Position): void {
  const { key, tags } = entry
  if (space.ledger.view.judgeAt(key, tags, since) === 'valid') writeNear(space, entry)
  else {
    space.flights.outdate(key)
    space.near?.drop(key, 'replaced')
  }
}

/** Stores one value at once, where memory is all there is and nothing has to be looked up first. `false`: it is for `write`. */
export function writeAtOnce(space: Space, item: WriteItem, policy: LoadPolicy): boolean {
  if (space.far.length > 0 || space.outlets !== undefined || policy.dependsOn.length > 0 || policy.ttlMs === 0) return false
  const entry = entryOf(space, isolateItem(space, item), policy, policy.tags, space.services.clock.now())
  space.watch.counters.sets++
  writeNear(space, entry)
  noteSet(space, entry)
  return true
}

interface KeptItem {
  readonly key: string
  readonly isolated: Isolated
}

/** Comes before whatever is waited for: the caller may change the object as soon as `set` has returned its promise. */
function isolateItem(space: Space, { key, value }: WriteItem): KeptItem {
  return { key, isolated: isolateFor(space, value, key) }
}

function entryOf(space: Space, { key, isolated }: KeptItem, policy: LoadPolicy, tags: readonly string[], now: number): Found {
  const { createdAt, freshUntil, staleUntil } = timesOf(policy, policy.ttlMs, now, space.services.random())
  return {
    key,
    value: isolated.value,
    isolated,
    createdAt,
    freshUntil,
    staleUntil,
    tags,
    asOf: space.ledger.view.position,
    tier: 'memory',
  }
}

/** Memory alone: one step, nothing can come between. */
function writeNear(space: Space, entry: Found): void {
  const { key } = entry
  space.flights.outdate(key)
  const targets: Target[] = space.settings.dependencies === 'off' ? [] : [{ kind: 'tag', tag: dependencyTag(key) }]
  if (space.warmth.restoring !== undefined) targets.push({ kind: 'key', key })
  const asOf = targets.length === 0 ? entry.asOf : space.ledger.advanceNow(targets, 'delete', 'replaced', randomUUID()).position
  storeNear(space, entry, asOf)
}

/** A write that met another one is tried again at once, from the position that it has just been told. */
const MAX_TRIES = 3

/**
 * Where a codec takes its time, the position and the place among the writes of a key are taken before. A write that was encoded later and met another one is
 * not tried again: what it met may have been asked after it.
 */
function writeFar(space: Space, entries: readonly Found[], now: number): Promise<void> {
  const keys = keysOf(entries)
  const before = space.writes.before(keys)
  if (before !== undefined)
    return space.writes.hold(
      keys,
      before.then(() => encodeAndStore(space, entries, now)),
    )
  const draft = draftOf(space, keys, space.ledger.view.position)
  const bodies = bodiesOf(space, entries, draft)
  if (!(bodies instanceof Promise)) return storeFar(space, entries, bodies, now, draft, MAX_TRIES)
  if (space.ledger.isLocal || space.ledger.heard > 0) return space.writes.hold(keys, storeLater(space, entries, bodies, now, draft))
  // Nothing was heard of the ledger yet, from which alone "not moved since" can be told: a second write would be stored, the first never.
  bodies.catch(() => {})
  return space.writes.hold(
    keys,
    space.ledger.ensure().then(() => encodeAndStore(space, entries, now)),
  )
}

function encodeAndStore(space: Space, entries: readonly Found[], now: number): Promise<void> {
  const draft = draftOf(space, keysOf(entries), space.ledger.view.position)
  const bodies = bodiesOf(space, entries, draft)
  return bodies instanceof Promise
    ? storeLater(space, entries, bodies, now, draft)
    : storeFar(space, entries, bodies, now, draft, MAX_TRIES)
}

async function storeLater(space: Space, entries: readonly Found[], bodies: Promise<BodiesFor>, now: number, draft: Draft): Promise<void> {
  return storeFar(space, entries, await bodies, now, draft, 1)
}

async function storeFar(
  space: Space,
  entries: readonly Found[],
  encoded: BodiesFor,
  now: number,
  draft: Draft,
  tries: number,
  isHeld = false,
): Promise<void> {
  const itemsFor = (far: FarTier, bodiesFor: BodiesFor, stored: readonly boolean[] = []): Change['write'] => {
    const bodies = bodiesFor(far)
    // A tier that was switched on meanwhile has none.
    return entries.flatMap((entry, index) => {
      const body = bodies[index]
      return body === undefined || stored[index] === false || !goesTo(space, far, entry)
        ? []
        : { key: storageKey(space.id.prefix, entry.key), body, expiresAt: keepUntil(far.keep, entry, now) }
    })
  }
  try {
    const { position, stored, bodiesFor } = await advanceAndWrite(space, entries, itemsFor, encoded, draft, tries, isHeld)
    await Promise.all(
      space.far
        .filter((far) => far.enabled && !far.holdsLedger)
        .map(async (far) => {
          const left = entries.filter((entry) => isLeft(space, far, entry))
          if (left.length > 0) await far.guarded.drop(left.map(({ key }) => storageKey(space.id.prefix, key)))
          const items = itemsFor(far, bodiesFor, stored)
          if (items.length === 0) return
          const written = await far.guarded.write(items.map((item) => ({ ...item, asOf: position })))
          if (written.ok) space.watch.counters.tier(far.guarded.name).writes += items.length
        }),
    )
    entries.forEach((entry, index) => {
      space.flights.outdateBefore(entry.key, position.seq)
      if (stored[index] === false) return
      storeNear(space, entry, position)
      if (space.near === undefined) space.watch.removals.expect(space.watch.hash(entry.key), now, entry.staleUntil)
    })
  } catch (error) {
    for (const entry of entries) {
      space.flights.outdate(entry.key)
      space.near?.drop(entry.key, 'replaced')
    }
    throw error
  }
}

/** One step of the ledger that voids the keys everywhere and, where the ledger's tier holds entries, stores the new ones. */
async function advanceAndWrite(
  space: Space,
  entries: readonly Found[],
  itemsFor: (far: FarTier, bodiesFor: BodiesFor) => Change['write'],
  encoded: BodiesFor,
  first: Draft,
  tries: number,
  isHeld: boolean,
): Promise<{ position: Position; stored: readonly boolean[]; bodiesFor: BodiesFor }> {
  const holder = ledgerTier(space)
  const keys = entries.map((entry): Target => ({ kind: 'key', key: entry.key }))
  const dependents =
    space.settings.dependencies === 'off' ? [] : entries.map((entry): Target => ({ kind: 'tag', tag: dependencyTag(entry.key) }))
  const targets = [...keys, ...dependents]
  const watch = entries.map((entry) => entry.tags)
  // All entries of a step are alike in this.
  const isKept = holder !== undefined && entries.every((entry) => goesTo(space, holder, entry))
  let bodiesFor = encoded
  let draft = first
  for (let turn = 1; ; turn++) {
    const write = isKept && holder !== undefined ? itemsFor(holder, bodiesFor) : []
    const { position, stored = [] } = await space.ledger.advance({
      targets,
      mode: 'delete',
      reason: 'replaced',
      id: draft.stamp === undefined ? randomUUID() : stampedId(draft.stamp, randomUUID()),
      // Switched off or left out by a rule, it still forgets in the ledger's step: nothing older may be found there later.
      drop: holder !== undefined && !isKept ? entries.map((entry) => storageKey(space.id.prefix, entry.key)) : [],
      write,
      watch,
      ...(isHeld ? { settles: endsOf(draft.since, targets.length) } : { unmovedSince: draft.since }),
    })
    if (turn < tries && stored.includes(false)) {
      const isBound = draft.stamp !== undefined
      draft = draftOf(space, keysOf(entries), position)
      // Written for another position.
      if (isBound) bodiesFor = await bodiesOf(space, entries, draft)
      continue
    }
    if (isKept && holder !== undefined) space.watch.counters.tier(holder.guarded.name).writes += entries.length
    return { position, stored, bodiesFor }
  }
}

/** Gives a held entry a new time to live from now; `false` when no tier holds a fresh one. Its value, position and stale window stay. */
export async function touch(space: Space, key: string, policy: LoadPolicy): Promise<boolean> {
  const entry = await heldEntry(space, key)
  const now = space.services.clock.now()
  if (entry === undefined || entry.freshUntil <= now) return false
  const { freshUntil } = timesOf(policy, policy.ttlMs, now, space.services.random())
  const staleUntil = entry.staleUntil > entry.freshUntil ? freshUntil + (entry.staleUntil - entry.freshUntil) : freshUntil
  retimeNear(space, key, { freshUntil, staleUntil }, now)
  await rewriteFar(space, { ...entry, freshUntil, staleUntil })
  return true
}

/** Makes an entry stale here and in every process, without removing it. */
export async function expire(space: Space, key: string, reason: Reason): Promise<Receipt> {
  const entry = space.far.length === 0 ? undefined : await heldEntry(space, key)
  if (entry !== undefined) await rewriteFar(space, { ...entry, freshUntil: Math.min(entry.freshUntil, space.services.clock.coarse) })
  return forget(space, { keys: [key], mode: 'expire', reason })
}

/** The entry as the far tiers hold it, or, where there are none, as memory does: if it may be believed. */
async function heldEntry(space: Space, key: string): Promise<Found | undefined> {
  await space.ledger.ensure()
  const far = space.far.length === 0 ? undefined : (await readFar(space, [key], space.settings.readBudgetMs)).found[0]
  return far ?? nearEntry(space, key)
}

function nearEntry({ near, ledger, services }: Space, key: string): Found | undefined {
  const slot = near?.find(key) ?? -1
  if (near === undefined || slot < 0) return undefined
  const held = heldAt(near, ledger.view, key, slot)
  const judgement = ledger.view.judge(key, held.tags, held.asOf.seq)
  if (judgement === 'void') return undefined
  return judgement === 'stale' ? { ...held, freshUntil: Math.min(held.freshUntil, services.clock.now()) } : held
}

/** Stores an entry in the far tiers again, at its own position: refused wherever something moved since. */
async function rewriteFar(space: Space, entry: Found): Promise<void> {
  if (space.far.length > 0) await commitFar(space, entry.key, entry, entry.asOf, undefined)
}
