// Storing an entry in the far tiers as of a position: the ledger's own tier refuses superseded ones.
import type { CommitItem } from '../core/contracts.ts'
import type { Position } from '../core/ledger.ts'
import { type BodyFor, bodyOf } from './encoding.ts'
import type { Found } from './found.ts'
import { ledgerKey } from './hidden.ts'
import { goesTo, isLeft } from './route-tiers.ts'
import { type FarTier, retainUntil, type Space } from './space.ts'
import { storageKey } from './storage-key.ts'

/** Stores a loaded entry in every far tier, conditionally where the ledger lives. `false`: it was refused there. */
export async function commitFar(
  space: Space,
  key: string,
  entry: Omit<Found, 'asOf' | 'tier'>,
  asOf: Position,
  lease: string | undefined,
): Promise<boolean> {
  const bodyFor = bodyOf(space, entry, asOf)
  const now = space.services.clock.now()
  if (space.memory === undefined) space.watch.removals.expect(space.watch.hash(key), now, entry.staleUntil)
  const left = space.far.filter((far) => isLeft(space, far, entry))
  const [accepted] = await Promise.all([
    Promise.all(
      space.far
        .filter((far) => goesTo(space, far, entry))
        .map((far) => commitBody(space, far, entry, asOf, bodyFor, retainUntil(far.retention, entry, now), lease)),
    ),
    ...left.map((far) => far.guarded.drop([storageKey(space, key)])),
  ])
  return !accepted.includes(false)
}

/**
 * The position was taken before the entry is encoded, however long that takes: the ledger refuses it if something moved
 * meanwhile, and only that is `false`.
 */
export async function commitBody(
  space: Space,
  far: FarTier,
  entry: Pick<Found, 'key' | 'value' | 'isolated' | 'tags'>,
  asOf: Position,
  bodyFor: BodyFor,
  expiresAt: number,
  lease: string | undefined,
): Promise<boolean> {
  if (far.guarded.state === 'open') return true
  const { route } = space.settings
  const body = bodyFor(far)
  const accepted = await commitTo(
    space,
    far,
    entry.key,
    asOf,
    body instanceof Promise ? await body : body,
    expiresAt,
    lease,
  )
  // The route has changed meanwhile: the pass that drops entries it excludes may already have visited this tier.
  if (space.settings.route !== route && !goesTo(space, far, entry))
    await far.guarded.drop([storageKey(space, entry.key)])
  return accepted
}

async function commitTo(
  space: Space,
  far: FarTier,
  key: string,
  asOf: Position,
  body: Uint8Array,
  expiresAt: number,
  lease: string | undefined,
): Promise<boolean> {
  const item: CommitItem = {
    key: storageKey(space, key),
    target: ledgerKey(space, key),
    asOf,
    body,
    expiresAt,
    ...(lease === undefined ? {} : { lease }),
  }
  const store = far.holdsLedger ? far.guarded.ledger : undefined
  if (store === undefined) {
    const written = await far.guarded.write([item])
    if (written.ok) space.watch.counters.tier(far.guarded.name).writes++
    return true
  }
  const accepted = await store.commit(space.id.prefix, item)
  far.guarded.traffic.written += body.length
  if (accepted) space.watch.counters.tier(far.guarded.name).writes++
  else dropRefused(space, key, asOf)
  return accepted
}

/**
 * The key has moved, or its source is being written: what the load has put into memory is removed, unless there is a
 * newer entry by now.
 */
function dropRefused({ memory }: Space, key: string, asOf: Position): void {
  const slot = memory?.find(key) ?? -1
  if (memory !== undefined && slot >= 0 && memory.asOf(slot) === asOf.seq) memory.drop(key, 'data_changed')
}
