// By route: how many answers, how fast, from the cache or not; with Server-Timing for inspecting a single one.
import type { IncomingMessage } from 'node:http'
import { checkOptions, flag, fn, type Shape, whole } from '../../core/checks.ts'
import type { Middleware } from '../node/http-cache.ts'
import { beforeHead } from './head.ts'

export interface MetricsOptions {
  /**
   * The route of a request, from a small set: a template such as `/users/:id`, never a URL. Default: all requests are
   * one route.
   */
  readonly routeOf?: ((request: IncomingMessage) => string) | undefined
  /** The most routes; later ones count as `other`. Default 100. */
  readonly maxRoutes?: number | undefined
  /** Whether `Server-Timing` contains the duration of the answer. Default `true`. */
  readonly serverTiming?: boolean | undefined
}

export interface RouteFigures {
  /** Answers whose head was written. */
  readonly count: number
  /** Of these, those from the cache by their field `Cache-Status`. */
  readonly hits: number
  /** Of these, those with a status of 500 or above. */
  readonly errors: number
  /** Milliseconds until the head was written. */
  readonly averageMs: number
  /** The longest of these times since the start. */
  readonly slowestMs: number
}

interface Figures {
  count: number
  hits: number
  errors: number
  totalMs: number
  slowestMs: number
}

const OPTIONS: Shape<MetricsOptions> = { routeOf: fn(), maxRoutes: whole(1), serverTiming: flag }

/**
 * The first middleware: it measures the others.
 * @throws MillpondError `OPTION_INVALID`.
 * @example const metrics = requestMetrics({ routeOf: (request) => request.url?.startsWith('/api/') ? 'api' : 'page' })
 * app.use(metrics.middleware)
 */
export function requestMetrics(options: MetricsOptions = {}): {
  readonly middleware: Middleware
  readonly read: () => Readonly<Record<string, RouteFigures>>
} {
  checkOptions<MetricsOptions>(options, OPTIONS, 'requestMetrics')
  const { routeOf = () => 'all', maxRoutes = 100, serverTiming = true } = options
  const routes = new Map<string, Figures>()
  const figuresOf = (route: string): Figures => {
    const name = routes.has(route) || routes.size < maxRoutes ? route : 'other'
    const known = routes.get(name)
    if (known !== undefined) return known
    const made = { count: 0, hits: 0, errors: 0, totalMs: 0, slowestMs: 0 }
    routes.set(name, made)
    return made
  }
  const middleware: Middleware = (request, response, next) => {
    const startedAt = performance.now()
    beforeHead(response, (status) => {
      const ms = performance.now() - startedAt
      const figures = figuresOf(routeOf(request))
      figures.count++
      figures.totalMs += ms
      figures.slowestMs = Math.max(figures.slowestMs, ms)
      if (status >= 500) figures.errors++
      if (/; hit(?:;|$)/.test(String(response.getHeader('Cache-Status') ?? ''))) figures.hits++
      if (serverTiming) response.appendHeader('Server-Timing', `total;dur=${ms.toFixed(1)}`)
    })
    next()
  }
  const read = (): Record<string, RouteFigures> =>
    Object.fromEntries(
      [...routes].map(([route, { count, hits, errors, totalMs, slowestMs }]) => [
        route,
        { count, hits, errors, averageMs: count === 0 ? 0 : totalMs / count, slowestMs },
      ]),
    )
  return { middleware, read }
}
