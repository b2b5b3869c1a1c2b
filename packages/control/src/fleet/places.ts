// The namespaces of keys for which the caller named none, as every process of their cache knows them.
import type { Control } from '../control.ts'

const LOOK_MS = 300

/**
 * Namespaces by key, those that hold it first; none for keys that no process knows, and for those after the first
 * twenty.
 */
export async function placesOf(
  { fleet }: Pick<Control, 'fleet'>,
  cache: string,
  namespaces: readonly string[] | undefined,
  keys: readonly string[],
): Promise<Map<string, string[]>> {
  const asked = {
    criteria: { keys: [...keys] },
    scan: false,
    ...(namespaces !== undefined && { namespaces: [...namespaces] }),
  }
  const replies = await fleet.ask(cache, 'plan', asked, { deadlineMs: LOOK_MS })
  const places = new Map<string, string[]>()
  for (const { namespace, key } of replies.flatMap(({ body }) => body?.hottest ?? [])) {
    const known = places.get(key) ?? []
    if (!known.includes(namespace)) places.set(key, [...known, namespace])
  }
  return places
}
