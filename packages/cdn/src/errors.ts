// The only error class of this package: what failed, the value, the remedy. Invalid options are the library's
// `MillpondError`.

/** The possible values of a `CdnError`'s `code`: stable, so that programs can tell errors apart. */
export type CdnErrorCode =
  /** The vendor does not support this at all, or not on this plan. */
  | 'UNSUPPORTED'
  /** The target of a purge, probe or upload is not valid. */
  | 'TARGET_INVALID'
  /** No credentials were given, or only half of them. */
  | 'CREDENTIALS_MISSING'
  /** The vendor does not accept the credentials, or does not permit them to do this. */
  | 'CREDENTIALS_REFUSED'
  /** No such distribution, zone, service, bucket, or purge. */
  | 'NOT_FOUND'
  /** The vendor's rate limit was exceeded; `retryAfterMs` says when to retry, if known. */
  | 'RATE_LIMITED'
  /** The vendor refuses the request for another reason, given in the message. */
  | 'REFUSED'
  /** The vendor failed: it answered with 5xx, or an unreadable response. */
  | 'VENDOR_FAILED'
  /** No response, or not in time. */
  | 'UNREACHABLE'
  /** Partly done: the rest is reported separately. */
  | 'PARTIAL'
  /** It was written meanwhile, by a build or someone else: the operation was rolled back, start again. */
  | 'CHANGED'
  /** An image that is not processed: too many pixels, a format with scripts, one that would lose its animation. */
  | 'IMAGE_REFUSED'
  /** The file cannot be read as an image. */
  | 'IMAGE_BROKEN'
  /** An optional package has to be installed first. */
  | 'PACKAGE_MISSING'
  /** The caller aborted: what is done stays done. */
  | 'ABORTED'

/** Details besides the message. */
export interface CdnErrorDetails {
  /** `cloudfront`, `cloudflare`, `fastly`, or a custom one. */
  readonly vendor?: string | undefined
  /** The HTTP status of the vendor's response. */
  readonly status?: number | undefined
  /** When to retry, in milliseconds from now. */
  readonly retryAfterMs?: number | undefined
  /** Never contains a request: its headers carry credentials. */
  readonly cause?: unknown
}

/**
 * Every error that this package raises itself. `code` is stable; the message shows the value and the remedy, and never
 * a credential.
 */
export class CdnError extends Error {
  /** What went wrong. */
  readonly code: CdnErrorCode
  /** The edge's name. */
  readonly vendor: string | undefined
  /** The HTTP status of the vendor's response. */
  readonly status: number | undefined
  /** How long the vendor asks to wait. */
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

/** An error of a vendor's part, which may be the caller's own. */
export function errorOf(error: unknown, { vendor }: { readonly vendor: string }): CdnError {
  if (error instanceof CdnError) return error
  return new CdnError('VENDOR_FAILED', `it failed for an unknown reason: ${String(error)}`, { vendor })
}
