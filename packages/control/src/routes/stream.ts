// The event stream.
import { z } from 'zod'
import { may, mayTouch, type Scope } from '../access/roles.ts'
import { Problem } from '../http/problem.ts'
import { defineRoute, type Route } from '../http/route.ts'
import { TOPICS, type Topic, USUAL_TOPICS } from '../stream/hub.ts'
import { openStream } from '../stream/open.ts'
import { seenBy } from '../stream/tail.ts'

const MOST_OF_ONE = 6
const MOST = 200
const open = new WeakMap<object, Map<string, number>>()
const topic = z.enum(TOPICS)
/** In addition to `metrics:read`. */
const NEEDS: Partial<Record<Topic, Scope>> = { alerts: 'alerts:read', events: 'keys:read' }
const HEADERS = { 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' }

export const streamRoute: Route = defineRoute({
  method: 'GET',
  path: 'stream/',
  summary:
    'Stream events as they happen (text/event-stream): summary, tick, alert, op, event, gap, bye. Last-Event-ID replays events of the last 5 minutes',
  scope: 'metrics:read',
  query: z.strictObject({
    topics: z
      .string()
      .max(200)
      .default(USUAL_TOPICS.join(','))
      .describe(
        `some of ${TOPICS.join(',')}; events: individual reads and writes, at most 200 per second, with key names`,
      )
      .transform((text) => text.split(','))
      .pipe(z.array(topic).min(1)),
    hz: z.coerce.number().min(0.05).max(4).default(1).describe('the maximum number of summaries and ticks per second'),
  }),
  answers: { 200: { description: 'The stream; at most 6 per principal' } },
  handle({ control, principal, query, request, stillSignedIn }) {
    const { hub } = control
    // The body of a HEAD response is never read, and the stream would never end.
    if (request.method === 'HEAD') return { status: 200, headers: HEADERS }
    const counts = open.get(hub) ?? new Map<string, number>()
    open.set(hub, counts)
    const own = counts.get(principal.userId) ?? 0
    if (own >= MOST_OF_ONE || hub.size >= MOST)
      throw new Problem(
        429,
        'too_many_streams',
        `${own >= MOST_OF_ONE ? MOST_OF_ONE : MOST} streams are already open: share one among the pages of a browser`,
        {
          headers: { 'Retry-After': '10' },
        },
      )
    counts.set(principal.userId, own + 1)
    const topics = new Set<Topic>(query.topics.filter((one) => NEEDS[one] === undefined || may(principal, NEEDS[one])))
    const stream = openStream({
      hub,
      topics,
      shown: (message) => {
        if (message.topic === 'events') return seenBy(principal, message)
        return message.caches.every((cache) => mayTouch(principal, cache)) ? message.data : undefined
      },
      lastEventId: request.headers.get('last-event-id') ?? undefined,
      everyMs: 1000 / query.hz,
      mayGoOn: stillSignedIn,
      onEnd: () => counts.set(principal.userId, Math.max(0, (counts.get(principal.userId) ?? 1) - 1)),
    })
    return { status: 200, stream, headers: HEADERS }
  },
})
