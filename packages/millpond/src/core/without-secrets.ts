// Masks credentials in a text that is about to be shown. An option that is a secret is never shown at all; this is for
// secrets that were put elsewhere: a URL as a host name, a connection string instead of options, a password in an
// option that does not exist.

const MASK = '***'
/** Two letters at least: `C:/` begins a path. */
const URL_LIKE = /\b[a-z][a-z\d+.-]{1,30}:\/+[^\s"'`<>]*/gi
const SECRET =
  'passw(?:or)?d|passphrase|secret|token|credentials?|authorization|(?:api|access|private|secret|encryption)[-_]?key'
const SECRET_NAME = new RegExp(`(?:${SECRET}|(?:^|[-_.])(?:pass|pwd))$`, 'i')
/** A signed URL's `X-Amz-Signature` and `sig` are as good as a login, as long as they are valid. */
const NAMED = `(?:${SECRET}|signature|(?<![a-z\\d])(?:pass|pwd|sig))`
/** As in a query, or in `host=db password=...`. */
const ASSIGNED = new RegExp(`(${NAMED}\\s*=\\s*)[^\\s&;,"'\`]+`, 'gi')
/** As in JSON, also in JSON within JSON, or in a printed object; without its closing quotation mark, to the end. */
const QUOTED = new RegExp(`(${NAMED}\\\\*["']?\\s*[:=]\\s*)(\\\\*["'\`])(?!\\2)[\\s\\S]*?(?:(?<!\\\\)\\2|$)`, 'gi')
/** As in JSON, where a password of digits was taken for a number. */
const NUMBER = new RegExp(`(${NAMED}\\\\*["']\\s*:\\s*)-?\\d[\\d.e+-]*`, 'gi')
/** As in YAML: what follows is a secret if it is alone on the rest of its line, and not a word of a sentence. */
const LINED = new RegExp(`${NAMED}: *`, 'gi')
const LINED_VALUE = /[^\s"'\\]*/y
const LINE_END = /[ \t]*(?:[\r\n]|\\[rn]|["']|$)/y
const LEAST_LINED = 6
/** The header, and its content elsewhere: what follows the scheme is no word of a sentence if it has a digit. */
const HEADER = /(authorization\s*[:=]\s*(?:basic|bearer|token|apikey|negotiate)) +[^\r\n"'`]+/gi
const HEADER_OF_PARTS =
  /(authorization\s*[:=]\s*(?:digest|hawk|oauth|signature|sharedkey(?:lite)?|aws(?:4-[\w-]+)?)) +[^\r\n]+/gi
const BEARER = /\b(bearer|basic) +(?=[\w.~+/-]*\d)[\w.~+/-]{6,}=*/gi
/** A URL in a parameter of another. */
const ENCODED = /\b([a-z][a-z\d+.-]{1,30}%3a(?:%2f)+)([^\s"'`<>&]*)/gi
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----[^"]*/g

/** Whether the member of an object with this name is a secret. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(name)
}

/**
 * The text with `***` instead of user and password of each URL, of secrets that it assigns (`password=`,
 * `"token": "…"`, `sig=`), of what an `Authorization` header holds, and of private keys.
 */
export function withoutSecrets(text: string): string {
  const masked = text
    .replace(URL_LIKE, (url) => (url.includes('@') ? withoutLogin(url) : url))
    .replace(ENCODED, encodedWithoutLogin)
    .replace(HEADER, `$1 ${MASK}`)
    .replace(HEADER_OF_PARTS, `$1 ${MASK}`)
    .replace(BEARER, `$1 ${MASK}`)
    .replace(QUOTED, `$1$2${MASK}$2`)
    .replace(ASSIGNED, `$1${MASK}`)
    .replace(NUMBER, `$1${MASK}`)
    .replace(PRIVATE_KEY, MASK)
  return withoutLined(masked)
}

function encodedWithoutLogin(all: string, scheme: string, rest: string): string {
  const end = rest.lastIndexOf('%40')
  return end < 0 ? all : `${scheme}${MASK}${rest.slice(end)}`
}

/** A value may contain names, so its end is searched once for all of them. */
function withoutLined(text: string): string {
  let shown = ''
  let from = 0
  let [end, digit, until] = [0, 0, 0]
  for (const { 0: name, index } of text.matchAll(LINED)) {
    const begin = index + name.length
    if (begin < from) continue
    if (begin >= end) {
      LINED_VALUE.lastIndex = begin
      const [value = ''] = LINED_VALUE.exec(text) ?? []
      end = begin + value.length
      digit = begin + value.search(/\d[^\d]*$/)
      LINE_END.lastIndex = end
      until = LINE_END.test(text) ? end : begin + value.lastIndexOf('`')
    }
    if (digit < begin || until - begin < LEAST_LINED) continue
    shown += `${text.slice(from, begin)}${MASK}`
    from = until
  }
  return shown + text.slice(from)
}

/** A text that is a URL as a whole: its password may contain quotes and spaces, too. */
export function withoutLoginIn(text: string): string {
  return /^[a-z][a-z\d+.-]{1,30}:\/\//i.test(text) ? withoutLogin(text) : text
}

/**
 * A password that is not percent-encoded may contain `/` and `@`, so all up to the last `@` may be one. The path of a
 * page may contain `@`, too, and so may a URL in that path, which has a login of its own.
 */
function withoutLogin(url: string): string {
  let begin = 0
  for (let pages = 0; pages < MOST_PAGES && isPage(url.slice(begin)); pages++) {
    const host = begin + 'https://'.length
    const next = url.slice(host).search(SCHEME)
    if (next < 0) return url
    begin = host + next
  }
  const last = url.slice(begin)
  const scheme = /^[^:]+:\/+/.exec(last)?.[0] ?? ''
  const end = last.lastIndexOf('@')
  return end < scheme.length ? url : `${url.slice(0, begin)}${scheme}${MASK}${last.slice(end)}`
}

/** Pages within pages, as proxies of pages have them; beyond these, rather too much is masked. */
const MOST_PAGES = 4
const SCHEME = /[a-z][a-z\d+.-]{1,30}:\/+/i
/** In `http://me:12/ss@host`, `12/ss` is a password: a page with a port and an `@` is of this machine or of an IP. */
const AUTHORITY = /^https?:\/\/(?:[^@/?#:]+|(?:localhost|\d+(?:\.\d+){3}|\[[\da-f:.]+\])(?::\d+)?)[/?#]/i
const isPage = (url: string): boolean => AUTHORITY.test(url) && URL.canParse(url)
