// The cached answers: organisations, users, analytics, search, overview.

import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import type { Responses } from '../cache/responses.ts'
import type { Access } from './access.ts'
import { readAnalyticsType, readId, readPeriod, readSearch } from './parse.ts'
import { Problem } from './problem.ts'
import { send } from './send.ts'

export function readRoutes(access: Access, responses: Responses) {
  const routes = new Hono<{ Bindings: HttpBindings }>({ strict: false })
  const missing = (id: number) => `there is no organisation ${id}`

  // The two public answers: only what anyone may see, no sign-in.
  routes.get('/api/cached/organizations/:id/info', async (c) => {
    const id = readId('id', c.req.param('id'))
    return send(c, await responses.organization(id), missing(id))
  })
  routes.get('/api/cached/organizations/:id/roles', async (c) => {
    const id = readId('id', c.req.param('id'))
    if ((await responses.organization(id)).body.text === null) throw new Problem(404, missing(id))
    return send(c, await responses.roles(id), missing(id))
  })

  routes.get('/api/cached/organizations/:id/statistics', async (c) => {
    access.caller(c)
    const { organizationId } = await access.in(c, readId('id', c.req.param('id')), 'analytics.view')
    return send(c, await responses.statistics(organizationId, readPeriod(c.req.query('days'))), missing(organizationId))
  })
  routes.get('/api/cached/users/dashboard', async (c) => {
    const { caller, organizationId } = await access.here(c, 'dashboard.view')
    return send(c, await responses.dashboard(caller.userId, organizationId), missing(organizationId))
  })
  routes.get('/api/cached/users/permissions', async (c) => {
    const { caller, organizationId } = await access.here(c)
    return send(c, await responses.permissions(caller.userId, organizationId), missing(organizationId))
  })
  routes.get('/api/cached/analytics/deal-analytics', async (c) => {
    const isForAll = c.req.query('organization') === 'all'
    const caller = access.caller(c)
    const granted = isForAll ? await access.in(c, caller.organizationId, 'analytics.view') : await access.here(c, 'analytics.view')
    if (isForAll && !granted.access.is_staff) throw new Problem(403, 'totals over all organisations are for those who run the service')
    const id = isForAll ? null : granted.organizationId
    return send(
      c,
      await responses.analytics(id, readPeriod(c.req.query('days')), readAnalyticsType(c.req.query('type'))),
      'there are no such analytics',
    )
  })
  routes.get('/api/cached/analytics/performance-metrics', async (c) => {
    const { organizationId } = await access.here(c, 'analytics.view')
    return send(c, await responses.performance(organizationId), missing(organizationId))
  })
  routes.get('/api/cached/search', async (c) => {
    const { organizationId } = await access.here(c, 'deals.view')
    return send(c, await responses.search(organizationId, readSearch(c)), missing(organizationId))
  })
  routes.get('/api/dashboard/overview-advanced', async (c) => {
    const { organizationId } = await access.here(c, 'analytics.view')
    return send(c, await responses.overview(organizationId), missing(organizationId))
  })
  return routes
}
