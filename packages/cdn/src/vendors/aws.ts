// The AWS SDK: signing in with what is known, and its errors in our words.
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

/** The SDK's errors hold the request with its signature: only their words are taken. */
export function awsError(error: unknown, { vendor, about, permission, credentials, timeoutMs, signal }: AwsCall): CdnError {
  if (error instanceof CdnError) return error
  if (signal?.aborted === true) return new CdnError('ABORTED', `${about}: it was called off`, { vendor })
  const name = textOf(error, 'name') ?? 'Error'
  const status = numberOf(error, '$metadata', 'httpStatusCode')
  const said = scrub(textOf(error, 'message') ?? name, [credentials?.secretAccessKey, credentials?.sessionToken]).slice(0, 300)
  const [code, remedy] = verdict(name, status, permission, timeoutMs)
  const seconds = Number(fieldOf(error, '$response', 'headers', 'retry-after'))
  const retryAfterMs = Number.isFinite(seconds) && code === 'RATE_LIMITED' ? seconds * 1000 : undefined
  return new CdnError(code, `${about}: ${vendor} answers ${name}${status === undefined ? '' : ` (${status})`}: ${said}. ${remedy}`, {
    vendor,
    status,
    retryAfterMs,
  })
}

function verdict(name: string, status: number | undefined, permission: string, timeoutMs: number): [CdnErrorCode, string] {
  if (/TooManyInvalidations|Throttl|TooManyRequests|RequestLimitExceeded|SlowDown/.test(name) || status === 429)
    return ['RATE_LIMITED', 'As much is under way as is allowed: it is asked for again when some of it is done']
  if (/CredentialsProvider|CredentialsError/.test(name))
    return ['CREDENTIALS_MISSING', 'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or let the machine have a role']
  if (/InvalidClientTokenId|SignatureDoesNotMatch|UnrecognizedClient|ExpiredToken|InvalidAccessKeyId|IncompleteSignature/.test(name))
    return ['CREDENTIALS_REFUSED', 'The keys are wrong or have ended, or the clock of this machine is off: make new ones, or set the clock']
  if (/AccessDenied/.test(name) || status === 401 || status === 403)
    return ['CREDENTIALS_REFUSED', `The keys may not do this: allow them ${permission}`]
  if (/^NoSuch|NotFound/.test(name) || status === 404) return ['NOT_FOUND', 'Look up the id, and whether it belongs to this account']
  if (/InvalidArgument/.test(name))
    return ['REFUSED', 'A path is refused: CloudFront has been known not to take "~" (purge the folder, /a/*, instead)']
  if (status !== undefined && status >= 500) return ['VENDOR_FAILED', 'It is the vendor that fails: try again, and look at its status page']
  if (status === undefined && /Timeout/.test(name)) return ['UNREACHABLE', `There was no answer within ${timeoutMs} ms: try again`]
  if (status === undefined) return ['UNREACHABLE', 'Look at the way there (DNS, proxy, firewall), and try again']
  return ['REFUSED', 'What was sent is not taken: see what it says']
}
