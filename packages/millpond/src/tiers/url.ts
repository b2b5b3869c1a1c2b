// URLs that may contain user and password: messages say what is wrong without showing a secret.
import { MillpondError } from '../core/errors.ts'
import { showAddress } from '../core/show-address.ts'

const ENCODE =
  'percent-encode special characters in user name and password (@ as %40, / as %2F, # as %23, ? as %3F, % as %25)'

/** A tier's name for its URL option, and an example. */
export interface UrlWords {
  readonly at: string
  readonly form: string
}

/**
 * In `redis://user:p@ss/word@host/0` the host would be `ss`: the wrong server would be contacted, and a part of the
 * password would appear in every message.
 * @throws MillpondError `OPTION_INVALID`.
 */
export function parseServerUrl(given: unknown, words: UrlWords): URL {
  if (typeof given !== 'string' || !URL.canParse(given)) {
    const hint = typeof given === 'string' && given.includes('@') ? `${ENCODE}, and ` : ''
    throw wrongUrl(given, `is not a URL: ${hint}give one such as ${words.form}`, words)
  }
  const url = new URL(given)
  const behind = decodeURI(url.pathname.replace(/%(?![0-9a-f]{2})/gi, '%25'))
  if (behind.includes('@') || url.hash.includes('@') || (behind.length < 2 && url.search.includes('@')))
    throw wrongUrl(given, `has an "@" after its host: ${ENCODE}, and give one such as ${words.form}`, words)
  return url
}

export function wrongUrl(given: unknown, why: string, { at }: UrlWords): MillpondError {
  return new MillpondError('OPTION_INVALID', `${at}: ${showAddress(given)} ${why}`)
}

/** Whether a path is a URL, which may have a password in it. */
export const isUrl = (path: string): boolean => /^[a-z][a-z\d+.-]+:\/\//i.test(path)
