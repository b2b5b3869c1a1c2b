// The path of an invalidation: the ledger advances and logs in one step, the tiers drop, loads are outdated, memory
// drops.
import { randomUUID } from 'node:crypto'
import type { Change, RemovalReason } from '../core/contracts.ts'
import { dependencyTag } from '../core/dependency.ts'
import { parseDuration } from '../core/duration.ts'
import type { Line, Position, Target } from '../core/ledger.ts'
import type { OutletLine } from '../core/outlet.ts'
import { lineReason, noteFrom, reasonFrom } from '../core/reason.ts'
import { idAtOrigin } from '../core/relay.ts'
import { isDependencyTarget } from './dependencies.ts'
import { expireInMemory } from './expire-in-memory.ts'
import { hiddenTargets, namesOf } from './hidden.ts'
import type { Outcome } from './ledger-contract.ts'
import { MAX_STEP } from './ledger-steps.ts'
import type { Deliver } from './outlets.ts'
import type { Receipt, RegionReceipt, TierReceipt } from './receipt.ts'
import type { Space } from './space.ts'
import { storageKey } from './storage-key.ts'

export interface ForgetRequest {
  readonly keys?: readonly string[]
  readonly tags?: readonly string[]
  readonly patterns?: readonly string[]
  readonly all?: boolean
  /** `expire`: entries become stale instead of invalid. Default `delete`. */
  readonly mode?: 'delete' | 'expire'
  /** Recorded and counted. Default `manual`. */
  readonly reason?: RemovalReason
  /** The caller's own words. */
  readonly note?: string
  /**
   * The targets are held for so many milliseconds: see `Change.hold`. An outbox does not help, as its records hold
   * nothing.
   */
  readonly hold?: number
  /** Ends the hold on all targets, at this position. */
  readonly ends?: Position
}

/**
 * However many targets there are, others are not delayed: it proceeds in steps, and targets are invalid here at once.
 * @throws MillpondError `LEDGER_UNREACHABLE`: applied in this process, and unsent steps are sent as soon as the ledger
 * answers.
 */
export async function forget(space: Space, given: ForgetRequest): Promise<Receipt> {
  const started = space.services.clock.monotonic()
  const request = withoutRepeats(given)
  const { keys = [], mode = 'delete', reason = 'manual', note } = request
  const because = lineReason(reason, note)
  const targets = targetsOf(space, request)
  const id = randomUUID()
  space.watch.counters.invalidations++
  space.watch.counters.invalidationsByReason.set(
    reason,
    (space.watch.counters.invalidationsByReason.get(reason) ?? 0) + 1,
  )
  // Without outlets nothing is awaited: with only memory, it is applied in the turn of the call.
  const deliver =
    space.outlets === undefined
      ? undefined
      : await space.outlets.promise({
          ...told({ id, reason: because, mode, targets: hiddenTargets(namesOf(space), targets) }, true),
          reason,
        })
  const drop = mode === 'expire' ? [] : keys.map((key) => storageKey(space, key))
  const inMemory = countInMemory(space, keys)
  const { position, dropped, isApplied } =
    targets.length === 0
      ? { position: space.ledger.view.position, dropped: 0, isApplied: true }
      : space.far.length === 0
        ? forgetInMemory(space, keys, targets, mode, reason, because, id)
        : await forgetFar(
            space,
            request,
            { targets, mode, reason: because, id, drop, write: [], ...holds(request, targets.length) },
            deliver,
          )
  const tiers = await dropFar(space, drop, dropped, request.all === true && mode === 'delete')
  tellInvalidated(space, { id, reason: because, mode, targets }, true)
  const delivery = await deliver?.()
  const regions = await regionsOf(space, isApplied ? position : undefined)
  const removed = Math.max(inMemory, ...tiers.map((tier) => tier.removed))
  const isExact =
    mode === 'delete' &&
    targets.every((target) => target.kind === 'key' || isDependencyTarget(target)) &&
    tiers.every((tier) => tier.ok)
  const acked: Receipt['acked'] = async (options) => {
    const ms = parseDuration(options?.timeout ?? 1000, 'timeout')
    const until = space.services.clock.monotonic() + ms
    // Asked meanwhile: a late process here says nothing about other regions.
    const away = isApplied ? regionsBehind(space, position, ms) : undefined
    const behind = await space.ledger.acked(isApplied ? position : undefined, ms)
    const left = Math.max(0, until - space.services.clock.monotonic())
    const last = space.ledger.view.position // with what had not been applied
    const [late = [], regions] = await Promise.all([delivery?.late(left), away ?? regionsBehind(space, last, left)])
    return [...behind, ...late, ...regions]
  }
  return {
    id,
    reason,
    ...(note === undefined ? {} : { note }),
    mode,
    targets,
    position,
    removed,
    isExact,
    tiers,
    outlets: delivery?.receipts ?? [],
    regions,
    isApplied,
    ms: space.services.clock.monotonic() - started,
    acked,
  }
}

async function regionsOf({ ledger }: Space, position: Position | undefined): Promise<readonly RegionReceipt[]> {
  const { regions } = ledger
  if (regions === undefined) return NO_REGIONS
  const { own, others, waitMs } = regions
  const isWaited = position !== undefined && waitMs > 0
  const queued = isWaited ? await regions.behind(ledger.namespace, position, waitMs) : others
  return [
    { region: own, state: position === undefined ? 'queued' : 'applied' },
    ...others.map((region): RegionReceipt => ({ region, state: queued.includes(region) ? 'queued' : 'applied' })),
  ]
}

const NO_REGIONS: readonly RegionReceipt[] = []

async function regionsBehind({ ledger }: Space, position: Position, ms: number): Promise<readonly string[]> {
  const behind = await ledger.regions?.behind(ledger.namespace, position, ms)
  return (behind ?? []).map((region) => `region:${region}`)
}

