// Assembles the control plane: a store, the caches that it sees, its routes, one function from Request to Response, and
// the periodic work.
import type { Cache } from 'millpond'
import type { Insight } from 'millpond/insight'
import type { NodeStore } from 'millpond/nodes'
import {
  check,
  checkOptions,
  flag,
  fn,
  listOf,
  record,
  refused,
  required,
  type Shape,
  withMethods,
} from 'millpond/options'
import type { z } from 'zod'
import type { Principal } from './access/roles.ts'
import { type Application, application } from './agent/application.ts'
import { Alerts, type AlertView } from './alerts/alerts.ts'
import { Evaluator } from './alerts/evaluator.ts'
import { rulesDocument } from './alerts/rules.ts'
import { beginRules, webhooksOf } from './alerts/settings.ts'
import { Webhooks } from './alerts/webhooks.ts'
import { AutoApply } from './auto/auto.ts'
import { aCdn, type ControlCdn } from './cdn/part.ts'
import { startClock } from './clock.ts'
import { violations } from './compliance/report.ts'
import { configurations } from './configurations/configurations.ts'
import { type TierFactories, tierFactories } from './configurations/named.ts'
import { bringSettings, keepSettings } from './configurations/settings.ts'
import type { Control } from './control.ts'
import { Experiments } from './experiments/experiments.ts'
import { Fleet } from './fleet/fleet.ts'
import { aCache, aNodeId, aNodeStore, anInsight } from './given.ts'
import { type HostActs, hostActs } from './host-acts.ts'
import { createApp } from './http/app.ts'
import { batchRoute } from './http/batch.ts'
import { openApi } from './http/openapi.ts'
import { type Rate, Rates, rates } from './http/rates.ts'
import { Refusals } from './http/refusals.ts'
import { defineRoute, json, type RateClass, type Route } from './http/route.ts'
import { Collector } from './metrics/collector.ts'
import { History } from './metrics/history.ts'
import { type CacheSummary, summaryOf } from './metrics/summary.ts'
import { Operations } from './operations/operations.ts'
import { routesOf } from './routes/index.ts'
import { managementRoutes } from './routes/management.ts'
import { proposalRoutes } from './routes/proposals.ts'
import type { Store } from './store/store.ts'
import { feed } from './stream/feed.ts'
import { Hub } from './stream/hub.ts'
import { VERSION } from './version.ts'

export interface ControlOptions {
  /** `await openStore('control.db')`; it stays the caller's to close. */
  readonly store: Store
  /** Caches of this process. They stay the caller's to close. */
  readonly caches?: readonly Cache[] | undefined
  /** The application's names for its organisations, cache types and critical paths in `caches`. */
  readonly application?: Application | undefined
  /**
   * The insight that watches these caches, for sizing and advice: `createInsight({ caches })`. It stays the caller's to
   * close.
   */
  readonly insight?: Insight | undefined
  /**
   * The CDN in front of the caches: `createCdn({ edges, folders })` of @millpond/cdn. It stays the caller's to close.
   * Default: none.
   */
  readonly cdn?: ControlCdn | undefined
  /** Where caches of other processes meet, if no cache of this process shares the place: `redis({ url }).nodes`. */
  readonly meetingPlaces?: readonly NodeStore[] | undefined
  /**
   * How to reach the tiers that stored configurations name, for `test_connection`: `{ redis: () => redis({ url }) }`.
   */
  readonly tiers?: TierFactories | undefined
  /** This process's name among the nodes. Default: the host's name and the process id. */
  readonly nodeId?: string | undefined
  /** The prefix of all paths. Default `/api/admin/caching`. */
  readonly base?: string | undefined
  /** The prefix of `warm-cache/`, `invalidate-cache/` and `cache-status/`. Default `/api/cache-management`. */
  readonly managementBase?: string | undefined
  /** Calls of one principal a minute, by class of route. Defaults: read 600, write 60, purge 50; scan 2 per route. */
  readonly rates?: Partial<Record<RateClass, Rate>> | undefined
  /** The host application's own sign-in, used for requests without a token of ours. Default: none. */
  readonly authorize?: ((request: Request) => Promise<Principal | undefined> | Principal | undefined) | undefined
  /**
   * The initial alert rules, until some are set (`PUT alert_rules/`): thresholds that fit the traffic of these caches.
   */
  readonly alertRules?: z.input<typeof rulesDocument> | undefined
  /** Webhooks may call addresses of private networks, for receivers within one's own network. Default false. */
  readonly allowPrivateWebhooks?: boolean | undefined
  /** The peer's address, for the audit log. Default: unknown. */
  readonly addressOf?: ((request: Request) => string | undefined) | undefined
  /** Called with unexpected errors. Default: a line on standard error. */
  readonly onError?: ((error: unknown) => void) | undefined
  /** Called with problems that an operator should look at: an unreachable node, a refused setting. Default: ignored. */
  readonly onWarning?: ((message: string) => void) | undefined
}

