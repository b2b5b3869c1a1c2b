// Why something failed, as text for the caller: without our own prefix, and without the user, password and keys of a
// URL.
import { isError } from '../is-error.ts'

export const reasonOf = (error: unknown): string => withoutSecrets(isError(error) ? error.message : String(error))

/**
 * Up to the last `@`: an unencoded password may contain slashes and further `@`s. Rather hide too much than too little.
 */
export const withoutSecrets = (words: string): string =>
  words
    .replace(/^\[millpond\] /, '')
    .replace(/\/\/[^\s"'`]*@/g, '//***@')
    .replace(/([?&][\w-]*(?:password|secret|token|key)=)[^&\s"'`]*/gi, '$1***')
