// The words of warming: what is to be in a cache before anybody asks, as data that can be stored.
import type { Duration } from './duration.ts'
import type { JobWindow } from './jobs.ts'
import type { Key } from './key.ts'
import type { LoadOptions } from './options.ts'

/** What comes first. Plans of one priority run one after the other, in their order. */
export type WarmPriority = 'critical' | 'high' | 'medium' | 'low'

/** What every plan may say. */
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
  /** Of `cron` and `windows`. Default `'UTC'`. */
  readonly timezone?: string | undefined
  /** In a schedule: within these hours only, off-peak say. */
  readonly windows?: readonly JobWindow[] | undefined
}

/** How what a plan warms is stored, where the source of its keys does not say. */
export type WarmStore = Pick<LoadOptions, 'ttl' | 'staleFor' | 'staleIfError' | 'jitter' | 'tags' | 'timeout'>

/** However many: they are read as they are warmed. A function is asked anew by each run: who is active now, say. */
export type WarmList<T> =
  | Iterable<T>
  | AsyncIterable<T>
  | (() => Iterable<T> | AsyncIterable<T> | Promise<Iterable<T> | AsyncIterable<T>>)

/** Keys, loaded where they are missing. */
export interface WarmKeys extends WarmPlanOptions, WarmStore {
  readonly keys: WarmList<Key>
  /**
   * Loads one. Default: the loader that is registered for the key. `undefined`: there is none, and nothing is stored.
   */
  readonly load?: ((key: Key, context: { readonly signal: AbortSignal }) => unknown) | undefined
}

/** Values at hand. */
export interface WarmValues extends WarmPlanOptions, WarmStore {
  readonly values: WarmList<readonly [Key, unknown]>
}

/** Things of a collection, by their ids. */
export interface WarmCollection extends WarmPlanOptions {
  readonly collection: string
  readonly ids: WarmList<unknown>
}

/** Rows of a model, by the warmer that is registered for it. */
export interface WarmModel extends WarmPlanOptions, WarmStore {
  readonly kind: 'model'
  readonly model: string
  readonly filters?: Readonly<Record<string, unknown>>
  readonly include?: unknown
}

/** Views of the own service, each by its warmer. */
export interface WarmViews extends WarmPlanOptions, WarmStore {
  readonly kind: 'view'
  readonly views: readonly WarmView[]
}

/** A view, as its warmer is registered for it. */
export interface WarmView {
  readonly view_name: string
  /** Default `GET`. */
  readonly method?: string
}

/** Endpoints of the own service, each by its warmer, or by the one that `data` names. */
export interface WarmApi extends WarmPlanOptions, WarmStore {
  readonly kind: 'api'
  readonly endpoints: readonly WarmEndpoint[]
}

/** An endpoint, as its warmer is registered for it. */
export interface WarmEndpoint {
  readonly endpoint: string
  /** The name of another warmer, which several endpoints may share. */
  readonly data?: string
}

/**
 * Addresses, asked over HTTP: who answers them warms its own caches. An answer that is not 2xx is a failure; redirects
 * are not followed.
 */
export interface WarmUrls extends WarmPlanOptions {
  readonly kind: 'url'
  /** Paths, or whole addresses. */
  readonly urls: WarmList<string>
  /** What paths belong to: `'http://127.0.0.1:3000'`. Its host is allowed. */
  readonly base?: string | undefined
  /** Hosts that may be asked beside, with their port where they name one. An address of any other is refused. */
  readonly allow?: readonly string[] | undefined
  /** Sent with each. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** For each. Default `'10s'`. */
  readonly timeout?: Duration | undefined
}

/**
 * The keys that were read most, as far as loaders are registered for them: those that memory holds, then those that an
 * earlier run has recorded in the tiers, so that a restart begins with what was hot before it.
 */
export interface WarmHot extends WarmPlanOptions {
  readonly kind: 'hot'
  /** At most so many. Default 500. */
  readonly top?: number | undefined
}

/** What is to be warm: one kind of things, as data. */
export type WarmPlan = WarmKeys | WarmValues | WarmCollection | WarmModel | WarmViews | WarmApi | WarmUrls | WarmHot

/** What a registered warmer is asked for. */
export type WarmRequest =
  | Pick<WarmModel, 'kind' | 'model' | 'filters' | 'include'>
  | (WarmView & { readonly kind: 'view' })
  | (WarmEndpoint & { readonly kind: 'api' })

/**
 * Keys with their values, to be stored; nothing where the warmer has warmed by itself, by calling its endpoint, say.
 */
export type Warmed = Iterable<readonly [Key, unknown]> | AsyncIterable<readonly [Key, unknown]> | undefined

// biome-ignore lint/suspicious/noConfusingVoidType: a function that returns nothing answers so
type WarmerResult = Warmed | void | Promise<Warmed | void>

/** Makes what a plan names: a model's rows, a view, an endpoint. Its error counts as one failure of the plan. */
export type Warmer = (request: WarmRequest, context: { readonly signal: AbortSignal }) => WarmerResult

