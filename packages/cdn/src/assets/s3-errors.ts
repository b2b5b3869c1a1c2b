// What S3 and its SDK say when something goes wrong, in this package's words, each with what to do.
import { CdnError, type CdnErrorCode } from '../errors.ts'
import { isError } from '../is-error.ts'

type Told = readonly [code: CdnErrorCode, words: string]

const REFUSED = 'CREDENTIALS_REFUSED'
const KNOWN: Readonly<Record<string, Told>> = {
  NoSuchBucket: [
    'NOT_FOUND',
    'there is no such bucket: create it, or correct the name (AWS_STORAGE_BUCKET_NAME) and the region (AWS_REGION)',
  ],
  NoSuchKey: ['NOT_FOUND', 'there is no such object'],
  NotFound: ['NOT_FOUND', 'there is no such object'],
  PermanentRedirect: ['REFUSED', 'the bucket is in another region: set AWS_REGION to it'],
  AuthorizationHeaderMalformed: ['REFUSED', 'the bucket is in another region: set AWS_REGION to it'],
  InvalidAccessKeyId: [REFUSED, 'the access key is not known: check AWS_ACCESS_KEY_ID'],
  SignatureDoesNotMatch: [REFUSED, 'the secret does not belong to the access key: check AWS_SECRET_ACCESS_KEY'],
  ExpiredToken: [REFUSED, 'the credentials have expired: sign in anew'],
  RequestTimeTooSkewed: [REFUSED, "this machine's clock is wrong by more than 15 minutes: set it"],
  AccessDenied: [
    REFUSED,
    'the credentials may not do that: they need s3:ListBucket of the bucket, and s3:GetObject, s3:PutObject and s3:DeleteObject of its objects',
  ],
  PreconditionFailed: ['CHANGED', 'it was written by somebody else meanwhile: upload again'],
  ConditionalRequestConflict: ['CHANGED', 'it is being written by somebody else: upload again'],
  EntityTooLarge: ['REFUSED', 'the object is larger than the service takes'],
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

/** @param name of the store. The SDK's error is not handed on: it may hold the request, whose header is signed. */
export function s3Error(error: unknown, name: string): CdnError {
  if (error instanceof CdnError) return error
  const kind = isError(error) ? error.name : ''
  const status = statusOf(error)
  const [code, words] = KNOWN[kind] ?? byStatus(kind, status, error)
  return new CdnError(code, `${name}: ${words}${kind === '' ? '' : ` (${kind})`}`, { vendor: 's3', status })
}

function byStatus(kind: string, status: number | undefined, error: unknown): Told {
  if (kind === 'AbortError') return ['ABORTED', 'it was cut short']
  if (OFTEN.has(kind) || status === 429)
    return ['RATE_LIMITED', 'it is asked too often, and said so at every try: upload again later, or with less concurrency']
  if (status === 401 || status === 403) return KNOWN.AccessDenied ?? [REFUSED, '']
  if (status === 404) return ['NOT_FOUND', 'there is no such object']
  if (status === 412) return KNOWN.PreconditionFailed ?? ['CHANGED', '']
  if (status === 301 || status === 307) return KNOWN.PermanentRedirect ?? ['REFUSED', '']
  if (status !== undefined && status >= 500)
    return ['VENDOR_FAILED', `it failed at every try with ${status}: upload again, what is there stays`]
  const words = isError(error) ? error.message : String(error)
  if (status === undefined) return ['UNREACHABLE', `it is not reached: ${words}`]
  return ['REFUSED', `it refuses with ${status}: ${words}`]
}

function statusOf(error: unknown): number | undefined {
  const metadata: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, '$metadata') : undefined
  const status: unknown = typeof metadata === 'object' && metadata !== null ? Reflect.get(metadata, 'httpStatusCode') : undefined
  return typeof status === 'number' ? status : undefined
}

/** No such object, rather than no such bucket. */
export const isAbsent = (error: unknown): boolean => isError(error) && (error.name === 'NoSuchKey' || error.name === 'NotFound')
