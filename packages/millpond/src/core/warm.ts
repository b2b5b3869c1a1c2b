// The terms of warming: what is to be cached in advance, as data that can be stored.
import type { Duration } from './duration.ts'
import type { JobWindow } from './jobs.ts'
import type { Key } from './key.ts'
import type { LoadOptions } from './options.ts'

/** The order of plans. Plans of one priority run one after the other, in their order. */
export type WarmPriority = 'critical' | 'high' | 'medium' | 'low'

/** Common fields of all plans. */
export interface WarmPlanOptions {
  /** Shown in reports, events and the schedule. Default: what the plan warms. */
  readonly name?: string | undefined
  /** Default `medium`. */
  readonly priority?: WarmPriority | undefined
  /**
   * How often a schedule runs it. Default: models `'1h'`, views `'30m'`, API `'15m'`, others what the schedule says.
   */
  readonly interval?: Duration | undefined
  /** In a schedule: by a line of cron instead. Needs the package croner. */
  readonly cron?: string | undefined
  /** For `cron` and `windows`. Default `'UTC'`. */
  readonly timezone?: string | undefined
  /** In a schedule: only within these hours, off-peak for example. */
  readonly windows?: readonly JobWindow[] | undefined
}

/** How the plan's values are stored, unless the source of its keys says otherwise. */
export type WarmStore = Pick<LoadOptions, 'ttl' | 'staleFor' | 'staleIfError' | 'jitter' | 'tags' | 'timeout'>

/**
 * Any number: they are read while they are warmed. A function is called by each run: currently active users, for
 * example.
 */
export type WarmList<T> =
  | Iterable<T>
  | AsyncIterable<T>
  | (() => Iterable<T> | AsyncIterable<T> | Promise<Iterable<T> | AsyncIterable<T>>)

/** Keys, loaded where they are missing. */
export interface WarmKeys extends WarmPlanOptions, WarmStore {
  /** The keys to load. */
  readonly keys: WarmList<Key>
  /** Loads one. Default: the loader registered for the key. `undefined`: not found, and nothing is stored. */
  readonly load?: ((key: Key, context: { readonly signal: AbortSignal }) => unknown) | undefined
}

/** Given values. */
export interface WarmValues extends WarmPlanOptions, WarmStore {
  /** The keys with their values. */
  readonly values: WarmList<readonly [Key, unknown]>
}

/** Records of a collection, by their ids. */
export interface WarmCollection extends WarmPlanOptions {
  /** The name of the collection. */
  readonly collection: string
  /** The ids of the records: a list, or a function or iterable that yields them. */
  readonly ids: WarmList<unknown>
}

/** Rows of a model, by its registered warmer. */
export interface WarmModel extends WarmPlanOptions, WarmStore {
  readonly kind: 'model'
  /** The name of the model. */
  readonly model: string
  /** Which rows: passed to the warmer as given. */
  readonly filters?: Readonly<Record<string, unknown>>
  /** Which related rows: passed to the warmer as given. */
  readonly include?: unknown
}

/** Views of the service itself, each by its warmer. */
export interface WarmViews extends WarmPlanOptions, WarmStore {
  readonly kind: 'view'
  /** The views to warm. */
  readonly views: readonly WarmView[]
}

/** A view, as its warmer is registered. */
export interface WarmView {
  /** Its name, as in `warming.register('view', name, …)`. */
  readonly view_name: string
  /** Default `GET`. */
  readonly method?: string
}

/** Endpoints of the service itself, each by its warmer, or by the one that `data` names. */
export interface WarmApi extends WarmPlanOptions, WarmStore {
  readonly kind: 'api'
  /** The endpoints to warm. */
  readonly endpoints: readonly WarmEndpoint[]
}

/** An endpoint, as its warmer is registered. */
export interface WarmEndpoint {
  /** Its name, as in `warming.register('api', name, …)`. */
  readonly endpoint: string
  /** The name of another warmer, which several endpoints may share. */
  readonly data?: string
}

/**
 * URLs, requested over HTTP: the service that answers them warms its own caches. A response that is not 2xx is a
 * failure; redirects are not followed.
 */
export interface WarmUrls extends WarmPlanOptions {
  readonly kind: 'url'
  /** Paths, or full URLs. */
  readonly urls: WarmList<string>
  /** The base of paths: `'http://127.0.0.1:3000'`. Its host is allowed. */
  readonly base?: string | undefined
  /** Further allowed hosts, with their port if they name one. URLs of other hosts are refused. */
  readonly allow?: readonly string[] | undefined
  /** Sent with each. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** For each. Default `'10s'`. */
  readonly timeout?: Duration | undefined
}

/**
 * The most read keys with a registered loader: those in memory, then those that an earlier run has recorded in the
 * tiers, so that a restart begins with what was hot before it.
 */
export interface WarmHot extends WarmPlanOptions {
  readonly kind: 'hot'
  /** The most keys. Default 500. */
  readonly top?: number | undefined
}

/** A warming plan: one kind of things, as data. */
export type WarmPlan = WarmKeys | WarmValues | WarmCollection | WarmModel | WarmViews | WarmApi | WarmUrls | WarmHot

/** The argument of a registered warmer. */
export type WarmRequest =
  | Pick<WarmModel, 'kind' | 'model' | 'filters' | 'include'>
  | (WarmView & { readonly kind: 'view' })
  | (WarmEndpoint & { readonly kind: 'api' })

/**
 * Keys with their values, to be stored; nothing if the warmer has warmed them itself, by calling its endpoint for
 * example.
 */
export type Warmed = Iterable<readonly [Key, unknown]> | AsyncIterable<readonly [Key, unknown]> | undefined

// biome-ignore lint/suspicious/noConfusingVoidType: a function that returns nothing answers so
type WarmerResult = Warmed | void | Promise<Warmed | void>

