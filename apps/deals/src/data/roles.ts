// Permissions and the roles that every organisation starts with.

import type { AddRow } from './rows.ts'
import { PERMISSIONS, ROLES } from './vocabulary.ts'

export type RoleName = (typeof ROLES)[number][0]
export type RoleIds = Readonly<Record<RoleName, number>>

export function addPermissions(add: AddRow): void {
  for (const [code, id, description] of PERMISSIONS) add('permissions', { id, code, description })
}

/** Adds the four roles, each inheriting from the one below it. `firstId` and the three ids after it are used. */
export function addRoles(add: AddRow, organizationId: number, firstId: number): RoleIds {
  const ids: Record<RoleName, number> = {
    viewer: firstId,
    sales: firstId + 1,
    manager: firstId + 2,
    administrator: firstId + 3,
  }
  let parent: number | null = null
  for (const [name, level, description, grants] of ROLES) {
    const id: number = ids[name]
    add('roles', { id, organization_id: organizationId, name, description, level, parent_id: parent })
    for (const code of grants) {
      const permission = PERMISSIONS.find(([known]) => known === code)
      if (permission) add('role_permissions', { role_id: id, permission_id: permission[1] })
    }
    parent = id
  }
  return ids
}
