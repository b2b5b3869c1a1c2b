// Invalidation: by tag, pattern, model and time, now or later.
import { checkOptions, oneOf, type Shape } from '../core/checks.ts'
import { MillpondError, show } from '../core/errors.ts'
import { checkTags } from '../core/key.ts'
import { type InvalidationReason, invalidationReason, reasonGiven } from '../core/reason.ts'
import { type Criteria, MAX_KEYS, resolveCriteria } from '../invalidate/criteria.ts'
import { ModelEvents } from '../invalidate/model-events.ts'
import type { ModelId } from '../invalidate/model-tags.ts'
import type { ChangeKind } from '../invalidate/relations.ts'
import { type ScheduleTime, scheduleInvalidation, TIME } from '../invalidate/schedule.ts'
import { encodeToken } from '../invalidate/token.ts'
import type { Jobs } from '../jobs/index.ts'
import type { Erased, ErasureSubject } from './erasure.ts'
import { forget } from './forget.ts'
import { namesOf, refusePatterns } from './hidden.ts'
import { type InvalidateOptions, invalidate as invalidateBy } from './invalidate.ts'
import type { Around } from './plugins.ts'
import type { DryRun, Receipt } from './receipt.ts'
import { checkOpen, type Space } from './space.ts'

/** When, and how. */
export type ScheduledFor = ScheduleTime & {
  readonly mode?: 'delete' | 'expire' | undefined
  /** Why: of the invalidation, when it is due. */
  readonly reason?: InvalidationReason | undefined
}

/** The part of a cache's job runner that users may use. */
export type CacheJobs = Pick<
  Jobs,
  'add' | 'handle' | 'repeat' | 'repeating' | 'trigger' | 'figures' | 'list' | 'get' | 'cancel'
>

/** Scheduled invalidations, with their own runner. */
export interface Scheduled {
  jobs(): Jobs
  /** Of this cache's jobs: several caches may share a table. */
  readonly kind: string
}

/** Why everything is removed. */
export interface ClearOptions {
  /** One of the counted reasons, or your own words. Default: counted as `cleared`. */
  readonly reason?: InvalidationReason | undefined
}

/** The verbs that invalidate entries by what they have in common. */
export interface CacheInvalidations {
  /**
   * Invalidates every entry that carries one of the tags, in every tier of every process. Costs the same for one entry
   * and for a million. With `expire` they may still be returned where stale values are permitted.
   */
  invalidateTags(tags: Iterable<string>, options: InvalidateOptions & { readonly dryRun: true }): Promise<DryRun>
  invalidateTags(tags: Iterable<string>, options?: InvalidateOptions): Promise<Receipt>
  /**
   * Invalidates every entry whose key matches: a glob (`user:*`), a string that begins with `^` (a linear-time regular
   * expression), or a RegExp.
   */
  invalidatePattern(pattern: string | RegExp, options: InvalidateOptions & { readonly dryRun: true }): Promise<DryRun>
  invalidatePattern(pattern: string | RegExp, options?: InvalidateOptions): Promise<Receipt>
  /**
   * Several criteria in one step and one receipt: keys, tags, patterns, a model with or without an id, by time.
   * Includes declared relations.
   */
  invalidate(criteria: Criteria, options: InvalidateOptions & { readonly dryRun: true }): Promise<DryRun>
  invalidate(criteria: Criteria, options?: InvalidateOptions): Promise<Receipt>
  /** Removes everything of this namespace, in every tier of every process. */
  clear(options?: ClearOptions): Promise<Receipt>
  /**
   * Erases all data of a subject, leaving no readable copy: of a tenant (in every namespace; its keys are destroyed
   * where `codec: { encrypt }` is a `tenantKeyring`), or what carries one of the tags, or lies under one of the keys,
   * of this namespace. Forgets it everywhere, as an invalidation does, and looks through every tier for what is
   * invalid, overtaken or over too; drops queued writes and dead letters, writes restart files anew. Reads the names of
   * the whole namespace where the tier can list, and takes a second or more. The receipt says for each tier what is
   * proven; what servers keep in their own logs and backups, the guide does.
   * @throws MillpondError `OPTION_INVALID`, `KEY_INVALID`, `TAG_INVALID`; `LEDGER_UNREACHABLE`, `KEYRING_UNREACHABLE`:
   * it is not known what is left: erase again.
   * @example const { isProven, tiers } = await cache.erase({ tags: ['user:7'] })
   */
  erase(subject: ErasureSubject): Promise<Erased>
  /**
   * Invalidates later: after a time, or at an instant (a past one means at once). Resolves with the job's id once the
   * job is stored. Runs in one of all processes that share the job store. `cache.jobs` lists and cancels.
   */
  schedule(criteria: Criteria, when: ScheduledFor): Promise<string>
  /**
   * The jobs of the whole cache, in the table of the option `jobs` of `createCache` (else in this process): scheduled
   * invalidations to list and cancel, the program's own jobs (`add`, `handle`), and repeated jobs, each run in one
   * process of all (`repeat`, `repeating`, `trigger`).
   */
  readonly jobs: CacheJobs
  /**
   * A row (or, without an id, any row) of a model has changed, and the change is committed: entries with the model's
   * tags (`modelTags`) are invalidated, including its declared relations. Within `cache.changes.during(work)` it waits
   * for the end of the work.
   */
  modelChanged(model: string, id: ModelId | undefined, kind: ChangeKind): Promise<Receipt | undefined>
  /** Changes of models, collected until their transaction has committed. */
  readonly changes: ModelEvents<Receipt>
  /**
   * The position in the namespace's history that this process has seen, as a string to pass on (a cookie, a header, a
   * message): a read `after` it, in any process, sees nothing older. Take it when a write or an invalidation has been
   * acknowledged.
   */
  token(): string
}