/** Makes what a plan names: a model's rows, a view, an endpoint. An error counts as one failure of the plan. */
export type Warmer<Kind extends WarmRequest['kind'] = WarmRequest['kind']> = (
  request: Extract<WarmRequest, { readonly kind: Kind }>,
  context: { readonly signal: AbortSignal },
) => WarmerResult

/** The pace of a run, and when it gives up. */
export interface WarmOptions {
  /** Concurrent loads, at most. Fewer while the source slows down or fails. Default 4. */
  readonly concurrency?: number | undefined
  /** Loads a second, at most. Default: no limit. */
  readonly rate?: number | undefined
  /**
   * The share of the time that loads may take, above 0 to 1: after each load it rests in proportion, for example if
   * source and service share a processor. Default 1.
   */
  readonly share?: number | undefined
  /**
   * Also reload fresh entries. Default false: what an earlier run has warmed is skipped, so that an interrupted run
   * continues.
   */
  readonly force?: boolean | undefined
  /** The share of failures, 0 to 1, of at least 20 attempts, at which a plan is given up. Default 0.5. */
  readonly errorThreshold?: number | undefined
  /** Ends the run: running loads are awaited, no more begin. */
  readonly signal?: AbortSignal | undefined
}

/** The result of one plan. */
export interface WarmPlanReport {
  /** The name of the plan. */
  readonly name: string
  /** The priority of the plan. */
  readonly priority: WarmPriority
  /** Loaded or stored. */
  readonly warmed: number
  /** Already fresh. */
  readonly fresh: number
  /** Not found at the source. */
  readonly empty: number
  /** Loads that failed. */
  readonly failed: number
  /** Different messages of failures, the first ten. */
  readonly errors: readonly string[]
  /** `done`, or why it ended early. */
  readonly state: 'done' | 'aborted' | 'error_threshold' | 'failed'
  /** The sum of its load times: the load on the source, in milliseconds. */
  readonly load_ms: number
  /** How long the plan took, in milliseconds. */
  readonly ms: number
}

/** The result of a run: the sums over its plans. Times in milliseconds. */
export interface WarmReport {
  /** The result of each plan. */
  readonly plans: readonly WarmPlanReport[]
  /** Loaded or stored. */
  readonly warmed: number
  /** Already fresh. */
  readonly fresh: number
  /** Not found at the source. */
  readonly empty: number
  /** Loads that failed. */
  readonly failed: number
  /** The share of everything tried or found fresh that is now cached, 0 to 1; 1 if there was nothing to do. */
  readonly success_rate: number
  /** How long the run took. */
  readonly ms: number
}

/** The results for prefetched keys. */
export interface Prefetched {
  /** By their loaders. */
  readonly loaded: number
  /** Already present, in memory or in a tier below. */
  readonly present: number
  /** Not found at the source. */
  readonly empty: number
  /** Loads that failed. */
  readonly failed: number
  /** Without a registered loader, or skipped since many loads were running. */
  readonly skipped: number
}

/** The settings of a cache's schedules, in all code that starts them. */
export interface WarmingSettings {
  /**
   * `false`: `warming.start` validates its plans and runs none, so that one of many processes can be excluded. `warm`
   * still works. Default true.
   */
  readonly enabled?: boolean | undefined
  /** The interval of plans without their own, if the schedule sets none. From 1 s. Default `'5m'`. */
  readonly every?: Duration | undefined
}

/** Repeated plans. */
export interface WarmScheduleOptions extends WarmOptions {
  /** What is loaded, one after the other. */
  readonly plans: readonly WarmPlan[]
  /** The interval of plans without their own. Default: `warming.every` of the cache, else `'5m'`. */
  readonly every?: Duration | undefined
  /** Also run at once. Default true. */
  readonly atStart?: boolean | undefined
  /**
   * After an invalidation, reload the hottest of the invalidated keys: up to so many of the most read ones (100), after
   * a pause in which others may come (`'1s'`). Default: off.
   */
  readonly afterInvalidation?: boolean | { readonly top?: number; readonly delay?: Duration } | undefined
}

/** A plan of a schedule, as operators see it. Times are epoch milliseconds. */
export interface ScheduledWarming {
  /** The name of the plan. */
  readonly name: string
  /** Its priority. */
  readonly priority: WarmPriority
  /** For those with an interval. */
  readonly every_ms?: number
  /** For those with a cron expression. */
  readonly cron?: string
  /** When it is due next. */
  readonly next_at: number
  /** In this process. Another one may have run it since. */
  readonly last?: { readonly at: number; readonly report: WarmReport }
  /** Of runs in this process. */
  readonly runs: number
  /** Runs in this process of which the plan failed or ended early. */
  readonly failed_runs: number
}

/** Warming of a namespace besides single runs: named warmers, and a schedule. */
export interface Warming {
  /**
   * Registers the warmer of a model, a view, or an endpoint (or its `data`); returns a function that removes it.
   * @throws MillpondError `OPTION_INVALID` if there is one of that name.
   */
  register<Kind extends WarmRequest['kind']>(kind: Kind, name: string, warmer: Warmer<Kind>): () => void
  /** What can be warmed by name, in the order of registration. */
  readonly registered: readonly { readonly kind: 'model' | 'view' | 'api'; readonly name: string }[]
  /**
   * Runs plans repeatedly, each in one process of all that share the cache's job table, or else its ledger. The timers
   * do not keep the process alive. Replaces a running schedule.
   */
  start(options: WarmScheduleOptions): void
  /** Ends the schedule; resolves when a running run has ended. */
  stop(): Promise<void>
  /** The plans of the running schedule; empty without one. */
  readonly schedule: readonly ScheduledWarming[]
}
