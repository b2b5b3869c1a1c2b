// A request without content that nobody will read: ended where it stands.
//
// After each answer node:http reads a request to its end, so that what is left of it does not lie on the connection.
// For a request without content that is a dozen callbacks over four turns, a tenth of what a hit costs. Node does the
// same as here for all requests without content when a server is made with `optimizeEmptyRequests` (24.12,
// nodejs/node#59778); by this it is done for those alone that the cache has answered, and where nobody listens.
import { IncomingMessage } from 'node:http'

/** What of a request says that it has been read. */
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

/** Whether this Node's requests are what is expected here; looked at once, since all of them are alike. */
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
