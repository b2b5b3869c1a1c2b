// Masks credentials in a text that is about to be shown. An option that is a secret is never shown at all; this is for
// secrets that were put elsewhere: a URL as a host name, a connection string instead of options, a password in an
// option that does not exist.

const MASK = '***'
/** Two letters at least: `C:/` begins a path. */
const URL_LIKE = /\b[a-z][a-z\d+.-]{1,30}:\/+[^\s"'`<>]*/gi
const SECRET =
  'passw(?:or)?d|passphrase|secret|token|credentials?|authorization|(?:api|access|private|secret|encryption)[-_]?key'
const SECRET_NAME = new RegExp(`(?:${SECRET}|(?:^|[-_.])(?:pass|pwd))$`, 'i')
/** As in a query, or in `host=db password=...`. */
const ASSIGNED = new RegExp(`\\b([\\w.-]{0,40}(?:${SECRET})\\s*=\\s*)[^\\s&;,"'\`]+`, 'gi')
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----[^"]*/g

/** Whether the member of an object with this name is a secret. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name)
}

/** The text with `***` instead of user and password of each URL, of assigned secrets and of private keys. */
export function withoutSecrets(text: string): string {
  return text.replace(URL_LIKE, withoutLogin).replace(ASSIGNED, `$1${MASK}`).replace(PRIVATE_KEY, MASK)
}

/** A text that is a URL as a whole: its password may contain quotes and spaces, too. */
export function withoutLoginIn(text: string): string {
  return /^[a-z][a-z\d+.-]{1,30}:\/\//i.test(text) ? withoutLogin(text) : text
}

/**
 * A password that is not percent-encoded may contain `/` and `@`, so all up to the last `@` may be one; but the path of
 * a page may contain `@`, too.
 */
function withoutLogin(url: string): string {
  if (!url.includes('@') || (/^https?:\/\/[^@/?#]+[/?#]/i.test(url) && URL.canParse(url))) return url
  const scheme = /^[^:]+:\/+/.exec(url)?.[0] ?? ''
  const end = url.lastIndexOf('@')
  return end < scheme.length ? url : `${scheme}${MASK}${url.slice(end)}`
}