export interface ControlPlane extends HostActs {
  /** Mount it: `app.use(base, ...)` of the framework at hand, or `serve` alone. Never rejects. */
  readonly fetch: (request: Request) => Promise<Response>
  /**
   * Joins the node channels, sends stored settings to running caches, and looks at them once a second. Without it,
   * requests are answered with the present state.
   */
  start(): Promise<void>
  /**
   * Every cache over all its processes, as `metrics/summary/` reports it: health with its deductions, hits, tiers,
   * causes of misses.
   */
  summary(): Promise<readonly CacheSummary[]>
  /** Leaves, and stores the counts. Caches and store stay open. */
  close(): Promise<void>
  /** The parts behind the routes: for tests and extensions. */
  readonly control: Control
  /** Every route as data. */
  readonly routes: readonly Route[]
}

const aBase = check(
  (value): value is string => typeof value === 'string' && /^\/.*[^/]$/.test(value),
  "a path such as '/api/admin/caching'",
)
const RULES = 'rules in the format of alert_rules/: { hit_ratio: { levels: { high: 0.5 } } }'
/** Objects other than plain ones would pass as having no rules. */
const someRules = record<object>(RULES)
const partAt = (value: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce(
    (part: unknown, name) => (typeof part === 'object' && part !== null ? Reflect.get(part, name) : undefined),
    value,
  )
const CONTROL: Shape<ControlOptions> = {
  store: required(withMethods<Store>("a store: await openStore('control.db')", 'write', 'now', 'close')),
  caches: listOf(aCache, 'a list of caches'),
  application,
  insight: anInsight,
  cdn: aCdn,
  meetingPlaces: listOf(aNodeStore, 'a list of node stores'),
  tiers: tierFactories,
  nodeId: aNodeId,
  base: aBase,
  managementBase: aBase,
  rates,
  authorize: fn('a function from a request to a principal'),
  alertRules: (value, at) => {
    const given = someRules(value, at)
    const { success, data, error } = rulesDocument.safeParse(given)
    if (success) return data
    const [{ path, message } = { path: [], message: '' }] = error.issues
    const field = [at, ...path].join('.')
    throw refused(partAt(given, path), field, `${RULES} (${message})`)
  },
  allowPrivateWebhooks: flag,
  addressOf: fn('a function from a request to an address'),
  onError: fn('a function that takes an error'),
  onWarning: fn('a function that takes a message'),
}
const BASE = '/api/admin/caching'
const MANAGEMENT_BASE = '/api/cache-management'

/**
 * The admin API over a store. It refuses all requests until a credential exists: see `ensureToken`.
 * @throws MillpondError `OPTION_INVALID`
 * @example const store = await openStore('control.db') await ensureToken(store, { name: 'admin', role: 'admin' },
 * process.env.MILLPOND_ADMIN_TOKEN) const control = createControl({ store, caches: [cache] }) await control.start()
 */
export function createControl(options: ControlOptions): ControlPlane {
  checkOptions<ControlOptions>(options, CONTROL, 'createControl')
  const {
    store,
    base = BASE,
    managementBase = MANAGEMENT_BASE,
    onError = (error: unknown) => console.error('[millpond] [control]', error),
    onWarning = () => undefined,
  } = options
  const { caches = [], meetingPlaces = [], nodeId } = options
  const fleet = new Fleet({
    caches,
    meetingPlaces,
    nodeId,
    application: options.application,
    insight: options.insight,
    onWarning,
  })
  const operations = new Operations(store)
  const experiments = new Experiments(store, fleet)
  const control: Control = {
    store,
    configurations: configurations(store),
    fleet,
    collector: new Collector(fleet),
    history: new History(store),
    operations,
    alerts: new Alerts(store),
    experiments,
    auto: new AutoApply({ store, fleet, operations, experiments }),
    hub: new Hub(),
    judge: () => evaluator.judge(),
    allowPrivateWebhooks: options.allowPrivateWebhooks ?? false,
    isHosted: options.authorize !== undefined,
    tiers: options.tiers ?? {},
    cdn: options.cdn,
    version: VERSION,
  }
  const document = defineRoute({
    method: 'GET',
    path: 'openapi.json',
    summary: 'This document',
    scope: 'any',
    answers: { 200: { description: 'OpenAPI 3.1' } },
    handle: () => json(200, openApi(routes, base, VERSION)),
  })
  // A part of a batch, and the act of a proposal, has the peer of the whole, and is authenticated as it is: a host may
  // recognise its requests by identity.
  const wholes = new WeakMap<Request, Request>()
  const ask = (request: Request): Promise<Response> => fetch(request)
  const begun = (part: Request, whole: Request): unknown => wholes.set(part, wholes.get(whole) ?? whole)
  const routes: readonly Route[] = [
    ...routesOf(() => routes),
    ...proposalRoutes(() => routes, ask, begun),
    ...managementRoutes(managementBase),
    document,
    batchRoute(ask, begun),
  ]
  const refusals = new Refusals()
  const evaluator = new Evaluator(
    control,
    () => refusals.lastMinute(),
    (isAuditWhole) => violations(control, isAuditWhole),
  )
  const webhooks = new Webhooks({ allowPrivate: control.allowPrivateWebhooks, onWarning })
  // One after the other, so that what was raised first is sent first.
  let told = Promise.resolve()
  const tell = (alert: AlertView, severities: readonly string[]): void => {
    told = told
      .then(async () => {
        if (!(await control.alerts.isSilent(alert))) webhooks.tell(await webhooksOf(store), alert, severities)
      })
      .catch(onError)
  }
  const fetch = createApp({
    control,
    routes,
    base,
    rates: new Rates(options.rates),
    refusals,
    onError,
    authorize: options.authorize && ((request) => options.authorize?.(wholes.get(request) ?? request)),
    addressOf: options.addressOf && ((request) => options.addressOf?.(wholes.get(request) ?? request)),
  })
  let stop: (() => Promise<void>) | undefined
  return {
    ...hostActs(control),
    fetch,
    control,
    routes,
    async start() {
      if (stop !== undefined) return
      const unkept = keepSettings(control, onError)
      const untold = control.alerts.onChange(tell)
      const unfed = feed(control)
      const halt = startClock(control, evaluator, onError)
      stop = async () => {
        unkept()
        await halt()
        untold()
        await told
        unfed()
        await webhooks.close()
      }
      if (options.alertRules !== undefined) await beginRules(store, options.alertRules)
      await fleet.start()
      await bringSettings(control).catch(onError) // the next round tries again
    },
    summary: () => Promise.all(fleet.names.map((name) => summaryOf(control, name))),
    async close() {
      control.hub.close()
      await stop?.()
      await fleet.close()
    },
  }
}
