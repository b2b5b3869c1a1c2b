// Browser sessions: a cookie that scripts cannot read, made from a token and expiring with it. Pages of other sites
// cannot make a browser send it (SameSite=Strict); a write also needs a header that no other site may set.
import { randomBytes } from 'node:crypto'
import { Problem } from '../http/problem.ts'
import type { Store } from '../store/store.ts'
import type { Principal } from './roles.ts'
import { hashOf, principalOfToken } from './tokens.ts'

const LASTS_MS = 12 * 3_600_000
const OVER_TLS = '__Host-millpond'
/** Without TLS, which is meant for loopback, browsers reject a `Secure` cookie. */
const PLAIN = 'millpond'
/** The store's document that holds its part of the cookie's name. */
const INSTANCE = 'instance'
/** The header that a write within a session carries, with its value. */
export const WRITE_HEADER = { name: 'X-Requested-With', value: 'millpond' } as const

export interface Session {
  readonly secret: string
  readonly expiresAt: number
}

/** @param tokenId the token that was used to sign in: once it is revoked, the session ends */
export async function openSession(store: Store, tokenId: string): Promise<Session> {
  const secret = randomBytes(32).toString('base64url')
  const expiresAt = await store.write(async (tx) => {
    const now = await store.now(tx)
    await tx.deleteFrom('sessions').where('expires_at', '<', now).execute()
    const until = now + LASTS_MS
    await tx
      .insertInto('sessions')
      .values({ hash: hashOf(secret), token_id: tokenId, created_at: now, expires_at: until })
      .execute()
    return until
  })
  return { secret, expiresAt }
}

export async function endSession(store: Store, secret: string): Promise<void> {
  await store.read.deleteFrom('sessions').where('hash', '=', hashOf(secret)).execute()
}

export async function principalOfSession(store: Store, secret: string): Promise<Principal | undefined> {
  const session = await store.read
    .selectFrom('sessions')
    .select('token_id')
    .where('hash', '=', hashOf(secret))
    .where('expires_at', '>', await store.now())
    .executeTakeFirst()
  const principal = session === undefined ? undefined : await principalOfToken(store, session.token_id)
  return principal === undefined ? undefined : { ...principal, via: 'session' }
}

export async function secretIn(store: Store, request: Request): Promise<string | undefined> {
  const cookies = request.headers.get('cookie')
  if (cookies === null) return undefined
  const name = await nameFor(store, request)
  for (const part of cookies.split(';')) {
    const [key = '', value = ''] = part.trim().split('=')
    if (key === name && value !== '') return value
  }
  return undefined
}

/** `undefined`: removes the cookie. */
export async function cookieFor(store: Store, request: Request, session: Session | undefined): Promise<string> {
  const secure = isOverTls(request) ? '; Secure' : ''
  const age = session === undefined ? 0 : Math.floor(LASTS_MS / 1000)
  return `${await nameFor(store, request)}=${session?.secret ?? ''}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${age}${secure}`
}

/**
 * Whether a write comes from one of our own pages: by its header, and by what the browser says of its origin. Without
 * TLS some browsers send only the origin; its scheme is not compared, since a proxy may have terminated TLS before us.
 */
export function isOwnWrite(request: Request): boolean {
  if (request.headers.get(WRITE_HEADER.name) !== WRITE_HEADER.value) return false
  const site = request.headers.get('sec-fetch-site')
  if (site !== null) return site === 'same-origin'
  const origin = request.headers.get('origin')
  return origin === null || (URL.canParse(origin) && new URL(origin).host === new URL(request.url).host)
}

const isOverTls = (request: Request): boolean => new URL(request.url).protocol === 'https:'

/**
 * Browsers share cookies between all ports of a host: if two services on one machine used the same name, signing in to
 * one would end the other's session.
 */
async function nameFor(store: Store, request: Request): Promise<string> {
  const known = instances.get(store) ?? (await instanceOf(store))
  instances.set(store, known)
  return `${isOverTls(request) ? OVER_TLS : PLAIN}-${known}`
}

const instances = new WeakMap<Store, string>()

/** The same for all processes of a store: the first that asks creates it. */
async function instanceOf(store: Store): Promise<string> {
  const row = () =>
    store.read.selectFrom('documents').select('document').where('name', '=', INSTANCE).executeTakeFirst()
  if ((await row()) === undefined)
    await store.write(async (tx) => {
      await tx
        .insertInto('documents')
        .values({
          name: INSTANCE,
          document: JSON.stringify(randomBytes(4).toString('hex')),
          version: 1,
          updated_at: await store.now(tx),
        })
        .onConflict((conflict) => conflict.column('name').doNothing())
        .execute()
    })
  const [, id] = /^"([0-9a-f]{8})"$/.exec((await row())?.document ?? '') ?? []
  if (id === undefined)
    throw new Problem(500, 'store_damaged', `the document ${INSTANCE} of the store is not eight hexadecimal digits`)
  return id
}
