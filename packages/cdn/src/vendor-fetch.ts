// A request to a vendor's API, with its refusals as errors with a remedy. Errors contain nothing of the request, whose
// headers are credentials.

import { show, withoutSecrets } from 'millpond/options'
import { CdnError, type CdnErrorCode } from './errors.ts'
import { isError } from './is-error.ts'
import { type Secret, scrub } from './secret.ts'

export interface VendorRequest {
  readonly vendor: string
  readonly url: string
  readonly method: 'GET' | 'POST' | 'PURGE'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
  readonly secrets: readonly Secret[]
  readonly timeoutMs: number
  readonly now: () => number
  /** The object of the request, for messages: `zone 023e…`. */
  readonly about: string
  /** What the token needs, if it is refused: `the permission Zone.Cache Purge`. */
  readonly needs: string
  /** Extracts the error from a response. */
  readonly words: (body: unknown) => string
  readonly signal?: AbortSignal | undefined
}

/** The body of a successful response. @throws CdnError */
export async function askVendor(request: VendorRequest): Promise<unknown> {
  const { vendor, url, method, headers, body, timeoutMs, signal } = request
  const deadline = AbortSignal.timeout(timeoutMs)
  let response: Response
  let text: string
  try {
    response = await fetch(url, {
      method,
      headers: { accept: 'application/json', ...headers },
      ...(body === undefined ? {} : { body }),
      // A token must not follow a redirect.
      redirect: 'error',
      signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
    })
    text = await response.text()
  } catch (error) {
    if (signal?.aborted === true) throw new CdnError('ABORTED', `${request.about}: it was cancelled`, { vendor })
    const why = deadline.aborted ? `did not answer within ${timeoutMs} ms` : `cannot be reached (${reasonOf(error)})`
    throw new CdnError(
      'UNREACHABLE',
      `${new URL(url).host} ${why}: check the connection (DNS, proxy, firewall), and try again`,
      {
        vendor,
      },
    )
  }
  const answer = parsed(text)
  if (!response.ok) throw refusalOf(request, response.status, response.headers, answer)
  if (answer === undefined)
    throw new CdnError('VENDOR_FAILED', `${request.about}: the answer is not JSON: try again`, {
      vendor,
      status: response.status,
    })
  return answer
}

/** @throws nothing; makes the error of an unsuccessful response. */
export function refusalOf(request: VendorRequest, status: number, headers: Headers, answer: unknown): CdnError {
  const { vendor, about, needs, words, secrets, now } = request
  const said = scrub(words(answer), secrets)
  const shown = said === '' ? `${vendor} answers ${status}` : `${vendor} answers ${status}: ${said.slice(0, 300)}`
  const retryAfterMs = retryAfter(headers.get('retry-after'), now())
  const [code, remedy] = verdict(status, about, needs, retryAfterMs)
  return new CdnError(code, `${about}: ${shown}. ${remedy}`, { vendor, status, retryAfterMs })
}

function verdict(
  status: number,
  about: string,
  needs: string,
  retryAfterMs: number | undefined,
): [CdnErrorCode, string] {
  if (status === 401) return ['CREDENTIALS_REFUSED', 'The token is wrong or has expired: create a new one']
  if (status === 403) return ['CREDENTIALS_REFUSED', `The token may not do this: give it ${needs}`]
  if (status === 404) return ['NOT_FOUND', `There is no ${about}, or the token cannot see it: check its id`]
  if (status === 429)
    return [
      'RATE_LIMITED',
      retryAfterMs === undefined ? 'Try again later' : `Try again in ${Math.ceil(retryAfterMs / 1000)} s`,
    ]
  if (status >= 500) return ['VENDOR_FAILED', 'The vendor has a problem: try again, and check its status page']
  return ['REFUSED', 'The request was rejected: see its message']
}

/** RFC 9110, 10.2.3: seconds, or a date. */
export function retryAfter(value: string | null, now: number): number | undefined {
  if (value === null) return undefined
  const text = value.trim()
  if (/^\d+$/.test(text)) return Number(text) * 1000
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function reasonOf(error: unknown): string {
  if (!isError(error)) return show(error)
  const { cause } = error
  if (isError(cause) && 'code' in cause) return String(cause.code)
  return withoutSecrets(isError(cause) ? cause.message : error.message)
}
