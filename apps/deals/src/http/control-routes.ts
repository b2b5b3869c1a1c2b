// The admin API of the cache, as the control plane answers it, and the dashboard over it. Demo tokens are only accepted
// from this machine, as everywhere.
import type { HttpBindings } from '@hono/node-server'
import type { ControlPlane } from '@millpond/control'
import { dashboard } from '@millpond/dashboard/handler'
import { Hono } from 'hono'
import { CONTROL_PATH, DASHBOARD_PATH } from '../control.ts'
import { isFromLoopback } from './loopback.ts'

export interface ControlDoor {
  /** Facts about a request besides its own contents. */
  readonly arrivals: WeakMap<Request, { readonly isFromHere: boolean; readonly address: string | undefined }>
}

export function controlRoutes(plane: ControlPlane, { arrivals }: ControlDoor) {
  const routes = new Hono<{ Bindings: HttpBindings }>({ strict: false })
  routes.all(`${CONTROL_PATH}/*`, (c) => {
    const { incoming } = c.env
    arrivals.set(c.req.raw, { isFromHere: isFromLoopback(incoming), address: incoming.socket.remoteAddress })
    return plane.fetch(c.req.raw)
  })
  const page = dashboard({ base: DASHBOARD_PATH, apiBaseUrl: CONTROL_PATH, environment: { label: 'Demo' } })
  routes.all(`${DASHBOARD_PATH}*`, async (c) => (await page(c.req.raw)) ?? c.notFound())
  return routes
}
