// AWS KMS as a key service: keys of a ring are wrapped and unwrapped by a key that never leaves it. By the package
// @aws-sdk/client-kms.
import { checkedElsewhere, checkOptions, duration, required, type Shape, text, withMethods } from '../core/checks.ts'
import { type Duration, parseDuration } from '../core/duration.ts'
import { isError, MillpondError, reasonOf, show } from '../core/errors.ts'
import { isNotInstalled, loadPackage } from '../core/packages.ts'
import { inTime } from './in-time.ts'
import { invalid } from './key-bytes.ts'
import type { KeyService } from './key-sources.ts'

/** What is used of a `KMSClient`. */
export interface AwsKmsClient {
  send(command: object, options: { readonly abortSignal: AbortSignal }): Promise<unknown>
}

export interface AwsKmsOptions {
  /** The key that wraps: its id, ARN or alias. */
  readonly keyId: string
  /**
   * A `KMSClient` of your own. Default: one for `region`, with the credentials that every AWS client looks for: of the
   * environment, the profile, the role of the machine.
   */
  readonly client?: AwsKmsClient | undefined
  /** Default: as the environment says. Not beside `client`. */
  readonly region?: string | undefined
  /** The URL of another endpoint than AWS's (a VPC endpoint, a local stand-in). Not beside `client`. */
  readonly endpoint?: string | undefined
  /**
   * Encryption context: what a key was wrapped with has to be said again to unwrap it, and stands in CloudTrail's log.
   * Nothing secret. Default `{ purpose: 'millpond' }`.
   */
  readonly context?: Readonly<Record<string, string>> | undefined
  /** How long one call may take, tries included. Default `'5s'`. */
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

/** What the service says of a ciphertext that it has not made, not for this context, or not with this key. */
const NOT_OURS = new Set(['InvalidCiphertextException', 'IncorrectKeyException'])

/**
 * A service for `wrappedKeyring` and `newWrappedKey`. The role needs `kms:Encrypt` for new keys and `kms:Decrypt` for
 * those that are there, of this key alone. `unwrap` and `wrap` reject with `KEYRING_UNREACHABLE` where the service is
 * down, slow, or refuses (permissions, throttling), with `KEYRING_INVALID` for a wrapped key that is damaged, of
 * another key or of another context. No message shows a key.
 * @throws MillpondError `OPTION_INVALID`, where the package is not installed too; `DURATION_INVALID`.
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
    // Named, or a ciphertext of any key that the role may use would be taken.
    unwrap: (CiphertextBlob) =>
      ask('unwrapped', new DecryptCommand({ KeyId, CiphertextBlob, EncryptionContext }), 'Plaintext'),
  }
}

/** The client's own tries and connections end with it. */
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
