// Scopes, and the roles that carry them.

/** Each thing that a token may be allowed to do. */
export const SCOPES = [
  'metrics:read',
  'config:read',
  'alerts:read',
  'keys:read',
  'invalidate',
  'warm',
  'alerts:resolve',
  'cdn:purge',
  'benchmark',
  'config:write',
  'experiments:write',
  'cdn:write',
  'purge:all',
  'values:read',
  'users:write',
  'tokens:write',
  'audit:read',
  'erase',
] as const
export type Scope = (typeof SCOPES)[number]

/** The roles of users and tokens, from the least to the most privileged; `auditor` reads what the others have done. */
export const ROLES = ['viewer', 'operator', 'editor', 'admin', 'auditor'] as const
export type Role = (typeof ROLES)[number]

const VIEWER: readonly Scope[] = ['metrics:read', 'config:read', 'alerts:read', 'keys:read']
const OPERATOR: readonly Scope[] = [...VIEWER, 'invalidate', 'warm', 'alerts:resolve', 'cdn:purge', 'benchmark']
const EDITOR: readonly Scope[] = [...OPERATOR, 'config:write', 'experiments:write', 'cdn:write']

/** The scopes of each role. */
export const ROLE_SCOPES: Readonly<Record<Role, readonly Scope[]>> = {
  viewer: VIEWER,
  operator: OPERATOR,
  editor: EDITOR,
  admin: SCOPES,
  auditor: [...VIEWER, 'audit:read'],
}

export const isRole = (value: unknown): value is Role => ROLES.some((role) => role === value)
export const isScope = (value: unknown): value is Scope => SCOPES.some((scope) => scope === value)

/** An authenticated caller, with its limits. */
export interface Principal {
  /** As audit rows name it: a user's name. */
  readonly name: string
  /** The user's id in the store; `host:NAME` for one that the host application vouches for. */
  readonly userId: string
  /** `tok_...`, `session`, or `host` for one that the host application vouches for. */
  readonly via: string
  /** Limits the scopes that it can have. */
  readonly role: Role
  /** What it may do. */
  readonly scopes: ReadonlySet<Scope>
  /** Namespaces and cache names that it is limited to; undefined: all. */
  readonly namespaces: readonly string[] | undefined
  /** The most keys that one of its invalidations may touch; undefined: only the control plane's own limit applies. */
  readonly maxKeys: number | undefined
}

export const may = (principal: Principal, scope: Scope): boolean => principal.scopes.has(scope)

/** A principal that is limited to namespaces sees no others. */
export const mayTouch = ({ namespaces }: Principal, namespace: string): boolean =>
  namespaces === undefined || namespaces.includes(namespace)
