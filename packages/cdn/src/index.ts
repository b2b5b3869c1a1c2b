// `@millpond/cdn`: the outermost tier.
export { type AwsCredentials, awsCredentials, type Environment } from './credentials.ts'
export { CdnError, type CdnErrorCode, type CdnErrorDetails } from './errors.ts'
export { Secret, type SecretLike } from './secret.ts'
