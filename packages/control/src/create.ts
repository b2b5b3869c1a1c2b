// Puts the control plane together: a store, its routes, one function from Request to Response.
import type { Principal } from './access/roles.ts'
import { configurations } from './configurations/configurations.ts'
import type { Control } from './control.ts'
import { createApp } from './http/app.ts'
import { openApi } from './http/openapi.ts'
import { type Rate, Rates } from './http/rates.ts'
import { defineRoute, json, type RateClass, type Route } from './http/route.ts'
import { accessRoutes } from './routes/access.ts'
import { auditRoutes } from './routes/audit.ts'
import { configurationRoutes } from './routes/configurations.ts'
import type { Store } from './store/store.ts'

export interface ControlOptions {
  /** `await openStore('control.db')`; it stays the caller's to close. */
  readonly store: Store
  /** What every path begins with. Default `/api/admin/caching`. */
  readonly base?: string
  /** Calls a minute of one principal, by class of route. Defaults: read 600, write 60, purge 50, scan 2. */
  readonly rates?: Partial<Record<RateClass, Rate>>
  /** The host application's own sign-in, asked where no `Authorization` came. Default: nobody is signed in that way. */
  readonly authorize?: (request: Request) => Promise<Principal | undefined> | Principal | undefined
  /** The peer's address, for the audit. Default: unknown. */
  readonly addressOf?: (request: Request) => string | undefined
  /** Told of errors that nobody foresaw. Default: a line on standard error. */
  readonly onError?: (error: unknown) => void
}

export interface ControlPlane {
  /** Mount it: `app.use(base, ...)` of the framework at hand, or `serve` alone. Never rejects. */
  readonly fetch: (request: Request) => Promise<Response>
  readonly control: Control
  /** Every route as data. */
  readonly routes: readonly Route[]
}

const VERSION = '0.1.0'
const BASE = '/api/admin/caching'

/**
 * The admin API over a store. It is closed until a credential exists: see `ensureToken`.
 * @example
 * const store = await openStore('control.db')
 * await ensureToken(store, { name: 'admin', role: 'admin' }, process.env.MILLPOND_ADMIN_TOKEN)
 * const control = createControl({ store })
 */
export function createControl(options: ControlOptions): ControlPlane {
  const { store, base = BASE } = options
  const control: Control = { store, configurations: configurations(store), version: VERSION }
  const described: Route[] = [...configurationRoutes, ...auditRoutes, ...accessRoutes]
  const document = defineRoute({
    method: 'GET',
    path: 'openapi.json',
    summary: 'This document',
    scope: 'any',
    answers: { 200: { description: 'OpenAPI 3.1' } },
    handle: () => json(200, openApi(routes, base, VERSION)),
  })
  const routes: readonly Route[] = [...described, document]
  const fetch = createApp({
    control,
    routes,
    base,
    rates: new Rates(options.rates),
    onError: options.onError ?? ((error) => console.error('[millpond] [control]', error)),
    authorize: options.authorize,
    addressOf: options.addressOf,
  })
  return { fetch, control, routes }
}
