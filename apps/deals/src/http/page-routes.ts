// The front page and the figures it asks for.
import { randomBytes } from 'node:crypto'
import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import type { Observation } from '../observation.ts'
import { isFromLoopback } from './loopback.ts'
import { type PageFacts, renderPage } from './page.ts'
import { onlyQuery } from './parse.ts'

export interface PageParts {
  readonly observation: Observation
  readonly facts: PageFacts
}

export function pageRoutes({ observation, facts }: PageParts) {
  const routes = new Hono<{ Bindings: HttpBindings }>({ strict: false })
  routes.get('/', (c) => {
    const nonce = randomBytes(16).toString('base64url')
    // Tokens are shown only to this machine: nobody else could use them.
    const page = renderPage(isFromLoopback(c.env.incoming) ? facts : { ...facts, viewer: undefined, manager: undefined }, nonce)
    return c.html(page, 200, {
      'Cache-Control': 'no-store',
      'Content-Security-Policy': `default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; style-src-attr 'unsafe-inline'; connect-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`,
      'Referrer-Policy': 'no-referrer',
      'X-Content-Type-Options': 'nosniff',
    })
  })
  routes.get('/api/live', (c) => {
    onlyQuery(c, 'whole')
    // To walk all entries is for this machine to ask.
    const isWhole = c.req.query('whole') !== undefined && isFromLoopback(c.env.incoming)
    return c.json(isWhole ? observation.liveWhole() : observation.live(), 200, { 'Cache-Control': 'no-store' })
  })
  return routes
}
