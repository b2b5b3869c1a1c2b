// The CDN that a control plane is given, by what is used of it: `createCdn` of @millpond/cdn fits. The control plane itself needs no vendor's package.
import { type Check, withMethods } from 'millpond/options'
import { Problem } from '../http/problem.ts'

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

/** `createCdn` of @millpond/cdn. */
export interface ControlCdn {
  describe(): readonly {
    readonly name: string
    readonly vendor: string
    readonly site: string | undefined
    readonly abilities: { readonly purge: readonly string[]; readonly soft: readonly string[]; readonly status: boolean }
  }[]
  purge(targets: readonly CdnTarget[], options?: Where & { readonly soft?: boolean | undefined }): Promise<CdnReport>
  forecast(targets: readonly CdnTarget[], options?: Where): number
  purges(): readonly CdnReport[]
  analytics(options?: Where & { readonly days?: number | undefined }): Promise<readonly CdnByEdge<CdnFigures>[]>
  health(
    options?: Where,
  ): Promise<readonly CdnByEdge<{ readonly name: string | undefined; readonly isReady: boolean; readonly notes: readonly string[] }>[]>
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

/** @throws Problem 501 */
export function cdnOf(cdn: ControlCdn | undefined): ControlCdn {
  if (cdn !== undefined) return cdn
  throw new Problem(501, 'not_available', 'no CDN is connected to this control plane: give createControl({ cdn: createCdn({ edges }) })')
}

const STATUS: Readonly<Record<string, number>> = { TARGET_INVALID: 422, UNSUPPORTED: 422, NOT_FOUND: 404, RATE_LIMITED: 429 }

/** What a CDN refuses, as a problem: its message names the remedy and no credential. Else the error itself. */
export function problemOf(error: unknown): unknown {
  if (!(error instanceof Error) || error.name !== 'CdnError' || !('code' in error) || typeof error.code !== 'string') return error
  const wait = 'retryAfterMs' in error && typeof error.retryAfterMs === 'number' ? Math.ceil(error.retryAfterMs / 1000) : undefined
  const more = wait === undefined ? {} : { headers: { 'Retry-After': String(wait) } }
  return new Problem(STATUS[error.code] ?? 502, `cdn_${error.code.toLowerCase()}`, error.message, more)
}

/** A purge as the API tells it. */
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
      failures: failures.map(({ targets: names, count, error }) => ({ targets: names, count, code: error.code, message: error.message })),
      left_ms: leftMs,
    })),
  }
}
