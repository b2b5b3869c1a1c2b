// The part of a CDN that the control plane uses: `createCdn` of @millpond/cdn fits. The control plane itself needs no
// vendor's package.
import { type Check, withMethods } from 'millpond/options'
import { Problem } from '../http/problem.ts'
import { isError } from '../is-error.ts'

interface Where {
  readonly edges?: readonly string[] | undefined
  readonly site?: string | undefined
}

export type CdnTarget =
  | string
  | { readonly kind: 'tag'; readonly tag: string }
  | { readonly kind: 'prefix'; readonly prefix: string }
  | { readonly kind: 'host'; readonly host: string }
  | { readonly kind: 'everything' }

export interface CdnFailure {
  readonly targets: readonly string[]
  readonly count: number
  readonly error: Error & { readonly code: string }
}

export interface CdnEdgeReport {
  readonly edge: string
  readonly vendor: string
  readonly site: string | undefined
  readonly state: string
  readonly purged: number
  readonly targets: number
  readonly requests: number
  readonly retries: number
  readonly ids: readonly string[]
  readonly failures: readonly CdnFailure[]
  readonly leftMs: number
}

export interface CdnReport {
  readonly id: string
  readonly at: string
  readonly soft: boolean
  readonly targets: number
  readonly ok: boolean
  readonly edges: readonly CdnEdgeReport[]
}

export interface CdnByEdge<T> {
  readonly edge: string
  readonly vendor: string
  readonly site: string | undefined
  readonly found?: T
  readonly error?: Error & { readonly code: string }
}

export interface CdnFigures {
  readonly from: string
  readonly to: string
  readonly requests: number | undefined
  readonly hits: number | undefined
  readonly misses: number | undefined
  readonly hitRatio: number | undefined
  readonly bytes: number | undefined
  readonly clientErrors: number | undefined
  readonly serverErrors: number | undefined
  readonly days: readonly {
    readonly day: string
    readonly requests: number | undefined
    readonly hitRatio: number | undefined
    readonly bytes: number | undefined
  }[]
}

interface CdnPassedBy {
  readonly path: string
  readonly why: string
}

export interface CdnUpload {
  readonly files: number
  readonly unchanged: number
  readonly sent: readonly string[]
  readonly bytes: number
  readonly dropped: readonly string[]
  readonly kept: number
  readonly passedBy: readonly CdnPassedBy[]
  readonly manifestWritten: string | undefined
  readonly dryRun: boolean
}

export interface CdnImages {
  readonly images: number
  readonly made: number
  readonly unchanged: number
  readonly failed: readonly { readonly path: string; readonly code: string; readonly message: string }[]
  readonly passedBy: readonly CdnPassedBy[]
  readonly bytesBefore: number
  readonly bytesAfter: number
}

export const IMAGE_FORMATS = ['avif', 'webp', 'jpeg', 'png', 'gif'] as const

interface Work<P> {
  readonly folder?: string | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: P) => void) | undefined
}

/** `createCdn` of @millpond/cdn. */
export interface ControlCdn {
  describe(): readonly {
    readonly name: string
    readonly vendor: string
    readonly site: string | undefined
    readonly abilities: {
      readonly purge: readonly string[]
      readonly soft: readonly string[]
      readonly status: boolean
    }
  }[]
  purge(targets: readonly CdnTarget[], options?: Where & { readonly soft?: boolean | undefined }): Promise<CdnReport>
  forecast(targets: readonly CdnTarget[], options?: Where): number
  purges(): readonly CdnReport[]
  analytics(options?: Where & { readonly days?: number | undefined }): Promise<readonly CdnByEdge<CdnFigures>[]>
  health(options?: Where): Promise<
    readonly CdnByEdge<{
      readonly name: string | undefined
      readonly isReady: boolean
      readonly notes: readonly string[]
    }>[]
  >
  locations(options?: Where): Promise<
    readonly CdnByEdge<
      readonly {
        readonly code: string
        readonly name: string
        readonly region: string | undefined
        readonly state: 'ok' | 'degraded' | 'down' | 'unknown'
        readonly met?: { readonly at: number; readonly ms: number; readonly ok: boolean }
      }[]
    >[]
  >
  folders(): readonly { readonly name: string; readonly to: string | undefined; readonly hasImages: boolean }[]
  uploadAssets(
    assets?: readonly { readonly path: string; readonly contentType?: string | undefined }[],
    options?: Work<{ readonly done: number; readonly all: number; readonly bytes: number }> & {
      readonly dryRun?: boolean | undefined
    },
  ): Promise<CdnUpload>
  optimizeImages(
    paths?: readonly string[],
    formats?: readonly (typeof IMAGE_FORMATS)[number][],
    options?: Work<{ readonly done: number; readonly all: number }>,
  ): Promise<CdnImages>
  outlets(): readonly {
    state(): {
      readonly name: string
      readonly waiting: number
      readonly leftMs: number
      readonly purged: number
      readonly coalesced: number
      readonly failures: number
      readonly probes: { readonly gone: number; readonly old: number; readonly unknown: number }
    }
  }[]
}

export const aCdn: Check<ControlCdn> = withMethods<ControlCdn>(
  'a CDN: createCdn({ edges }) of @millpond/cdn',
  'purge',
  'analytics',
  'describe',
)

/** @throws Problem 501, or the given problem if the CDN is only a part of the request */
export function cdnOf(cdn: ControlCdn | undefined, status: 501 | 422 = 501): ControlCdn {
  if (cdn !== undefined) return cdn
  throw new Problem(
    status,
    'no_cdn',
    'no CDN is connected to this control plane: give createControl({ cdn: createCdn({ edges, folders }) })',
  )
}

const STATUS: Readonly<Record<string, number>> = {
  TARGET_INVALID: 422,
  UNSUPPORTED: 422,
  NOT_FOUND: 404,
  RATE_LIMITED: 429,
  CHANGED: 409,
  PACKAGE_MISSING: 422,
}

/**
 * A CDN's refusal as a problem: its message names the remedy and no credential. Other errors are returned unchanged.
 */
export function problemOf(error: unknown): unknown {
  if (!isError(error) || error.name !== 'CdnError' || !('code' in error) || typeof error.code !== 'string') return error
  const wait =
    'retryAfterMs' in error && typeof error.retryAfterMs === 'number' ? Math.ceil(error.retryAfterMs / 1000) : undefined
  const more = wait === undefined ? {} : { headers: { 'Retry-After': String(wait) } }
  return new Problem(STATUS[error.code] ?? 502, `cdn_${error.code.toLowerCase()}`, error.message, more)
}

/** A purge in the API's form. */
export function reportOf({ id, at, soft, targets, ok, edges }: CdnReport) {
  return {
    id,
    at,
    soft,
    targets,
    ok,
    edges: edges.map(({ site: at_site, failures, leftMs, ...rest }) => ({
      edge: rest.edge,
      vendor: rest.vendor,
      site: at_site ?? null,
      state: rest.state,
      purged: rest.purged,
      targets: rest.targets,
      requests: rest.requests,
      retries: rest.retries,
      ids: rest.ids,
      failures: failures.map(({ targets: names, count, error }) => ({
        targets: names,
        count,
        code: error.code,
        message: error.message,
      })),
      left_ms: leftMs,
    })),
  }
}
