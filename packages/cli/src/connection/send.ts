// Network access: through a proxy if the environment names one, and never through one to this machine.
import type { Send } from './client.ts'

const NAMES = ['https_proxy', 'HTTPS_PROXY', 'http_proxy', 'HTTP_PROXY'] as const

/** Whether a host name is this machine. */
export const isLoopback = (hostname: string): boolean => /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname)

/** @param url the server's own */
export async function senderFor(url: string, env: Readonly<Record<string, string | undefined>>): Promise<Send> {
  if (!NAMES.some((name) => (env[name] ?? '') !== '') || isLoopback(new URL(url).hostname))
    return (request) => fetch(request)
  const { EnvHttpProxyAgent, fetch: proxied } = await import('undici')
  const first = (...names: readonly string[]): string | undefined =>
    names.map((name) => env[name]).find((value) => (value ?? '') !== '')
  const httpProxy = first('http_proxy', 'HTTP_PROXY')
  const httpsProxy = first('https_proxy', 'HTTPS_PROXY', 'http_proxy', 'HTTP_PROXY')
  const noProxy = first('no_proxy', 'NO_PROXY')
  const dispatcher = new EnvHttpProxyAgent({
    ...(httpProxy !== undefined && { httpProxy }),
    ...(httpsProxy !== undefined && { httpsProxy }),
    ...(noProxy !== undefined && { noProxy }),
  })
  return async (request) => {
    const { method, headers, redirect, signal } = request
    const text = method === 'GET' || method === 'HEAD' ? undefined : await request.text()
    const response = await proxied(request.url, {
      method,
      redirect,
      signal,
      dispatcher,
      headers: Object.fromEntries(headers),
      ...(text !== undefined && text !== '' && { body: text }),
    })
    // The same standard by the same authors; only its types are a separate copy.
    return response as unknown as Response
  }
}
