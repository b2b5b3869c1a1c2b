// Writes: each checks the permission, commits, and answers once the cache has been invalidated.
import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import type { Invalidation, Written } from '../cache/invalidation.ts'
import { TOKEN_HEADER } from '../cache/token.ts'
import type { Database } from '../db/database.ts'
import { isoDay } from '../db/days.ts'
import type { Queued } from '../records/activities.ts'
import type { Records } from '../records/open-records.ts'
import { changedDeal, createDeal, type Deal, deleteDeal } from '../writes/deals.ts'
import { assignRole, removeMember, updateOrganization } from '../writes/people.ts'
import { Refused } from '../writes/refused.ts'
import { createRole, deleteRole, updateRole } from '../writes/roles.ts'
import type { Access, Granted, Permission } from './access.ts'
import {
  assignment,
  dealChange,
  newActivity,
  newDeal,
  newRole,
  organizationChange,
  profileChange,
  roleChange,
  userChange,
} from './bodies.ts'
import type { Ctx } from './context.ts'
import { onlyQuery, peekId, readBody, readId, waitMs } from './parse.ts'
import { Problem } from './problem.ts'
import { dataVersion } from './send.ts'

export interface WriteParts {
  readonly access: Access
  readonly invalidation: Invalidation
  readonly records: Records
  readonly db: Database
  readonly today: number
}

export function writeRoutes(parts: WriteParts) {
  const routes = new Hono<{ Bindings: HttpBindings }>({ strict: false })
  addDealRoutes(routes, parts)
  addPeopleRoutes(routes, parts)
  addRoleRoutes(routes, parts)
  return routes
}

type Routes = Hono<{ Bindings: HttpBindings }>

function addDealRoutes(routes: Routes, { access, invalidation, records, today }: WriteParts): void {
  /** A deal of an organisation that the caller does not belong to does not exist for them. */
  const ofDeal = async (
    c: Ctx,
    permission: Permission = 'deals.edit',
  ): Promise<Granted & { dealId: number; deal: Deal }> => {
    access.caller(c)
    const dealId = readId('id', c.req.param('id') ?? '')
    const deal = (await records.deals.get(dealId, c.req.header(TOKEN_HEADER)))?.deal
    const absent = new Problem(404, `there is no deal ${dealId}`)
    if (!deal) throw absent
    const granted = await access.in(c, deal.organization_id, permission).catch((error: unknown) => {
      throw error instanceof Problem && error.message.includes('not a member') ? absent : error
    })
    onlyQuery(c)
    return { ...granted, dealId, deal }
  }
  routes.get('/api/deals/:id', async (c) => {
    const { dealId, deal } = await ofDeal(c, 'deals.view')
    const views = await (c.req.method === 'HEAD' ? records.views.beforeLook(dealId) : records.views.look(dealId))
    const { opened_day: opened, closed_day: closed, ...rest } = deal
    const answer = {
      ...rest,
      views,
      opened: opened === null ? null : isoDay(opened),
      closed: closed === null ? null : isoDay(closed),
    }
    return c.json(answer, 200, { 'Cache-Control': 'no-store' })
  })
  routes.post('/api/deals', async (c) => {
    const { organizationId: home } = access.caller(c)
    const { caller, organizationId } = await access.in(c, (await peekId(c, 'organization_id')) ?? home, 'deals.edit')
    onlyQuery(c)
    const { organization_id: _, ...deal } = await readBody(c, newDeal)
    const made = await invalidation.write((tx) =>
      createDeal(tx, organizationId, { ...deal, owner_id: deal.owner_id ?? caller.userId }, today),
    )
    return created(made, `/api/deals/${made.data.id}`)
  })
  routes.patch('/api/deals/:id', async (c) => {
    const { dealId } = await ofDeal(c)
    const change = await readBody(c, dealChange)
    return written(
      await records.deals.change(dealId, ({ deal, version }) => ({
        deal: changedDeal(deal, defined(change), today),
        version,
      })),
    )
  })
  routes.delete('/api/deals/:id', async (c) => {
    const { dealId } = await ofDeal(c)
    return written(await invalidation.write((tx) => deleteDeal(tx, dealId)))
  })
  routes.post('/api/deals/:id/activities', async (c) => {
    const { dealId, caller } = await ofDeal(c)
    const activity = await readBody(c, newActivity)
    const made = await records.activities.add(
      { ...activity, deal_id: dealId, user_id: caller.userId, day: today },
      waitMs(c),
    )
    return 'requestId' in made ? queued(made, `/api/deals/${dealId}`) : created(made, `/api/deals/${dealId}`)
  })
}

