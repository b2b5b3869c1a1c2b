// Ends a request without content that will not be read.
//
// After each answer node:http reads a request to its end, so that the rest of it does not stay on the connection. For a
// request without content that is a dozen callbacks over four turns, a tenth of the cost of a hit. Node does the same
// as here for all requests without content if a server is created with `optimizeEmptyRequests` (24.12,
// nodejs/node#59778); here it is done only for those that the cache has answered, and without listeners.
import { IncomingMessage } from 'node:http'

/** The properties that mark a request as read. */
interface Unread {
  _dumped: boolean
  readonly _readableState: {
    ended: boolean
    endEmitted: boolean
    destroyed: boolean
    closed: boolean
    closeEmitted: boolean
  }
}

const STATES = ['ended', 'endEmitted', 'destroyed', 'closed', 'closeEmitted']
const { prototype } = IncomingMessage

/** Whether this Node's requests are as expected here; checked once, since all of them are alike. */
let isUsual: boolean | undefined

function isUnread(request: IncomingMessage): request is IncomingMessage & Unread {
  isUsual ??= looksUsual(request)
  return (
    isUsual &&
    Object.getPrototypeOf(request) === prototype &&
    request.readableFlowing === null &&
    request.listenerCount('end') === 0 &&
    request.listenerCount('close') === 0
  )
}

function looksUsual(request: IncomingMessage): boolean {
  const state: unknown = Reflect.get(request, '_readableState')
  if (typeof Reflect.get(request, '_dumped') !== 'boolean' || typeof state !== 'object' || state === null) return false
  return STATES.every((name) => typeof Reflect.get(state, name) === 'boolean')
}

/** Ends a request that has no content. */
export function endUnread(request: IncomingMessage): void {
  if (!isUnread(request)) return
  const { _readableState: state } = request
  request._dumped = true
  state.ended = true
  state.endEmitted = true
  state.destroyed = true
  state.closed = true
  state.closeEmitted = true
}
