// What operators use: the state of the cache, its analytics and metrics, warming and invalidation.
import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import { PROMETHEUS_CONTENT_TYPE } from 'millpond/observe'
import type { Forgotten, Invalidation } from '../cache/invalidation.ts'
import { KIND_NAMES, type KindName } from '../cache/kinds.ts'
import type { Responses } from '../cache/responses.ts'
import type { Warming } from '../cache/warming.ts'
import type { Observation } from '../observation.ts'
import type { Access, Granted } from './access.ts'
import { invalidateRequest, warmRequest } from './bodies.ts'
import type { Ctx } from './context.ts'
import { onlyQuery, peekId, readBody } from './parse.ts'
import { Problem, unprocessable } from './problem.ts'

export interface ManagementParts {
  readonly access: Access
  readonly responses: Responses
  readonly invalidation: Invalidation
  readonly warming: Warming
  readonly observation: Observation
}

interface Scope {
  readonly kinds: readonly KindName[]
  readonly layer: 'strategic' | 'response' | undefined
  /** Null: every organisation. */
  readonly organizationId: number | null
  readonly userId: number | undefined
}

export function managementRoutes({ access, invalidation, warming, observation }: ManagementParts) {
  const routes = new Hono<{ Bindings: HttpBindings }>({ strict: false })

  /** An administrator acts on the own organisation; those who run the service on any, and by default on all. */
  const readScope = async (c: Ctx, granted: Granted, schema: typeof warmRequest | typeof invalidateRequest): Promise<Scope> => {
    const { is_staff: isStaff } = granted.access
    const meant = await peekId(c, 'organization_id')
    if (!isStaff && meant !== undefined && meant !== granted.organizationId) throw new Problem(403, `you do not run organisation ${meant}`)
    onlyQuery(c, 'organization')
    const { cache_type: type = 'all', organization_id: named, user_id: userId } = await readBody(c, schema)
    const kinds = KIND_NAMES.filter((kind) => type === kind || type === 'all' || type === 'strategic' || type === 'response')
    const layer = type === 'strategic' || type === 'response' ? type : undefined
    return { kinds, layer, organizationId: named ?? (isStaff ? null : granted.organizationId), userId }
  }

  routes.post('/api/cache-management/warm-cache', async (c) => {
    const granted = await access.here(c, 'cache.manage')
    const { kinds, layer, organizationId, userId } = await readScope(c, granted, warmRequest)
    if (userId !== undefined) throw unprocessable([{ at: '/user_id', detail: 'warming is by organisation: leave it out' }])
    const options = { kinds, layer: layer ?? 'response' }
    const done =
      organizationId === null ? await warming.warmAllOrganizations(options) : await warming.warmOrganizationCache(organizationId, options)
    return c.json({ organizations: done.organizations, warmed: done.warmed, failed: done.failed, duration_ms: Math.round(done.ms) })
  })

  routes.post('/api/cache-management/invalidate-cache', async (c) => {
    const granted = await access.here(c, 'cache.manage')
    const { kinds, layer, organizationId, userId } = await readScope(c, granted, invalidateRequest)
    if (userId !== undefined) {
      const isMember = await access.isMember(userId, granted.organizationId)
      if (!isMember && !granted.access.is_staff) throw new Problem(403, `user ${userId} is not a member of your organisation`)
      return c.json(shown(await invalidation.invalidateUserRelatedCaches(userId)))
    }
    return c.json(shown(await invalidation.invalidateKinds(kinds, organizationId, layer)))
  })

  routes.get('/api/cache-management/cache-status', async (c) => {
    await access.here(c)
    onlyQuery(c, 'organization')
    return c.json(observation.status(), 200, { 'Cache-Control': 'no-store' })
  })
  routes.get('/api/dashboard/cache-analytics', async (c) => {
    const granted = await access.here(c, 'cache.view')
    onlyQuery(c, 'organization')
    return c.json(observation.analytics(granted.access.is_staff ? null : granted.organizationId), 200, { 'Cache-Control': 'no-store' })
  })
  routes.get('/api/dashboard/metrics/prometheus', async (c) => {
    await access.here(c, 'cache.view')
    onlyQuery(c, 'organization')
    return c.body(observation.prometheus(), 200, { 'Content-Type': PROMETHEUS_CONTENT_TYPE, 'Cache-Control': 'no-store' })
  })
  return routes
}

function shown({ tags, ms, receipts }: Forgotten) {
  return { tags, duration_ms: ms, receipts }
}
