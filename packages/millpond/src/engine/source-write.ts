// Writes that include the source. Caches are invalidated before and after: a load that began before the source's commit
// is invalid after it, and the value is cached only if its key was not invalidated in between. Of two overlapping
// writes neither value is cached: only the source knows their order.
//
// In between, the key is held: values loaded meanwhile are returned to their callers but not stored. If a writer never
// finishes, its hold expires and the ledger's store invalidates in its place. So a crash between the halves needs no
// journal of this process.
import { type Duration, parseDuration } from '../core/duration.ts'
import { MillpondError, show } from '../core/errors.ts'
import type { Position } from '../core/ledger.ts'
import type { LoadPolicy } from '../core/options.ts'
import { policyOfKey } from './arms.ts'
import { forget } from './forget.ts'
import type { MoveMark } from './in-flight-loads.ts'
import type { Receipt } from './receipt.ts'
import { ledgerTier, type Space } from './space.ts'
import { type WriteItem, writeUnmoved } from './write.ts'

const HOLD_MS = 10_000
const MAX_HOLD_MS = 3_600_000

/** A write to the source in progress. Must be ended. */
export interface SourceWrite {
  /** The position when it began, by key. */
  readonly since: ReadonlyMap<string, Position>
  /** The position when it began, by tag. */
  readonly tags: ReadonlyMap<string, Position>
  /** Whether keys and tags are held since then. */
  readonly isHeld: boolean
  readonly marks: readonly MoveMark[]
}

/** An item with its policy. */
export interface SourceItem extends WriteItem {
  readonly policy: LoadPolicy
}

/** @throws MillpondError `DURATION_INVALID`, `OPTION_INVALID`. */
export function holdMsOf(hold: Duration = HOLD_MS, where: string): number {
  const ms = parseDuration(hold, where)
  if (ms >= 1 && ms <= MAX_HOLD_MS) return ms
  throw new MillpondError(
    'OPTION_INVALID',
    `${where}: ${show(hold)} is not allowed: give how long a write may take, from 1 ms to an hour`,
  )
}

/**
 * With `holdMs`: cached entries of the keys, or with the tags, are invalid from now on, and held for at most that long.
 * Without: only notes the current positions.
 * @throws MillpondError `LEDGER_UNREACHABLE`: the source must not be written.
 */
export async function beginWrite(
  space: Space,
  keys: readonly string[],
  holdMs?: number,
  tags: readonly string[] = [],
): Promise<SourceWrite> {
  const write = holdMs === undefined ? await look(space, keys) : await hold(space, keys, tags, holdMs)
  // With far tiers, the ledger's numbers tell.
  return { ...write, marks: space.far.length > 0 ? [] : [...write.since.keys()].map((key) => space.loads.mark(key)) }
}

/** More of the same write, before the source has committed. @throws as `beginWrite` does. */
export async function alsoWrite(
  space: Space,
  write: SourceWrite,
  keys: readonly string[],
  holdMs: number,
  tags: readonly string[],
): Promise<SourceWrite> {
  const more = await beginWrite(
    space,
    keys.filter((key) => !write.since.has(key)),
    holdMs,
    tags.filter((tag) => !write.tags.has(tag)),
  )
  return {
    since: new Map([...write.since, ...more.since]),
    tags: new Map([...write.tags, ...more.tags]),
    isHeld: true,
    marks: [...write.marks, ...more.marks],
  }
}

/**
 * The source has committed: stores the items in the caches, or invalidates them.
 * @throws MillpondError `LEDGER_UNREACHABLE`, `VALUE_UNSUPPORTED`.
 */
export async function endWrite(space: Space, write: SourceWrite, items: readonly SourceItem[]): Promise<void> {
  try {
    const left = new Map(write.since)
    const moved = new Set(write.marks.flatMap(({ key, isMoved }) => (isMoved ? [key] : [])))
    const isStored = space.far.length === 0 || ledgerTier(space)?.enabled === true
    const groups = new Map<LoadPolicy, Map<Position, WriteItem[]>>()
    for (const { policy, ...item } of items) {
      const since = write.since.get(item.key)
      const mayStore = isStored && policyOfKey(space, policy, item.key).ttlMs > 0
      // A value with a tag that the write invalidates would be invalid at once.
      if (!mayStore || moved.has(item.key) || since === undefined || policy.tags.some((tag) => write.tags.has(tag)))
        continue
      left.delete(item.key)
      const group = groups.get(policy) ?? new Map<Position, WriteItem[]>()
      groups.set(policy, group)
      const some = group.get(since)
      if (some === undefined) group.set(since, [item])
      else some.push(item)
    }
    const work = [...groups].flatMap(([policy, group]) =>
      [...group].map(([since, some]) => writeUnmoved(space, some, policy, since, write.isHeld)),
    )
    await Promise.all([...work, forgetAll(space, { ...write, since: left })])
  } finally {
    release(space, write)
  }
}

/**
 * The source has committed, or it is unknown whether it has: invalidates the keys.
 * @throws MillpondError `LEDGER_UNREACHABLE`.
 */
export async function forgetWrite(space: Space, write: SourceWrite): Promise<readonly Receipt[]> {
  release(space, write)
  return forgetAll(space, write)
}

type Begun = Omit<SourceWrite, 'marks'>

async function look(space: Space, keys: readonly string[]): Promise<Begun> {
  await space.ledger.ensure()
  const { position } = space.ledger.view
  return { since: new Map(keys.map((key) => [key, position])), tags: new Map(), isHeld: false }
}

async function hold(space: Space, keys: readonly string[], tags: readonly string[], holdMs: number): Promise<Begun> {
  const since = new Map<string, Position>()
  const tagged = new Map<string, Position>()
  const begun: Begun = { since, tags: tagged, isHeld: true }
  const allKeys = [...new Set(keys)]
  const allTags = [...new Set(tags)]
  try {
    while (since.size < allKeys.length || tagged.size < allTags.length) {
      // Targets held in one step share one number. Each key includes its dependents.
      const room = Math.max(2, space.ledger.stepSize) >> 1
      const some = allKeys.slice(since.size, since.size + room)
      const its = allTags.slice(tagged.size, tagged.size + room - some.length)
      const { position } = await forget(space, {
        keys: some,
        ...(its.length > 0 && { tags: its }),
        reason: 'data_changed',
        hold: holdMs,
      })
      for (const key of some) since.set(key, position)
      for (const tag of its) tagged.set(tag, position)
    }
  } catch (error) {
    await forgetAll(space, begun).catch(() => {}) // what is held runs out
    throw error
  }
  return begun
}

async function forgetAll(space: Space, { since, tags, isHeld }: Begun): Promise<Receipt[]> {
  const positions = new Set([...since.values(), ...tags.values()])
  const at = (names: ReadonlyMap<string, Position>, position: Position): string[] =>
    [...names].flatMap(([name, its]) => (its === position ? [name] : []))
  return Promise.all(
    [...positions].map((ends) => {
      const its = at(tags, ends)
      return forget(space, {
        keys: at(since, ends),
        ...(its.length > 0 && { tags: its }),
        reason: 'data_changed',
        ...(isHeld && { ends }),
      })
    }),
  )
}

function release({ loads }: Space, { marks }: SourceWrite): void {
  for (const mark of marks) loads.unmark(mark)
}
