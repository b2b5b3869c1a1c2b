// A bucket of S3, or of an S3-compatible service, as a store. By the package @aws-sdk/client-s3.
import type * as S3 from '@aws-sdk/client-s3'
import {
  check,
  checkOptions,
  flag,
  options as optionsOf,
  required,
  type Shape,
  text,
  whole,
  withMethods,
} from 'millpond/options'
import { awsCredentials, type Environment, given } from '../credentials.ts'
import { CdnError } from '../errors.ts'
import { isError } from '../is-error.ts'
import { Secret, type SecretLike, secretOf } from '../secret.ts'
import { isAbsent, s3Error } from './s3-errors.ts'
import { PART_BYTES, sendInParts, wholeBody } from './s3-parts.ts'
import type { AssetStore, ListedObject } from './store.ts'

/** The part of an `S3Client` that is used. */
export interface S3ClientLike {
  /** Sends one command of `@aws-sdk/client-s3`; rejects with the SDK's error. */
  send(command: object, options?: { readonly abortSignal?: AbortSignal | undefined }): Promise<object>
}

export interface S3StoreOptions {
  /** Default `AWS_STORAGE_BUCKET_NAME`. */
  readonly bucket?: string | undefined
  /** The prefix of every key: `'static/'`. Default: none. */
  readonly prefix?: string | undefined
  /** Default `AWS_REGION`, else as the SDK finds it. */
  readonly region?: string | undefined
  /** The URL of another service than AWS's: MinIO, R2, a test server. */
  readonly endpoint?: string | undefined
  /** The bucket in the path instead of in the host name. Default: if `endpoint` is given. */
  readonly forcePathStyle?: boolean | undefined
  /**
   * Default `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, else the SDK's defaults: the profile, the machine's role.
   */
  readonly credentials?:
    | {
        readonly accessKeyId: string
        readonly secretAccessKey: SecretLike
        readonly sessionToken?: SecretLike | undefined
      }
    | undefined
  /** How often a request is tried if the service fails or throttles, with increasing pauses. Default 5. */
  readonly maxAttempts?: number | undefined
  /**
   * An `S3Client` of your own. Not together with `region`, `endpoint`, `forcePathStyle`, `credentials`, `maxAttempts`.
   */
  readonly client?: S3ClientLike | undefined
}

const secret = check(
  (value): value is SecretLike => value instanceof Secret || (typeof value === 'string' && value !== ''),
  'a string, or a Secret',
)
const CREDENTIALS: Shape<NonNullable<S3StoreOptions['credentials']>> = {
  accessKeyId: required(text),
  secretAccessKey: required(secret),
  sessionToken: secret,
}
const OPTIONS: Shape<S3StoreOptions> = {
  bucket: text,
  prefix: check(
    (value): value is string => typeof value === 'string' && !value.startsWith('/'),
    "a string such as 'static/', without a leading slash",
  ),
  region: text,
  endpoint: text,
  forcePathStyle: flag,
  credentials: optionsOf(CREDENTIALS),
  maxAttempts: whole(1, 20),
  client: withMethods<S3ClientLike>('an S3Client', 'send'),
}

type Sdk = typeof S3

const MAX_DROPPED = 1000

/**
 * Does nothing yet: the package is loaded, and the service called, when the store is used. The role needs
 * `s3:ListBucket` of the bucket, and `s3:GetObject`, `s3:PutObject`, `s3:DeleteObject` and `s3:AbortMultipartUpload` of
 * its objects.
 * @param env where what is not given is read.
 * @throws MillpondError `OPTION_INVALID`; CdnError `NOT_FOUND` where no bucket is named, `CREDENTIALS_MISSING` where
 * only half of them are.
 * @example const report = await uploadAssets({ folder: 'dist', to: s3Store({ bucket: 'site', prefix: 'static/' }) })
 */
