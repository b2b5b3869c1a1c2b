// Users and their tokens. A token is shown once, and only its hash is stored: 256 random bits need no slow hash (a
// password would).
import { createHash, randomBytes } from 'node:crypto'
import { MillpondError } from 'millpond'
import { checkOptions, oneOf, required, type Shape, text, texts, whole } from 'millpond/options'
import type { Store, Writer } from '../store/store.ts'
import { isRole, isScope, type Principal, ROLE_SCOPES, ROLES, type Role, type Scope } from './roles.ts'

export interface NewUser {
  /** Unique; audit rows name the user by it. */
  readonly name: string
  /** Determines which scopes its tokens can have. */
  readonly role: Role
  /** Namespaces and cache names that it is limited to; absent: all. */
  readonly namespaces?: readonly string[] | undefined
  /** The most keys that one of its invalidations may touch; absent: only the control plane's own limit applies. */
  readonly maxKeys?: number | undefined
}

const USER: Shape<NewUser> = {
  name: required(text),
  role: required(oneOf(...ROLES)),
  namespaces: texts('a list of namespaces'),
  maxKeys: whole(1),
}

export interface NewToken {
  readonly name: string
  readonly userId: string
  /** A subset of the role's scopes; absent: all of them, including those that the role gains later. */
  readonly scopes?: readonly Scope[] | undefined
  /** Epoch milliseconds of the store's clock; absent: it does not expire. */
  readonly expiresAt?: number | undefined
}

const PREFIX = 'mp_'
const BYTES = 32
const USED_EVERY_MS = 60_000

export const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex')
export const newId = (prefix: string): string => `${prefix}_${randomBytes(9).toString('base64url')}`

export async function addUser(tx: Writer, { name, role, namespaces, maxKeys }: NewUser, now: number): Promise<string> {
  const id = newId('usr')
  await tx
    .insertInto('users')
    .values({
      id,
      name,
      role,
      namespaces: namespaces === undefined ? null : JSON.stringify(namespaces),
      max_keys: maxKeys ?? null,
      created_at: now,
      disabled: 0,
    })
    .execute()
  return id
}

/** Resolves with the token itself, the only time that it is shown. */
export async function addToken(
  tx: Writer,
  given: NewToken,
  now: number,
): Promise<{ readonly id: string; readonly token: string }> {
  const token = PREFIX + randomBytes(BYTES).toString('base64url')
  const id = newId('tok')
  await tx
    .insertInto('tokens')
    .values({
      id,
      hash: hashOf(token),
      name: given.name,
      user_id: given.userId,
      scopes: given.scopes === undefined ? null : JSON.stringify(given.scopes),
      created_at: now,
      expires_at: given.expiresAt ?? null,
      last_used_at: null,
      revoked: 0,
    })
    .execute()
  return { id, token }
}

/**
 * Makes `given` (from the environment or a file) a token of the named user, who is created if missing. For the first
 * credential, and for programs that must know theirs beforehand.
 * @param scopes a subset of the role's scopes, for a program that needs no more: `['metrics:read']`. Default: all of
 * them
 * @throws MillpondError `OPTION_INVALID` for an invalid user, a token shorter than 32 characters, or scopes that the
 * role does not have.
 */
export async function ensureToken(
  store: Store,
  user: NewUser,
  token: string,
  scopes?: readonly Scope[],
): Promise<void> {
  checkOptions<NewUser>(user, USER, 'user')
  const beyond = scopes?.find((scope) => !ROLE_SCOPES[user.role].includes(scope))
  if (beyond !== undefined)
    throw new MillpondError(
      'OPTION_INVALID',
      `scopes: the role ${user.role} does not have ${JSON.stringify(beyond)}: choose from the scopes of that role`,
    )
  if (!/^[\w.-]{32,}$/.test(token))
    throw new MillpondError(
      'OPTION_INVALID',
      'a token needs at least 32 characters of letters, digits, "_", "." and "-": generate a random one',
    )
  await store.write(async (tx) => {
    const now = await store.now(tx)
    const known = await tx.selectFrom('users').select('id').where('name', '=', user.name).executeTakeFirst()
    const userId = known?.id ?? (await addUser(tx, user, now))
    const held = await tx.selectFrom('tokens').select('id').where('hash', '=', hashOf(token)).executeTakeFirst()
    if (held !== undefined) return
    await tx
      .insertInto('tokens')
      .values({
        id: newId('tok'),
        hash: hashOf(token),
        name: 'given',
        user_id: userId,
        scopes: scopes === undefined ? null : JSON.stringify(scopes),
        created_at: now,
        expires_at: null,
        last_used_at: null,
        revoked: 0,
      })
      .execute()
  })
}

/** The first credential of a store that has none; undefined if the store has one. */
export async function makeFirstAdministrator(store: Store): Promise<string | undefined> {
  return store.write(async (tx) => {
    if ((await tx.selectFrom('users').select('id').limit(1).executeTakeFirst()) !== undefined) return undefined
    const now = await store.now(tx)
    const userId = await addUser(tx, { name: 'admin', role: 'admin' }, now)
    return (await addToken(tx, { name: 'first', userId }, now)).token
  })
}

/** The holder of the token; undefined if it is not valid. Its last use is recorded at most once a minute. */
export const principalOf = (store: Store, token: string): Promise<Principal | undefined> =>
  principalBy(store, 'tokens.hash', hashOf(token))

/** The same, by the token's id. */
export const principalOfToken = (store: Store, id: string): Promise<Principal | undefined> =>
  principalBy(store, 'tokens.id', id)

async function principalBy(
  store: Store,
  column: 'tokens.hash' | 'tokens.id',
  value: string,
): Promise<Principal | undefined> {
  const row = await store.read
    .selectFrom('tokens')
    .innerJoin('users', 'users.id', 'tokens.user_id')
    .select(['tokens.id', 'tokens.scopes', 'tokens.expires_at', 'tokens.last_used_at', 'tokens.user_id'])
    .select(['users.name', 'users.role', 'users.namespaces', 'users.max_keys'])
    .where(column, '=', value)
    .where('tokens.revoked', '=', 0)
    .where('users.disabled', '=', 0)
    .executeTakeFirst()
  if (row === undefined || !isRole(row.role)) return undefined
  const now = await store.now()
  if (row.expires_at !== null && row.expires_at <= now) return undefined
  if (now - (row.last_used_at ?? 0) > USED_EVERY_MS)
    await store.read.updateTable('tokens').set({ last_used_at: now }).where('id', '=', row.id).execute()
  const ofRole = ROLE_SCOPES[row.role]
  const scopes =
    row.scopes === null ? ofRole : textsOf(row.scopes).filter((scope) => isScope(scope) && ofRole.includes(scope))
  return {
    name: row.name,
    userId: row.user_id,
    via: row.id,
    role: row.role,
    scopes: new Set(scopes.filter(isScope)),
    namespaces: row.namespaces === null ? undefined : textsOf(row.namespaces),
    maxKeys: row.max_keys ?? undefined,
  }
}

function textsOf(json: string): readonly string[] {
  const list: unknown = JSON.parse(json)
  if (Array.isArray(list) && list.every((text) => typeof text === 'string')) return list
  throw new MillpondError('TIER_FAILED', `the store holds ${json.slice(0, 80)} where it should hold a list of strings`)
}
