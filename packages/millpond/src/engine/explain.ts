// Why a key hits or misses: each tier's entry, the ledger's judgement, and the remembered cause of its end.
import type { ChosenTtl } from '../core/adaptive-ttl.ts'
import type { MissCause } from '../core/causes.ts'
import type { Scope } from '../core/contracts.ts'
import { ownTags } from '../core/dependency.ts'
import { reasonOf } from '../core/errors.ts'
import type { GuardStats } from '../core/guard.ts'
import type { Position } from '../core/ledger.ts'
import { idAtOrigin, unheardOf } from '../core/relay.ts'
import { chosenTtlOf } from './chosen-ttl.ts'
import { decodeAll, positionOf } from './encoding.ts'
import type { MissReason } from './miss-reason.ts'
import { causeOf, GONE_UNSEEN, missReason, missReasonInMemory, toldOf } from './misses.ts'
import { goesTo, isAsked } from './route-tiers.ts'
import { type FarTier, readBudget, type Space } from './space.ts'
import { storageKey } from './storage-key.ts'

/** A tier's entry of a key. */
export interface TierExplanation {
  /** `memory`, or the name of a tier below. */
  readonly tier: string
  /** Who sees its entries. */
  readonly scope: Scope
  /** Of its entry; `unavailable`: the tier did not answer. */
  readonly state: 'fresh' | 'stale' | 'expired' | 'invalid' | 'absent' | 'unavailable'
  /** Why it cannot answer; undefined if it can. */
  readonly cause?: MissCause
  /** Since when, as seen by this process, if remembered: epoch milliseconds. */
  readonly at?: number
  /** The invalidation that removed or invalidated it, if remembered. */
  readonly receipt?: string
  /** The reason of that invalidation in its caller's own words, if it gave one and it is remembered. */
  readonly note?: string
  /** Details: the tag, the pattern, the error; for `unknown`, why it is not known. */
  readonly detail?: string
  /** Milliseconds since the entry was made. */
  readonly ageMs?: number
  /** Milliseconds until it expires; 0 if it has. */
  readonly ttlMs?: number
  /** Its size: estimated in memory, stored in a tier below. */
  readonly bytes?: number
  /** Reads in memory since it was stored, at least approximately. */
  readonly hits?: number
  /** The tags of the entry. */
  readonly tags?: readonly string[]
  /** The ledger's position at which it was last known to be valid. */
  readonly asOf?: Position
  /** The region where it was made, if the tier has several. */
  readonly region?: string
}

/** Why a key hits or misses, and each tier's entry. */
export interface Explanation {
  /** The encoded key. */
  readonly key: string
  /** The key as tiers below memory have it. */
  readonly storageKey: string
  /** The result of a read now, without a loader. */
  readonly verdict: 'hit' | 'stale' | 'miss'
  /** The first tier that answers. */
  readonly from?: string
  /** The region where its answer was made, if it has several. */
  readonly region?: string
  /** Why it misses; undefined on a hit. With the details of its tier. */
  readonly cause?: MissCause
  /** Since when, if remembered: epoch milliseconds. */
  readonly at?: number
  /** The invalidation that removed or invalidated it, if remembered. */
  readonly receipt?: string
  /** The reason of that invalidation in its caller's own words, if it gave one and it is remembered. */
  readonly note?: string
  /** Details of the cause: the tag, the pattern, the error. */
  readonly detail?: string
  /** Whether this process loads the key now. */
  readonly isLoading: boolean
  /** The guard of its family's source, if one is registered with a guard: whether a load would be permitted. */
  readonly source?: Pick<GuardStats, 'guard' | 'state' | 'running' | 'waiting' | 'errorRate' | 'slowRate'>
  /** The ledger as this process sees it. `pending`: invalidations that have not reached it yet. */
  readonly ledger: {
    readonly position: Position
    readonly isTrusted: boolean
    readonly isUp: boolean
    readonly pending: number
  }
  /**
   * The TTL that `adaptiveTtl` chose for the key's last load in this process, and why; absent if it chose none, or has
   * forgotten.
   */
  readonly chosenTtl?: ChosenTtl
  /** Each tier's entry, fastest first. */
  readonly tiers: readonly TierExplanation[]
}

