// The page's files, and the images of organisations.
import type { HttpBindings } from '@hono/node-server'
import { Hono } from 'hono'
import { accepts } from 'hono/accepts'
import type { Assets } from '../assets.ts'
import type { Pictures } from '../pictures.ts'
import { Problem } from './problem.ts'

export interface StaticParts {
  readonly assets: Assets
  /** Undefined: the cache is off. */
  readonly pictures: Pictures | undefined
}

const ENCODINGS = ['br', 'gzip']

export function staticRoutes({ assets, pictures }: StaticParts) {
  const routes = new Hono<{ Bindings: HttpBindings }>()
  routes.get('/assets/*', async (c) => {
    const taken: string[] = []
    accepts(c, {
      header: 'Accept-Encoding',
      supports: ENCODINGS,
      default: '',
      match: (given) => {
        taken.push(...ENCODINGS.filter((one) => given.some(({ type, q }) => q > 0 && (type === one || type === '*'))))
        return ''
      },
    })
    const key = c.req.path.slice('/assets/'.length)
    const found = await assets.find(key, taken)
    if (found === undefined)
      throw new Problem(404, `there is no asset ${JSON.stringify(key)}: pages contain the current names`)
    const { body, encoding, content_type: type, cache_control: control, sha256 } = found
    const tag = `"${sha256.slice(0, 22)}"`
    const headers: Record<string, string> = {
      'Cache-Control': control,
      'Content-Type': type,
      ETag: tag,
      Vary: 'Accept-Encoding',
      'X-Content-Type-Options': 'nosniff',
      ...(encoding !== undefined && { 'Content-Encoding': encoding }),
    }
    return new Response(new Uint8Array(body), { headers })
  })
  routes.get('/images/*', async (c) => {
    if (pictures === undefined)
      throw new Problem(404, 'there are no pictures: they are stored in the cache, which is off')
    return pictures.fetch(c.req.raw)
  })
  return routes
}
