// The cached answers: organisations, users, analytics, search, overview.

import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import type { Responses } from '../cache/responses.ts'
import { TOKEN_HEADER } from '../cache/token.ts'
import type { Access } from './access.ts'
import type { Ctx } from './context.ts'
import { onlyQuery, readAnalyticsType, readId, readPeriod, readSearch } from './parse.ts'
import { Problem } from './problem.ts'
import { send } from './send.ts'

export interface ReadParts {
  readonly access: Access
  readonly responses: Responses
  /** The same answers, none older than a token's bearer has seen. */
  readonly responsesAfter: (token: string) => Responses
}

export function readRoutes({ access, responses: usual, responsesAfter }: ReadParts) {
  const responsesFor = (c: Ctx): Responses => {
    const token = c.req.header(TOKEN_HEADER)
    return token === undefined ? usual : responsesAfter(token)
  }
  const routes = new Hono<{ Bindings: HttpBindings }>({ strict: false })
  const missing = (id: number) => `there is no organisation ${id}`

  // The two public answers: only public data, no sign-in.
  routes.get('/api/cached/organizations/:id/info', async (c) => {
    const id = readId('id', c.req.param('id'))
    onlyQuery(c)
    return send(c, await responsesFor(c).organization(id), missing(id))
  })
  routes.get('/api/cached/organizations/:id/roles', async (c) => {
    const id = readId('id', c.req.param('id'))
    onlyQuery(c)
    if ((await responsesFor(c).organization(id)).body.text === null) throw new Problem(404, missing(id))
    return send(c, await responsesFor(c).roles(id), missing(id))
  })

  routes.get('/api/cached/organizations/:id/statistics', async (c) => {
    access.caller(c)
    const { organizationId } = await access.in(c, readId('id', c.req.param('id')), 'analytics.view')
    onlyQuery(c, 'days')
    return send(
      c,
      await responsesFor(c).statistics(organizationId, readPeriod(c.req.query('days'))),
      missing(organizationId),
    )
  })
  routes.get('/api/cached/users/dashboard', async (c) => {
    const { caller, organizationId } = await access.here(c, 'dashboard.view')
    onlyQuery(c, 'organization')
    return send(c, await responsesFor(c).dashboard(caller.userId, organizationId), missing(organizationId))
  })
  routes.get('/api/cached/users/permissions', async (c) => {
    const { caller, organizationId } = await access.here(c)
    onlyQuery(c, 'organization')
    return send(c, await responsesFor(c).permissions(caller.userId, organizationId), missing(organizationId))
  })
  routes.get('/api/cached/analytics/deal-analytics', async (c) => {
    const isForAll = c.req.query('organization') === 'all'
    const caller = access.caller(c)
    const granted = isForAll
      ? await access.in(c, caller.organizationId, 'analytics.view')
      : await access.here(c, 'analytics.view')
    if (isForAll && !granted.access.is_staff)
      throw new Problem(403, 'totals over all organisations are only for operators of the service')
    onlyQuery(c, 'organization', 'days', 'type')
    const id = isForAll ? null : granted.organizationId
    return send(
      c,
      await responsesFor(c).analytics(id, readPeriod(c.req.query('days')), readAnalyticsType(c.req.query('type'))),
      'there are no such analytics',
    )
  })
  routes.get('/api/cached/analytics/performance-metrics', async (c) => {
    const { organizationId } = await access.here(c, 'analytics.view')
    onlyQuery(c, 'organization')
    return send(c, await responsesFor(c).performance(organizationId), missing(organizationId))
  })
  routes.get('/api/cached/search', async (c) => {
    const { organizationId } = await access.here(c, 'deals.view')
    onlyQuery(c, 'organization', 'q', 'stage', 'page')
    return send(c, await responsesFor(c).search(organizationId, readSearch(c)), missing(organizationId))
  })
  routes.get('/api/dashboard/overview-advanced', async (c) => {
    const { organizationId } = await access.here(c, 'analytics.view')
    onlyQuery(c, 'organization')
    return send(c, await responsesFor(c).overview(organizationId), missing(organizationId))
  })
  return routes
}