export function s3Store(options: S3StoreOptions = {}, env: Environment = process.env): AssetStore {
  checkOptions<S3StoreOptions>(options, OPTIONS, 's3Store')
  const Bucket = options.bucket ?? given(env, 'AWS_STORAGE_BUCKET_NAME')
  if (Bucket === undefined)
    throw new CdnError('NOT_FOUND', 'no bucket is named: give bucket, or set AWS_STORAGE_BUCKET_NAME', { vendor: 's3' })
  const { prefix: before = '' } = options
  const credentials = options.client === undefined ? (options.credentials ?? awsCredentials(env)) : undefined
  let opened: Promise<{ readonly sdk: Sdk; readonly client: S3ClientLike }> | undefined
  const open = () => {
    opened ??= load().then((sdk) => ({ sdk, client: options.client ?? clientOf(sdk, options, credentials, env) }))
    return opened
  }
  const name = `s3://${Bucket}/${before}`
  /** One request. */
  const asked = async <T>(command: (sdk: Sdk) => object, signal?: AbortSignal): Promise<T> => {
    const { sdk, client } = await open()
    try {
      return (await client.send(command(sdk), { abortSignal: signal })) as T // as the SDK's types say of the command
    } catch (error) {
      throw s3Error(error, name)
    }
  }
  /** The same, for an object that may be missing. */
  const sought = async <T>(command: (sdk: Sdk) => object): Promise<T | undefined> => {
    const { sdk, client } = await open()
    try {
      return (await client.send(command(sdk))) as T
    } catch (error) {
      if (isAbsent(error)) return undefined
      throw s3Error(error, name)
    }
  }

  async function* list(): AsyncIterable<ListedObject> {
    let token: string | undefined
    do {
      const input = { Bucket, Prefix: before, ...(token !== undefined && { ContinuationToken: token }) }
      const page = await asked<S3.ListObjectsV2CommandOutput>((sdk) => new sdk.ListObjectsV2Command(input))
      for (const { Key, Size = 0, ETag } of page.Contents ?? [])
        if (Key !== undefined) yield { key: Key.slice(before.length), bytes: Size, version: ETag }
      token = page.NextContinuationToken
    } while (token !== undefined)
  }

  return {
    name,
    list,
    async facts(key) {
      const head = await sought<S3.HeadObjectCommandOutput>(
        (sdk) => new sdk.HeadObjectCommand({ Bucket, Key: before + key }),
      )
      if (head === undefined) return undefined
      return {
        bytes: head.ContentLength ?? 0,
        sha256: head.Metadata?.sha256,
        contentType: head.ContentType,
        cacheControl: head.CacheControl,
      }
    },
    async read(key) {
      const found = await sought<S3.GetObjectCommandOutput>(
        (sdk) => new sdk.GetObjectCommand({ Bucket, Key: before + key }),
      )
      return found === undefined
        ? undefined
        : { body: (await found.Body?.transformToByteArray()) ?? new Uint8Array(), version: found.ETag }
    },
    async put(object, { signal, ifVersion } = {}) {
      const input = {
        Bucket,
        Key: before + object.key,
        ContentType: object.contentType,
        CacheControl: object.cacheControl,
        ...(object.contentEncoding !== undefined && { ContentEncoding: object.contentEncoding }),
        Metadata: { sha256: object.sha256 },
      }
      const only = ifVersion === undefined ? {} : ifVersion === null ? { IfNoneMatch: '*' } : { IfMatch: ifVersion }
      if (object.bytes > PART_BYTES && 'path' in object.body)
        return sendInParts(object, object.body.path, input, only, asked, signal)
      const Body = await wholeBody(object)
      const put = await asked<S3.PutObjectCommandOutput>(
        (sdk) => new sdk.PutObjectCommand({ ...input, Body, ContentLength: Body.byteLength, ...only }),
        signal,
      )
      return put.ETag
    },
    async drop(keys) {
      for (let from = 0; from < keys.length; from += MAX_DROPPED) {
        const Objects = keys.slice(from, from + MAX_DROPPED).map((key) => ({ Key: before + key }))
        const { Errors = [] } = await asked<S3.DeleteObjectsCommandOutput>(
          (sdk) => new sdk.DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet: true } }),
        )
        const [first] = Errors
        if (first !== undefined)
          throw new CdnError(
            'PARTIAL',
            `${name} did not delete ${Errors.length} objects, the first being ${first.Key} (${first.Code}): may this role delete?`,
            { vendor: 's3' },
          )
      }
    },
  }
}

async function load(): Promise<Sdk> {
  try {
    return await import('@aws-sdk/client-s3')
  } catch (error) {
    if (!(isError(error) && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND')) throw error
    throw new CdnError(
      'PACKAGE_MISSING',
      'the package @aws-sdk/client-s3 is not installed: run "npm install @aws-sdk/client-s3"',
      {
        vendor: 's3',
      },
    )
  }
}

function clientOf(
  { S3Client }: Sdk,
  options: S3StoreOptions,
  credentials: S3StoreOptions['credentials'],
  env: Environment,
): S3ClientLike {
  const {
    endpoint,
    region = given(env, 'AWS_REGION'),
    forcePathStyle = endpoint !== undefined,
    maxAttempts = 5,
  } = options
  return new S3Client({
    maxAttempts,
    forcePathStyle,
    ...(region !== undefined && { region }),
    // Other services than AWS do not support checksums at the end of a body.
    ...(endpoint !== undefined && {
      endpoint,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
    }),
    ...(credentials !== undefined && {
      credentials: {
        accessKeyId: credentials.accessKeyId,
        secretAccessKey: secretOf(credentials.secretAccessKey).reveal(),
        ...(credentials.sessionToken !== undefined && { sessionToken: secretOf(credentials.sessionToken).reveal() }),
      },
    }),
  }) as S3ClientLike // its own type tells each command's answer, this one that there is one
}
