// Changes of users, memberships and organisations.
import type { Writer } from '../db/database.ts'
import { scope, versionOf } from '../db/versions.ts'
import { membershipScopes, organizationScopes, userScopes } from './cascade.ts'
import type { Changed } from './commit.ts'
import { Moved, Refused } from './refused.ts'

export interface UserChange {
  readonly name?: string
  readonly title?: string
  readonly location?: string
  readonly is_active?: boolean
}

export async function updateUser(
  tx: Writer,
  userId: number,
  { name, is_active, title, location }: UserChange,
): Promise<Changed<{ id: number }>> {
  const columns = {
    ...(name === undefined ? {} : { name }),
    ...(is_active === undefined ? {} : { is_active: is_active ? 1 : 0 }),
  }
  const profile = { ...(title === undefined ? {} : { title }), ...(location === undefined ? {} : { location }) }
  if (Object.keys(columns).length > 0) await tx.updateTable('users').set(columns).where('id', '=', userId).execute()
  if (Object.keys(profile).length > 0)
    await tx.updateTable('profiles').set(profile).where('user_id', '=', userId).execute()
  return { data: { id: userId }, touched: await userScopes(tx, userId) }
}

/** A user as people see one. */
export interface User {
  readonly id: number
  readonly name: string
  readonly email: string
  readonly title: string
  readonly location: string
  readonly is_active: boolean
}

/** Replaces the previous version of a user. @throws Moved if it is no longer the current one. */
export async function storeUser(tx: Writer, { user, version }: { readonly user: User; readonly version: number }) {
  if ((await versionOf(tx, scope.user(user.id))) !== version - 1) throw new Moved(`user ${user.id}`)
  const { name, title, location, is_active } = user
  return updateUser(tx, user.id, { name, title, location, is_active })
}

export interface Assignment {
  readonly organizationId: number
  readonly userId: number
  readonly roleId: number
  /**
   * Whether a user who is not a member yet may join: only those who run the service may see other organisations' users.
   */
  readonly mayJoin: boolean
  readonly today: number
}

/** Gives a member another role, or lets a user join with it. */
export async function assignRole(
  tx: Writer,
  assignment: Assignment,
): Promise<Changed<{ user_id: number; role_id: number }>> {
  const { organizationId, userId, roleId, mayJoin, today } = assignment
  const member = await tx
    .selectFrom('memberships')
    .select('user_id')
    .where('user_id', '=', userId)
    .where('organization_id', '=', organizationId)
    .executeTakeFirst()
  const user = mayJoin
    ? await tx.selectFrom('users').select('id').where('id', '=', userId).executeTakeFirst()
    : undefined
  if (!member && !user) throw new Refused(404, `user ${userId} is not a member of organisation ${organizationId}`)
  const role = await tx
    .selectFrom('roles')
    .select('id')
    .where('id', '=', roleId)
    .where('organization_id', '=', organizationId)
    .executeTakeFirst()
  if (!role) throw new Refused(422, `role_id ${roleId} is not a role of organisation ${organizationId}`)
  await tx
    .insertInto('memberships')
    .values({ user_id: userId, organization_id: organizationId, role_id: roleId, team_id: null, joined_day: today })
    .onConflict((c) => c.columns(['user_id', 'organization_id']).doUpdateSet({ role_id: roleId }))
    .execute()
  return { data: { user_id: userId, role_id: roleId }, touched: membershipScopes(organizationId, userId) }
}

/** Ends a membership. Deals stay with their owner until they are reassigned. */
export async function removeMember(
  tx: Writer,
  organizationId: number,
  userId: number,
): Promise<Changed<{ user_id: number }>> {
  const gone = await tx
    .deleteFrom('memberships')
    .where('organization_id', '=', organizationId)
    .where('user_id', '=', userId)
    .returning('user_id')
    .execute()
  if (gone.length === 0) throw new Refused(404, `user ${userId} is not a member of organisation ${organizationId}`)
  return { data: { user_id: userId }, touched: membershipScopes(organizationId, userId) }
}

export interface OrganizationChange {
  readonly name?: string
  readonly sector?: string
  readonly location?: string
}

export async function updateOrganization(
  tx: Writer,
  id: number,
  change: OrganizationChange,
): Promise<Changed<{ id: number }>> {
  await tx.updateTable('organizations').set(change).where('id', '=', id).execute()
  return { data: { id }, touched: organizationScopes(id) }
}
