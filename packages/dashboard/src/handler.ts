// Serves the dashboard: one function from Request to Response, for the control plane's server or any other.
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { checkOptions, flag, isOptions, text } from './checks.ts'

/** The page's location and configuration. */
export interface DashboardOptions {
  /** The prefix of the page's paths. Default `/admin/caching/`. */
  readonly base?: string | undefined
  /** The path of the admin API, on the same origin. Default `/api/admin/caching`. */
  readonly apiBaseUrl?: string | undefined
  /** A badge beside the name; `production` is red. Default: none. */
  readonly environment?: { readonly label: string; readonly color?: string | undefined } | undefined
  /** Offers no actions. Default false. */
  readonly readOnly?: boolean | undefined
  /**
   * Trust `X-Forwarded-Prefix` of a proxy that strips a prefix from the path. Default false: any client could send it.
   */
  readonly trustPrefix?: boolean | undefined
}

const path = text("a path such as '/admin/caching/'")
const OPTIONS = {
  base: path,
  apiBaseUrl: path,
  environment: { test: isBadge, wanted: "a badge: { label: 'Production', color: '#c00' }" },
  readOnly: flag,
  trustPrefix: flag,
}

function isBadge(value: unknown): boolean {
  if (!isOptions(value)) return false
  const { label, color, ...rest }: { label?: unknown; color?: unknown } = value
  return typeof label === 'string' && ['string', 'undefined'].includes(typeof color) && Object.keys(rest).length === 0
}

/** Answers requests below its base; undefined for other paths. */
export type DashboardHandler = (request: Request) => Promise<Response | undefined>

const BUILT = fileURLToPath(new URL('../dist/app/', import.meta.url))
const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
}
/** Nothing from other origins and nothing inline: styles of elements are set by script, which this permits. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'"
const HEADERS = {
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
}

interface Built {
  readonly page: string
  readonly assets: ReadonlyMap<string, Uint8Array<ArrayBuffer>>
}

/**
 * The page of the dashboard, read once from the build's output. Deep links return the page; files have a hash in their
 * name and never change.
 * @throws TypeError naming the option that is not allowed
 * @example
 * const page = dashboard({ environment: { label: 'Production' } })
 * const answer = (await page(request)) ?? (await control.fetch(request))
 */
export function dashboard(options: DashboardOptions = {}): DashboardHandler {
  checkOptions<DashboardOptions>(options, OPTIONS, 'dashboard')
  const {
    base = '/admin/caching/',
    apiBaseUrl = '/api/admin/caching',
    environment,
    readOnly = false,
    trustPrefix = false,
  } = options
  const mounted = `/${base.replace(/^\/+|\/+$/g, '')}/`.replace('//', '/')
  let built: Promise<Built> | undefined

  return async (request) => {
    const { pathname } = new URL(request.url)
    if (`${pathname}/` === mounted) return redirectTo(prefixOf(request, trustPrefix) + mounted)
    if (!pathname.startsWith(mounted)) return undefined
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return new Response(null, { status: 405, headers: { Allow: 'GET, HEAD' } })
    built ??= readBuilt()
    const { page, assets } = await built.catch(() => {
      built = undefined // it may be built meanwhile
      return NOT_BUILT
    })
    if (page === '')
      return new Response(`the page is not built: ${BUILT} does not exist\n`, { status: 503, headers: HEADERS })
    const path = pathname.slice(mounted.length)
    const asset = assets.get(path)
    if (asset !== undefined) return fileReply(request, path, asset)
    if (path.startsWith('assets/'))
      return new Response('there is no such file: the page was built anew, reload it\n', {
        status: 404,
        headers: HEADERS,
      })
    const prefix = prefixOf(request, trustPrefix)
    const given = {
      apiBaseUrl: prefix + apiBaseUrl,
      ...(environment === undefined ? {} : { environment }),
      ...(readOnly ? { readOnly } : {}),
    }
    return pageReply(
      request,
      page
        .replace('<base href="/" />', `<base href="${escaped(prefix + mounted)}" />`)
        .replace('content="{}"', `content="${escaped(JSON.stringify(given))}"`),
    )
  }
}

const NOT_BUILT: Built = { page: '', assets: new Map() }

async function readBuilt(): Promise<Built> {
  const names = await readdir(BUILT, { recursive: true, withFileTypes: true })
  const files = names
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => `${parentPath}/${name}`.replaceAll('\\', '/').replace('//', '/'))
  const root = BUILT.replaceAll('\\', '/')
  const read = await Promise.all(
    files.map(async (file) => [file.slice(root.length), new Uint8Array(await readFile(file))] as const),
  )
  const assets = new Map(read)
  const page = assets.get('index.html')
  assets.delete('index.html')
  return { page: new TextDecoder().decode(page), assets }
}

function fileReply(request: Request, path: string, bytes: Uint8Array<ArrayBuffer>): Response {
  const headers = {
    ...HEADERS,
    'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream',
    'Cache-Control': path.startsWith('assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
    'Content-Length': String(bytes.byteLength),
  }
  return new Response(request.method === 'HEAD' ? null : bytes, { headers })
}

function pageReply(request: Request, page: string): Response {
  const etag = `"${createHash('sha256').update(page).digest('base64url').slice(0, 20)}"`
  const headers = { ...HEADERS, 'Content-Security-Policy': POLICY, 'Cache-Control': 'no-cache', ETag: etag }
  if (request.headers.get('if-none-match') === etag) return new Response(null, { status: 304, headers })
  return new Response(request.method === 'HEAD' ? null : page, {
    headers: { ...headers, 'Content-Type': 'text/html; charset=utf-8' },
  })
}

const redirectTo = (location: string): Response => new Response(null, { status: 308, headers: { Location: location } })

function prefixOf(request: Request, isTrusted: boolean): string {
  const prefix = isTrusted ? (request.headers.get('x-forwarded-prefix') ?? '') : ''
  return /^(\/[\w.~-]+)+$/.test(prefix) ? prefix : ''
}

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;')
