// The gate: signs in, loads the user and the server's routes, and closes again when the server says 401.
import { useQueryClient } from '@tanstack/react-query'
import { type ReactNode, useCallback, useEffect, useMemo, useState } from 'react'
import { ApiError, type CacheClient, isRecord } from '../api/client.ts'
import type { Session } from '../api/types.ts'
import { type Access, AccessContext } from '../context.tsx'
import { Failure } from '../parts/answer.tsx'
import { Brand } from '../parts/icon.tsx'
import { forgetCredentials, heldCredentials, keepCookie, keepToken } from './credentials.ts'
import { SignIn } from './sign-in.tsx'

type GateState =
  | { readonly is: 'closed'; readonly said?: string }
  | { readonly is: 'asking' }
  | { readonly is: 'failed'; readonly error: unknown }
  | { readonly is: 'open'; readonly session: Session; readonly routes: ReadonlySet<string>; readonly skewMs: number }

const AGAIN_MS = 5000

/** An unreachable or failing server may recover in a moment. */
const mayPass = (error: unknown): boolean => error instanceof ApiError && (error.status === 0 || error.status >= 500)

/** The prefix of the control plane's tokens: those of a host application have no session to be created from. */
const OWN = 'mp_'

export interface GateProps {
  readonly client: CacheClient
  readonly readOnly: boolean
  /** The host application signs its users in: no field for a token. */
  readonly isHosted: boolean
  /** Called with the token that calls carry; undefined: none. */
  readonly onToken: (token: string | undefined) => void
  /** Called with the server's routes. */
  readonly onRoutes: (routes: ReadonlySet<string>) => void
  /** How often the server has said 401 to a page. */
  readonly refusals: number
  readonly children: ReactNode
}

export function Gate({ client, readOnly, isHosted, onToken, onRoutes, refusals, children }: GateProps) {
  const queries = useQueryClient()
  const [state, setState] = useState<GateState>(() =>
    isHosted || heldCredentials(client.base).isLikely ? { is: 'asking' } : { is: 'closed' },
  )

  const enter = useCallback(
    async (isAgain = false) => {
      if (!isAgain) setState({ is: 'asking' })
      try {
        const session = await client.get<Session & { readonly routes?: readonly string[] }>('session/')
        const routes =
          session.routes === undefined
            ? routesOf(await client.get('openapi.json'), client.base)
            : new Set(session.routes)
        const { token } = heldCredentials(client.base)
        if (!isHosted && token?.startsWith(OWN) && routes.has('POST session/')) {
          // Without a cookie the token is used, for this tab.
          const isKept = await client.send('POST', 'session/', {}).then(
            () => true,
            () => false,
          )
          if (isKept) {
            keepCookie(client.base)
            onToken(undefined)
          }
        }
        onRoutes(routes)
        setState({ is: 'open', session, routes, skewMs: skewOf(session.now) })
        await queries.invalidateQueries()
      } catch (error) {
        if (error instanceof ApiError && error.status === 401 && !isHosted) {
          forgetCredentials(client.base)
          onToken(undefined)
          setState({ is: 'closed', said: `Not signed in: ${error.message.split(':')[0]}.` })
        } else setState({ is: 'failed', error })
      }
    },
    [client, isHosted, onToken, onRoutes, queries],
  )

  useEffect(() => {
    if (isHosted || heldCredentials(client.base).isLikely) void enter()
  }, [enter, isHosted, client])

  // A page opened while the server restarts recovers by itself.
  useEffect(() => {
    if (state.is !== 'failed' || !mayPass(state.error)) return
    const timer = setTimeout(() => void enter(true), AGAIN_MS)
    return () => clearTimeout(timer)
  }, [state, enter])

  // A page got a 401: the token was revoked or has expired. The screen's contents stay until the user signs in again.
  useEffect(() => {
    if (refusals === 0) return
    if (isHosted) return
    forgetCredentials(client.base)
    onToken(undefined)
    setState({
      is: 'closed',
      said: 'The session has ended, or its token was revoked. Sign in again; this page is kept.',
    })
  }, [refusals, isHosted, client, onToken])

  const access = useMemo<Access | undefined>(() => {
    if (state.is !== 'open') return undefined
    const { session, routes, skewMs } = state
    return {
      session,
      skewMs,
      offers: (method, path) => routes.has(`${method} ${path}`),
      may: (scope) => session.scopes.includes(scope) && (!readOnly || scope.endsWith(':read')),
      signOut: () => {
        // The cookie is dropped in any case.
        if (routes.has('DELETE session/')) void client.send('DELETE', 'session/').catch(() => undefined)
        forgetCredentials(client.base)
        onToken(undefined)
        queries.clear()
        setState({ is: 'closed' })
      },
    }
  }, [state, readOnly, client, onToken, queries])

  if (state.is === 'closed')
    return (
      <SignIn
        said={state.said}
        isBusy={false}
        onToken={(token) => {
          const odd = /[^!-~]/u.exec(token)?.[0]
          if (odd !== undefined)
            return setState({
              is: 'closed',
              said: `Not signed in: no token contains ${nameOf(odd)}. Copy the whole token again.`,
            })
          keepToken(client.base, token)
          onToken(token)
          void enter()
        }}
      />
    )
  if (state.is === 'failed')
    return (
      <main className="sign">
        <div>
          <p className="brand">
            <Brand />
            Millpond
          </p>
          <Failure error={state.error} what="The dashboard" retry={() => void enter()} />
          {mayPass(state.error) && <p className="note more">This page retries every {AGAIN_MS / 1000} seconds.</p>}
        </div>
      </main>
    )
  if (access === undefined)
    return (
      <main className="sign" aria-busy="true">
        <p role="status">Signing in…</p>
      </main>
    )
  return <AccessContext.Provider value={access}>{children}</AccessContext.Provider>
}

/** No header can carry it; it may be an invisible character. */
const nameOf = (sign: string): string =>
  `the sign “${sign}” (U+${(sign.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}) in it`

/** Smaller differences are the response time. */
const AGREE_MS = 5000

function skewOf(now: string | undefined): number {
  const skew = now === undefined ? 0 : Date.parse(now) - Date.now()
  return Math.abs(skew) > AGREE_MS ? skew : 0
}

/** `GET configurations/{id}/`, from the server's OpenAPI document. */
function routesOf(document: unknown, base: string): ReadonlySet<string> {
  const paths = isRecord(document) && isRecord(document.paths) ? document.paths : {}
  return new Set(
    Object.entries(paths).flatMap(([path, methods]) =>
      isRecord(methods)
        ? Object.keys(methods).map(
            (method) => `${method.toUpperCase()} ${path.slice(path.indexOf(base) + base.length + 1)}`,
          )
        : [],
    ),
  )
}
