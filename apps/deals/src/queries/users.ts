// What a user may do in an organisation, and the user's own dashboard.

import type { Reader } from '../db/database.ts'
import { isoDay, isoDayOrNull } from '../db/days.ts'
import { OPEN_STAGES } from '../db/schema.ts'
import { organizationRoles } from './organizations.ts'

const SOON_DAYS = 14
const SHOWN = 10

/** Null when the user is not a member. */
export async function userPermissions(tx: Reader, userId: number, organizationId: number) {
  const member = await tx
    .selectFrom('memberships')
    .innerJoin('users', 'users.id', 'memberships.user_id')
    .innerJoin('roles', 'roles.id', 'memberships.role_id')
    .leftJoin('teams', 'teams.id', 'memberships.team_id')
    .where('memberships.user_id', '=', userId)
    .where('memberships.organization_id', '=', organizationId)
    .select([
      'users.is_active',
      'users.is_staff',
      'roles.id as role_id',
      'roles.name as role',
      'roles.level',
      'teams.name as team',
      'memberships.joined_day',
    ])
    .executeTakeFirst()
  if (!member) return null
  const role = (await organizationRoles(tx, organizationId)).find((each) => each.id === member.role_id)
  const memberships = await tx
    .selectFrom('memberships')
    .where('user_id', '=', userId)
    .orderBy('organization_id')
    .select(['organization_id', 'role_id'])
    .execute()
  return {
    user_id: userId,
    organization_id: organizationId,
    role: member.role,
    level: member.level,
    team: member.team,
    member_since: isoDay(member.joined_day),
    is_active: member.is_active === 1,
    is_staff: member.is_staff === 1,
    inherits_from: role?.inherits_from ?? null,
    permissions: [...new Set([...(role?.permissions ?? []), ...(role?.inherited_permissions ?? [])])].sort(),
    organizations: memberships.map((each) => each.organization_id),
  }
}

export type UserPermissions = NonNullable<Awaited<ReturnType<typeof userPermissions>>>

/** What needs the user's attention today: own deals, milestones, recent activity, quick actions. */
export async function userDashboard(tx: Reader, userId: number, organizationId: number, today: number) {
  const user = await tx
    .selectFrom('users')
    .innerJoin('profiles', 'profiles.user_id', 'users.id')
    .where('users.id', '=', userId)
    .select(['users.id', 'users.name', 'profiles.title', 'profiles.location'])
    .executeTakeFirstOrThrow()
  const access = await userPermissions(tx, userId, organizationId)
  const own = await tx
    .selectFrom('deals')
    .where('owner_id', '=', userId)
    .where('organization_id', '=', organizationId)
    .groupBy('stage')
    .select((eb) => [
      'stage',
      eb.fn.countAll<number>().as('deals'),
      eb.fn.sum<number | null>('amount_cents').as('value_cents'),
    ])
    .execute()
  const milestones = await openMilestones(tx, organizationId, userId, today)
  return {
    user: { ...user, role: access?.role ?? null, team: access?.team ?? null, is_active: access?.is_active ?? false },
    organization_id: organizationId,
    today: isoDay(today),
    deals: Object.fromEntries(
      own
        .map((row) => [row.stage, { deals: row.deals, value_cents: row.value_cents ?? 0 }])
        .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
    ),
    milestones,
    recent_activity: await recentActivity(tx, organizationId, userId),
    quick_actions: quickActions(access?.permissions ?? []),
  }
}

/** Milestones that are late or due soon on open deals, the oldest first. `ownerId` null: of everyone. */
export async function openMilestones(tx: Reader, organizationId: number, ownerId: number | null, today: number) {
  const rows = await tx
    .selectFrom('milestones')
    .innerJoin('deals', 'deals.id', 'milestones.deal_id')
    .where('deals.organization_id', '=', organizationId)
    .$if(ownerId !== null, (query) => query.where('deals.owner_id', '=', ownerId ?? 0))
    .where('deals.stage', 'in', OPEN_STAGES)
    .where('milestones.completed_day', 'is', null)
    .where('milestones.due_day', '<=', today + SOON_DAYS)
    .orderBy('milestones.due_day')
    .orderBy('milestones.id')
    .limit(SHOWN)
    .select(['milestones.id', 'milestones.name', 'milestones.due_day', 'deals.id as deal_id', 'deals.title'])
    .execute()
  return rows.map(({ due_day, ...row }) => ({ ...row, due: isoDay(due_day), is_late: due_day < today }))
}

/** The newest activities on the deals of an owner, or of everyone. */
export async function recentActivity(tx: Reader, organizationId: number, ownerId: number | null) {
  const rows = await tx
    .selectFrom('activities')
    .innerJoin('deals', 'deals.id', 'activities.deal_id')
    .innerJoin('users', 'users.id', 'activities.user_id')
    .where('deals.organization_id', '=', organizationId)
    .$if(ownerId !== null, (query) => query.where('deals.owner_id', '=', ownerId ?? 0))
    .orderBy('activities.day', 'desc')
    .orderBy('activities.id', 'desc')
    .limit(SHOWN)
    .select([
      'activities.id',
      'activities.kind',
      'activities.day',
      'activities.minutes',
      'deals.id as deal_id',
      'deals.title',
      'users.name as by',
    ])
    .execute()
  return rows.map(({ day, ...row }) => ({ ...row, day: isoDayOrNull(day) }))
}

const ACTIONS = [
  { permission: 'deals.edit', label: 'Add a deal', method: 'POST', path: '/api/deals/' },
  {
    permission: 'analytics.view',
    label: 'See the last 30 days',
    method: 'GET',
    path: '/api/cached/analytics/deal-analytics/?days=30&type=overview',
  },
  { permission: 'deals.view', label: 'Search deals', method: 'GET', path: '/api/cached/search/?q=' },
  { permission: 'cache.manage', label: 'Warm the cache', method: 'POST', path: '/api/cache-management/warm-cache/' },
] as const

function quickActions(permissions: readonly string[]) {
  return ACTIONS.filter((action) => permissions.includes(action.permission)).map(({ label, method, path }) => ({
    label,
    method,
    path,
  }))
}
