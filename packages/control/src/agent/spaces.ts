// The namespaces of a cache that are open in this process: an act opens none that nobody uses.
import { type Cache, decodeKey, type Key } from 'millpond'

export const namespacesOf = (cache: Cache): readonly string[] => cache.describe().namespaces.map(({ name }) => name)

/** Those of `asked` that are open here; without any, all but those of probes. */
export function chosen(cache: Cache, asked: readonly string[] | undefined): readonly string[] {
  const open = namespacesOf(cache)
  return asked === undefined ? open.filter((name) => name !== PROBE) : open.filter((name) => asked.includes(name))
}

export const spaceOf = (cache: Cache, namespace: string): Cache => (cache.name === namespace ? cache : cache.namespace(namespace))

/** @throws Error where the namespace is not open in this process. */
export function openSpaceOf(cache: Cache, namespace: string): Cache {
  if (!namespacesOf(cache).includes(namespace)) throw new Error(`the namespace ${JSON.stringify(namespace)} is not open in this process`)
  return spaceOf(cache, namespace)
}

/** The encoded text of a tuple means the tuple; any other text is a key as it stands. */
export function keyOf(text: string): Key {
  try {
    return decodeKey(text)
  } catch {
    return text
  }
}

/** Where tests and benchmarks write: erased and closed afterwards, and no part of the cache's figures. */
export const PROBE = 'millpond.probe'
const busy = new WeakMap<Cache, Promise<unknown>>()

/** One at a time for each cache. */
export function inProbe<T>(cache: Cache, work: (space: Cache) => Promise<T>): Promise<T> {
  const turn = (busy.get(cache) ?? Promise.resolve()).then(async () => {
    const space = cache.namespace(PROBE)
    try {
      return await work(space)
    } finally {
      await space.clear().catch(() => undefined) // a tier that is away was told of by the work itself
      await space.close()
    }
  })
  busy.set(
    cache,
    turn.catch(() => undefined),
  )
  return turn
}
