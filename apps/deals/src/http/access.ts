// Authentication and authorisation, decided before any cached answer but the two public ones.
import type { StrategicCache } from '../cache/strategic.ts'
import type { UserPermissions } from '../queries/users.ts'
import type { Ctx } from './context.ts'
import { isFromLoopback } from './loopback.ts'
import { readId } from './parse.ts'
import { Problem } from './problem.ts'
import type { Caller, Tokens } from './tokens.ts'

export type Permission =
  | 'dashboard.view'
  | 'deals.view'
  | 'analytics.view'
  | 'deals.edit'
  | 'cache.view'
  | 'members.edit'
  | 'roles.edit'
  | 'organization.edit'
  | 'cache.manage'

/** A caller who is a member of the organisation. */
export interface Granted {
  readonly caller: Caller
  readonly organizationId: number
  readonly access: UserPermissions
}

export interface Access {
  /** @throws Problem 401 */
  caller(c: Ctx): Caller
  /** Membership in the organisation and, when named, a permission there. @throws Problem 401, 403, 404 */
  in(c: Ctx, organizationId: number, permission?: Permission): Promise<Granted>
  /** The same for `?organization=`, by default the caller's own. */
  here(c: Ctx, permission?: Permission): Promise<Granted>
  isMember(userId: number, organizationId: number): Promise<boolean>
  /**
   * The active member of the organisation whom a token in the header names; for requests that are known to be local.
   */
  member(request: Request, organizationId: number): Promise<Granted | undefined>
}

export function createAccess(tokens: Tokens, strategic: StrategicCache): Access {
  const caller = (c: Ctx): Caller => {
    const { token, scheme } = credentialsOf(c)
    const known = token === undefined ? undefined : tokens.read(token)
    if (known && isFromLoopback(c.env.incoming)) return known
    const detail =
      token !== undefined
        ? 'the token is from another start, or is used from another machine'
        : scheme === undefined
          ? 'this needs a token: send Authorization: Bearer <token>'
          : `this needs a token, but the request contains ${scheme}: send Authorization: Bearer <token>`
    throw new Problem(401, detail, {
      headers: { 'WWW-Authenticate': token === undefined ? 'Bearer' : 'Bearer error="invalid_token"' },
    })
  }
  const within = async (c: Ctx, organizationId: number, permission?: Permission): Promise<Granted> => {
    const who = caller(c)
    const access = (await strategic.getUserPermissions(who.userId, organizationId)).value.data
    if (!access) {
      const exists = (await strategic.getOrganizationData(organizationId)).value.data !== null
      throw exists
        ? new Problem(403, `you are not a member of organisation ${organizationId}`)
        : new Problem(404, `there is no organisation ${organizationId}`)
    }
    if (!access.is_active) throw new Problem(403, 'your account is not active')
    if (permission && !access.permissions.includes(permission)) {
      throw new Problem(
        403,
        `your role ${access.role} in organisation ${organizationId} does not include ${permission}`,
      )
    }
    return { caller: who, organizationId, access }
  }
  return {
    caller,
    in: within,
    here: (c, permission) => {
      const who = caller(c)
      const named = c.req.query('organization')
      return within(c, named === undefined ? who.organizationId : readId('organization', named), permission)
    },
    member: async (request, organizationId) => {
      const token = /^Bearer +(\S+)$/i.exec(request.headers.get('authorization') ?? '')?.[1]
      const who = token === undefined ? undefined : tokens.read(token)
      const known = who && (await strategic.getUserPermissions(who.userId, organizationId)).value.data
      return who && known?.is_active ? { caller: who, organizationId, access: known } : undefined
    },
    isMember: async (userId, organizationId) =>
      (await strategic.getUserPermissions(userId, organizationId)).value.data !== null,
  }
}

/**
 * The header, or for a link in a browser `?access_token=`: demo tokens only, on loopback only. `scheme`: what was sent
 * in place of a token.
 */
function credentialsOf(c: Ctx): { readonly token: string | undefined; readonly scheme?: string } {
  const header = c.req.header('authorization')
  if (header === undefined)
    return { token: c.req.method === 'GET' || c.req.method === 'HEAD' ? c.req.query('access_token') : undefined }
  const [scheme = '', rest = ''] = header.trim().split(/ +(.*)/s)
  if (scheme.toLowerCase() === 'bearer') return { token: rest }
  return { token: undefined, scheme: /^[\w-]{1,20}$/.test(scheme) ? `"${scheme}"` : 'something else' }
}
