// A tenant's part of a namespace: a namespace of its own, with a reserved name.
//
// `reports~acme` is the tenant "acme" in the namespace "reports". No namespace's name contains a `~`, and characters
// that a name may not contain are written as `=` with the byte in hexadecimal, so that different pairs never collide. A
// tenant that would make the name too long is named by its hash, after `~~`.
import { MillpondError, show } from './errors.ts'

/** Between the namespace and its tenant. */
export const TENANT_MARK = '~'
/** The limit of every name, so that storage keys have room for it. */
export const MAX_PART_NAME = 128
const PART = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}~(?:~[\w-]{43}|(?:[A-Za-z0-9_.-]|=[0-9A-F]{2})+)$/

/** Whether it is the name of a tenant's part. */
export const isTenantPart = (name: string): boolean => name.length <= MAX_PART_NAME && PART.test(name)

/** The namespace, of a part as of the whole. */
export function namespaceOf(name: string): string {
  const mark = name.indexOf(TENANT_MARK)
  return mark < 0 ? name : name.slice(0, mark)
}

/** The tenant of a part, as it is written after the mark; `undefined`: it is not a tenant's. */
export function tenantIn(part: string): string | undefined {
  const mark = part.indexOf(TENANT_MARK)
  return mark < 0 ? undefined : part.slice(mark + 1)
}

/** A tenant as names of parts have it, unless that is too long. */
export const writtenTenant = (tenant: string): string =>
  tenant.replace(/[^A-Za-z0-9_.-]/gu, (char) =>
    [...UTF8.encode(char)].map((byte) => `=${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  )

const UTF8 = new TextEncoder()

/** Another namespace's part of the same tenant; the namespace itself if `part` is not a tenant's. */
export function sameTenantIn(namespace: string, part: string): string {
  const mark = part.indexOf(TENANT_MARK)
  if (mark < 0) return namespace
  const name = namespace + part.slice(mark)
  if (name.length <= MAX_PART_NAME) return name
  throw new MillpondError(
    'OPTION_INVALID',
    `the name of the namespace ${show(namespace)} leaves no room for the tenant of ${show(part)}`,
  )
}
