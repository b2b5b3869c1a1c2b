// Under which keys the answers to a URL lie: for whoever asks why one misses.
import { answerKey, type Index, idsOf } from './variants.ts'

/** What is asked of a cache for it. */
interface Looked {
  getEntry(key: string, options: { readonly quiet: true }): Promise<{ readonly kind: string; readonly value?: unknown }>
}

/**
 * The keys under which a `createHttpCache(cache)` has stored the answers to a URL, the newest first; empty where it
 * knows none. Read without being counted.
 * @param url absolute, as its client asks for it: scheme and host in any case, the rest byte for byte
 */
export async function storedKeys(cache: Looked, url: string): Promise<readonly string[]> {
  const primary = primaryOf(url)
  const entry = await cache.getEntry(primary, { quiet: true })
  return isIndex(entry.value) ? idsOf(entry.value.selections).map((id) => answerKey(primary, id)) : []
}

/** As keys write it: scheme and host in lower case, the scheme's own port and the fragment left out. */
function primaryOf(url: string): string {
  const { origin } = new URL(url)
  const rest = url.slice(url.indexOf('://') + 3).replace(/^[^/?#]*|#.*$/g, '')
  return origin + (rest.startsWith('/') ? rest : `/${rest}`)
}

const isIndex = (value: unknown): value is Index =>
  typeof value === 'object' && value !== null && 'selections' in value && Array.isArray(value.selections)
