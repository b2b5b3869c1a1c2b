// Lets a middleware change a response's head just before it is written.
import type { ServerResponse } from 'node:http'

/** Calls `change` once, when the head is about to be written; what it sets with `setHeader` is included. */
export function beforeHead(response: ServerResponse, change: (status: number) => void): void {
  const writeHead = response.writeHead.bind(response)
  let isDone = false
  // One signature for Node's several: arguments are passed on unchanged.
  const own = (status: number, ...rest: unknown[]): ServerResponse => {
    if (isDone) return Reflect.apply(writeHead, undefined, [status, ...rest]) as ServerResponse
    isDone = true
    const given = rest.find((argument) => typeof argument === 'object' && argument !== null)
    setAll(response, given)
    change(status)
    const reason = rest.find((argument) => typeof argument === 'string')
    return Reflect.apply(writeHead, undefined, reason === undefined ? [status] : [status, reason]) as ServerResponse
  }
  Object.assign(response, { writeHead: own })
}

/** The arguments of `writeHead`, so that `getHeader` finds them. */
function setAll(response: ServerResponse, given: unknown): void {
  if (Array.isArray(given)) {
    const flat: readonly unknown[] = Array.isArray(given[0]) ? given.flat() : given
    for (let at = 0; at + 1 < flat.length; at += 2) response.removeHeader(String(flat[at]))
    for (let at = 0; at + 1 < flat.length; at += 2) response.appendHeader(String(flat[at]), String(flat[at + 1]))
  } else if (typeof given === 'object' && given !== null) {
    for (const [name, value] of Object.entries(given)) {
      if (value !== undefined) response.setHeader(name, value as string | number | readonly string[])
    }
  }
}
