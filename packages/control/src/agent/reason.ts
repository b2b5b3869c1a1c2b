// Why something failed, in words for whoever asked: without our own prefix, and without the user, the password and the
// keys of a URL.
import { isError } from '../is-error.ts'

export const reasonOf = (error: unknown): string => withoutSecrets(isError(error) ? error.message : String(error))

/**
 * Up to the last `@`: a password that is not encoded may hold slashes and further ones. Rather too much is hidden than
 * too little.
 */
export const withoutSecrets = (words: string): string =>
  words
    .replace(/^\[millpond\] /, '')
    .replace(/\/\/[^\s"'`]*@/g, '//***@')
    .replace(/([?&][\w-]*(?:password|secret|token|key)=)[^&\s"'`]*/gi, '$1***')
