// What a principal may grant: never more than it has itself. A token with a subset of a role's permissions, or a user
// who is limited to some caches, must not create one without those limits.
import { counted } from 'millpond/options'
import { appendAudit, type Caller } from '../audit/audit.ts'
import { notFound, Problem } from '../http/problem.ts'
import type { Store, Writer } from '../store/store.ts'
import { isRole, type Principal, ROLE_SCOPES, type Scope } from './roles.ts'
import { addUser, type NewUser } from './tokens.ts'

/** @throws Problem 409 for a name that is taken; 403 for more than the creator has */
export async function createUser(
  store: Store,
  tx: Writer,
  user: NewUser,
  principal: Principal,
  caller: Caller,
): Promise<string> {
  const { name, role, namespaces, maxKeys } = user
  const beyond = ROLE_SCOPES[role].filter((scope) => !principal.scopes.has(scope))
  if (beyond.length > 0) throw tooMuch(principal, `the role ${role} has ${beyond.join(', ')}`)
  const { namespaces: own } = principal
  if (own !== undefined && (namespaces === undefined || namespaces.some((one) => !own.includes(one))))
    throw tooMuch(principal, `that user would not be limited to ${own.join(', ')}`)
  if (principal.maxKeys !== undefined && (maxKeys ?? Number.POSITIVE_INFINITY) > principal.maxKeys)
    throw tooMuch(principal, `that user might invalidate more than ${counted(principal.maxKeys, 'key')} at a time`)
  const taken = await tx.selectFrom('users').select('id').where('name', '=', name).executeTakeFirst()
  if (taken !== undefined)
    throw new Problem(
      409,
      'name_taken',
      `${JSON.stringify(name)} is already the name of ${taken.id}: choose another name`,
    )
  const id = await addUser(tx, user, await store.now(tx))
  const detail = { id, name, role, namespaces: namespaces ?? null, max_keys: maxKeys ?? null }
  await appendAudit(store, tx, { ...caller, kind: 'change', action: 'user.create', target: name, detail })
  return id
}

interface Owner {
  readonly name: string
  readonly role: string
  readonly namespaces: string | null
  readonly max_keys: number | null
}

/**
 * The permissions of a new token; undefined: all of its owner's role, including those that the role gains later.
 * @throws Problem 403 for more than its creator has
 */
export function grantable(
  principal: Principal,
  owner: Owner,
  asked: readonly Scope[] | undefined,
): readonly Scope[] | undefined {
  if (!isRole(owner.role)) throw notFound(`user ${owner.name}`)
  const { namespaces: own, maxKeys } = principal
  const theirs: readonly string[] | undefined = owner.namespaces === null ? undefined : JSON.parse(owner.namespaces)
  if (own !== undefined && (theirs === undefined || theirs.some((one) => !own.includes(one))))
    throw tooMuch(principal, `${owner.name} is not limited to ${own.join(', ')}`)
  if (maxKeys !== undefined && (owner.max_keys ?? Number.POSITIVE_INFINITY) > maxKeys)
    throw tooMuch(principal, `${owner.name} may invalidate more than ${counted(maxKeys, 'key')} at a time`)
  const beyond = asked?.find((scope) => !principal.scopes.has(scope))
  if (beyond !== undefined) throw tooMuch(principal, `it would have ${beyond}`)
  if (asked !== undefined) return asked
  const ofRole = ROLE_SCOPES[owner.role]
  return ofRole.every((scope) => principal.scopes.has(scope))
    ? undefined
    : ofRole.filter((scope) => principal.scopes.has(scope))
}

const tooMuch = (principal: Principal, why: string): Problem =>
  new Problem(
    403,
    'beyond_own',
    `you cannot grant more than you have: ${why}, and ${principal.name} does not with this credential`,
  )