function addPeopleRoutes(routes: Routes, { access, invalidation, records, db, today }: WriteParts): void {
  routes.get('/api/users/me', async (c) => {
    const { caller } = await access.here(c)
    onlyQuery(c, 'organization')
    const found = await records.users.get(caller.userId, c.req.header(TOKEN_HEADER))
    if (!found) throw new Problem(404, `there is no user ${caller.userId}`)
    return c.json(found.user, 200, { 'Cache-Control': 'no-store' })
  })
  routes.patch('/api/users/me', async (c) => {
    const { caller } = await access.here(c)
    onlyQuery(c, 'organization')
    const change = await readBody(c, profileChange)
    return written(
      await records.users.change(caller.userId, ({ user, version }) => ({
        user: { ...user, ...defined(change) },
        version,
      })),
    )
  })
  routes.patch('/api/organizations/:id', async (c) => {
    const { organizationId } = await inOrganization(access, c, 'organization.edit')
    const change = await readBody(c, organizationChange)
    return written(await invalidation.write((tx) => updateOrganization(tx, organizationId, defined(change))))
  })
  routes.patch('/api/organizations/:id/users/:user', async (c) => {
    const { organizationId, access: own } = await inOrganization(access, c, 'members.edit')
    const userId = readId('user', c.req.param('user'))
    const change = await readBody(c, userChange)
    const absent = new Refused(404, `user ${userId} is not a member of organisation ${organizationId}`)
    return written(
      await records.users.change(userId, async ({ user, version }) => {
        // Checked after the record was read: joining or leaving meanwhile has changed its version.
        const rows = await db.kysely
          .selectFrom('memberships')
          .select('organization_id')
          .where('user_id', '=', userId)
          .execute()
        if (!rows.some((row) => row.organization_id === organizationId)) throw absent
        if (rows.length > 1 && !own.is_staff)
          throw new Refused(
            403,
            `user ${userId} belongs to other organisations too: only operators of the service may change the account`,
          )
        return { user: { ...user, ...defined(change) }, version }
      }),
    )
  })
  routes.put('/api/organizations/:id/members/:user', async (c) => {
    const { organizationId, access: own } = await inOrganization(access, c, 'members.edit')
    const userId = readId('user', c.req.param('user'))
    const { role_id: roleId } = await readBody(c, assignment)
    return written(
      await invalidation.write((tx) =>
        assignRole(tx, { organizationId, userId, roleId, today, mayJoin: own.is_staff }),
      ),
    )
  })
  routes.delete('/api/organizations/:id/members/:user', async (c) => {
    const { organizationId } = await inOrganization(access, c, 'members.edit')
    const userId = readId('user', c.req.param('user'))
    return written(await invalidation.write((tx) => removeMember(tx, organizationId, userId)))
  })
}

function addRoleRoutes(routes: Routes, { access, invalidation }: WriteParts): void {
  routes.post('/api/organizations/:id/roles', async (c) => {
    const { organizationId } = await inOrganization(access, c, 'roles.edit')
    const role = await readBody(c, newRole)
    const made = await invalidation.write((tx) => createRole(tx, organizationId, role))
    return created(made, `/api/organizations/${organizationId}/roles/${made.data.id}`)
  })
  routes.patch('/api/organizations/:id/roles/:role', async (c) => {
    const { organizationId } = await inOrganization(access, c, 'roles.edit')
    const roleId = readId('role', c.req.param('role'))
    const change = await readBody(c, roleChange)
    return written(await invalidation.write((tx) => updateRole(tx, organizationId, roleId, defined(change))))
  })
  routes.delete('/api/organizations/:id/roles/:role', async (c) => {
    const { organizationId } = await inOrganization(access, c, 'roles.edit')
    const roleId = readId('role', c.req.param('role'))
    return written(await invalidation.write((tx) => deleteRole(tx, organizationId, roleId)))
  })
}

async function inOrganization(access: Access, c: Ctx, permission: Permission): Promise<Granted> {
  access.caller(c)
  const granted = await access.in(c, readId('id', c.req.param('id') ?? ''), permission)
  onlyQuery(c)
  return granted
}

function written<T extends object>({ data, versions, write, invalidation, forgotten }: Written<T>): Response {
  const shown = forgotten && {
    tags: forgotten.tags,
    duration_ms: forgotten.ms,
    receipts: forgotten.receipts,
    ...(forgotten.edge !== undefined && { edge: forgotten.edge }),
    ...(forgotten.regions !== undefined && { regions: forgotten.regions }),
  }
  const headers = new Headers({
    'Content-Type': 'application/json',
    'Cache-Control': 'no-store',
    'Data-Version': dataVersion(versions),
  })
  if (forgotten && forgotten.token !== '') headers.set(TOKEN_HEADER, forgotten.token)
  return new Response(
    JSON.stringify({ ...data, version: versions, write, invalidation, ...(shown && { forgotten: shown }) }),
    { headers },
  )
}

/** `location`: where the new object can be read or changed; for an activity, its deal. */
function created<T extends object>(made: Written<T>, location: string): Response {
  const { headers, body } = written(made)
  headers.set('Location', location)
  return new Response(body, { status: 201, headers })
}

/** Acknowledged, but not in the database yet. */
function queued({ requestId }: Queued, location: string): Response {
  return Response.json(
    { request_id: requestId, state: 'queued' },
    { status: 202, headers: { 'Cache-Control': 'no-store', Location: location } },
  )
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> }

/** Without the names that were not given. */
function defined<T extends object>(change: T): Partial<Defined<T>> {
  // Only undefined values are left out.
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) as Partial<Defined<T>>
}
