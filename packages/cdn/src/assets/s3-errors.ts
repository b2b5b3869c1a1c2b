// Errors of S3 and its SDK in this package's terms, each with a remedy.
import { CdnError, type CdnErrorCode } from '../errors.ts'
import { isError } from '../is-error.ts'

type S3Failure = readonly [code: CdnErrorCode, words: string]

const REFUSED = 'CREDENTIALS_REFUSED'
const KNOWN: Readonly<Record<string, S3Failure>> = {
  NoSuchBucket: [
    'NOT_FOUND',
    'there is no such bucket: create it, or correct the name (AWS_STORAGE_BUCKET_NAME) and the region (AWS_REGION)',
  ],
  NoSuchKey: ['NOT_FOUND', 'there is no such object'],
  NotFound: ['NOT_FOUND', 'there is no such object'],
  PermanentRedirect: ['REFUSED', 'the bucket is in another region: set AWS_REGION to it'],
  AuthorizationHeaderMalformed: ['REFUSED', 'the bucket is in another region: set AWS_REGION to it'],
  InvalidAccessKeyId: [REFUSED, 'the access key is unknown: check AWS_ACCESS_KEY_ID'],
  SignatureDoesNotMatch: [REFUSED, 'the secret does not belong to the access key: check AWS_SECRET_ACCESS_KEY'],
  ExpiredToken: [REFUSED, 'the credentials have expired: sign in again'],
  RequestTimeTooSkewed: [REFUSED, "this machine's clock is wrong by more than 15 minutes: set it"],
  AccessDenied: [
    REFUSED,
    'the credentials lack permission: they need s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject and s3:DeleteObject on its objects',
  ],
  PreconditionFailed: ['CHANGED', 'it was changed by another process meanwhile: upload again'],
  ConditionalRequestConflict: ['CHANGED', 'it is being written by another process: upload again'],
  EntityTooLarge: ['REFUSED', 'the object is larger than the service allows'],
  CredentialsProviderError: [
    'CREDENTIALS_MISSING',
    'there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile',
  ],
}
const OFTEN = new Set([
  'SlowDown',
  'Throttling',
  'ThrottlingException',
  'TooManyRequests',
  'TooManyRequestsException',
  'RequestLimitExceeded',
])

/** @param name of the store. The SDK's error is not passed on: it may hold the request with its signed header. */
export function s3Error(error: unknown, name: string): CdnError {
  if (error instanceof CdnError) return error
  const kind = isError(error) ? error.name : ''
  const status = statusOf(error)
  const [code, words] = KNOWN[kind] ?? byStatus(kind, status, error)
  return new CdnError(code, `${name}: ${words}${kind === '' ? '' : ` (${kind})`}`, { vendor: 's3', status })
}

function byStatus(kind: string, status: number | undefined, error: unknown): S3Failure {
  if (kind === 'AbortError') return ['ABORTED', 'it was cut short']
  if (OFTEN.has(kind) || status === 429)
    return ['RATE_LIMITED', 'every attempt was rate-limited: upload again later, or with less concurrency']
  if (status === 401 || status === 403) return KNOWN.AccessDenied ?? [REFUSED, '']
  if (status === 404) return ['NOT_FOUND', 'there is no such object']
  if (status === 412) return KNOWN.PreconditionFailed ?? ['CHANGED', '']
  if (status === 301 || status === 307) return KNOWN.PermanentRedirect ?? ['REFUSED', '']
  if (status !== undefined && status >= 500)
    return ['VENDOR_FAILED', `every attempt failed with ${status}: upload again, uploaded objects are kept`]
  const words = isError(error) ? error.message : String(error)
  if (status === undefined) return ['UNREACHABLE', `it cannot be reached: ${words}`]
  return ['REFUSED', `it rejects the request with ${status}: ${words}`]
}

function statusOf(error: unknown): number | undefined {
  const metadata: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, '$metadata') : undefined
  const status: unknown =
    typeof metadata === 'object' && metadata !== null ? Reflect.get(metadata, 'httpStatusCode') : undefined
  return typeof status === 'number' ? status : undefined
}

/** A missing object, rather than a missing bucket. */
export const isAbsent = (error: unknown): boolean =>
  isError(error) && (error.name === 'NoSuchKey' || error.name === 'NotFound')
