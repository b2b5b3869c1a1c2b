// The people whose tokens are shown at the start: one of each role in the organisation with the most deals.

import { NO_ACCOUNT } from './data/crm-values.ts'
import type { Database } from './db/database.ts'
import type { Tokens } from './http/tokens.ts'

export interface Demo {
  readonly organization: { readonly id: number; readonly name: string }
  /** One of its deals, to try a write on. */
  readonly deal: { readonly id: number; readonly title: string } | undefined
  /** Absent if no active user has the role any more. */
  readonly viewer: string | undefined
  readonly manager: string | undefined
  readonly administrator: string | undefined
  /** The administrator also runs the service: sees and changes every organisation. */
  readonly isAdministratorStaff: boolean
}

export async function chooseDemo(db: Database, tokens: Tokens): Promise<Demo> {
  const organization = await db.kysely
    .selectFrom('organizations')
    .leftJoin('deals', 'deals.organization_id', 'organizations.id')
    .where('organizations.name', '!=', NO_ACCOUNT)
    .groupBy(['organizations.id', 'organizations.name'])
    .orderBy((eb) => eb.fn.count('deals.id'), 'desc')
    .orderBy('organizations.id')
    .select(['organizations.id', 'organizations.name'])
    .executeTakeFirstOrThrow()
  const members = await db.kysely
    .selectFrom('memberships')
    .innerJoin('users', 'users.id', 'memberships.user_id')
    .innerJoin('roles', 'roles.id', 'memberships.role_id')
    .where('memberships.organization_id', '=', organization.id)
    .where('users.is_active', '=', 1)
    .orderBy('users.id')
    .select(['users.id', 'users.is_staff', 'roles.name as role'])
    .execute()
  const deal = await db.kysely
    .selectFrom('deals')
    .where('organization_id', '=', organization.id)
    .orderBy((eb) => eb.fn('length', ['title']))
    .orderBy('id')
    .select(['id', 'title'])
    .executeTakeFirst()
  const tokenOf = (role: string) => {
    const member = members.find((each) => each.role === role)
    return member && tokens.issue({ userId: member.id, organizationId: organization.id })
  }
  const isAdministratorStaff = members.find((each) => each.role === 'administrator')?.is_staff === 1
  return {
    organization,
    deal,
    isAdministratorStaff,
    viewer: tokenOf('viewer'),
    manager: tokenOf('manager'),
    administrator: tokenOf('administrator'),
  }
}
