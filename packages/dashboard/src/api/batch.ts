// Queries that are made at once go in one request, if the server supports it: a page with six parts opens with one.
import { ApiError, type CacheClient, type Query, search } from './client.ts'

/** The server's limit. */
const MOST = 20

interface Question {
  readonly path: string
  readonly query: Query | undefined
  readonly signal: AbortSignal | undefined
  readonly answer: (value: unknown) => void
  readonly fail: (error: unknown) => void
}

interface Part {
  readonly status: number
  readonly body: unknown
  readonly request_id: string
  readonly retry_after: string | null
}

/** The same client; its `get`s of one tick are sent together. */
export function batched(client: CacheClient, isOffered: () => boolean): CacheClient {
  let waiting: Question[] = []
  const get = <T>(path: string, query?: Query, signal?: AbortSignal): Promise<T> => {
    if (!isOffered()) return client.get<T>(path, query, signal)
    return new Promise<unknown>((answer, fail) => {
      if (waiting.length === 0) setTimeout(flush, 0)
      waiting.push({ path, query, signal, answer, fail })
    }) as Promise<T> // responses are trusted, as in the client
  }
  const flush = (): void => {
    const questions = waiting.filter(({ signal, fail }) => {
      if (signal?.aborted === true) fail(signal.reason)
      return signal?.aborted !== true
    })
    waiting = []
    for (let at = 0; at < questions.length; at += MOST) void ask(client, questions.slice(at, at + MOST))
  }
  return { ...client, get }
}

async function ask(client: CacheClient, questions: readonly Question[]): Promise<void> {
  const [only] = questions
  if (questions.length === 1 && only !== undefined)
    return client.get(only.path, only.query, only.signal).then(only.answer, only.fail)
  try {
    const { answers } = await client.send<{ readonly answers: readonly Part[] }>('POST', 'batch/', {
      get: questions.map(({ path, query }) => path + search(query)),
    })
    for (const [at, { signal, answer, fail }] of questions.entries()) {
      const part = answers[at]
      if (signal?.aborted === true) fail(signal.reason)
      else if (part !== undefined && part.status < 400) answer(part.body)
      else fail(problemOf(part))
    }
  } catch (error) {
    for (const { fail } of questions) fail(error)
  }
}

function problemOf(part: Part | undefined): ApiError {
  const { status = 502, body, request_id = '', retry_after } = part ?? {}
  const headers = new Headers({
    'X-Request-Id': request_id,
    ...(retry_after != null && { 'Retry-After': retry_after }),
  })
  return ApiError.of(status, body, headers)
}
