// A small HTTP client that keeps its connections and measures from the request to the end of the answer.
import { Agent, request } from 'node:http'

export interface Reply {
  readonly status: number
  readonly dataVersion: string
  readonly cacheStatus: string
  readonly body: string
  /** Milliseconds on the clock of `performance.now`. */
  readonly startedAt: number
  readonly endedAt: number
}

export interface Client {
  ask(method: string, path: string, token: string, body?: object): Promise<Reply>
  close(): void
}

/** The longest wait for an answer: a service that hangs ends the run with failures. */
const PATIENCE_MS = 60_000

export function createClient(url: string): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 })
  const ask: Client['ask'] = (method, path, token, body) =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body)
      const startedAt = performance.now()
      const asked = request(
        new URL(path, url),
        {
          method,
          agent,
          headers: {
            authorization: `Bearer ${token}`,
            // What is stored later has its place in the order of all writes only then, and the check needs to know it.
            ...(text === undefined ? {} : { 'content-type': 'application/json', prefer: 'wait' }),
          },
        },
        (answer) => {
          let received = ''
          answer.setEncoding('utf8')
          answer.on('data', (chunk: string) => {
            received += chunk
          })
          answer.on('error', reject)
          answer.on('end', () =>
            resolve({
              status: answer.statusCode ?? 0,
              dataVersion: String(answer.headers['data-version'] ?? ''),
              cacheStatus: String(answer.headers['cache-status'] ?? ''),
              body: received,
              startedAt,
              endedAt: performance.now(),
            }),
          )
        },
      )
      // The service closed the connection just as it was reused: nothing was read, so a retry is safe, as in every
      // browser.
      asked.on('error', (error: NodeJS.ErrnoException) => {
        if (asked.reusedSocket && error.code === 'ECONNRESET' && method === 'GET')
          ask(method, path, token, body).then(resolve, reject)
        else reject(error)
      })
      asked.setTimeout(PATIENCE_MS, () => asked.destroy(new Error(`no answer within ${PATIENCE_MS / 1000} s`)))
      asked.end(text)
    })
  return {
    ask,
    close: () => agent.destroy(),
  }
}
