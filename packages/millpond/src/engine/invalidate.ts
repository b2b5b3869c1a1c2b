// Invalidation by criteria: resolved to the ledger's targets, or, if a time narrows them, to the matching entries.
import { checkOptions, duration, flag, oneOf, type Shape } from '../core/checks.ts'
import type { MemorySpace } from '../core/contracts.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { MillpondError, show } from '../core/errors.ts'
import { type InvalidationReason, invalidationReason, reasonGiven } from '../core/reason.ts'
import { Coalesce } from '../invalidate/coalesce.ts'
import { type Criteria, type Resolved, resolveCriteria } from '../invalidate/criteria.ts'
import { scanCopies } from './entries.ts'
import { type ForgetRequest, forget } from './forget.ts'
import { refusePatterns } from './hidden.ts'
import type { DryRun, Receipt } from './receipt.ts'
import type { Space } from './space.ts'

/** How an invalidation is applied. */
export interface InvalidateOptions {
  /** `expire`: entries become stale, and may be returned where stale values are permitted. Default `delete`. */
  readonly mode?: 'delete' | 'expire' | undefined
  /**
   * Changes nothing, and returns what would be invalidated. Reads every entry of the namespace that this process can
   * list.
   */
  readonly dryRun?: boolean | undefined
  /**
   * Resolves when it has been applied, after this time in this process (at once if the cache is closed before). For
   * what must outlive the process: `schedule`.
   */
  readonly delay?: Duration | undefined
  /** Why: counted, reported in events, receipts and outlets in every process, and shown by `explain`. */
  readonly reason?: InvalidationReason | undefined
  /**
   * The first call is applied at once; calls with the same criteria in the following window share one at its end, with
   * the reason of the last.
   */
  readonly atMostEvery?: Duration | undefined
}

const OPTIONS: Shape<InvalidateOptions> = {
  mode: oneOf('delete', 'expire'),
  dryRun: flag,
  delay: duration,
  reason: invalidationReason,
  atMostEvery: duration,
}
const MAX_SHOWN = 100
/** The most keys of one ledger step. */
const BATCH = 1000

/** @throws MillpondError for malformed criteria (see `resolveCriteria`), and the errors of `forget` */
export async function invalidate(
  space: Space,
  criteria: Criteria,
  options: InvalidateOptions,
): Promise<Receipt | DryRun> {
  checkOptions<InvalidateOptions>(options, OPTIONS, '')
  const { mode = 'delete' } = options
  const resolved = resolveCriteria(criteria, { now: space.services.clock.now(), relations: space.settings.relations })
  refusePatterns(space, resolved.patterns)
  if (options.dryRun === true) return tryOut(space, resolved)
  const { delay, atMostEvery, ...now } = options
  // Resolved again when it is applied: ages have changed by then.
  if (delay !== undefined)
    return later(space, delay, () =>
      invalidate(space, criteria, { ...now, ...(atMostEvery === undefined ? {} : { atMostEvery }) }),
    )
  if (atMostEvery !== undefined)
    return coalesced(
      space,
      atMostEvery,
      // Not by the reason: one for each call ("order 17 changed") would lift the limit.
      JSON.stringify([mode, resolved.keys, resolved.tags, resolved.patterns, resolved.all, criteria.olderThan]),
      () => invalidate(space, criteria, now),
    )
  const { keys, tags, patterns, all } = resolved
  const why = reasonGiven(options.reason, resolved.reason)
  const receipt =
    resolved.createdBefore === undefined
      ? await forget(space, { keys, tags, patterns, all, mode, ...why })
      : await forgetFound(space, resolved, mode, why)
  if (patterns.length > 0) warnOfTuples(space, patterns)
  return receipt
}

/** Texts that end where a tuple of the same words would have had its first comma. */
const FAMILY = /^([A-Za-z0-9_-]+)[:/.|-]/
const MAX_LOOKED_AT = 1000
/** The hints that each space has been given. */
const warned = new WeakMap<Space, Set<string>>()

/**
 * `user:*` matches no tuple, though `['user', 7]` may be what was meant: reported once, if memory contains such a key.
 */
function warnOfTuples(space: Space, patterns: readonly string[]): void {
  const { events } = space.services
  if (space.memory === undefined || !events.has('warning')) return
  const told = warned.get(space) ?? new Set()
  warned.set(space, told)
  for (const pattern of patterns) {
    const [, word] = FAMILY.exec(pattern) ?? []
    if (word === undefined || told.has(word) || told.size >= MAX_LOOKED_AT || !holdsFamily(space.memory, word)) continue
    told.add(word)
    events.emit('warning', {
      message: `the pattern ${show(pattern)} matches no tuple such as ['${word}', 7]: use invalidate({ prefix: ['${word}'] }) for those`,
    })
  }
}

function holdsFamily(memory: MemorySpace, word: string): boolean {
  let looked = 0
  for (const key of memory.keys()) {
    if (key.startsWith(`["${word}",`)) return true
    if (++looked >= MAX_LOOKED_AT) return false
  }
  return false
}

type Work = () => Promise<Receipt | DryRun>

async function later(space: Space, delay: Duration, work: Work): Promise<Receipt | DryRun> {
  const done = await space.delays.start(delay, work).done
  if (done === undefined) throw new MillpondError('CLOSED', 'the delayed invalidation was cancelled')
  return done
}

function coalesced(space: Space, every: Duration, target: string, work: Work): Promise<Receipt | DryRun> {
  const key = String(parseDuration(every, 'atMostEvery'))
  let windows = space.coalescing.get(key)
  if (windows === undefined) {
    windows = new Coalesce({ every, clock: space.services.clock, run: (_, latest: Work) => latest() })
    space.coalescing.set(key, windows)
  }
  return windows.call(target, work)
}

/**
 * A line of the ledger cannot express a time: the entries are searched, including those that a restart is restoring,
 * and their keys invalidated.
 */
async function forgetFound(
  space: Space,
  resolved: Resolved,
  mode: 'delete' | 'expire',
  why: Pick<ForgetRequest, 'reason' | 'note'>,
): Promise<Receipt> {
  await space.warmth.restoring
  const found = [...(await find(space, resolved))]
  let receipt = await forget(space, { keys: found.slice(0, BATCH), mode, ...why })
  let { removed } = receipt
  for (let from = BATCH; from < found.length; from += BATCH) {
    receipt = await forget(space, { keys: found.slice(from, from + BATCH), mode, ...why })
    removed += receipt.removed
  }
  return { ...receipt, removed, isExact: false }
}

async function tryOut(space: Space, resolved: Resolved): Promise<DryRun> {
  const found = resolved.isEmpty ? NO_KEYS : await find(space, resolved)
  const isExact = space.far.every(
    (far) => !far.enabled || (far.guarded.state === 'closed' && far.guarded.tier.scan !== undefined),
  )
  const { tags, patterns, cascade } = resolved
  return { wouldRemove: found.size, isExact, keys: [...found].slice(0, MAX_SHOWN), tags, patterns, cascade }
}

const NO_KEYS: ReadonlySet<string> = new Set()

/** The keys of which some copy is selected, in whichever tier: what is invalidated must not come back from there. */
async function find(space: Space, resolved: Resolved): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  for await (const copy of scanCopies(space)) if (resolved.selects(copy)) found.add(copy.key)
  return found
}
