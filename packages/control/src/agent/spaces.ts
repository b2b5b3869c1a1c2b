// The namespaces of a cache that are open in this process: a request opens no namespace that is not in use.
import { type Cache, decodeKey, type Key } from 'millpond'
import { PROBE } from 'millpond/insight'

export const namespacesOf = (cache: Cache): readonly string[] => cache.describe().namespaces.map(({ name }) => name)

/** Those of `asked` that are open here; by default all except those of probes. */
export function chosen(cache: Cache, asked: readonly string[] | undefined): readonly string[] {
  const open = namespacesOf(cache)
  return asked === undefined ? open.filter((name) => name !== PROBE) : open.filter((name) => asked.includes(name))
}

export const spaceOf = (cache: Cache, namespace: string): Cache =>
  cache.name === namespace ? cache : cache.namespace(namespace)

/** @throws Error where the namespace is not open in this process. */
export function openSpaceOf(cache: Cache, namespace: string): Cache {
  if (!namespacesOf(cache).includes(namespace))
    throw new Error(`the namespace ${JSON.stringify(namespace)} is not open in this process`)
  return spaceOf(cache, namespace)
}

/** The encoded text of a tuple means the tuple; any other text is a literal key. */
export function keyOf(text: string): Key {
  try {
    return decodeKey(text)
  } catch {
    return text
  }
}
