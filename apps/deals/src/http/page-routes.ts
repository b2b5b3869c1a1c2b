// The front page and its figures.
import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import type { Assets } from '../assets.ts'
import type { Front } from '../cache/front.ts'
import { OWN_EDGE, type ServiceEdge } from '../edge.ts'
import type { Observation } from '../observation.ts'
import type { Pictures } from '../pictures.ts'
import { isFromLoopback } from './loopback.ts'
import { type PageFacts, renderPage } from './page.ts'
import { onlyQuery } from './parse.ts'

export interface PageParts {
  readonly observation: Observation
  readonly facts: PageFacts
  readonly edge: Pick<ServiceEdge, 'url' | 'cdn' | 'outlet'> & Pick<Front, 'purges'>
  readonly assets: Assets
  readonly pictures: Pictures | undefined
}

const HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy':
    "default-src 'none'; style-src 'self'; script-src 'self'; style-src-attr 'unsafe-inline'; connect-src 'self'; img-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
}

export function pageRoutes({ observation, facts, edge, assets, pictures }: PageParts) {
  const routes = new Hono<{ Bindings: HttpBindings }>({ strict: false })
  const edges = edge.cdn
    .describe()
    .map(({ name, vendor }) => ({ name, vendor, url: name === OWN_EDGE ? edge.url : undefined }))
  routes.get('/', async (c) => {
    const [style, script, mark] = await Promise.all([
      assets.url('page.css'),
      assets.url('page.js'),
      assets.url('mark.svg'),
    ])
    const files = { style, script, mark, picture: pictures?.markup, edges }
    // Tokens are shown only on this machine: they are useless elsewhere.
    const page = renderPage(
      isFromLoopback(c.env.incoming) ? facts : { ...facts, viewer: undefined, manager: undefined },
      files,
    )
    return c.html(page, 200, HEADERS)
  })
  routes.get('/api/live', (c) => {
    onlyQuery(c, 'whole')
    const isHere = isFromLoopback(c.env.incoming)
    // Scanning all entries, and seeing what was written, is only for this machine.
    const live = c.req.query('whole') !== undefined && isHere ? observation.liveWhole() : observation.live()
    return c.json({ ...live, edge: describeEdge(edge, isHere) }, 200, { 'Cache-Control': 'no-store' })
  })
  return routes
}

function describeEdge({ outlet, purges }: PageParts['edge'], isHere: boolean) {
  if (outlet === undefined) return null
  const { waiting, leftMs, purged, coalesced, failures } = outlet.state()
  const shown = isHere
    ? purges().map(({ at, tags, state, ms }) => ({ at: new Date(at).toISOString(), tags, state, ms }))
    : []
  return { waiting, left_ms: leftMs, purged, coalesced, failures, purges: shown }
}
