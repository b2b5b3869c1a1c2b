// Why a key hits or misses: what each tier holds, what the ledger says of it, and what is remembered of its end.
import type { Scope } from '../core/contracts.ts'
import type { Position } from '../core/ledger.ts'
import type { FarTier, Space } from './space.ts'
import { storageKey } from './storage-key.ts'

/** `unknown` is an answer: what is not remembered is not guessed. */
export type Cause =
  | 'cold'
  | 'expired'
  | 'evicted'
  | 'not_admitted'
  | 'too_large'
  | 'memory_pressure'
  | 'invalidated_by_key'
  | 'invalidated_by_tag'
  | 'invalidated_by_pattern'
  | 'invalidated_by_clear'
  | 'epoch_changed'
  | 'unreadable'
  | 'tier_error'
  | 'breaker_open'
  | 'switched_off'
  | 'ledger_unreachable'
  | 'unknown'

export interface TierExplanation {
  readonly tier: string
  readonly scope: Scope
  readonly state: 'fresh' | 'stale' | 'expired' | 'void' | 'absent' | 'unavailable'
  /** Why it cannot answer; undefined when it can. */
  readonly cause?: Cause
  /** The invalidation that voided it, where it is remembered. */
  readonly receipt?: string
  /** What in particular: the tag, the pattern, the error. */
  readonly detail?: string
  readonly ageMs?: number
  readonly ttlMs?: number
  readonly bytes?: number
  readonly hits?: number
  readonly tags?: readonly string[]
  readonly asOf?: Position
}

export interface Explanation {
  readonly key: string
  readonly storageKey: string
  /** What a read would find now, without a loader. */
  readonly verdict: 'hit' | 'stale' | 'miss'
  /** The first tier that answers. */
  readonly from?: string
  /** Why it misses; undefined on a hit. */
  readonly cause?: Cause
  readonly isLoading: boolean
  readonly ledger: { readonly position: Position; readonly isTrusted: boolean; readonly isUp: boolean; readonly pending: number }
  readonly tiers: readonly TierExplanation[]
}

/** Changes nothing: no promotion, no counter, no drop. */
export async function explain(space: Space, key: string): Promise<Explanation> {
  const isTrusted = await space.ledger.ensure()
  const tiers: TierExplanation[] = space.near === undefined ? [] : [explainNear(space, key, isTrusted)]
  for (const far of space.far) tiers.push(await explainFar(space, far, key, isTrusted))
  const fresh = tiers.find((tier) => tier.state === 'fresh')
  const best = fresh ?? tiers.find((tier) => tier.state === 'stale')
  const cause = fresh === undefined ? leadingCause(tiers) : undefined
  return {
    key,
    storageKey: storageKey(space.id.prefix, key),
    verdict: fresh !== undefined ? 'hit' : best !== undefined ? 'stale' : 'miss',
    ...(best === undefined ? {} : { from: best.tier }),
    ...(cause === undefined ? {} : { cause }),
    isLoading: space.flights.loads.has(key),
    ledger: { position: space.ledger.view.position, isTrusted, isUp: space.ledger.isUp, pending: space.ledger.pending },
    tiers,
  }
}

/** The most telling cause: what is known about an entry that was there says more than that another tier never had it. */
function leadingCause(tiers: readonly TierExplanation[]): Cause {
  const causes = tiers.map((tier) => tier.cause ?? 'unknown')
  return causes.find((cause) => cause !== 'cold' && cause !== 'unknown') ?? causes.find((cause) => cause === 'unknown') ?? 'cold'
}

function explainNear(space: Space, key: string, isTrusted: boolean): TierExplanation {
  const { near } = space
  const { clock } = space.services
  const about = { tier: 'memory', scope: 'process' as const }
  const slot = near?.find(key) ?? -1
  if (near === undefined || slot < 0) {
    const knowsAll = !space.watch.removals.isForgetful && !space.watch.history.isForgetful
    return { ...about, state: 'absent', ...whyGone(space, key, knowsAll) }
  }
  const now = clock.now()
  const held = {
    ...about,
    ageMs: Math.max(0, now - near.createdAt(slot)),
    ttlMs: Math.max(0, near.freshUntil(slot) - now),
    bytes: near.weight(slot),
    hits: near.hits(slot),
    tags: near.tags(slot),
    asOf: { epoch: space.ledger.view.epoch, seq: near.asOf(slot) },
  }
  if (!isTrusted) return { ...held, state: 'unavailable', cause: 'ledger_unreachable' }
  return { ...held, ...judged(space, key, held.tags, near.asOf(slot), near.freshUntil(slot), near.staleUntil(slot)) }
}

