// The keys of the stored answers to a URL: for explaining a miss.
import { answerKey, type Index, idsOf } from './variants.ts'

/** The used part of a cache. */
interface Looked {
  getEntry(key: string, options: { readonly quiet: true }): Promise<{ readonly kind: string; readonly value?: unknown }>
}

/**
 * The keys under which a `createHttpCache(cache)` has stored the answers to a URL, the newest first; empty if it has
 * none. Not counted as a read.
 * @param url absolute, as clients request it: scheme and host in any case, the rest byte for byte
 */
export async function storedKeys(cache: Looked, url: string): Promise<readonly string[]> {
  const primary = primaryOf(url)
  const entry = await cache.getEntry(primary, { quiet: true })
  return isIndex(entry.value) ? idsOf(entry.value.selections).map((id) => answerKey(primary, id)) : []
}

/** In the form of keys: scheme and host in lower case, without the scheme's default port and the fragment. */
function primaryOf(url: string): string {
  const { origin } = new URL(url)
  const rest = url.slice(url.indexOf('://') + 3).replace(/^[^/?#]*|#.*$/g, '')
  return origin + (rest.startsWith('/') ? rest : `/${rest}`)
}

const isIndex = (value: unknown): value is Index =>
  typeof value === 'object' && value !== null && 'selections' in value && Array.isArray(value.selections)
