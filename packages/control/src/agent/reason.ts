// Why something failed, as text for the caller: without our own prefix, and without the user, password and keys of a
// URL.
import { withoutSecrets } from 'millpond/options'
import { isError } from '../is-error.ts'

export const reasonOf = (error: unknown): string =>
  withoutSecrets((isError(error) ? error.message : String(error)).replace(/^\[millpond\] /, ''))