async function explainFar(space: Space, far: FarTier, key: string, isTrusted: boolean): Promise<TierExplanation> {
  const { tier, name, state } = far.guarded
  const about = { tier: name, scope: tier.scope }
  if (!far.enabled) return { ...about, state: 'unavailable', cause: 'switched_off' }
  if (state === 'open') return { ...about, state: 'unavailable', cause: 'breaker_open' }
  const answer = await far.guarded.read([storageKey(space.id.prefix, key)], space.settings.readBudgetMs)
  if (!answer.ok) return { ...about, state: 'unavailable', cause: 'tier_error' }
  const [stored] = answer.value
  if (stored === undefined) return { ...about, state: 'absent', ...whyGone(space, key, false) }
  const parts = space.services.codec.decode(stored.body)
  const bytes = stored.body.byteLength
  if (parts === undefined || parts.key !== key) return { ...about, state: 'void', cause: 'unreadable', bytes, asOf: stored.asOf }
  const now = space.services.clock.now()
  const held = {
    ...about,
    bytes,
    asOf: stored.asOf,
    tags: parts.tags,
    ageMs: Math.max(0, now - parts.createdAt),
    ttlMs: Math.max(0, parts.freshUntil - now),
  }
  if (!isTrusted) return { ...held, state: 'unavailable', cause: 'ledger_unreachable' }
  if (stored.asOf.epoch !== space.ledger.view.epoch) return { ...held, state: 'void', cause: 'epoch_changed' }
  return { ...held, ...judged(space, key, parts.tags, stored.asOf.seq, parts.freshUntil, parts.staleUntil) }
}

type Judged = Pick<TierExplanation, 'state' | 'cause' | 'receipt' | 'detail'>

function judged(space: Space, key: string, tags: readonly string[], seq: number, freshUntil: number, staleUntil: number): Judged {
  const { view } = space.ledger
  const judgement = view.judge(key, tags, seq)
  const now = space.services.clock.now()
  if (judgement === 'valid') {
    if (freshUntil > now) return { state: 'fresh' }
    return { state: staleUntil > now ? 'stale' : 'expired', cause: 'expired' }
  }
  const blame = view.blame(key, tags, seq)
  const receipt = blame === undefined ? undefined : space.watch.history.find(blame.seq)?.line.id
  return {
    state: judgement === 'stale' && staleUntil > now ? 'stale' : 'void',
    cause: blame === undefined ? 'unknown' : `invalidated_by_${blame.kind}`,
    ...(blame === undefined || blame.name === '' ? {} : { detail: blame.name }),
    ...(receipt === undefined ? {} : { receipt }),
  }
}

/** What is remembered of a key that is not there. A tier that others use as well may have lost it in ways that nobody here has seen. */
function whyGone(space: Space, key: string, knowsAll: boolean): Pick<TierExplanation, 'cause' | 'receipt' | 'detail'> {
  const line = space.watch.history.findKey(key)
  const grave = space.watch.removals.find(space.id.name, key)
  // A set is a line too, but it takes nothing away.
  const isForgotten = line !== undefined && line.line.reason !== 'replaced' && (grave === undefined || line.at >= grave.at)
  if (isForgotten) return { cause: 'invalidated_by_key', receipt: line.line.id, detail: line.line.reason }
  if (grave === undefined) return { cause: knowsAll ? 'cold' : 'unknown' }
  const cause = CAUSES[grave.reason]
  return { cause: cause ?? 'unknown', detail: grave.reason }
}

const CAUSES: Readonly<Partial<Record<string, Cause>>> = {
  ttl_expired: 'expired',
  capacity_limit: 'evicted',
  not_admitted: 'not_admitted',
  too_large: 'too_large',
  memory_pressure: 'memory_pressure',
  manual: 'invalidated_by_key',
  data_changed: 'invalidated_by_key',
  tag_based: 'invalidated_by_tag',
  pattern_based: 'invalidated_by_pattern',
  cleared: 'invalidated_by_clear',
  replaced: 'invalidated_by_key',
  epoch_changed: 'epoch_changed',
}
