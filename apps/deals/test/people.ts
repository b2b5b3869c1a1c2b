// Who is who in the small generated data: read from the database of the service, not assumed.
import type { Kysely } from 'kysely'
import { openDatabase, type Where } from '../src/db/database.ts'
import type { Schema } from '../src/db/schema.ts'
import type { Member } from './service-under-test.ts'

export interface Cast {
  readonly administrator: Member
  readonly manager: Member
  readonly viewer: Member
  readonly dealId: number
  readonly ownerId: number
}

/** The cast of an organisation, and one of its open deals with its owner. */
export async function castOf(db: Kysely<Schema>, organizationId: number): Promise<Cast> {
  const members = await db
    .selectFrom('memberships')
    .innerJoin('roles', 'roles.id', 'memberships.role_id')
    .innerJoin('users', 'users.id', 'memberships.user_id')
    .where('memberships.organization_id', '=', organizationId)
    .where('users.is_active', '=', 1)
    .orderBy('memberships.user_id')
    .select(['memberships.user_id', 'roles.name'])
    .execute()
  const one = (role: string): Member => {
    const member = members.find((each) => each.name === role)
    if (!member) throw new Error(`organisation ${organizationId} has no ${role}`)
    return { userId: member.user_id, organizationId }
  }
  const deal = await db
    .selectFrom('deals')
    .where('organization_id', '=', organizationId)
    .where('stage', '=', 'engaging')
    .orderBy('id')
    .select(['id', 'owner_id'])
    .executeTakeFirstOrThrow()
  return {
    administrator: one('administrator'),
    manager: one('manager'),
    viewer: one('viewer'),
    dealId: deal.id,
    ownerId: deal.owner_id,
  }
}

/** Looks into the database of a running service. */
export async function withDatabase<T>(where: Where, look: (db: Kysely<Schema>) => Promise<T>): Promise<T> {
  const db = await openDatabase(where)
  try {
    return await look(db.kysely)
  } finally {
    await db.close()
  }
}

/** The casts of the first two organisations of a running service over SQLite. */
export const twoCasts = (path: string): Promise<[Cast, Cast]> =>
  withDatabase({ engine: 'sqlite', path }, async (db) => [await castOf(db, 1), await castOf(db, 2)])
