// Organisations: what anyone may see, their roles, their members.
import { sql } from 'kysely'
import type { Database, Reader } from '../db/database.ts'
import { type Reading, readAt, scope } from '../db/versions.ts'

/** The public face of an organisation; null when there is none. */
export async function organizationInfo(tx: Reader, id: number) {
  const row = await tx
    .selectFrom('organizations as o')
    .leftJoin('organizations as p', 'p.id', 'o.parent_id')
    .where('o.id', '=', id)
    .select(['o.id', 'o.name', 'o.sector', 'o.location', 'o.founded_year', 'o.parent_id', 'p.name as parent_name'])
    .executeTakeFirst()
  return row ?? null
}

export type OrganizationInfo = NonNullable<Awaited<ReturnType<typeof organizationInfo>>>

/** Reads the public face. The parent's name is part of it, so the parent's scope is too. */
export async function readOrganization(db: Database, id: number): Promise<Reading<OrganizationInfo | null>> {
  const row = await db.kysely.selectFrom('organizations').select('parent_id').where('id', '=', id).executeTakeFirst()
  const scopes = [scope.organization(id), ...(row?.parent_id ? [scope.organization(row.parent_id)] : [])]
  return readAt(db, scopes, (tx) => organizationInfo(tx, id))
}

/** Role definitions with what each may do, its own grants and the inherited ones. */
export async function organizationRoles(tx: Reader, organizationId: number) {
  const roles = await tx.selectFrom('roles').selectAll().where('organization_id', '=', organizationId).execute()
  const grants = await tx
    .withRecursive('lineage(role_id, ancestor_id, parent_id)', (db) =>
      db
        .selectFrom('roles')
        .where('organization_id', '=', organizationId)
        .select(['id as role_id', 'id as ancestor_id', 'parent_id'])
        .union(
          db
            .selectFrom('lineage')
            .innerJoin('roles', 'roles.id', 'lineage.parent_id')
            .select(['lineage.role_id', 'roles.id as ancestor_id', 'roles.parent_id']),
        ),
    )
    .selectFrom('lineage')
    .innerJoin('role_permissions', 'role_permissions.role_id', 'lineage.ancestor_id')
    .innerJoin('permissions', 'permissions.id', 'role_permissions.permission_id')
    .select([
      'lineage.role_id',
      'permissions.code',
      sql<number>`case when lineage.role_id = lineage.ancestor_id then 1 else 0 end`.as('is_own'),
    ])
    .execute()
  const names = new Map(roles.map((role) => [role.id, role.name]))
  return roles
    .map((role) => {
      const held = grants.filter((grant) => grant.role_id === role.id)
      const codes = (own: number) =>
        [...new Set(held.filter((grant) => grant.is_own === own).map((grant) => grant.code))].sort()
      return {
        id: role.id,
        name: role.name,
        description: role.description,
        level: role.level,
        inherits_from: role.parent_id === null ? null : (names.get(role.parent_id) ?? null),
        permissions: codes(1),
        inherited_permissions: codes(0),
      }
    })
    .sort((a, b) => a.level - b.level || a.id - b.id)
}

/** How many users there are, how many are active, who joined lately, and how roles and teams are assigned. */
export async function memberStatistics(tx: Reader, organizationId: number, from: number) {
  const rows = await tx
    .selectFrom('memberships')
    .innerJoin('users', 'users.id', 'memberships.user_id')
    .innerJoin('roles', 'roles.id', 'memberships.role_id')
    .leftJoin('teams', 'teams.id', 'memberships.team_id')
    .where('memberships.organization_id', '=', organizationId)
    .groupBy(['roles.name', 'roles.level', 'teams.name'])
    .select((eb) => [
      'roles.name as role',
      'roles.level',
      'teams.name as team',
      eb.fn.countAll<number>().as('users'),
      eb.fn.sum<number>('users.is_active').as('active'),
      eb.fn.countAll<number>().filterWhere('memberships.joined_day', '>=', from).as('joined'),
    ])
    .execute()
  const total = (pick: (row: (typeof rows)[number]) => number) => rows.reduce((sum, row) => sum + pick(row), 0)
  const by = (name: (row: (typeof rows)[number]) => string) => {
    const groups = new Map<string, number>()
    for (const row of rows) groups.set(name(row), (groups.get(name(row)) ?? 0) + row.users)
    return Object.fromEntries([...groups].sort(([a], [b]) => (a < b ? -1 : 1)))
  }
  return {
    total: total((row) => row.users),
    active: total((row) => row.active),
    inactive: total((row) => row.users - row.active),
    joined_in_period: total((row) => row.joined),
    by_role: by((row) => row.role),
    by_team: by((row) => row.team ?? 'no team'),
  }
}
