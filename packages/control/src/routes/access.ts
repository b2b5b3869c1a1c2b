// Users and their credentials: who am I, users, tokens.
import { z } from 'zod'
import { createUser, grantable } from '../access/grants.ts'
import { may, type Principal, ROLES, SCOPES } from '../access/roles.ts'
import { cookieFor, endSession, openSession, secretIn } from '../access/sessions.ts'
import { addToken } from '../access/tokens.ts'
import { appendAudit } from '../audit/audit.ts'
import { cachesFor } from '../fleet/reach.ts'
import { invalid, notFound, Problem } from '../http/problem.ts'
import { defineRoute, json, type Route } from '../http/route.ts'

const name = z.string().regex(/^[\w.@-]{1,64}$/, 'give 1 to 64 letters, digits, "_", ".", "@" or "-"')
const names = z.array(z.string().min(1).max(200)).min(1).max(200)
const user = z.object({
  id: z.string(),
  name: z.string(),
  role: z.enum(ROLES),
  namespaces: z.array(z.string()).nullable(),
  max_keys: z.number().int().nullable(),
  created_at: z.iso.datetime(),
})
const token = z.object({
  id: z.string(),
  name: z.string(),
  user: z.string(),
  scopes: z.array(z.string()).nullable(),
  created_at: z.iso.datetime(),
  expires_at: z.iso.datetime().nullable(),
  last_used_at: z.iso.datetime().nullable(),
})
const all = <T extends z.ZodType>(row: T) => z.object({ data: z.array(row), has_more: z.literal(false) })
const timeOf = (ms: number | null): string | null => (ms === null ? null : new Date(Number(ms)).toISOString())
const DAY_MS = 86_400_000

const session = z.object({
  name: z.string(),
  role: z.enum(ROLES),
  scopes: z.array(z.enum(SCOPES)),
  namespaces: z.array(z.string()).nullable(),
  max_keys: z.number().int().nullable(),
})

const sessionOf = ({ name, role, scopes, namespaces, maxKeys }: Principal) => ({
  name,
  role,
  scopes: SCOPES.filter((scope) => scopes.has(scope)),
  namespaces: namespaces ?? null,
  max_keys: maxKeys ?? null,
})

/** Everything that a page needs before its first query. */
export const sessionRoute = (routes: () => readonly Route[]): Route =>
  defineRoute({
    method: 'GET',
    path: 'session/',
    summary: 'Show who is signed in, what they may do, and which routes and caches exist',
    scope: 'any',
    answers: {
      200: {
        description: 'The caller',
        schema: session.extend({
          routes: z.array(z.string()).describe('GET keys/, POST batch/'),
          caches: z.array(z.string()).describe('those that the caller may see'),
          now: z.iso.datetime().describe('the clock of the store, since browser clocks differ'),
        }),
      },
    },
    handle: async ({ principal, control }) =>
      json(200, {
        ...sessionOf(principal),
        routes: routes().map(({ method, path, base }) => `${method} ${base === undefined ? '' : `${base}/`}${path}`),
        caches: control.fleet.names.length === 0 ? [] : cachesFor(control, principal, undefined),
        now: new Date(await control.store.now()).toISOString(),
      }),
  })

