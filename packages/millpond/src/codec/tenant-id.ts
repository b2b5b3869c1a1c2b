// The id of a tenant in a key store: a hash, the same for every way in which a namespace's name spells the tenant's.
import { createHash } from 'node:crypto'
import { TENANT_MARK } from '../core/tenant.ts'

/**
 * The name under which a key store keeps a tenant's key: SHA-256 of the tenant's name, as base64url. The store does not
 * reveal names, but anyone who knows a name can find its key.
 */
export const tenantId = (tenant: string): string => createHash('sha256').update(tenant).digest('base64url')

const MAX_KNOWN = 10_000
const known = new Map<string, string>()

/** The tenant of a part such as `reports~acme`; undefined for a namespace that belongs to no tenant. */
export function tenantIn(namespace: string): string | undefined {
  const mark = namespace.indexOf(TENANT_MARK)
  if (mark < 0) return undefined
  const found = known.get(namespace)
  if (found !== undefined) return found
  const written = namespace.slice(mark + 1)
  const id = written.startsWith(TENANT_MARK) ? written.slice(1) : tenantId(nameFrom(written))
  if (known.size >= MAX_KNOWN) known.clear()
  known.set(namespace, id)
  return id
}

/** `=40` encodes a byte. */
function nameFrom(written: string): string {
  if (!written.includes('=')) return written
  return Buffer.from(
    written.replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  ).toString('utf8')
}
