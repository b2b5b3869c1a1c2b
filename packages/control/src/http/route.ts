// A route as data: what it takes, who may call it, what it answers. The handler, the permission matrix and the OpenAPI
// document all come from here.
import type { z } from 'zod'
import type { Principal, Scope } from '../access/roles.ts'
import type { AuditEntry } from '../audit/audit.ts'
import type { Control } from '../control.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

/** How often it may be called: see `rates.ts`. */
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
  /** What every path begins with. */
  readonly base: string
  /** Whether the credential of this call is valid still: for what outlives its request. */
  readonly stillSignedIn: () => Promise<boolean>
  /** The address of the peer, where the host application tells it. */
  readonly address: string | undefined
  /** Who and from where: the part of an audit row that is the same for all that this call does. */
  readonly who: Pick<AuditEntry, 'actor' | 'via' | 'address' | 'requestId'>
}

export interface Answer {
  readonly description: string
  readonly schema?: z.ZodType
}

/** A route's types are its schemas'; kept apart from `Route` so that a list can hold routes of every kind. */
export interface RouteOf<B extends z.ZodType, Q extends z.ZodType> {
  readonly method: Method
  /** What its path begins with; absent: the API's own base. */
  readonly base?: string
  /** Below the base, with `{name}` for parameters and a slash at its end: `configurations/{id}/`. */
  readonly path: string
  readonly summary: string
  /** What the caller must have; `any`: a credential, whatever its scopes. */
  readonly scope: Scope | 'any'
  readonly rate?: RateClass
  /**
   * Its answer holds a secret, which is shown once and kept nowhere: not for the replay of an `Idempotency-Key` either.
   */
  readonly answersSecret?: boolean
  readonly body?: B
  readonly query?: Q
  readonly answers: Readonly<Record<number, Answer>>
  handle(call: Call<z.output<B>, z.output<Q>>): Promise<Reply> | Reply
}

export interface Route extends Omit<RouteOf<z.ZodType, z.ZodType>, 'handle'> {
  handle(call: Call): Promise<Reply> | Reply
}

/** Parses what came and calls the handler with it: the only place where a schema's type is trusted. */
export function defineRoute<B extends z.ZodType, Q extends z.ZodType>(route: RouteOf<B, Q>): Route {
  const { handle, ...rest } = route
  return { ...rest, handle: (call) => handle.call(route, call as Call<z.output<B>, z.output<Q>>) }
}

export const json = (status: number, body: unknown, headers?: Readonly<Record<string, string>>): Reply =>
  headers === undefined ? { status, body } : { status, body, headers }