const MEMORY = 'memory'

/** Changes nothing: no promotion, no counter, no drop. */
export async function explain(space: Space, key: string): Promise<Explanation> {
  const isTrusted = await space.ledger.ensure()
  const tiers: TierExplanation[] = space.memory === undefined ? [] : [explainMemory(space, key, isTrusted)]
  for (const far of space.far) tiers.push(await explainFar(space, far, key, isTrusted))
  const fresh = tiers.find((tier) => tier.state === 'fresh')
  const best = fresh ?? tiers.find((tier) => tier.state === 'stale')
  const why = fresh === undefined ? leadingCause(space, key, tiers) : undefined
  const chosenTtl = chosenTtlOf(space, key)
  return {
    key,
    storageKey: storageKey(space, key),
    verdict: fresh !== undefined ? 'hit' : best !== undefined ? 'stale' : 'miss',
    ...(best === undefined ? {} : { from: best.tier }),
    ...(best?.region === undefined ? {} : { region: best.region }),
    ...(why === undefined ? {} : noted(space, toldOf(why))),
    isLoading: space.loads.joinable.get(key) !== undefined,
    ...sourceOf(space, key),
    ...(chosenTtl === undefined ? {} : { chosenTtl }),
    ledger: { position: space.ledger.view.position, isTrusted, isUp: space.ledger.isUp, pending: space.ledger.pending },
    tiers: tiers.map((tier) => noted(space, tier)),
  }
}

function noted<T extends { readonly receipt?: string }>(space: Space, told: T): T & { readonly note?: string } {
  const note = space.watch.ofCache.notes.of(told.receipt)
  return note === undefined ? told : { ...told, note }
}

function sourceOf(space: Space, key: string): Pick<Explanation, 'source'> {
  const stats = space.services.sourceOf(space.id.name, key)?.guard?.stats()
  if (stats === undefined) return {}
  const { guard, state, running, waiting, errorRate, slowRate } = stats
  return { source: { guard, state, running, waiting, errorRate, slowRate } }
}

/**
 * As a read counts it: a tier's reason for an existing entry, then a tier's failure, then the remembered end of the
 * key.
 */
function leadingCause(space: Space, key: string, tiers: readonly TierExplanation[]): MissReason {
  const below = tiers.filter(({ tier, cause }) => tier !== MEMORY && cause !== 'switched_off')
  const best =
    tiers.find(({ cause }) => cause === 'ledger_unreachable') ??
    below.find(({ state }) => state === 'invalid' || state === 'stale' || state === 'expired') ??
    below.find(({ state }) => state === 'unavailable') ??
    tiers.find(({ state }) => state !== 'absent' && state !== 'unavailable')
  return best?.cause === undefined ? missReason(space, key) : { ...best, cause: best.cause }
}

function explainMemory(space: Space, key: string, isTrusted: boolean): TierExplanation {
  const { memory } = space
  const { clock } = space.services
  const about = { tier: MEMORY, scope: 'process' as const }
  const slot = memory?.find(key) ?? -1
  if (memory === undefined || slot < 0) return { ...about, state: 'absent', ...toldOf(missReasonInMemory(space, key)) }
  const now = clock.now()
  const held = {
    ...about,
    ageMs: Math.max(0, now - memory.createdAt(slot)),
    ttlMs: Math.max(0, memory.freshUntil(slot) - now),
    bytes: memory.weight(slot),
    hits: memory.hits(slot),
    tags: ownTags(memory.tags(slot)),
    asOf: { epoch: space.ledger.view.epoch, seq: memory.asOf(slot) },
  }
  if (!isTrusted) return { ...held, state: 'unavailable', cause: 'ledger_unreachable' }
  return {
    ...held,
    ...judged(
      space,
      key,
      memory.tags(slot),
      memory.asOf(slot),
      memory.freshUntil(slot),
      memory.staleUntil(slot),
      false,
    ),
  }
}