/** How fast a run of plans may be, and when it gives up. */
export interface WarmOptions {
  /** Loads at a time, at most. Fewer while the source slows or fails. Default 4. */
  readonly concurrency?: number | undefined
  /** Loads a second, at most. Default: no limit. */
  readonly rate?: number | undefined
  /**
   * The share of the time that loads may take, above 0 to 1: after each it rests in proportion, where source and
   * service share a processor, say. Default 1.
   */
  readonly share?: number | undefined
  /**
   * Reload entries that are fresh, too. Default false: what an earlier run has warmed is passed by, so that a run that
   * was cut goes on.
   */
  readonly force?: boolean | undefined
  /** The share of failures, 0 to 1, of at least 20 attempts, at which a plan is given up. Default 0.5. */
  readonly errorThreshold?: number | undefined
  /** Ends the run: what is under way is waited for, nothing more begins. */
  readonly signal?: AbortSignal | undefined
}

/** What became of one plan. */
export interface WarmPlanReport {
  readonly name: string
  readonly priority: WarmPriority
  /** Loaded or stored. */
  readonly warmed: number
  /** There already, and fresh. */
  readonly fresh: number
  /** Of which the source says that there is none. */
  readonly empty: number
  readonly failed: number
  /** Different messages of failures, the first ten. */
  readonly errors: readonly string[]
  /** `done`, or why it ended before. */
  readonly state: 'done' | 'aborted' | 'error_threshold' | 'failed'
  /** What its loads took together: its load on the source, in milliseconds. */
  readonly load_ms: number
  readonly ms: number
}

/** What became of a run: the sums over its plans. Times in milliseconds. */
export interface WarmReport {
  readonly plans: readonly WarmPlanReport[]
  readonly warmed: number
  readonly fresh: number
  readonly empty: number
  readonly failed: number
  /** Of all that was tried or found fresh, the share that is there now, 0 to 1; 1 where there was nothing to do. */
  readonly success_rate: number
  readonly ms: number
}

/** What became of keys that were to be loaded ahead. */
export interface Prefetched {
  /** By their loaders. */
  readonly loaded: number
  /** There already, in memory or in a tier below. */
  readonly present: number
  /** Of which the source says that there is none. */
  readonly empty: number
  readonly failed: number
  /** Without a registered loader, or let go of since many loads were under way. */
  readonly skipped: number
}

/** What schedules of a cache go by, whoever starts them. */
export interface WarmingSettings {
  /**
   * `false`: `warming.start` checks its plans and runs none, so that one of many processes can be left out. What `warm`
   * is told to do is done. Default true.
   */
  readonly enabled?: boolean | undefined
  /**
   * How often plans run that do not say so themselves, where the schedule does not either. From 1 s. Default `'5m'`.
   */
  readonly every?: Duration | undefined
}

/** Plans that run again and again. */
export interface WarmScheduleOptions extends WarmOptions {
  /** What is loaded, one after the other. */
  readonly plans: readonly WarmPlan[]
  /** How often plans run that do not say so themselves. Default: `warming.every` of the cache, else `'5m'`. */
  readonly every?: Duration | undefined
  /** Also at once. Default true. */
  readonly atStart?: boolean | undefined
  /**
   * After an invalidation the hottest of what went: of so many keys that were read most (100), after a pause in which
   * others may come (`'1s'`). Default: not.
   */
  readonly afterInvalidation?: boolean | { readonly top?: number; readonly delay?: Duration } | undefined
}

/** A plan of a schedule, as operators see it. Times are epoch milliseconds. */
export interface ScheduledWarming {
  readonly name: string
  readonly priority: WarmPriority
  /** Of those that run by an interval. */
  readonly every_ms?: number
  readonly cron?: string
  readonly next_at: number
  /** In this process. Another one may have run it since. */
  readonly last?: { readonly at: number; readonly report: WarmReport }
  /** Of runs in this process. */
  readonly runs: number
  readonly failed_runs: number
}

/** Warming of a namespace beside single runs: warmers by name, and a schedule. */
export interface Warming {
  /**
   * Registers who warms a model, a view, or an endpoint (or its `data`); returns how to take it back.
   * @throws MillpondError `OPTION_INVALID` where there is one of that name.
   */
  register(kind: 'model' | 'view' | 'api', name: string, warmer: Warmer): () => void
  /** What can be warmed by its name, in the order in which it was registered. */
  readonly registered: readonly { readonly kind: 'model' | 'view' | 'api'; readonly name: string }[]
  /**
   * Runs plans again and again, each in one process of all that share the cache's job table, or else its ledger. The
   * timers do not keep the process alive. A schedule that is running is replaced.
   */
  start(options: WarmScheduleOptions): void
  /** Ends the schedule; resolves when a run under way has ended. */
  stop(): Promise<void>
  readonly schedule: readonly ScheduledWarming[]
}
