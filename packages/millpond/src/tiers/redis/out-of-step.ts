// A connection on which an answer comes that nobody asked for is out of step: what comes next may be the answer to another's question.
import { Duplex } from 'node:stream'
import type { RedisClient } from './client.ts'

/** So many in one piece of what was received are passed over. The client empties its queue in a loop of its own, which must end. */
const MOST = 100_000

interface Queue {
  shift(): unknown
}

/** What the client takes for the command that was answered. */
const NOBODYS = { command: { name: 'unasked', args: [], resolve() {}, reject() {} } }

/**
 * Makes such a connection anew. ioredis (5.11) emits an error and goes on; where what came is a null it throws outside of every call, which ends
 * the process. It still does where a null is the answer to SUBSCRIBE, or stands for a channel: there is no place to catch that. A client without a
 * queue that can be seen takes care of itself.
 */
export function leaveWhenOutOfStep(client: RedisClient): void {
  const first: unknown = Reflect.get(client, 'commandQueue')
  if (!isQueue(first)) return
  let passes = 0
  const guarded = (queue: unknown): unknown => {
    if (!isQueue(queue)) return queue
    const shift = queue.shift.bind(queue)
    queue.shift = () => {
      const item = shift()
      if (item !== undefined || passes === 0) return item
      if (passes === MOST) client.disconnect(true)
      passes -= 1
      return NOBODYS
    }
    return queue
  }
  let queue = guarded(first)
  Object.defineProperty(client, 'commandQueue', {
    configurable: true,
    enumerable: true,
    get: () => queue,
    set: (next: unknown) => {
      queue = guarded(next)
    },
  })
  client.on('connect', () => {
    // Before and after the client's own listener: only what was received can be unasked.
    const stream: unknown = client.stream
    if (!(stream instanceof Duplex)) return
    stream.prependListener('data', () => {
      passes = MOST
    })
    stream.on('data', () => {
      passes = 0
    })
  })
}

function isQueue(value: unknown): value is Queue {
  return typeof value === 'object' && value !== null && 'shift' in value && typeof value.shift === 'function'
}
