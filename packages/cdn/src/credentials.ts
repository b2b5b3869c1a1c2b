// Credentials from the environment, under the names that the vendors' own tools read.
import { CdnError } from './errors.ts'
import { Secret } from './secret.ts'

/** Environment variables by name; `process.env` fits. */
export type Environment = Readonly<Record<string, string | undefined>>

/** For CloudFront and S3. */
export interface AwsCredentials {
  /** The public part, which is sent with each request. */
  readonly accessKeyId: string
  /** The part that signs requests; never shown in messages. */
  readonly secretAccessKey: Secret
  /** Of temporary credentials. */
  readonly sessionToken?: Secret | undefined
}

/**
 * `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`; `undefined` where neither of the first two is set:
 * then the SDK uses its defaults (profile, role).
 */
export function awsCredentials(env: Environment = process.env): AwsCredentials | undefined {
  const id = given(env, 'AWS_ACCESS_KEY_ID')
  const secret = given(env, 'AWS_SECRET_ACCESS_KEY')
  const token = given(env, 'AWS_SESSION_TOKEN')
  if (id === undefined && secret === undefined) return undefined
  if (id === undefined || secret === undefined) {
    const [set, absent] =
      id === undefined ? ['AWS_SECRET_ACCESS_KEY', 'AWS_ACCESS_KEY_ID'] : ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']
    throw new CdnError('CREDENTIALS_MISSING', `${set} is set but ${absent} is not: set both or neither`)
  }
  return {
    accessKeyId: id,
    secretAccessKey: new Secret(secret),
    ...(token === undefined ? {} : { sessionToken: new Secret(token) }),
  }
}

/**
 * A non-empty variable; an empty one counts as unset. Values read from files often end with a line break, which is not
 * valid in a header.
 */
export function given(env: Environment, name: string): string | undefined {
  const value = env[name]?.trim()
  return value === '' ? undefined : value
}
