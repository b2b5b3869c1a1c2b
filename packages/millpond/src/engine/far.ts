// Reading from and writing to the far tiers: fastest first, the batch is the only path, nothing is believed that the ledger does not confirm.
import type { CommitItem, Stored } from '../core/contracts.ts'
import type { Position } from '../core/ledger.ts'
import type { Found } from './found.ts'
import { type FarTier, inBackground, keepUntil, type Space } from './space.ts'
import { storageKey } from './storage-key.ts'

/** The most keys whose promotion is counted at a time. */
const MAX_PROMOTIONS = 10_000

export interface FarResult {
  /** Valid entries, fresh or stale, by key. */
  readonly found: Map<string, Found>
  /** Keys for which an entry was there that must not be believed. */
  readonly refused: Set<string>
  /** Some tier failed or was skipped. */
  readonly isPartial: boolean
}

/** Asks one tier after the other for what is still missing, within the budget; promotes what it finds. */
export async function readFar(space: Space, keys: readonly string[], budgetMs: number): Promise<FarResult> {
  const found = new Map<string, Found>()
  const refused = new Set<string>()
  const until = space.clock.monotonic() + budgetMs
  let wanted = keys
  let isPartial = false
  for (let depth = 0; depth < space.far.length && wanted.length > 0; depth++) {
    const far = space.far[depth]
    if (far === undefined || !far.enabled) continue
    const answer = await far.guarded.read(
      wanted.map((key) => storageKey(space.prefix, key)),
      until - space.clock.monotonic(),
    )
    if (!answer.ok) {
      isPartial = true
      continue
    }
    takeIn(space, depth, wanted, answer.value, found, refused)
    wanted = wanted.filter((key) => !isFresh(space, found.get(key)))
  }
  return { found, refused, isPartial }
}

const isFresh = (space: Space, found: Found | undefined): boolean => found !== undefined && found.freshUntil > space.clock.now()

function takeIn(
  space: Space,
  depth: number,
  keys: readonly string[],
  answers: readonly (Stored | undefined)[],
  found: Map<string, Found>,
  refused: Set<string>,
): void {
  const far = space.far[depth]
  if (far === undefined) return
  const counters = space.counters.tier(far.guarded.name)
  keys.forEach((key, index) => {
    const stored = answers[index]
    const entry = stored === undefined ? undefined : believe(space, far, key, stored)
    if (entry === undefined) {
      counters.misses++
      if (stored !== undefined) {
        counters.refused++
        refused.add(key)
      }
      return
    }
    counters.hits++
    if (space.events.hearsHits) space.events.emit('hit', { key, tier: far.guarded.name })
    const known = found.get(key)
    if (known !== undefined && known.freshUntil >= entry.freshUntil) return
    found.set(key, entry)
    if (stored !== undefined) promote(space, depth, entry, key, stored)
  })
}

/** Decodes and judges: an entry of another key, epoch or time, or one that was invalidated, is a miss. */
function believe(space: Space, far: FarTier, key: string, stored: Stored): Found | undefined {
  const parts = space.codec.decode(stored.body)
  if (parts === undefined || parts.key !== key) return undefined
  const now = space.clock.now()
  if (parts.staleUntil <= now) return undefined
  const judgement = space.ledger.view.judgeAt(key, parts.tags, stored.asOf)
  if (judgement === 'void') return undefined
  if (judgement === 'stale') return { ...parts, freshUntil: Math.min(parts.freshUntil, now), asOf: stored.asOf, tier: far.guarded.name }
  // Judged valid by every line up to `last`, so that is what it is valid as of.
  const asOf = { epoch: stored.asOf.epoch, seq: Math.max(stored.asOf.seq, space.ledger.view.last) }
  return { ...parts, asOf, tier: far.guarded.name }
}

