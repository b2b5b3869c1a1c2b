// The effects of a change: the declared relations between the data and the scopes that show it. deal -> its
// organisation's deals, its owners' dashboards, the totals over all; user -> profile, memberships; role -> permissions.
import type { Writer } from '../db/database.ts'
import { scope } from '../db/versions.ts'

/** A deal with its milestones and payments. `owners`: before and after the change. */
export function dealScopes(id: number, organizationId: number, owners: readonly number[]): string[] {
  return [
    scope.deal(id),
    scope.deals(organizationId),
    scope.allDeals(),
    ...new Set(owners.map((owner) => scope.owner(organizationId, owner))),
  ]
}

export function activityScopes(organizationId: number, ownerId: number): string[] {
  return [scope.activity(organizationId), scope.owner(organizationId, ownerId)]
}

/** A user's name and state are shown in every organisation that the user belongs to. */
export async function userScopes(tx: Writer, userId: number): Promise<string[]> {
  const rows = await tx.selectFrom('memberships').select('organization_id').where('user_id', '=', userId).execute()
  return [scope.user(userId), ...rows.map((row) => scope.members(row.organization_id))]
}

export function membershipScopes(organizationId: number, userId: number): string[] {
  return [scope.user(userId), scope.members(organizationId)]
}

export function roleScopes(organizationId: number): string[] {
  return [scope.roles(organizationId)]
}

/** An organisation's name is also shown by its subsidiaries, which name its scope themselves. */
export function organizationScopes(organizationId: number): string[] {
  return [scope.organization(organizationId)]
}