async function explainFar(space: Space, far: FarTier, key: string, isTrusted: boolean): Promise<TierExplanation> {
  const { tier, name, state } = far.guarded
  const about = { tier: name, scope: tier.scope }
  if (!isAsked(space, far)) return { ...about, state: 'unavailable', cause: 'switched_off' }
  if (state === 'open') return { ...about, state: 'unavailable', cause: 'breaker_open', ...lastError(far) }
  const answer = await far.guarded.read([storageKey(space, key)], readBudget(space.far))
  if (!answer.ok) return { ...about, state: 'unavailable', cause: 'tier_error', ...lastError(far) }
  const [stored] = answer.value
  if (stored === undefined) return { ...about, state: 'absent', ...toldOf(missReasonBelow(space, key)) }
  const [parts] = await decodeAll(space, far, answer.value)
  const bytes = stored.body.byteLength
  if (parts === undefined || parts.key !== key)
    return { ...about, state: 'invalid', cause: 'unreadable', bytes, asOf: stored.asOf }
  const now = space.services.clock.now()
  const held = {
    ...about,
    bytes,
    ...(stored.region === undefined ? {} : { region: stored.region }),
    asOf: positionOf(space, parts, stored),
    tags: ownTags(parts.tags),
    ageMs: Math.max(0, now - parts.createdAt),
    ttlMs: Math.max(0, parts.freshUntil - now),
  }
  if (!isTrusted) return { ...held, state: 'unavailable', cause: 'ledger_unreachable' }
  if (held.asOf.epoch !== space.ledger.view.epoch) return { ...held, state: 'invalid', cause: 'epoch_changed' }
  const fitted = space.shapes.fit(key, parts.value)
  if (typeof fitted === 'string') return { ...held, state: 'invalid', cause: fitted }
  if (!goesTo(space, far, { ...parts, isolated: space.services.own(parts.value, parts.isNarrow) }))
    return { ...held, state: 'invalid', cause: 'switched_off' }
  const isApart = far.isApart || parts.sealed !== undefined
  return { ...held, ...judged(space, key, parts.tags, held.asOf.seq, parts.freshUntil, parts.staleUntil, isApart) }
}

type Judged = Pick<TierExplanation, 'state' | 'cause' | 'at' | 'receipt' | 'detail'>

function judged(
  space: Space,
  key: string,
  tags: readonly string[],
  seq: number,
  freshUntil: number,
  staleUntil: number,
  isApart: boolean,
): Judged {
  const { view } = space.ledger
  const judgement = isApart ? view.judgeApart(key, tags, seq) : view.judge(key, tags, seq)
  const now = space.services.clock.now()
  if (judgement === 'valid') {
    if (freshUntil > now) return { state: 'fresh' }
    return { state: staleUntil > now ? 'stale' : 'expired', cause: 'expired_ttl', at: freshUntil }
  }
  const blame = view.blame(key, tags, seq, isApart)
  const seen = blame === undefined ? undefined : space.watch.history.find(blame.seq)
  const state = judgement === 'stale' && staleUntil > now ? 'stale' : 'invalid'
  const unheard = seen && unheardOf(seen.line.id)
  if (seen !== undefined && unheard !== undefined)
    return { state, cause: 'ledger_unreachable', detail: `the region ${unheard} was not reachable`, at: seen.at }
  return {
    state,
    cause: causeOf(blame),
    ...(blame === undefined || blame.name === '' ? {} : { detail: blame.name }),
    ...(seen === undefined ? {} : { receipt: idAtOrigin(seen.line.id), at: seen.at }),
  }
}

/** The cause applies to memory only: why a tier below does not have it either is then unknown. */
function missReasonBelow(space: Space, key: string): MissReason {
  const gone = missReason(space, key)
  return OF_MEMORY.has(gone.cause) ? { cause: 'unknown', detail: GONE_UNSEEN } : gone
}

const OF_MEMORY: ReadonlySet<MissCause> = new Set(['evicted_capacity', 'not_admitted', 'too_large', 'memory_pressure'])

function lastError({ lastError: last }: FarTier): Pick<TierExplanation, 'at' | 'detail'> {
  if (last === undefined) return {}
  return { at: last.at, detail: reasonOf(last.error) }
}
