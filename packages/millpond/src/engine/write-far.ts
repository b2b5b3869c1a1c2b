// A write to far tiers: one step of the ledger invalidates the keys and stores the entries in its own tier; then the
// other tiers are written, and memory last.
import { randomUUID } from 'node:crypto'
import type { Change, Settled } from '../core/contracts.ts'
import { dependencyTag } from '../core/dependency.ts'
import { type Position, stampedId, type Target } from '../core/ledger.ts'
import { type BodiesFor, bodiesOf, type Draft, draftOf } from './encoding.ts'
import type { Found } from './found.ts'
import { goesTo, isLeft } from './route-tiers.ts'
import { type FarTier, ledgerTier, retainUntil, type Space } from './space.ts'
import { storageKey } from './storage-key.ts'
import { storeInMemory } from './store-in-memory.ts'

const endsOf = ({ epoch, seq }: Position, count: number): Settled => ({
  epoch,
  seqs: Array.from({ length: count }, () => seq),
})

export const keysOf = (entries: readonly Found[]): string[] => entries.map(({ key }) => key)

/** A write that conflicted with another one is retried at once, from the position just received. */
const MAX_TRIES = 3

/**
 * If a codec is asynchronous, the position and the place in the order of the key's writes are taken before. A write
 * that was encoded afterwards and conflicted with another one is not retried: the other may have been requested after
 * it.
 */
export function writeFar(space: Space, entries: readonly Found[], now: number): Promise<void> {
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
  if (space.ledger.isLocal || space.ledger.heard > 0)
    return space.writes.hold(keys, storeLater(space, entries, bodies, now, draft))
  // Nothing is known of the ledger yet, without which "unmoved since" cannot be decided: a second write would be
  // stored, the first never.
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

async function storeLater(
  space: Space,
  entries: readonly Found[],
  bodies: Promise<BodiesFor>,
  now: number,
  draft: Draft,
): Promise<void> {
  return storeFar(space, entries, await bodies, now, draft, 1)
}

export async function storeFar(
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
    // A tier that was enabled, or included by the route, meanwhile has no bodies.
    return entries.flatMap((entry, index) => {
      const body = bodies[index]
      return body === undefined || stored[index] === false || !goesTo(space, far, entry)
        ? []
        : { key: storageKey(space, entry.key), body, expiresAt: retainUntil(far.retention, entry, now) }
    })
  }
  const { route } = space.settings
  try {
    const { position, stored, bodiesFor } = await advanceAndWrite(
      space,
      entries,
      itemsFor,
      encoded,
      draft,
      tries,
      isHeld,
    )
    await Promise.all(
      space.far
        .filter((far) => far.enabled && !far.holdsLedger)
        .map(async (far) => {
          const left = entries.filter((entry) => isLeft(space, far, entry))
          if (left.length > 0) await far.guarded.drop(left.map(({ key }) => storageKey(space, key)))
          const items = itemsFor(far, bodiesFor, stored)
          if (items.length === 0) return
          const written = await far.guarded.write(items.map((item) => ({ ...item, asOf: position })))
          if (written.ok) space.watch.counters.tier(far.guarded.name).writes += items.length
        }),
    )
    if (space.settings.route !== route) await dropLeftOut(space, entries)
    entries.forEach((entry, index) => {
      space.loads.outdateBefore(entry.key, position.seq)
      if (stored[index] === false) return
      storeInMemory(space, entry, position)
      if (space.memory === undefined) space.watch.removals.expect(space.watch.hash(entry.key), now, entry.staleUntil)
    })
  } catch (error) {
    for (const entry of entries) {
      space.loads.outdate(entry.key)
      space.memory?.drop(entry.key, 'replaced')
    }
    throw error
  }
}

/** The route has changed during the write: the sweep for entries that it excludes may already have passed. */
async function dropLeftOut(space: Space, entries: readonly Found[]): Promise<void> {
  await Promise.all(
    space.far.map(async (far) => {
      const left = far.enabled ? entries.filter((entry) => !goesTo(space, far, entry)) : []
      if (left.length > 0) await far.guarded.drop(left.map(({ key }) => storageKey(space, key)))
    }),
  )
}

/**
 * One step of the ledger that invalidates the keys everywhere and, if the ledger's tier holds entries, stores the new
 * ones.
 */
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
    space.settings.dependencies === 'off'
      ? []
      : entries.map((entry): Target => ({ kind: 'tag', tag: dependencyTag(entry.key) }))
  const targets = [...keys, ...dependents]
  const watch = entries.map((entry) => entry.tags)
  let bodiesFor = encoded
  let draft = first
  for (let turn = 1; ; turn++) {
    // All entries of a step agree in this, unless settings have changed since they were grouped.
    const items = holder === undefined ? [] : itemsFor(holder, bodiesFor)
    const isKept = holder !== undefined && items.length === entries.length
    const write = isKept ? items : []
    const { position, stored = [] } = await space.ledger.advance({
      targets,
      mode: 'delete',
      reason: 'replaced',
      id: draft.stamp === undefined ? randomUUID() : stampedId(draft.stamp, randomUUID()),
      // Even if disabled or excluded by a rule, the tier drops in the ledger's step: nothing older may be found there
      // later.
      drop: holder !== undefined && !isKept ? entries.map((entry) => storageKey(space, entry.key)) : [],
      write,
      watch,
      ...(isHeld ? { settles: endsOf(draft.since, targets.length) } : { unmovedSince: draft.since }),
    })
    if (holder !== undefined) for (const { body } of write) holder.guarded.traffic.written += body.length
    if (turn < tries && stored.includes(false)) {
      const isBound = draft.stamp !== undefined
      draft = draftOf(space, keysOf(entries), position)
      // The bodies were encoded for another position.
      if (isBound) bodiesFor = await bodiesOf(space, entries, draft)
      continue
    }
    if (isKept && holder !== undefined) space.watch.counters.tier(holder.guarded.name).writes += entries.length
    return { position, stored, bodiesFor }
  }
}
