// The people whose tokens are shown at the start: one of each role in the organisation with the most deals.

import { NO_ACCOUNT } from './data/crm-values.ts'
import type { Database } from './db/database.ts'
import type { Tokens } from './http/tokens.ts'

export interface Demo {
  readonly organization: { readonly id: number; readonly name: string }
  /** Absent when nobody active has the role any more. */
  readonly viewer: string | undefined
  readonly manager: string | undefined
  readonly administrator: string | undefined
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
    .orderBy('users.is_staff', 'desc')
    .orderBy('users.id')
    .select(['users.id', 'roles.name as role'])
    .execute()
  const tokenOf = (role: string) => {
    const member = members.find((each) => each.role === role)
    return member && tokens.issue({ userId: member.id, organizationId: organization.id })
  }
  return { organization, viewer: tokenOf('viewer'), manager: tokenOf('manager'), administrator: tokenOf('administrator') }
}
