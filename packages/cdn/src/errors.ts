// The one error class of this package: what failed, the value, the remedy. What a caller got wrong in its options is
// the library's `MillpondError`.

/** What a `CdnError`'s `code` may be: stable, so that programs can tell errors apart. */
export type CdnErrorCode =
  /** A vendor cannot do this at all, or not on this plan. */
  | 'UNSUPPORTED'
  /** What was to be purged, probed or stored is not something that can be. */
  | 'TARGET_INVALID'
  /** No credentials were given, or half of them. */
  | 'CREDENTIALS_MISSING'
  /** The vendor does not know the credentials, or does not let them do this. */
  | 'CREDENTIALS_REFUSED'
  /** No such distribution, zone, service, bucket, or purge. */
  | 'NOT_FOUND'
  /** Asked more often than the vendor permits; `retryAfterMs` says when to come again, where it is known. */
  | 'RATE_LIMITED'
  /** The vendor refuses the request for another reason, which the message shows. */
  | 'REFUSED'
  /** The vendor fails: it answered 5xx, or something that nobody can read. */
  | 'VENDOR_FAILED'
  /** Nothing answered, or nothing in time. */
  | 'UNREACHABLE'
  /** Some of it is done, and some is not: the rest is told beside it. */
  | 'PARTIAL'
  /** It was written meanwhile, by a build or by somebody else: what was begun is undone, begin anew. */
  | 'CHANGED'
  /** A picture that is not worked on: too many pixels, a format with scripts, one that would lose its animation. */
  | 'IMAGE_REFUSED'
  /** What should be a picture cannot be read as one. */
  | 'IMAGE_BROKEN'
  /** An optional package has to be installed first. */
  | 'PACKAGE_MISSING'
  /** The caller's signal said so: what is done stays done. */
  | 'ABORTED'

/** What is known beside the message. */
export interface CdnErrorDetails {
  /** `cloudfront`, `cloudflare`, `fastly`, or another that was given. */
  readonly vendor?: string | undefined
  /** The HTTP status that the vendor answered. */
  readonly status?: number | undefined
  /** When to come again, in milliseconds from now. */
  readonly retryAfterMs?: number | undefined
  /** Never holds a request: its headers carry credentials. */
  readonly cause?: unknown
}

/**
 * Every error that this package itself raises. `code` is stable; the message shows the value and the remedy, and never
 * a credential.
 */
export class CdnError extends Error {
  /** What went wrong. */
  readonly code: CdnErrorCode
  /** Which edge it was. */
  readonly vendor: string | undefined
  /** The HTTP status that the vendor answered with. */
  readonly status: number | undefined
  /** How long the vendor asks to be left alone. */
  readonly retryAfterMs: number | undefined

  constructor(code: CdnErrorCode, message: string, { vendor, status, retryAfterMs, cause }: CdnErrorDetails = {}) {
    super(`[millpond] [${vendor ?? 'cdn'}] ${message}`, cause === undefined ? undefined : { cause })
    this.name = 'CdnError'
    this.code = code
    this.vendor = vendor
    this.status = status
    this.retryAfterMs = retryAfterMs
  }
}

/** What a vendor's part, which may be the caller's own, has thrown. */
export function errorOf(error: unknown, { vendor }: { readonly vendor: string }): CdnError {
  if (error instanceof CdnError) return error
  return new CdnError('VENDOR_FAILED', `it failed for an unknown reason: ${String(error)}`, { vendor })
}
