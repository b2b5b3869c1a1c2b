// Routes for operators: the state of the cache, its analytics and metrics, warming and invalidation.
import { createHash, timingSafeEqual } from 'node:crypto'
import type { HttpBindings } from '@hono/node-server'
import { type ControlPlane, ControlProblem } from '@millpond/control'
import { Hono } from 'hono'
import { PROMETHEUS_CONTENT_TYPE } from 'millpond/observe'
import type { Responses } from '../cache/responses.ts'
import type { Asker, Meant, Steering, WarmJob } from '../cache/steering.ts'
import type { Jobs } from '../jobs.ts'
import type { Observation } from '../observation.ts'
import type { Access, Granted } from './access.ts'
import { invalidateRequest, warmRequest } from './bodies.ts'
import type { Ctx } from './context.ts'
import { onlyQuery, peekId, readBody, waitMs } from './parse.ts'
import { Problem, unprocessable } from './problem.ts'

export interface ManagementParts {
  readonly access: Access
  readonly responses: Responses
  /** Undefined when the cache is off. */
  readonly steering: Steering | undefined
  /** Sees the caches of all processes. */
  readonly control: Pick<ControlPlane, 'summary'>
  readonly jobs: Jobs
  readonly observation: Observation
  /** A token that may read the metrics, from anywhere. Undefined: only members may. */
  readonly metricsToken: string | undefined
}

export function managementRoutes({ access, steering, control, jobs, observation, metricsToken }: ManagementParts) {
  const routes = new Hono<{ Bindings: HttpBindings }>({ strict: false })

  /** An administrator acts on their own organisation; those who run the service on any, and by default on all. */
  const readMeant = async (
    c: Ctx,
    granted: Granted,
    schema: typeof warmRequest | typeof invalidateRequest,
  ): Promise<Meant> => {
    const { is_staff: isStaff } = granted.access
    const meant = await peekId(c, 'organization_id')
    if (!isStaff && meant !== undefined && meant !== granted.organizationId)
      throw new Problem(403, `you do not manage organisation ${meant}`)
    onlyQuery(c, 'organization')
    const { cache_type: type = 'all', organization_id: named, user_id: userId } = await readBody(c, schema)
    return { type, organizationId: named ?? (isStaff ? null : granted.organizationId), userId }
  }

  routes.post('/api/cache-management/warm-cache', async (c) => {
    const granted = await access.here(c, 'cache.manage')
    const { type, organizationId, userId } = await readMeant(c, granted, warmRequest)
    if (userId !== undefined)
      throw unprocessable([{ at: '/user_id', detail: 'warming works per organisation: leave it out' }])
    if (steering === undefined) throw new Problem(409, 'the cache is off: there is nothing to warm')
    const { id, ended } = await steering.warm({ type, organizationId }, askerOf(c, granted)).catch(asOurs)
    return answerOf(c, id, await within(waitMs(c), ended))
  })
  routes.get('/api/cache-management/jobs/:id', async (c) => {
    const granted = await access.here(c, 'cache.manage')
    onlyQuery(c, 'organization')
    // One of another organisation does not exist for the caller: even its existence is not revealed.
    const job = await steering?.job(c.req.param('id'), granted.access.is_staff ? null : granted.organizationId)
    if (job === undefined) throw new Problem(404, 'there is no such job, or it ended long ago')
    return c.json(job, 200, { 'Cache-Control': 'no-store' })
  })

  routes.post('/api/cache-management/invalidate-cache', async (c) => {
    const granted = await access.here(c, 'cache.manage')
    const meant = await readMeant(c, granted, invalidateRequest)
    if (
      meant.userId !== undefined &&
      !granted.access.is_staff &&
      !(await access.isMember(meant.userId, granted.organizationId))
    )
      throw new Problem(403, `user ${meant.userId} is not a member of your organisation`)
    if (steering === undefined) return c.json({ tags: [], duration_ms: 0, receipts: [] })
    return c.json(await steering.invalidate(meant, askerOf(c, granted)).catch(asOurs))
  })

  routes.get('/api/cache-management/cache-status', async (c) => {
    await access.here(c)
    onlyQuery(c, 'organization')
    return c.json({ ...observation.status(), jobs: await jobs.repeated() }, 200, { 'Cache-Control': 'no-store' })
  })
  routes.get('/api/dashboard/cache-analytics', async (c) => {
    const granted = await access.here(c, 'cache.view')
    onlyQuery(c, 'organization')
    const own = observation.analytics(granted.access.is_staff ? null : granted.organizationId)
    return c.json({ ...own, all_processes: await control.summary() }, 200, { 'Cache-Control': 'no-store' })
  })
  routes.get('/api/dashboard/metrics/prometheus', async (c) => {
    if (!isToken(c.req.header('authorization'), metricsToken)) await access.here(c, 'cache.view')
    onlyQuery(c, 'organization')
    return c.body(observation.prometheus(), 200, {
      'Content-Type': PROMETHEUS_CONTENT_TYPE,
      'Cache-Control': 'no-store',
    })
  })
  return routes
}

const askerOf = (c: Ctx, { caller }: Granted): Asker => ({
  actor: `deals-user-${caller.userId}`,
  address: c.env.incoming.socket.remoteAddress,
})

function asOurs(error: unknown): never {
  if (error instanceof ControlProblem) throw new Problem(error.status, error.message)
  throw error
}

/** Compared by hashes, so that the timing reveals nothing of the token. */
function isToken(header: string | undefined, token: string | undefined): boolean {
  if (header === undefined || token === undefined) return false
  const [given, wanted] = [header, `Bearer ${token}`].map((text) => createHash('sha256').update(text).digest())
  return given !== undefined && wanted !== undefined && timingSafeEqual(given, wanted)
}

/** Undefined: it takes longer. */
function within(ms: number, ended: Promise<WarmJob>): Promise<WarmJob | undefined> {
  // It ends as failed on its own row.
  ended.catch(() => undefined)
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms)
  })
  return Promise.race([ended, late]).finally(() => clearTimeout(timer))
}

/** 200 with the result, if the client has waited for it; else 202 with where to look. */
function answerOf(c: Ctx, id: string, job: WarmJob = { job: id, state: 'running' }) {
  const waited = waitMs(c) > 0
  const head = { 'Cache-Control': 'no-store', ...(waited && { 'Preference-Applied': 'wait' }) }
  if (waited && job.state === 'done') return c.json(job, 200, head)
  if (job.state === 'failed') throw new Problem(500, `the job ${id} failed: ${job.error ?? 'unknown reason'}`)
  return c.json(job, 202, { ...head, Location: `/api/cache-management/jobs/${id}/` })
}
