// Which entry answers a URL: as the application says, or as an HTTP cache stored it.
import type { Cache, Key } from 'millpond'
import type { Answered } from './answers.ts'
import type { Asked } from './requests.ts'
import { chosen, openSpaceOf, spaceOf } from './spaces.ts'

/** Limits for finding one entry: namespaces that are asked, the busiest first, since each question reads its tiers. */
const MOST_ASKED = 20
const MOST_VARIANTS = 10

/** An entry that answers a URL. */
export interface UrlEntry {
  /** Default: the cache's own. */
  readonly namespace?: string | undefined
  /** The key of the entry. */
  readonly key: Key
}

/** The part of an application that maps URLs to entries. */
interface UrlResolver {
  readonly urls?: ((url: URL) => readonly UrlEntry[] | Promise<readonly UrlEntry[]>) | undefined
}

export async function entriesOfUrl(
  cache: Cache,
  application: UrlResolver,
  { url, namespaces, every = false }: Asked<'url'>,
): Promise<Answered['url']> {
  const said = (await application.urls?.(new URL(url))) ?? []
  const allowed = chosen(cache, namespaces)
  const entries: { namespace: string; key: string; verdict: string }[] = []
  for (const { namespace = cache.name, key } of said) {
    if (!allowed.includes(namespace)) continue
    const { verdict } = await openSpaceOf(cache, namespace).explain(key)
    entries.push({ namespace, key: typeof key === 'string' ? key : JSON.stringify(key), verdict })
  }
  // Loaded on demand: most caches hold no HTTP answers.
  const { storedKeys } = await import('millpond/http')
  const busiest = cache
    .info()
    .namespaces.filter(({ namespace }) => allowed.includes(namespace))
    .sort((a, b) => b.hits + b.misses - a.hits - a.misses)
    .slice(0, MOST_ASKED)
    .map(({ namespace }) => namespace)
  for (const namespace of every ? allowed : busiest) {
    const space = spaceOf(cache, namespace)
    const keys = await storedKeys(space, url)
    for (const key of every ? keys : keys.slice(0, MOST_VARIANTS))
      entries.push({ namespace, key, verdict: every ? 'stored' : (await space.explain(key)).verdict })
  }
  return { entries }
}