type Told = Pick<Line, 'id' | 'reason' | 'mode' | 'targets'>

export function tellInvalidated(space: Space, line: Told, isOwn: boolean): void {
  const { events } = space.services
  const { recorder, ofCache } = space.watch
  const note = noteFrom(line.reason)
  if (note !== undefined) ofCache.notes.add(idAtOrigin(line.id), note)
  if (recorder === undefined && !events.has('invalidate')) return
  const telling = told(line, isOwn)
  if (line.reason !== 'replaced') recorder?.invalidate(telling.targets, line.mode, space.id.name)
  events.emit('invalidate', { namespace: space.id.name, ...telling })
}

/** Dependencies name keys by internal tags. */
export function told({ id, reason, mode, targets }: Told, isOwn: boolean): OutletLine {
  const note = noteFrom(reason)
  return {
    id: idAtOrigin(id),
    reason: reasonFrom(reason),
    ...(note === undefined ? {} : { note }),
    mode,
    targets: targets.filter((target) => !isDependencyTarget(target)),
    isOwn,
  }
}

/** A key that is named twice is one key, and removed once. */
function withoutRepeats({ keys, tags, patterns, ...rest }: ForgetRequest): ForgetRequest {
  return {
    ...rest,
    ...(keys !== undefined && { keys: [...new Set(keys)] }),
    ...(tags !== undefined && { tags: [...new Set(tags)] }),
    ...(patterns !== undefined && { patterns: [...new Set(patterns)] }),
  }
}

async function forgetFar(
  space: Space,
  request: ForgetRequest,
  change: Change,
  deliver: Deliver | undefined,
): Promise<Outcome> {
  const { targets } = change
  if (targets.length > MAX_STEP) applyInProcess(space, request, targets)
  try {
    const outcome = await space.ledger.advance(change, change.hold === undefined)
    if (!outcome.isApplied) applyInProcess(space, request, targets)
    return outcome
  } catch (error) {
    applyInProcess(space, request, targets)
    void deliver?.()
    throw error
  }
}

function holds({ hold, ends }: ForgetRequest, count: number): Pick<Change, 'hold' | 'settles'> {
  if (ends !== undefined) return { settles: { epoch: ends.epoch, seqs: Array.from({ length: count }, () => ends.seq) } }
  return hold === undefined ? {} : { hold }
}

function targetsOf(space: Space, request: ForgetRequest): Target[] {
  if (request.all === true) return [{ kind: 'all' }]
  return [
    ...(request.keys ?? []).map((key): Target => ({ kind: 'key', key })),
    ...(space.settings.dependencies === 'off'
      ? []
      : (request.keys ?? []).map((key): Target => ({ kind: 'tag', tag: dependencyTag(key) }))),
    ...(request.tags ?? []).map((tag): Target => ({ kind: 'tag', tag })),
    ...(request.patterns ?? []).map((pattern): Target => ({ kind: 'pattern', pattern })),
  ]
}

function countInMemory(space: Space, keys: readonly string[]): number {
  let count = 0
  for (const key of keys) if ((space.memory?.find(key) ?? -1) >= 0) count++
  return count
}

/**
 * Only memory: keys are dropped here and now and need no number, unless they could come back; tags, patterns and
 * `clear` take one.
 */
function forgetInMemory(
  space: Space,
  keys: readonly string[],
  targets: readonly Target[],
  mode: 'delete' | 'expire',
  reason: RemovalReason,
  because: string,
  id: string,
): Outcome {
  const numbered = targets.filter((target) => target.kind !== 'key' || space.warmth.restoring !== undefined)
  space.watch.because(id, () => {
    for (const key of keys) forgetKey(space, key, mode, reason)
  })
  if (numbered.length > 0) space.ledger.advanceNow(numbered, mode, because, id)
  return { position: space.ledger.view.position, dropped: 0, isApplied: true }
}

function forgetKey(space: Space, key: string, mode: 'delete' | 'expire', reason: RemovalReason): void {
  space.loads.outdate(key)
  const { memory } = space
  if (memory === undefined) return
  if (mode === 'delete') memory.drop(key, reason)
  else {
    const slot = memory.find(key)
    if (slot >= 0) expireInMemory(space, memory, slot, key)
  }
}

/** The ledger could not be told: this process applies it all the same, and trusts no copy until the ledger answers. */
function applyInProcess(space: Space, request: ForgetRequest, targets: readonly Target[]): void {
  const { keys = [], mode = 'delete', reason = 'manual' } = request
  for (const key of keys) forgetKey(space, key, mode, reason)
  if (request.all === true) space.memory?.clear('cleared')
  const others = targets.filter(({ kind }) => kind !== 'key')
  if (others.length > 0) space.loads.outdateUntold(others, mode)
}

async function dropFar(
  space: Space,
  drop: readonly string[],
  droppedByLedger: number,
  all: boolean,
): Promise<TierReceipt[]> {
  return Promise.all(
    space.far
      .filter((far) => far.enabled)
      .map(async (far): Promise<TierReceipt> => {
        const name = far.guarded.name
        if (!all && (drop.length === 0 || far.holdsLedger)) {
          if (far.holdsLedger) space.watch.counters.tier(name).drops += droppedByLedger
          return { name, ok: true, removed: far.holdsLedger ? droppedByLedger : 0 }
        }
        const attempt = all ? await far.guarded.clear(space.id.prefix) : await far.guarded.drop(drop)
        space.watch.counters.tier(name).drops += attempt.ok ? attempt.value : 0
        return { name, ok: attempt.ok, removed: attempt.ok ? attempt.value : 0 }
      }),
  )
}