export const accessRoutes: readonly Route[] = [
  defineRoute({
    method: 'POST',
    path: 'session/',
    summary:
      'Sign a browser in with the token of this call: the cookie lasts 12 hours, and writes need the header X-Requested-With: millpond',
    scope: 'any',
    answersSecret: true,
    body: z.strictObject({}),
    answers: {
      200: { description: 'Signed in; the cookie is set', schema: session.extend({ expires_at: z.iso.datetime() }) },
    },
    async handle({ control, principal, request, caller }) {
      if (!principal.via.startsWith('tok_'))
        throw new Problem(
          409,
          'no_token',
          'a session begins with a token of the control plane: send "Authorization: Bearer <token>"',
        )
      const opened = await openSession(control.store, principal.via)
      await control.store.write((tx) =>
        appendAudit(control.store, tx, { ...caller, kind: 'access', action: 'session.open', target: principal.name }),
      )
      return json(
        200,
        { ...sessionOf(principal), expires_at: timeOf(opened.expiresAt) },
        { 'Set-Cookie': await cookieFor(control.store, request, opened) },
      )
    },
  }),
  defineRoute({
    method: 'DELETE',
    path: 'session/',
    summary: 'Sign this browser out',
    scope: 'any',
    answers: { 204: { description: 'Signed out' } },
    async handle({ control, request }) {
      const secret = await secretIn(control.store, request)
      if (secret !== undefined) await endSession(control.store, secret)
      return { status: 204, headers: { 'Set-Cookie': await cookieFor(control.store, request, undefined) } }
    },
  }),
  defineRoute({
    method: 'GET',
    path: 'users/',
    summary: 'All users',
    scope: 'users:write',
    answers: { 200: { description: 'All of them', schema: all(user) } },
    async handle({ control }) {
      const rows = await control.store.read
        .selectFrom('users')
        .selectAll()
        .where('disabled', '=', 0)
        .orderBy('created_at')
        .execute()
      const data = rows.map((row) => ({
        id: row.id,
        name: row.name,
        role: row.role,
        namespaces: row.namespaces === null ? null : JSON.parse(row.namespaces),
        max_keys: row.max_keys,
        created_at: timeOf(row.created_at),
      }))
      return json(200, { data, has_more: false })
    },
  }),
  defineRoute({
    method: 'POST',
    path: 'users/',
    summary: 'Add a user',
    scope: 'users:write',
    body: z.strictObject({
      name,
      role: z.enum(ROLES),
      namespaces: names.optional(),
      max_keys: z.number().int().min(0).optional(),
    }),
    answers: {
      201: { description: 'Added', schema: z.object({ id: z.string(), name: z.string(), role: z.enum(ROLES) }) },
    },
    async handle({ control, body, principal, caller }) {
      const { max_keys: maxKeys, ...user } = body
      const id = await control.store.write((tx) =>
        createUser(control.store, tx, { ...user, maxKeys }, principal, caller),
      )
      return json(201, { id, name: body.name, role: body.role })
    },
  }),
  defineRoute({
    method: 'DELETE',
    path: 'users/{id}/',
    summary: 'Disable a user and all of its tokens',
    scope: 'users:write',
    answers: { 204: { description: 'Disabled' } },
    async handle({ control, params, principal, caller }) {
      const id = params.id ?? ''
      if (id === principal.userId)
        throw new Problem(409, 'own_user', 'you cannot disable yourself: ask another administrator')
      await control.store.write(async (tx) => {
        const { numUpdatedRows } = await tx
          .updateTable('users')
          .set({ disabled: 1 })
          .where('id', '=', id)
          .where('disabled', '=', 0)
          .executeTakeFirst()
        if (numUpdatedRows === 0n) throw notFound(`user ${id}`)
        await appendAudit(control.store, tx, { ...caller, kind: 'change', action: 'user.disable', target: id })
      })
      return { status: 204 }
    },
  }),
  defineRoute({
    method: 'GET',
    path: 'tokens/',
    summary: "List the caller's tokens, or with users:write everyone's",
    scope: 'any',
    answers: { 200: { description: 'All of them, never the secrets', schema: all(token) } },
    async handle({ control, principal }) {
      let rows = control.store.read
        .selectFrom('tokens')
        .innerJoin('users', 'users.id', 'tokens.user_id')
        .select([
          'tokens.id',
          'tokens.name',
          'tokens.scopes',
          'tokens.created_at',
          'tokens.expires_at',
          'tokens.last_used_at',
          'users.name as user',
        ])
        .where('tokens.revoked', '=', 0)
        .orderBy('tokens.created_at')
      if (!may(principal, 'users:write')) rows = rows.where('tokens.user_id', '=', principal.userId)
      const data = (await rows.execute()).map((row) => ({
        ...row,
        scopes: row.scopes === null ? null : JSON.parse(row.scopes),
        created_at: timeOf(row.created_at),
        expires_at: timeOf(row.expires_at),
        last_used_at: timeOf(row.last_used_at),
      }))
      return json(200, { data, has_more: false })
    },
  }),
  defineRoute({
    method: 'POST',
    path: 'tokens/',
    summary: 'Create a token: it is shown only in this answer',
    scope: 'tokens:write',
    answersSecret: true,
    body: z.strictObject({
      name,
      user_id: z.string().optional().describe('default: the caller'),
      role: z
        .enum(ROLES)
        .optional()
        .describe('create a user with this name and role for it: give both or neither; needs users:write'),
      scopes: z.array(z.enum(SCOPES)).min(1).optional().describe("default: every scope of the user's role"),
      expires_in_days: z.number().positive().max(3650).default(90),
    }),
    answers: {
      201: {
        description: 'Made',
        schema: z.object({ id: z.string(), name: z.string(), token: z.string(), expires_at: z.iso.datetime() }),
      },
    },
    async handle({ control, body, principal, caller }) {
      const { user_id, role } = body
      if (user_id !== undefined && role !== undefined)
        throw invalid([
          {
            pointer: '/role',
            code: 'with_user',
            detail: 'an existing user already has a role: give user_id or role, not both',
          },
        ])
      if (principal.via === 'host' && user_id === undefined && role === undefined)
        throw invalid([
          {
            pointer: '/role',
            code: 'no_user',
            detail: 'you were signed in by the application and are not a user here: give role, or a user_id',
          },
        ])
      if (role !== undefined && !may(principal, 'users:write'))
        throw new Problem(403, 'forbidden', 'creating a user for the token needs the permission users:write')
      const made = await control.store.write(async (tx) => {
        const now = await control.store.now(tx)
        const userId =
          role === undefined
            ? (user_id ?? principal.userId)
            : await createUser(control.store, tx, { name: body.name, role }, principal, caller)
        const owner = await tx
          .selectFrom('users')
          .select(['name', 'role', 'namespaces', 'max_keys'])
          .where('id', '=', userId)
          .where('disabled', '=', 0)
          .executeTakeFirst()
        if (owner === undefined) throw notFound(`user ${userId}`)
        const scopes = grantable(principal, owner, body.scopes)
        const expiresAt = now + Math.ceil(body.expires_in_days * DAY_MS)
        const { id, token } = await addToken(tx, { name: body.name, userId, scopes, expiresAt }, now)
        const detail = { id, name: body.name, scopes: scopes ?? null, expires_at: timeOf(expiresAt) }
        await appendAudit(control.store, tx, {
          ...caller,
          kind: 'change',
          action: 'token.create',
          target: owner.name,
          detail,
        })
        return { id, name: body.name, token, expires_at: timeOf(expiresAt) }
      })
      return json(201, made)
    },
  }),
  defineRoute({
    method: 'DELETE',
    path: 'tokens/{id}/',
    summary: 'Revoke your own token, or with tokens:write any token',
    scope: 'any',
    answers: { 204: { description: 'Revoked: the next call with it is rejected' } },
    async handle({ control, params, principal, caller }) {
      const id = params.id ?? ''
      await control.store.write(async (tx) => {
        let row = tx.updateTable('tokens').set({ revoked: 1 }).where('id', '=', id).where('revoked', '=', 0)
        if (!may(principal, 'tokens:write')) row = row.where('user_id', '=', principal.userId)
        if ((await row.executeTakeFirst()).numUpdatedRows === 0n) throw notFound(`token ${id}`)
        await appendAudit(control.store, tx, { ...caller, kind: 'change', action: 'token.revoke', target: id })
      })
      return { status: 204 }
    },
  }),
]
