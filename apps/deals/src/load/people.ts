// The users of the service: the members of each organisation, what they may do, and the deals they could change.
import type { Database } from '../db/database.ts'
import { OPEN_STAGES } from '../db/schema.ts'

export interface Person {
  readonly userId: number
  readonly organizationId: number
}

export interface Company {
  readonly id: number
  /** Active members. */
  readonly members: readonly Person[]
  /** Those who may change deals. */
  readonly editors: readonly Person[]
  readonly administrator: Person | undefined
  readonly openDeals: readonly number[]
  readonly roles: readonly { readonly id: number; readonly name: string }[]
}

/** Organisations with at least one active member, the busiest first. */
export async function readCompanies(db: Database): Promise<Company[]> {
  const members = await db.kysely
    .selectFrom('memberships')
    .innerJoin('users', 'users.id', 'memberships.user_id')
    .innerJoin('roles', 'roles.id', 'memberships.role_id')
    .where('users.is_active', '=', 1)
    .orderBy('memberships.organization_id')
    .orderBy('memberships.user_id')
    .select(['memberships.user_id as userId', 'memberships.organization_id as organizationId', 'roles.name as role'])
    .execute()
  const roles = await db.kysely.selectFrom('roles').orderBy('id').select(['id', 'name', 'organization_id']).execute()
  const deals = await db.kysely
    .selectFrom('deals')
    .where('stage', 'in', OPEN_STAGES)
    .orderBy('id')
    .select(['id', 'organization_id'])
    .execute()
  const membersOf = grouped(members, (row) => row.organizationId)
  const rolesOf = grouped(roles, (row) => row.organization_id)
  const dealsOf = grouped(deals, (row) => row.organization_id)
  const person = ({ userId, organizationId }: Person): Person => ({ userId, organizationId })
  return [...membersOf]
    .map(([id, all]) => ({
      id,
      members: all.map(person),
      editors: all.filter((row) => row.role !== 'viewer').map(person),
      administrator: all.filter((row) => row.role === 'administrator').map(person)[0],
      openDeals: (dealsOf.get(id) ?? []).map((row) => row.id),
      roles: rolesOf.get(id) ?? [],
    }))
    .sort((a, b) => b.openDeals.length - a.openDeals.length || a.id - b.id)
}

function grouped<T>(rows: readonly T[], key: (row: T) => number): Map<number, T[]> {
  const groups = new Map<number, T[]>()
  for (const row of rows) {
    const group = groups.get(key(row))
    if (group) group.push(row)
    else groups.set(key(row), [row])
  }
  return groups
}
