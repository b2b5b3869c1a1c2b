// The HTTP interface of the service: routes, an optional trailing slash, problem documents for all errors.
import type { HttpBindings } from '@hono/node-server'
import type { ControlPlane } from '@millpond/control'
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { MillpondError } from 'millpond'
import type { Sessions } from '../cache/sessions.ts'
import { Refused } from '../writes/refused.ts'
import { type ControlDoor, controlRoutes } from './control-routes.ts'
import { type ManagementParts, managementRoutes } from './management-routes.ts'
import { type PageParts, pageRoutes } from './page-routes.ts'
import { Problem, problemResponse } from './problem.ts'
import { type ReadParts, readRoutes } from './read-routes.ts'
import { type StaticParts, staticRoutes } from './static-routes.ts'
import { type WriteParts, writeRoutes } from './write-routes.ts'

const MAX_BODY_BYTES = 65_536

export type AppParts = ReadParts &
  WriteParts &
  ManagementParts &
  PageParts &
  StaticParts & {
    readonly control: ControlPlane
    readonly door: ControlDoor
    /** Undefined: without prediction. */
    readonly sessions: Sessions | undefined
    readonly onError: (error: unknown) => void
    /** Called for every answer with its route (never its path, which has ids), its status and its milliseconds. */
    readonly onAnswer: (route: string, status: number, ms: number) => void
  }

export function createApp(parts: AppParts) {
  const app = new Hono<{ Bindings: HttpBindings }>({ strict: false })
  app.use(async (c, next) => {
    const from = performance.now()
    await next()
    parts.onAnswer(
      c.req.routePath === '*' || c.req.routePath === '/*' ? 'other' : `${c.req.method} ${c.req.routePath}`,
      c.res.status,
      performance.now() - from,
    )
  })
  // The length of what GET would have sent (RFC 9110, 9.3.2), since the framework drops the body without counting it.
  app.use(async (c, next) => {
    await next()
    if (c.req.method !== 'HEAD' || c.res.body === null) return
    const { status, headers } = c.res
    const length = (await c.res.arrayBuffer()).byteLength
    c.res = undefined
    c.res = new Response(null, { status, headers: [...headers, ['Content-Length', String(length)]] })
  })
  const { sessions } = parts
  if (sessions !== undefined) app.use((c, next) => sessions.run(c.req.header('Authorization'), next))
  // Before the limit of bodies: it has one of its own.
  app.route('/', controlRoutes(parts.control, parts.door))
  app.use(
    '/api/*',
    bodyLimit({
      maxSize: MAX_BODY_BYTES,
      onError: () => problemResponse(new Problem(413, `the body has more than ${MAX_BODY_BYTES} bytes`)),
    }),
  )
  app.route('/', readRoutes(parts))
  app.route('/', writeRoutes(parts))
  app.route('/', managementRoutes(parts))
  app.route('/', pageRoutes(parts))
  app.route('/', staticRoutes(parts))
  app.notFound((c) => problemResponse(notFound(app, c.req.method, new URL(c.req.url).pathname)))
  app.onError((error) => {
    if (error instanceof Problem) return problemResponse(error)
    if (error instanceof Refused) return problemResponse(new Problem(error.status, error.message))
    if (error instanceof MillpondError && error.code === 'QUEUE_FULL')
      return problemResponse(
        new Problem(503, 'the database accepts no writes, and too many are waiting: try again', {
          headers: { 'Retry-After': '5' },
        }),
      )
    parts.onError(error)
    return problemResponse(new Problem(500, 'an internal error occurred and was logged'))
  })
  return app
}

/** For a known path with another method, the allowed ones. */
function notFound(app: Hono<{ Bindings: HttpBindings }>, method: string, path: string): Problem {
  const plain = path.replace(/\/$/, '')
  const methods = app.routes
    .filter((route) => route.method !== 'ALL' && matches(route.path, plain))
    .map((route) => route.method)
  if (methods.length === 0) return new Problem(404, `there is nothing at ${path}`)
  const allow = [...new Set(methods.includes('GET') ? [...methods, 'HEAD'] : methods)].join(', ')
  return new Problem(405, `${method} is not offered at ${path}: use ${allow}`, { headers: { Allow: allow } })
}

function matches(pattern: string, path: string): boolean {
  const wanted = pattern.replace(/\/$/, '').split('/')
  const given = path.split('/')
  return wanted.length === given.length && wanted.every((part, index) => part.startsWith(':') || part === given[index])
}