export async function invalidateTags(
  space: Space,
  tags: Iterable<string>,
  options: InvalidateOptions,
): Promise<Receipt | DryRun> {
  return invalidate(space, { tags: checkTags(tags, MAX_KEYS) }, options)
}

export async function invalidate(
  space: Space,
  criteria: Criteria,
  options: InvalidateOptions,
): Promise<Receipt | DryRun> {
  checkOpen(space)
  return invalidateBy(space, criteria, options)
}

const CLEAR: Shape<ClearOptions> = { reason: invalidationReason }

export async function clear(space: Space, options: ClearOptions | undefined): Promise<Receipt> {
  checkOpen(space)
  if (options !== undefined) checkOptions<ClearOptions>(options, CLEAR, 'clear')
  return forget(space, { all: true, ...reasonGiven(options?.reason, 'cleared') })
}

const WHEN: Shape<ScheduledFor> = { ...TIME, mode: oneOf('delete', 'expire'), reason: invalidationReason }

export async function schedule(
  space: Space,
  scheduled: Scheduled,
  criteria: Criteria,
  when: ScheduledFor,
): Promise<string> {
  checkOpen(space)
  checkOptions<ScheduledFor>(when, WHEN, 'schedule')
  const { id, settings, services } = space
  refuseToSchedule(space, criteria)
  const { mode, reason, ...time } = when
  return scheduleInvalidation(
    {
      jobs: scheduled.jobs(),
      kind: scheduled.kind,
      namespace: id.name,
      criteria,
      relations: settings.relations,
      now: services.clock.now(),
      ...(mode === undefined ? {} : { mode }),
      ...(reason === undefined ? {} : { reason }),
    },
    time,
  )
}

/** A job's contents are stored in plain. */
function refuseToSchedule(space: Space, criteria: Criteria): void {
  if (namesOf(space) === undefined) return
  const { keys, tags, patterns } = resolveCriteria(criteria, {
    now: space.services.clock.now(),
    relations: space.settings.relations,
  })
  refusePatterns(space, patterns)
  if (keys.length === 0 && tags.length === 0) return
  throw new MillpondError(
    'OPTION_INVALID',
    `schedule: the keys and tags of the namespace ${show(space.id.name)} are hidden (codec: { keyNames }), and a job would reveal them: invalidate at the time itself`,
  )
}

/** Invalidations caused by a change of a model also pass the plug-ins, as `invalidate`. */
export function modelChanges(space: Space, around: Around | undefined): ModelEvents<Receipt> {
  return new ModelEvents({
    relations: space.settings.relations,
    invalidate: async ({ tags }) => {
      const work = (): Promise<Receipt> => forget(space, { tags, reason: 'data_changed' })
      if (around === undefined) return work()
      return (await around({ verb: 'invalidate', args: [{ tags }], cache: space.id.name }, work)) as Receipt
    },
  })
}

export function token({ id, ledger }: Space): string {
  return encodeToken(new Map([[id.prefix, ledger.view.position]]))
}
