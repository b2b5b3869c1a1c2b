// A tenant's part of a namespace: a namespace of its own, with a name that nobody else can give.
//
// `reports~acme` is the tenant "acme" in the namespace "reports". No namespace's name holds a `~`, and what a name may not hold is written as `=` with
// the byte in hexadecimal, so that two different pairs never meet. A tenant that would make the name too long is named by its hash, after `~~`.
import { createHash } from 'node:crypto'
import { MillpondError, show } from './errors.ts'
import { checkName } from './key.ts'

const MARK = '~'
/** As long as any name: storage keys have room for so much. */
const MAX_NAME = 128
const MAX_TENANT = 1024
const PART = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}~(?:~[\w-]{43}|(?:[A-Za-z0-9_.-]|=[0-9A-F]{2})+)$/

/**
 * The name of a tenant's part of a namespace.
 * @throws MillpondError `OPTION_INVALID` for what names no tenant, and where the namespace's name leaves no room.
 */
export function tenantPart(namespace: string, tenant: unknown): string {
  checkName(namespace, 'namespace')
  if (typeof tenant !== 'string' || tenant === '' || tenant.length > MAX_TENANT || !tenant.isWellFormed())
    throw new MillpondError('OPTION_INVALID', `tenant: ${show(tenant)} names no tenant: give a text of 1 to ${MAX_TENANT} characters`)
  const name = `${namespace}${MARK}${written(tenant)}`
  if (name.length <= MAX_NAME) return name
  const hashed = `${namespace}${MARK}${MARK}${createHash('sha256').update(tenant).digest('base64url')}`
  if (hashed.length <= MAX_NAME) return hashed
  throw new MillpondError(
    'OPTION_INVALID',
    `tenant: the namespace ${show(namespace)} leaves no room for tenants: its name may have 83 characters`,
  )
}

/** Is this the name of a tenant's part? */
export const isTenantPart = (name: string): boolean => name.length <= MAX_NAME && PART.test(name)

/** The namespace, of a part as of the whole. */
export function namespaceOf(name: string): string {
  const mark = name.indexOf(MARK)
  return mark < 0 ? name : name.slice(0, mark)
}

/** Another namespace's part of the same tenant; the namespace itself where `part` is no tenant's. */
export function sameTenantIn(namespace: string, part: string): string {
  const mark = part.indexOf(MARK)
  if (mark < 0) return namespace
  const name = namespace + part.slice(mark)
  if (name.length <= MAX_NAME) return name
  throw new MillpondError('OPTION_INVALID', `the name of the namespace ${show(namespace)} leaves no room for the tenant of ${show(part)}`)
}

const written = (tenant: string): string =>
  tenant.replace(/[^A-Za-z0-9_.-]/gu, (char) =>
    [...Buffer.from(char)].map((byte) => `=${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  )
