// The path of a write: the ledger advances and logs the invalidation of the key, then the far tiers store the value,
// and memory last.
import { randomUUID } from 'node:crypto'
import type { Isolated } from '../core/contracts.ts'
import { dependencyTag } from '../core/dependency.ts'
import { MillpondError } from '../core/errors.ts'
import type { Position, Target } from '../core/ledger.ts'
import { type LoadPolicy, timesOf } from '../core/options.ts'
import type { OutletLine } from '../core/outlet.ts'
import { policyOfKey } from './arms.ts'
import { tagsWithDependencies } from './dependencies.ts'
import { bodiesOf, draftOf } from './encoding.ts'
import { forget } from './forget.ts'
import type { Found } from './found.ts'
import { goesTo } from './route-tiers.ts'
import { isolateFor, ledgerTier, roomOf, type Space } from './space.ts'
import { storeInMemory } from './store-in-memory.ts'
import { keysOf, storeFar, writeFar } from './write-far.ts'

/** Maximum estimated bytes of values per step: more would block other users of a shared server. */
const MAX_STEP_BYTES = 2 ** 22

export interface WriteItem {
  readonly key: string
  readonly value: unknown
}

/**
 * Stores values, step by step. Once acknowledged, every other copy of the keys is invalid, and this process sees the
 * new ones.
 * @throws MillpondError `VALUE_UNSUPPORTED` before anything is changed, `VALUE_TOO_LARGE` when all others are stored;
 * `LEDGER_UNREACHABLE` when the shared tier does not answer: nothing more is stored, and the keys that are left are
 * invalid in this process at once, elsewhere as soon as it answers.
 */
