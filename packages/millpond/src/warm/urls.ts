// URLs that are requested over HTTP so that the services answering them warm their own caches: only on the hosts that
// the plan allows.
import type { Clock } from '../core/contracts.ts'
import { parseDuration } from '../core/duration.ts'
import { MillpondError, show } from '../core/errors.ts'
import type { WarmUrls } from '../core/warm.ts'
import type { Warmth } from './warmed-cache.ts'

export interface UrlFetcher {
  /** @throws MillpondError `OPTION_INVALID` for an invalid URL, or one of another host. */
  check(url: unknown): URL
  load(url: unknown): Promise<Warmth>
}

/** @throws MillpondError `OPTION_INVALID`, `DURATION_INVALID`. */
export function urlFetcher({ base, allow = [], headers = {}, timeout = '10s' }: WarmUrls, clock: Clock): UrlFetcher {
  const root = base === undefined ? undefined : addressOf(base, undefined)
  const hosts = new Set([...allow.map(allowed), ...(root === undefined ? [] : [root.host])])
  if (hosts.size === 0)
    throw new MillpondError(
      'OPTION_INVALID',
      'warm: url: no host is allowed: give base, such as "http://127.0.0.1:3000", or allow',
    )
  const timeoutMs = parseDuration(timeout, 'warm: timeout')
  const check = (url: unknown): URL => {
    const address = addressOf(url, root)
    if (hosts.has(address.host) || hosts.has(withPort(address))) return address
    throw new MillpondError(
      'OPTION_INVALID',
      `warm: url: ${show(String(url))} is on the host ${show(address.host)}, which is not allowed: allow it, or leave it out; allowed are ${[...hosts].join(', ')}`,
    )
  }
  return {
    check,
    async load(url) {
      const address = check(url)
      const ends = new AbortController()
      const late = (): void =>
        ends.abort(new MillpondError('LOAD_TIMEOUT', `${address.href} did not answer within ${timeoutMs} ms`))
      const cancel = clock.after(timeoutMs, late, true)
      try {
        // A redirect could lead to any host.
        const answer = await fetch(address, { headers, redirect: 'manual', signal: ends.signal })
        // Read to its end: an interrupted response may not be cached by its service.
        for await (const _ of answer.body ?? []) if (ends.signal.aborted) break
        if (!answer.ok) throw new MillpondError('SOURCE_FAILED', `${address.href} answered ${answer.status}`)
        return { value: true, isLoaded: true }
      } finally {
        cancel()
      }
    },
  }
}

/**
 * A host in URL form: in lower case, names in ASCII, numbers with dots.
 * @throws MillpondError `OPTION_INVALID`
 */
function allowed(host: unknown): string {
  const text = String(host)
  const parsed = typeof host === 'string' && URL.canParse(`http://${host}`) ? new URL(`http://${host}`) : undefined
  // Anything more than a host would allow less, or more, than it says.
  if (parsed === undefined || parsed.username !== '' || parsed.pathname !== '/' || /[/\\?#@*\s]/.test(text))
    throw new MillpondError(
      'OPTION_INVALID',
      `warm: allow: ${show(host)} is not a host: give one such as "example.com", with its port if it has one`,
    )
  return text.endsWith(':80') ? withPort(parsed) : parsed.host
}

/** With its protocol's default port. */
function withPort({ hostname, port, protocol }: URL): string {
  return `${hostname}:${port === '' ? (protocol === 'https:' ? 443 : 80) : port}`
}

function addressOf(url: unknown, root: URL | undefined): URL {
  const address = typeof url === 'string' && URL.canParse(url, root?.href) ? new URL(url, root?.href) : undefined
  const isHttp = address?.protocol === 'http:' || address?.protocol === 'https:'
  if (address !== undefined && isHttp && address.username === '' && address.password === '') return address
  if (isHttp)
    throw new MillpondError(
      'OPTION_INVALID',
      `warm: url: an address of the host ${show(address?.host)} contains a user name or password: give them as headers, { authorization: 'Basic …' }`,
    )
  throw new MillpondError(
    'OPTION_INVALID',
    `warm: url: ${show(url)} is not an HTTP address: give a path and base, or a full address`,
  )
}
