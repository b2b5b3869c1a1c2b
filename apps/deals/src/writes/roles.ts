// Changes of role definitions.
import type { Writer } from '../db/database.ts'
import { roleScopes } from './cascade.ts'
import type { Changed } from './commit.ts'
import { Refused } from './refused.ts'

export interface RoleChange {
  readonly name?: string
  readonly description?: string
  readonly level?: number
  /** The role whose permissions are inherited; null for none. */
  readonly inherits_from?: string | null
  /** Replaces the role's own grants. */
  readonly permissions?: readonly string[]
}

export interface NewRole extends RoleChange {
  readonly name: string
  readonly description: string
  readonly level: number
}

export async function createRole(tx: Writer, organizationId: number, role: NewRole): Promise<Changed<{ id: number }>> {
  await refuseTakenName(tx, organizationId, role.name, null)
  const parent = await parentId(tx, organizationId, role.inherits_from ?? null)
  const last = await tx
    .selectFrom('roles')
    .select((eb) => eb.fn.max('id').as('id'))
    .executeTakeFirst()
  const id = (last?.id ?? 0) + 1
  await tx
    .insertInto('roles')
    .values({
      id,
      organization_id: organizationId,
      name: role.name,
      description: role.description,
      level: role.level,
      parent_id: parent,
    })
    .execute()
  await grant(tx, id, role.permissions ?? [])
  return { data: { id }, touched: roleScopes(organizationId) }
}

export async function updateRole(
  tx: Writer,
  organizationId: number,
  id: number,
  change: RoleChange,
): Promise<Changed<{ id: number }>> {
  await findRole(tx, organizationId, id)
  if (change.name !== undefined) await refuseTakenName(tx, organizationId, change.name, id)
  const { inherits_from: inheritsFrom, permissions, ...columns } = change
  const parent = inheritsFrom === undefined ? {} : { parent_id: await parentId(tx, organizationId, inheritsFrom) }
  if (typeof parent.parent_id === 'number') await refuseCycle(tx, id, parent.parent_id)
  const set = { ...columns, ...parent }
  if (Object.keys(set).length > 0) await tx.updateTable('roles').set(set).where('id', '=', id).execute()
  if (permissions) {
    await tx.deleteFrom('role_permissions').where('role_id', '=', id).execute()
    await grant(tx, id, permissions)
  }
  return { data: { id }, touched: roleScopes(organizationId) }
}

export async function deleteRole(tx: Writer, organizationId: number, id: number): Promise<Changed<{ id: number }>> {
  const role = await findRole(tx, organizationId, id)
  const member = await tx.selectFrom('memberships').select('user_id').where('role_id', '=', id).executeTakeFirst()
  if (member) throw new Refused(422, `role ${role.name} is assigned: give its members another role first`)
  const child = await tx.selectFrom('roles').select('name').where('parent_id', '=', id).executeTakeFirst()
  if (child) throw new Refused(422, `role ${child.name} inherits from ${role.name}: change that first`)
  await tx.deleteFrom('role_permissions').where('role_id', '=', id).execute()
  await tx.deleteFrom('roles').where('id', '=', id).execute()
  return { data: { id }, touched: roleScopes(organizationId) }
}

async function findRole(tx: Writer, organizationId: number, id: number) {
  const role = await tx
    .selectFrom('roles')
    .selectAll()
    .where('id', '=', id)
    .where('organization_id', '=', organizationId)
    .executeTakeFirst()
  if (!role) throw new Refused(404, `organisation ${organizationId} has no role ${id}`)
  return role
}

async function refuseTakenName(tx: Writer, organizationId: number, name: string, except: number | null): Promise<void> {
  const taken = await tx
    .selectFrom('roles')
    .select('id')
    .where('organization_id', '=', organizationId)
    .where('name', '=', name)
    .executeTakeFirst()
  if (taken && taken.id !== except)
    throw new Refused(422, `organisation ${organizationId} already has a role named ${JSON.stringify(name)}`)
}

async function parentId(tx: Writer, organizationId: number, name: string | null): Promise<number | null> {
  if (name === null) return null
  const parent = await tx
    .selectFrom('roles')
    .select('id')
    .where('organization_id', '=', organizationId)
    .where('name', '=', name)
    .executeTakeFirst()
  if (!parent)
    throw new Refused(422, `inherits_from: organisation ${organizationId} has no role named ${JSON.stringify(name)}`)
  return parent.id
}

async function refuseCycle(tx: Writer, id: number, parent: number): Promise<void> {
  const seen = new Set<number>()
  for (let at: number | null = parent; at !== null && !seen.has(at); ) {
    if (at === id)
      throw new Refused(422, 'inherits_from: a role cannot inherit from itself, directly or through others')
    seen.add(at)
    const above: { parent_id: number | null } | undefined = await tx
      .selectFrom('roles')
      .select('parent_id')
      .where('id', '=', at)
      .executeTakeFirst()
    at = above?.parent_id ?? null
  }
}

async function grant(tx: Writer, roleId: number, codes: readonly string[]): Promise<void> {
  if (codes.length === 0) return
  const known = await tx.selectFrom('permissions').selectAll().where('code', 'in', codes).execute()
  const unknown = codes.filter((code) => !known.some((permission) => permission.code === code))
  if (unknown.length > 0) throw new Refused(422, `permissions: ${unknown.join(', ')} is not a permission`)
  await tx
    .insertInto('role_permissions')
    .values(known.map((permission) => ({ role_id: roleId, permission_id: permission.id })))
    .execute()
}
