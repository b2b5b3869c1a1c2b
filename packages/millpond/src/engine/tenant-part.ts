// Names of tenants' parts of namespaces, composed of both names.
import { createHash } from 'node:crypto'
import { MillpondError, show } from '../core/errors.ts'
import { checkName } from '../core/key.ts'
import { MAX_PART_NAME, TENANT_MARK, writtenTenant } from '../core/tenant.ts'

const MAX_TENANT = 1024

/**
 * The name of a tenant's part of a namespace.
 * @throws MillpondError `OPTION_INVALID` for an invalid tenant, and if the namespace's name is too long.
 */
export function tenantPart(namespace: string, tenant: unknown): string {
  checkName(namespace, 'namespace')
  if (typeof tenant !== 'string' || tenant === '' || tenant.length > MAX_TENANT || !tenant.isWellFormed())
    throw new MillpondError(
      'OPTION_INVALID',
      `tenant: ${show(tenant)} is not a tenant: give a string of 1 to ${MAX_TENANT} characters`,
    )
  const name = `${namespace}${TENANT_MARK}${writtenTenant(tenant)}`
  if (name.length <= MAX_PART_NAME) return name
  const hashed = `${namespace}${TENANT_MARK}${TENANT_MARK}${createHash('sha256').update(tenant).digest('base64url')}`
  if (hashed.length <= MAX_PART_NAME) return hashed
  throw new MillpondError(
    'OPTION_INVALID',
    `tenant: the namespace ${show(namespace)} leaves no room for tenants: its name may have at most 83 characters`,
  )
}
