// The AWS SDK: its credentials, and its errors in our terms.
import type { AwsCredentials } from '../credentials.ts'
import { CdnError, type CdnErrorCode } from '../errors.ts'
import { fieldOf, numberOf, textOf } from '../read.ts'
import { scrub } from '../secret.ts'

/** For the options of a client of the SDK. */
export function signIn(credentials: AwsCredentials | undefined): {
  credentials?: () => Promise<{ accessKeyId: string; secretAccessKey: string; sessionToken?: string }>
} {
  if (credentials === undefined) return {}
  const { accessKeyId, secretAccessKey, sessionToken } = credentials
  return {
    credentials: async () => ({
      accessKeyId,
      secretAccessKey: secretAccessKey.reveal(),
      ...(sessionToken === undefined ? {} : { sessionToken: sessionToken.reveal() }),
    }),
  }
}

export interface AwsCall {
  readonly vendor: string
  readonly about: string
  readonly permission: string
  readonly credentials: AwsCredentials | undefined
  readonly timeoutMs: number
  readonly signal: AbortSignal | undefined
}

/** The SDK's errors hold the request with its signature: only their messages are used. */
export function awsError(
  error: unknown,
  { vendor, about, permission, credentials, timeoutMs, signal }: AwsCall,
): CdnError {
  if (error instanceof CdnError) return error
  if (signal?.aborted === true) return new CdnError('ABORTED', `${about}: it was cancelled`, { vendor })
  const name = textOf(error, 'name') ?? 'Error'
  const status = numberOf(error, '$metadata', 'httpStatusCode')
  const said = scrub(textOf(error, 'message') ?? name, [credentials?.secretAccessKey, credentials?.sessionToken]).slice(
    0,
    300,
  )
  const [code, remedy] = verdict(name, status, permission, timeoutMs)
  const seconds = Number(fieldOf(error, '$response', 'headers', 'retry-after'))
  const retryAfterMs = Number.isFinite(seconds) && code === 'RATE_LIMITED' ? seconds * 1000 : undefined
  return new CdnError(
    code,
    `${about}: ${vendor} answers ${name}${status === undefined ? '' : ` (${status})`}: ${said}. ${remedy}`,
    {
      vendor,
      status,
      retryAfterMs,
    },
  )
}

function verdict(
  name: string,
  status: number | undefined,
  permission: string,
  timeoutMs: number,
): [CdnErrorCode, string] {
  if (/TooManyInvalidations|Throttl|TooManyRequests|RequestLimitExceeded|SlowDown/.test(name) || status === 429)
    return ['RATE_LIMITED', 'The limit of concurrent purges is reached: it is retried when some have finished']
  if (/CredentialsProvider|CredentialsError/.test(name))
    return ['CREDENTIALS_MISSING', 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role']
  if (
    /InvalidClientTokenId|SignatureDoesNotMatch|UnrecognizedClient|ExpiredToken|InvalidAccessKeyId|IncompleteSignature/.test(
      name,
    )
  )
    return [
      'CREDENTIALS_REFUSED',
      'The keys are wrong or have expired, or the clock of this machine is wrong: create new keys, or set the clock',
    ]
  if (/AccessDenied/.test(name) || status === 401 || status === 403)
    return ['CREDENTIALS_REFUSED', `The keys lack permission: allow them ${permission}`]
  if (/^NoSuch|NotFound/.test(name) || status === 404)
    return ['NOT_FOUND', 'Check the id, and whether it belongs to this account']
  if (/InvalidArgument/.test(name))
    return ['REFUSED', 'A path is rejected: CloudFront may not accept "~" (purge the folder, /a/*, instead)']
  if (status !== undefined && status >= 500)
    return ['VENDOR_FAILED', 'The vendor has a problem: try again, and check its status page']
  if (status === undefined && /Timeout/.test(name))
    return ['UNREACHABLE', `There was no answer within ${timeoutMs} ms: try again`]
  if (status === undefined) return ['UNREACHABLE', 'Check the connection (DNS, proxy, firewall), and try again']
  return ['REFUSED', 'The request was rejected: see its message']
}
