// A route as data: what it takes, who may call it, what it returns. The handler, the permission matrix and the OpenAPI
// document are all derived from it.
import type { z } from 'zod'
import type { Principal, Scope } from '../access/roles.ts'
import type { Caller } from '../audit/audit.ts'
import type { Control } from '../control.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** Its rate limit: see `rates.ts`. */
export type RateClass = 'read' | 'write' | 'purge' | 'scan'

export interface Reply {
  readonly status: number
  /** JSON, unless `text` is given. */
  readonly body?: unknown
  readonly text?: string
  /** Written as it comes: the event stream. */
  readonly stream?: ReadableStream<Uint8Array>
  readonly headers?: Readonly<Record<string, string>>
}

export interface Call<Body = unknown, Query = unknown> {
  readonly control: Control
  readonly principal: Principal
  readonly params: Readonly<Record<string, string>>
  readonly body: Body
  readonly query: Query
  readonly request: Request
  readonly requestId: string
  /** The prefix of every path. */
  readonly base: string
  /** Whether the credential of this call is still valid: for work that outlives its request. */
  readonly stillSignedIn: () => Promise<boolean>
  /** The address of the peer, if the host application provides it. */
  readonly address: string | undefined
  /** The part of an audit row that is the same for everything that this call does. */
  readonly caller: Caller
}

export interface Answer {
  readonly description: string
  readonly schema?: z.ZodType
}

/** A route typed by its schemas; separate from `Route` so that a list can hold routes of every kind. */
export interface RouteOf<B extends z.ZodType, Q extends z.ZodType> {
  readonly method: Method
  /** The prefix of its path; absent: the API's own base. */
  readonly base?: string
  /** Below the base, with `{name}` for parameters and a trailing slash: `configurations/{id}/`. */
  readonly path: string
  readonly summary: string
  /** The scope that the caller needs; `any`: a credential, whatever its scopes. */
  readonly scope: Scope | 'any'
  readonly rate?: RateClass
  /** Its answer holds a secret, which is shown once and never stored, not even for replaying an `Idempotency-Key`. */
  readonly answersSecret?: boolean
  readonly body?: B
  readonly query?: Q
  readonly answers: Readonly<Record<number, Answer>>
  handle(call: Call<z.output<B>, z.output<Q>>): Promise<Reply> | Reply
}

export interface Route extends Omit<RouteOf<z.ZodType, z.ZodType>, 'handle'> {
  /** Answers a call whose path, query and body have been validated; a `ControlProblem` becomes the response. */
  handle(call: Call): Promise<Reply> | Reply
}

/** Parses the request and calls the handler: the only place where a schema's type is trusted. */
export function defineRoute<B extends z.ZodType, Q extends z.ZodType>(route: RouteOf<B, Q>): Route {
  const { handle, ...rest } = route
  return { ...rest, handle: (call) => handle.call(route, call as Call<z.output<B>, z.output<Q>>) }
}

export const json = (status: number, body: unknown, headers?: Readonly<Record<string, string>>): Reply =>
  headers === undefined ? { status, body } : { status, body, headers }
