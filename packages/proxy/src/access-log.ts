// One JSON line per response: the client, the request, the status, the cache result, the duration.
import type { IncomingMessage, ServerResponse } from 'node:http'

export function logAnswer(request: IncomingMessage, response: ServerResponse, write: (line: string) => void): void {
  const startedAt = performance.now()
  // undici detaches the socket of a request whose content it has forwarded.
  const { method, url, headers, socket } = request
  const address = socket.remoteAddress
  const sentBefore = socket.bytesWritten
  response.once('close', () => {
    const line = {
      time: new Date().toISOString(),
      address,
      method,
      host: headers.host,
      url,
      status: response.statusCode,
      bytes: Math.max(0, socket.bytesWritten - sentBefore),
      ms: Math.round((performance.now() - startedAt) * 1000) / 1000,
      cache: cacheStatus(response),
      complete: response.writableFinished,
    }
    write(JSON.stringify(line))
  })
}

/** As written: node:http keeps no flat fields, only the text of the head. */
function cacheStatus(response: ServerResponse): string | undefined {
  const head: unknown = Reflect.get(response, '_header')
  return typeof head === 'string' ? /^cache-status: (.*)$/im.exec(head)?.[1]?.trim() : undefined
}
