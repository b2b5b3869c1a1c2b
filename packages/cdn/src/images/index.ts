// `@millpond/cdn/images`.
export { CdnError, type CdnErrorCode } from '../errors.ts'
