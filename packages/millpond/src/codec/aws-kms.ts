// AWS KMS as a key service, by the package @aws-sdk/client-kms: keys of a ring are wrapped and unwrapped by a key that
// never leaves KMS.
import { checkedElsewhere, checkOptions, duration, required, type Shape, text, withMethods } from '../core/checks.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { isError, MillpondError, reasonOf, show } from '../core/errors.ts'
import { isNotInstalled, loadPackage } from '../core/packages.ts'
import { inTime } from './in-time.ts'
import { invalid } from './key-bytes.ts'
import type { KeyService } from './key-sources.ts'

/** The part of a `KMSClient` that is used. */
export interface AwsKmsClient {
  /** Sends one command of `@aws-sdk/client-kms`; rejects with the SDK's error, or when the signal aborts. */
  send(command: object, options: { readonly abortSignal: AbortSignal }): Promise<unknown>
}

export interface AwsKmsOptions {
  /** The wrapping key: its id, ARN or alias. */
  readonly keyId: string
  /**
   * A `KMSClient` of your own. Default: one for `region`, with the default AWS credential chain: environment, profile,
   * machine role.
   */
  readonly client?: AwsKmsClient | undefined
  /** Default: from the environment. Not allowed with `client`. */
  readonly region?: string | undefined
  /** The URL of an endpoint other than AWS's (a VPC endpoint, a local emulator). Not allowed with `client`. */
  readonly endpoint?: string | undefined
  /**
   * Encryption context: unwrapping needs the same context as wrapping, and CloudTrail logs it, so it must not be
   * secret. Default `{ purpose: 'millpond' }`.
   */
  readonly context?: Readonly<Record<string, string>> | undefined
  /** The time limit of one call, retries included. Default `'5s'`. */
  readonly timeout?: Duration | undefined
}

const OPTIONS: Shape<AwsKmsOptions> = {
  keyId: required(text),
  client: withMethods<AwsKmsClient>('a KMSClient', 'send'),
  region: text,
  endpoint: text,
  context: checkedElsewhere,
  timeout: duration,
}

interface Kms {
  readonly KMSClient: new (options: object) => AwsKmsClient
  readonly EncryptCommand: new (input: object) => object
  readonly DecryptCommand: new (input: object) => object
}

/** The errors for a ciphertext that is not KMS's, or that has another context or key. */
const NOT_OURS = new Set(['InvalidCiphertextException', 'IncorrectKeyException'])

/**
 * A service for `wrappedKeyring` and `newWrappedKey`. The role needs `kms:Encrypt` for new keys and `kms:Decrypt` for
 * existing ones, on this key only. `unwrap` and `wrap` reject with `KEYRING_UNREACHABLE` if the service is down, slow,
 * or refuses (permissions, throttling), and with `KEYRING_INVALID` for a wrapped key that is damaged or has another key
 * or context. No message shows a key.
 * @throws MillpondError `OPTION_INVALID`, also if the package is not installed; `DURATION_INVALID`.
 * @example
 * const service = awsKms({ keyId: 'alias/cache' })
 * const ring = await wrappedKeyring({ service, current: 'k1', keys: { k1: readFileSync('k1.wrapped') } })
 */
export function awsKms(options: AwsKmsOptions): KeyService {
  checkOptions<AwsKmsOptions>(options, OPTIONS, 'awsKms')
  const { keyId: KeyId, region, endpoint, timeout = '5s' } = options
  if (options.client !== undefined && (region !== undefined || endpoint !== undefined))
    throw new MillpondError('OPTION_INVALID', 'awsKms: the given client sets region and endpoint: leave them out')
  const EncryptionContext = checkContext(options.context ?? { purpose: 'millpond' })
  const ms = parseDuration(timeout, 'timeout')
  const { KMSClient, EncryptCommand, DecryptCommand } = load()
  const client =
    options.client ??
    new KMSClient({
      ...(region !== undefined && { region }),
      ...(endpoint !== undefined && { endpoint }),
      maxAttempts: 3,
    })
  const ask = async (what: string, command: object, field: 'CiphertextBlob' | 'Plaintext'): Promise<Uint8Array> => {
    const answer = await sent(client, command, ms).catch((cause: unknown) => {
      if (isError(cause) && NOT_OURS.has(cause.name))
        throw invalid(
          'the wrapped key was not wrapped by this key in this context, or is damaged',
          `AWS KMS ${show(KeyId)}`,
        )
      throw new MillpondError(
        'KEYRING_UNREACHABLE',
        `AWS KMS ${show(KeyId)} has not ${what} a key: ${nameOf(cause)}${reasonOf(cause)}`,
        {
          cause,
        },
      )
    })
    const bytes: unknown = typeof answer === 'object' && answer !== null ? Reflect.get(answer, field) : undefined
    if (bytes instanceof Uint8Array && bytes.byteLength > 0) return bytes
    throw new MillpondError('KEYRING_UNREACHABLE', `AWS KMS ${show(KeyId)} answered without a key: check the endpoint`)
  }
  return {
    wrap: (Plaintext) => ask('wrapped', new EncryptCommand({ KeyId, Plaintext, EncryptionContext }), 'CiphertextBlob'),
    // Named explicitly: otherwise a ciphertext of any key that the role may use would be accepted.
    unwrap: (CiphertextBlob) =>
      ask('unwrapped', new DecryptCommand({ KeyId, CiphertextBlob, EncryptionContext }), 'Plaintext'),
  }
}

/** The timeout also aborts the client's retries and connections. */
async function sent(client: AwsKmsClient, command: object, ms: number): Promise<unknown> {
  const given = new AbortController()
  try {
    return await inTime(client.send(command, { abortSignal: given.signal }), ms)
  } catch (error) {
    given.abort()
    throw error
  }
}

const nameOf = (cause: unknown): string => (isError(cause) && cause.name !== 'Error' ? `${cause.name}: ` : '')

function checkContext(context: unknown): Readonly<Record<string, string>> {
  const isPlain =
    typeof context === 'object' && context !== null && [Object.prototype, null].includes(Object.getPrototypeOf(context))
  if (isPlain) {
    const pairs = Object.entries(context)
    if (pairs.every((pair): pair is [string, string] => typeof pair[1] === 'string')) return Object.fromEntries(pairs)
  }
  throw new MillpondError(
    'OPTION_INVALID',
    `awsKms.context: ${show(context)} is not an object of strings: give { purpose: 'millpond' }`,
  )
}

function load(): Kms {
  try {
    return loadPackage('@aws-sdk/client-kms') as Kms
  } catch (cause) {
    if (!isNotInstalled(cause)) throw cause
    throw new MillpondError(
      'OPTION_INVALID',
      'awsKms needs the package @aws-sdk/client-kms: npm install @aws-sdk/client-kms',
      { cause },
    )
  }
}