/** Copies an entry to memory and to the tiers above the one that had it, once it was read often enough there. */
function promote(space: Space, depth: number, entry: Found, key: string, stored: Stored): void {
  const far = space.far[depth]
  if (far === undefined || !isDue(space, far, key)) return
  if (!holdsValid(space, key)) storeNear(space, key, entry, entry.asOf, true)
  const now = space.clock.now()
  for (const above of space.far.slice(0, depth)) {
    if (!above.enabled) continue
    inBackground(
      space,
      `promotion to ${above.guarded.name}`,
      commitTo(space, above, key, entry.asOf, stored.body, keepUntil(above.keep, entry, now), undefined),
    )
  }
}

/** What memory holds and may serve came later in this process than the read whose answer is here now: going back would break monotonic reads. */
function holdsValid(space: Space, key: string): boolean {
  const { near, ledger } = space
  const slot = near?.find(key) ?? -1
  if (near === undefined || slot < 0 || near.freshUntil(slot) <= space.clock.now()) return false
  return ledger.view.judge(key, near.tags(slot), near.asOf(slot)) === 'valid'
}

function isDue(space: Space, far: FarTier, key: string): boolean {
  if (far.promoteAfter <= 1) return true
  const reads = (space.promotions.get(key) ?? 0) + 1
  if (reads >= far.promoteAfter) {
    space.promotions.delete(key)
    return true
  }
  if (space.promotions.size >= MAX_PROMOTIONS) space.promotions.clear()
  space.promotions.set(key, reads)
  return false
}

/**
 * Puts an entry into memory unless the ledger has moved past it. Where memory holds one of a later position, nobody can tell which of the two is
 * newer, so that neither stays. Returns the slot, or -1.
 */
export function storeNear(
  space: Space,
  key: string,
  entry: Omit<Found, 'asOf' | 'tier'>,
  asOf: Position,
  owned: boolean,
  cost = 0,
): number {
  const { near, ledger } = space
  if (near === undefined || ledger.view.judgeAt(key, entry.tags, asOf) === 'void') return -1
  const held = near.find(key)
  if (held >= 0 && near.asOf(held) > asOf.seq) {
    if (!ledger.isLocal) near.drop(key, 'replaced')
    return -1
  }
  const until = keepUntil(space.nearKeep, entry, space.clock.now())
  const stored = near.set(key, {
    value: entry.value,
    createdAt: entry.createdAt,
    freshUntil: Math.min(entry.freshUntil, until),
    staleUntil: Math.min(entry.staleUntil, until),
    tags: entry.tags,
    asOf: asOf.seq,
    cost,
    owned,
  })
  return stored ? near.find(key) : -1
}

/** Stores a loaded entry in every far tier, conditionally where the ledger lives. */
export async function commitFar(
  space: Space,
  key: string,
  entry: Omit<Found, 'asOf' | 'tier'>,
  asOf: Position,
  lease: string | undefined,
): Promise<void> {
  const body = space.codec.encode({
    key,
    value: entry.value,
    createdAt: entry.createdAt,
    freshUntil: entry.freshUntil,
    staleUntil: entry.staleUntil,
    tags: entry.tags,
  })
  const now = space.clock.now()
  await Promise.all(
    space.far.filter((far) => far.enabled).map((far) => commitTo(space, far, key, asOf, body, keepUntil(far.keep, entry, now), lease)),
  )
}

async function commitTo(
  space: Space,
  far: FarTier,
  key: string,
  asOf: Position,
  body: Uint8Array,
  expiresAt: number,
  lease: string | undefined,
): Promise<void> {
  if (far.guarded.state === 'open') return
  const item: CommitItem = {
    key: storageKey(space.prefix, key),
    target: key,
    asOf,
    body,
    expiresAt,
    ...(lease === undefined ? {} : { lease }),
  }
  const store = far.holdsLedger ? far.guarded.tier.ledger : undefined
  if (store === undefined) {
    const written = await far.guarded.write([item])
    if (written.ok) space.counters.tier(far.guarded.name).writes++
    return
  }
  const [accepted] = await store.commit(space.prefix, [item])
  if (accepted === true) space.counters.tier(far.guarded.name).writes++
}
