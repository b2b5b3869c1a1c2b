// Cache-Status (RFC 9211): one member per cache, ours last.

/** RFC 9211 2.2. */
export type ForwardReason = 'bypass' | 'method' | 'uri-miss' | 'vary-miss' | 'miss' | 'request' | 'stale' | 'partial'

/** `name` is an RFC 9651 token or string, written once. */
export function hitStatus(name: string, ttlSeconds: number, detail?: string): string {
  return `${name}; hit; ttl=${ttlSeconds}${detail === undefined ? '' : `; detail=${detail}`}`
}

export interface Forwarded {
  readonly reason: ForwardReason
  readonly status?: number | undefined
  readonly isStored?: boolean
  readonly isCollapsed?: boolean
  readonly detail?: string | undefined
}

export function forwardStatus(name: string, { reason, status, isStored, isCollapsed, detail }: Forwarded): string {
  let text = `${name}; fwd=${reason}`
  if (status !== undefined) text += `; fwd-status=${status}`
  if (isStored === true) text += '; stored'
  if (isCollapsed === true) text += '; collapsed'
  return detail === undefined ? text : `${text}; detail=${detail}`
}

/** A name as a member of the list: a token if possible. */
export function cacheName(name: string): string {
  return /^[A-Za-z*][A-Za-z0-9:/!#$%&'*+\-.^_`|~]*$/.test(name) ? name : JSON.stringify(name)
}