export async function write(space: Space, items: readonly WriteItem[], policy: LoadPolicy): Promise<void> {
  const now = space.services.clock.now()
  const kept = items.map((item) => isolateItem(space, item))
  const tags = await tagsWithDependencies(space, policy)
  const given = kept.map((item) => entryOf(space, item, policy, tags, now))
  space.watch.counters.sets += given.length
  const entries = policy.ttlMs === 0 ? given.filter(({ freshUntil }) => freshUntil > now) : given
  if (entries.length < given.length) {
    const over = given.filter(({ freshUntil }) => freshUntil <= now)
    await forget(space, { keys: keysOf(over), reason: 'replaced' })
    if (entries.length === 0) return
  }
  const deliver = space.outlets === undefined ? undefined : await space.outlets.promise(replacing(entries, policy.tags))
  let refused: ReadonlyMap<Found, unknown> = NONE
  try {
    if (space.far.length === 0) for (const entry of entries) writeMemory(space, entry)
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

type NotedSet = Pick<Found, 'key' | 'isolated' | 'createdAt' | 'freshUntil'>

export function noteSet({ id, watch, services }: Space, { key, isolated, createdAt, freshUntil }: NotedSet): void {
  watch.recorder?.set(watch.hash(key), isolated?.bytes ?? 0, key, id.name, freshUntil - createdAt)
  if (services.events.has('set')) services.events.emit('set', { key, namespace: id.name })
}

function replacing(entries: readonly Found[], tags: readonly string[]): OutletLine {
  const targets = entries.map(({ key }): Target => ({ kind: 'key', key }))
  return { id: randomUUID(), reason: 'replaced', mode: 'delete', targets, tags, isOwn: true }
}

/**
 * Resolves with the entries that a codec rejects, each with its error: their keys are unchanged, and the others are
 * stored.
 */
async function writeInSteps(
  space: Space,
  entries: readonly Found[],
  now: number,
): Promise<ReadonlyMap<Found, unknown>> {
  const refused = new Map<Found, unknown>()
  for (let from = 0, to = 0; from < entries.length; from = to) {
    to = endOfStep(space, entries, from)
    try {
      await apart(entries.slice(from, to), refused, (step) => writeFar(space, step, now))
    } catch (error) {
      const left = entries.slice(to)
      // The values that were not written are outdated. Only the first failure is reported.
      if (left.length > 0) await forget(space, { keys: left.map(({ key }) => key), reason: 'replaced' }).catch(() => {})
      throw error
    }
  }
  return refused
}

/**
 * A value that its codec rejects must not fail its whole step: the others are written without it. It fails before
 * anything has changed.
 */
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

/**
 * Entries that the ledger's own tier stores and those that it does not, by the rules of `route`, are written in
 * separate steps.
 */
function endOfStep(space: Space, entries: readonly Found[], from: number): number {
  const holder = space.settings.route === undefined ? undefined : ledgerTier(space)
  const isKept = (entry: Found | undefined): boolean =>
    holder === undefined || entry === undefined || goesTo(space, holder, entry)
  let bytes = 0
  for (let to = from; to < entries.length; to++) {
    bytes += entries[to]?.isolated?.bytes ?? 0
    if (
      to > from &&
      (to - from >= space.ledger.stepSize || bytes > MAX_STEP_BYTES || isKept(entries[to]) !== isKept(entries[from]))
    )
      return to
  }
  return entries.length
}

/**
 * Stores values committed by a source, if their keys were not invalidated since a position that was taken before;
 * otherwise the key is invalid. `isHeld`: the key is held since then, and the hold ends.
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
    if (space.far.length === 0) for (const entry of step) writeMemoryUnmoved(space, entry, since)
    else await apart(step, refused, (some) => writeDraft(space, some, now, since, isHeld))
  }
  // The source has committed them: cached entries of their keys are older.
  if (refused.size > 0)
    await forget(space, { keys: keysOf([...refused.keys()]), reason: 'replaced', ...(isHeld && { ends: since }) })
  for (const entry of entries) if (!refused.has(entry)) noteSet(space, entry)
  for (const [, error] of refused) throw error
}

async function writeDraft(
  space: Space,
  entries: readonly Found[],
  now: number,
  since: Position,
  isHeld: boolean,
): Promise<void> {
  const draft = draftOf(space, keysOf(entries), since)
  await storeFar(space, entries, await bodiesOf(space, entries, draft), now, draft, 1, isHeld)
}

function writeMemoryUnmoved(space: Space, entry: Found, since: Position): void {
  const { key, tags } = entry
  if (space.ledger.view.judgeToKeep(key, tags, since.seq, since.epoch) === 'valid') writeMemory(space, entry)
  else {
    space.loads.outdate(key)
    space.memory?.drop(key, 'replaced')
    // Also invalidates what was computed meanwhile from the source's old values.
    const targets = numberedWith(space, key)
    if (targets.length > 0) space.ledger.advanceNow(targets, 'delete', 'replaced', randomUUID())
  }
}

/**
 * Stores one value synchronously, if there is only memory and nothing has to be looked up first. `false`: use `write`.
 */
export function writeAtOnce(space: Space, item: WriteItem, policy: LoadPolicy): boolean {
  if (space.far.length > 0 || space.outlets !== undefined || policy.dependsOn.length > 0 || policy.ttlMs === 0)
    return false
  const entry = entryOf(space, isolateItem(space, item), policy, policy.tags, space.services.clock.now())
  space.watch.counters.sets++
  writeMemory(space, entry)
  noteSet(space, entry)
  return true
}

interface KeptItem {
  readonly key: string
  readonly isolated: Isolated
}

/** Done before anything is awaited: the caller may modify the object as soon as `set` has returned its promise. */
function isolateItem(space: Space, { key, value }: WriteItem): KeptItem {
  return { key, isolated: isolateFor(space, value, key, roomOf(space)) }
}

function entryOf(
  space: Space,
  { key, isolated }: KeptItem,
  given: LoadPolicy,
  tags: readonly string[],
  now: number,
): Found {
  const policy = policyOfKey(space, given, key)
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

/** Memory alone: one synchronous step. */
function writeMemory(space: Space, entry: Found): void {
  const { key } = entry
  space.loads.outdate(key)
  const targets = numberedWith(space, key)
  const asOf =
    targets.length === 0 ? entry.asOf : space.ledger.advanceNow(targets, 'delete', 'replaced', randomUUID()).position
  storeInMemory(space, entry, asOf)
}

/** With memory alone a key needs no number, unless it could come back from a restart file. */
function numberedWith({ settings, warmth }: Space, key: string): Target[] {
  const targets: Target[] = settings.dependencies === 'off' ? [] : [{ kind: 'tag', tag: dependencyTag(key) }]
  if (warmth.restoring !== undefined) targets.push({ kind: 'key', key })
  return targets
}
