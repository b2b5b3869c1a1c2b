// Checks whether the old response is gone: requests it from the edge, and compares it with the one before. An accepted
// purge proves nothing.
import { createHash } from 'node:crypto'
import { recordOf, type Shape, signal, text, whole } from 'millpond/options'
import type { Time } from './clock.ts'
import { isError } from './is-error.ts'
import { locationOf } from './locations.ts'

/** One response of an edge. */
export interface ProbeResult {
  /** The URL that was requested. */
  readonly url: string
  /** When it was requested, epoch milliseconds. */
  readonly at: number
  /** How long it took until the response was read, or failed. */
  readonly ms: number
  /** The status code; absent if there was no response. */
  readonly status?: number
  /** The field `ETag`; absent if there was none. */
  readonly etag?: string
  /** The field `Last-Modified`; absent if there was none. */
  readonly lastModified?: string
  /** `Age`, milliseconds. */
  readonly ageMs?: number
  /** Of the body as received. */
  readonly sha256?: string
  /** The edge says that it asked its origin. */
  readonly isMiss?: boolean
  /** The location that answered: others may answer differently. */
  readonly location?: string
  /** The error, if there was no response. */
  readonly error?: string
}

export interface Probe {
  /** The URL that was requested. */
  readonly url: string
  /**
   * `gone`: the edge did not answer with the previous response. `old`: it did. `unknown`: there is nothing to compare.
   */
  readonly verdict: 'gone' | 'old' | 'unknown'
  /** The reason for the verdict, for display. */
  readonly why: string
  /** The response on which it is based. */
  readonly look: ProbeResult
}

export interface ProbeOptions {
  /** Request headers, such as `Host` or `Accept-Language`. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Default 10,000. */
  readonly timeoutMs?: number | undefined
  /** Aborts the requests. */
  readonly signal?: AbortSignal | undefined
}

export const LOOK: Shape<ProbeOptions> = {
  headers: recordOf(text, 'fields and their values'),
  timeoutMs: whole(1, 2 ** 31 - 1),
  signal,
}

/** The most bytes of a body that are read and compared. */
const MAX_BODY = 1 << 20

export async function lookAt(
  url: string,
  time: Time,
  { headers = {}, timeoutMs = 10_000, signal }: ProbeOptions = {},
): Promise<ProbeResult> {
  const at = time.now()
  const began = time.monotonic()
  try {
    const deadline = AbortSignal.timeout(timeoutMs)
    const response = await fetch(url, {
      // The comparison must not depend on compression.
      headers: { 'accept-encoding': 'identity', 'user-agent': 'millpond-probe', ...headers },
      redirect: 'manual',
      signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
    })
    const sha256 = await hashOf(response)
    const field = (name: string): string | undefined => response.headers.get(name) ?? undefined
    const [etag, lastModified, age, location] = [
      field('etag'),
      field('last-modified'),
      field('age'),
      locationOf(response.headers),
    ]
    return {
      url,
      at,
      ms: time.monotonic() - began,
      status: response.status,
      sha256,
      isMiss: isMiss(response.headers),
      ...(etag === undefined ? {} : { etag }),
      ...(lastModified === undefined ? {} : { lastModified }),
      ...(age !== undefined && /^\d+$/.test(age) ? { ageMs: Number(age) * 1000 } : {}),
      ...(location === undefined ? {} : { location }),
    }
  } catch (error) {
    return { url, at, ms: time.monotonic() - began, error: isError(error) ? reason(error) : String(error) }
  }
}

/** @param before the response before the purge, if there was one. @param purgedAt epoch milliseconds. */
export function judge(look: ProbeResult, before: ProbeResult | undefined, purgedAt: number): Probe {
  const told = (verdict: Probe['verdict'], why: string): Probe => ({ url: look.url, verdict, why, look })
  if (look.error !== undefined) return told('unknown', `the edge does not answer: ${look.error}`)
  const compared = before === undefined || before.error !== undefined ? undefined : isSame(look, before)
  if (compared === false) return told('gone', 'its answer has changed')
  if (look.isMiss === true) return told('gone', 'it had to ask its origin')
  // `Age` is in whole seconds.
  const isYoung = look.ageMs === undefined ? undefined : look.at - look.ageMs >= purgedAt - 1000
  if (isYoung === true) return told('gone', 'its answer was stored after the purge')
  if (compared === true) return told('old', 'its answer is the same as before the purge')
  if (isYoung === false)
    return told('old', `its answer is ${Math.round((look.ageMs ?? 0) / 1000)} s old: older than the purge`)
  return told(
    'unknown',
    'it reports neither its age nor whether it asked its origin, and was not probed before the purge',
  )
}

/** By the strongest validator that both have. */
function isSame(look: ProbeResult, before: ProbeResult): boolean {
  if (look.status !== before.status) return false
  if (look.etag !== undefined && before.etag !== undefined) return look.etag === before.etag
  if (look.lastModified !== undefined && before.lastModified !== undefined && look.lastModified !== before.lastModified)
    return false
  return look.sha256 === before.sha256
}

/**
 * `CF-Cache-Status`, `X-Cache` (its last item is the nearest edge's), `Cache-Status` (RFC 9211: the last member is the
 * nearest cache's).
 */
function isMiss(headers: Headers): boolean {
  const cloudflare = headers.get('cf-cache-status')
  if (cloudflare !== null) return /^(MISS|EXPIRED|BYPASS|DYNAMIC|REVALIDATED)$/i.test(cloudflare)
  const xCache = headers.get('x-cache')
  if (xCache !== null) return /miss/i.test(xCache.split(',').at(-1) ?? '')
  const last = headers.get('cache-status')?.split(',').at(-1)
  return last !== undefined && /;\s*fwd=/.test(last) && !/;\s*hit/.test(last)
}

async function hashOf(response: Response): Promise<string> {
  const hash = createHash('sha256')
  let read = 0
  if (response.body !== null)
    for await (const chunk of response.body) {
      hash.update(chunk)
      read += chunk.length
      if (read >= MAX_BODY) break
    }
  return hash.digest('hex')
}

function reason(error: Error): string {
  return isError(error.cause) && 'code' in error.cause ? String(error.cause.code) : error.message
}
