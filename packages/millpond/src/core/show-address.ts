// An address as a message shows it.
import { show } from './errors.ts'

/**
 * A URL, or what was given as a host, as a message shows it: all between its scheme and the last `@` may be a secret,
 * and so may its parameters, so `***` is shown instead. Other values are shown as `show` does.
 */
export function showAddress(given: unknown): string {
  return show(typeof given === 'string' ? withoutLogin(given).replace(/([?#]).*$/s, '$1***') : given)
}

/** Without a pattern for the whole: one would try each `/` of a long run again. */
function withoutLogin(given: string): string {
  const end = given.lastIndexOf('@')
  if (end < 0) return given
  const scheme = /^[a-z][a-z\d+.-]*:\/+/i.exec(given.slice(0, end))?.[0] ?? ''
  return `${scheme}***${given.slice(end)}`
}
