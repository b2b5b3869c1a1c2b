// Asks a route whose part may be switched off, so that "off" is an answer: alone it would be an error in the browser's
// console.
import { ApiError, type CacheClient, isRecord, type Query, search } from './client.ts'

export type Quiet<T> = { readonly is: 'on'; readonly said: T } | { readonly is: 'off'; readonly why: string }

/** How a route says that its part is switched off. */
const OFF = 501

/** @param inBatch whether the server answers batches: within one, no status reaches the console */
export async function askQuietly<T>(
  client: CacheClient,
  inBatch: boolean,
  path: string,
  query: Query,
  signal?: AbortSignal,
): Promise<Quiet<T>> {
  try {
    return {
      is: 'on',
      said: inBatch ? await askInBatch<T>(client, path, query, signal) : await client.get<T>(path, query, signal),
    }
  } catch (error) {
    if (error instanceof ApiError && error.status === OFF) return { is: 'off', why: error.message }
    throw error
  }
}

async function askInBatch<T>(
  client: CacheClient,
  path: string,
  query: Query,
  signal: AbortSignal | undefined,
): Promise<T> {
  const { answers } = await client.send<{ readonly answers: readonly unknown[] }>(
    'POST',
    'batch/',
    { get: [path + search(query)] },
    { signal },
  )
  const [part] = answers
  if (!isRecord(part) || typeof part.status !== 'number') throw new ApiError(502, 'error', 'the batch has no answer')
  if (part.status >= 400)
    throw ApiError.of(part.status, part.body, new Headers({ 'X-Request-Id': String(part.request_id ?? '') }))
  return part.body as T // trusted as the route's schema has it, as in the client
}
