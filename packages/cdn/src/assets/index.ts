// `@millpond/cdn/assets`.
export { CdnError, type CdnErrorCode } from '../errors.ts'
