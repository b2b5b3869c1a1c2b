// What operators use: the state of the cache, its analytics and metrics, warming and invalidation.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { HttpBindings } from '@hono/node-server'
import type { ControlPlane } from '@millpond/control'
import { Hono } from 'hono'
import { PROMETHEUS_CONTENT_TYPE } from 'millpond/observe'
import type { Forgotten, Invalidation } from '../cache/invalidation.ts'
import { KIND_NAMES, type KindName } from '../cache/kinds.ts'
import type { Responses } from '../cache/responses.ts'
import type { JobState, Jobs } from '../jobs.ts'
import type { Observation } from '../observation.ts'
import type { Access, Granted } from './access.ts'
import { invalidateRequest, warmRequest } from './bodies.ts'
import type { Ctx } from './context.ts'
import { onlyQuery, peekId, readBody, waitMs } from './parse.ts'
import { Problem, unprocessable } from './problem.ts'

export interface ManagementParts {
  readonly access: Access
  readonly responses: Responses
  readonly invalidation: Invalidation
  readonly jobs: Jobs
  readonly observation: Observation
  /** Keeps the record of who did what to the cache. */
  readonly control: Pick<ControlPlane, 'record'>
  /** Reads the metrics, from anywhere. Undefined: members alone do. */
  readonly metricsToken: string | undefined
}

interface Scope {
  readonly kinds: readonly KindName[]
  readonly layer: 'strategic' | 'response' | undefined
  /** Null: every organisation. */
  readonly organizationId: number | null
  readonly userId: number | undefined
}

export function managementRoutes({ access, invalidation, jobs, observation, metricsToken, control }: ManagementParts) {
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

  const record = ({ caller, organizationId }: Granted, action: string, detail: object): Promise<void> =>
    control.record({ actor: `deals-user-${caller.userId}`, action, target: `organization ${organizationId}`, detail })

  routes.post('/api/cache-management/warm-cache', async (c) => {
    const granted = await access.here(c, 'cache.manage')
    const { kinds, layer, organizationId, userId } = await readScope(c, granted, warmRequest)
    if (userId !== undefined) throw unprocessable([{ at: '/user_id', detail: 'warming is by organisation: leave it out' }])
    const job = { kinds, ...(layer !== undefined && { layer }), ...(organizationId !== null && { organization_id: organizationId }) }
    const id = await jobs.warmOrganizationCaches(job)
    if (id === undefined) throw new Problem(409, 'the cache is off: there is nothing to warm')
    await record(granted, 'warm-cache', { ...job, job: id })
    return answerOf(c, id, await jobs.ended(id, waitMs(c)))
  })
  routes.get('/api/cache-management/jobs/:id', async (c) => {
    await access.here(c, 'cache.manage')
    onlyQuery(c, 'organization')
    const job = await jobs.ended(c.req.param('id'), 0)
    if (job.state === 'unknown') throw new Problem(404, 'there is no such job, or it ended long ago')
    return c.json(jobShown(job), 200, { 'Cache-Control': 'no-store' })
  })

  routes.post('/api/cache-management/invalidate-cache', async (c) => {
    const granted = await access.here(c, 'cache.manage')
    const { kinds, layer, organizationId, userId } = await readScope(c, granted, invalidateRequest)
    if (userId !== undefined) {
      const isMember = await access.isMember(userId, granted.organizationId)
      if (!isMember && !granted.access.is_staff) throw new Problem(403, `user ${userId} is not a member of your organisation`)
      // Without a name of an organisation those who run the service mean the user as a whole.
      const forgotten = shown(await invalidation.invalidateUserRelatedCaches(userId, organizationId ?? undefined))
      await record(granted, 'invalidate-cache', { user_id: userId, organization_id: organizationId, ...receiptsOf(forgotten) })
      return c.json(forgotten)
    }
    const forgotten = shown(await invalidation.invalidateKinds(kinds, organizationId, layer))
    await record(granted, 'invalidate-cache', { kinds, layer, organization_id: organizationId, ...receiptsOf(forgotten) })
    return c.json(forgotten)
  })

  routes.get('/api/cache-management/cache-status', async (c) => {
    await access.here(c)
    onlyQuery(c, 'organization')
    return c.json({ ...observation.status(), jobs: await jobs.repeated() }, 200, { 'Cache-Control': 'no-store' })
  })
  routes.get('/api/dashboard/cache-analytics', async (c) => {
    const granted = await access.here(c, 'cache.view')
    onlyQuery(c, 'organization')
    return c.json(observation.analytics(granted.access.is_staff ? null : granted.organizationId), 200, { 'Cache-Control': 'no-store' })
  })
  routes.get('/api/dashboard/metrics/prometheus', async (c) => {
    if (!isToken(c.req.header('authorization'), metricsToken)) await access.here(c, 'cache.view')
    onlyQuery(c, 'organization')
    return c.body(observation.prometheus(), 200, { 'Content-Type': PROMETHEUS_CONTENT_TYPE, 'Cache-Control': 'no-store' })
  })
  return routes
}

/** As the log of the cache and `explain` name what was done. */
const receiptsOf = ({ receipts }: Pick<Forgotten, 'receipts'>) => ({ receipts: receipts.map(({ id }) => id) })

/** Compared by hashes, so that the time that it takes tells nothing of the token. */
function isToken(header: string | undefined, token: string | undefined): boolean {
  if (header === undefined || token === undefined) return false
  const [given, wanted] = [header, `Bearer ${token}`].map((text) => createHash('sha256').update(text).digest())
  return given !== undefined && wanted !== undefined && timingSafeEqual(given, wanted)
}

/** 200 with what came of it, where the client has waited for it; else 202 with where to look. */
function answerOf(c: Ctx, id: string, job: JobState) {
  const waited = waitMs(c) > 0
  const head = { 'Cache-Control': 'no-store', ...(waited && { 'Preference-Applied': 'wait' }) }
  if (waited && job.state === 'done') return c.json(jobShown(job), 200, head)
  if (job.state === 'failed') throw new Problem(500, `the job ${id} failed: ${job.error ?? 'nobody knows why'}`)
  return c.json(jobShown(job), 202, { ...head, Location: `/api/cache-management/jobs/${id}/` })
}

function jobShown({ id, state, error, result }: JobState) {
  return {
    job: id,
    state,
    ...(error !== undefined && { error }),
    ...(result !== undefined && {
      organizations: result.organizations,
      warmed: result.warmed,
      fresh: result.fresh,
      failed: result.failed,
      duration_ms: Math.round(result.ms),
    }),
  }
}

function shown({ tags, ms, receipts }: Forgotten) {
  return { tags, duration_ms: ms, receipts }
}
