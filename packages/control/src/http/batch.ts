// Several queries in one request: each is handled like a separate request, with the caller's credential, rates and
// permissions.
import { z } from 'zod'
import { defineRoute, json, type Route } from './route.ts'

const MOST = 20

/**
 * @param ask answers one request
 * @param begun called with each request and the one that it came in, which has the same peer
 */
export function batchRoute(
  ask: (request: Request) => Promise<Response>,
  begun: (part: Request, whole: Request) => unknown,
): Route {
  return defineRoute({
    method: 'POST',
    path: 'batch/',
    summary: 'Run up to 20 GETs in one request: each is authorised, counted and answered as if sent alone',
    scope: 'any',
    rate: 'read',
    body: z.strictObject({
      get: z
        .array(z.string().min(1).max(20_000))
        .min(1)
        .max(MOST)
        .describe('paths below the base with their query strings: metrics/summary/, alerts/?state=firing'),
    }),
    answers: {
      200: {
        description: 'In the order of the request',
        schema: z.object({
          answers: z.array(
            z.object({
              status: z.number(),
              body: z.unknown().describe('the answer or the problem; null if it is not JSON'),
              request_id: z.string(),
              retry_after: z.string().nullable(),
            }),
          ),
        }),
      },
    },
    async handle({ body, request, base }) {
      const headers = new Headers(request.headers)
      for (const name of ['content-type', 'content-length', 'idempotency-key', 'x-request-id', 'last-event-id'])
        headers.delete(name)
      const answers = body.get.map(async (path) => {
        const url = new URL(`${base}/`, request.url)
        const part = new Request(url.href + path.replace(/^\/+/, ''), { headers })
        begun(part, request)
        const answer = isStream(part, url.pathname) ? new Response(null, { status: 406 }) : await ask(part)
        const isJson = /json/.test(answer.headers.get('content-type') ?? '')
        if (!isJson) await answer.body?.cancel()
        return {
          status: answer.status,
          body: isJson ? await answer.json() : null,
          request_id: answer.headers.get('x-request-id') ?? '',
          retry_after: answer.headers.get('retry-after'),
        }
      })
      return json(200, { answers: await Promise.all(answers) })
    },
  })
}

/** A stream has no end, and would never be answered. */
const isStream = (request: Request, base: string): boolean =>
  new URL(request.url).pathname.replace(/\/$/, '') === `${base}stream`
