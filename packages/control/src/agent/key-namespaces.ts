// In which namespaces keys are, or were, if the caller named none.
import type { Cache } from 'millpond'
import type { NodePlan } from './answers.ts'
import { keyOf, spaceOf } from './spaces.ts'

/** How many keys of a list are looked up, those that a plan shows and probes: each lookup reads the tiers. */
const MOST_LOOKED = 20
/** How many namespaces are searched for a key, the busiest first. */
const MOST_ASKED = 20
/** After this time no further key is looked up: an invalidation waits for its plan. */
const LOOK_MS = 1000

/** The plan of a list of keys, with the locations of the first ones that some namespace knows. */
export async function planOfKeys(cache: Cache, open: readonly string[], keys: readonly string[]): Promise<NodePlan> {
  const asked = busiest(cache, open)
  const hottest: { namespace: string; key: string; hits: number }[] = []
  const began = performance.now()
  for (const key of keys.slice(0, MOST_LOOKED)) {
    if (performance.now() - began > LOOK_MS) break
    for (const namespace of await placesOf(cache, asked, key)) hottest.push({ namespace, key, hits: 0 })
  }
  return { entries: keys.length, bytes: 0, reads_per_second: 0, namespaces: {}, hottest, cascade: [], is_exact: true }
}

/** Namespaces that have it first, then those that remember what happened to it. */
async function placesOf(cache: Cache, namespaces: readonly string[], text: string): Promise<readonly string[]> {
  const key = keyOf(text)
  const said = await Promise.all(
    namespaces.map(async (namespace) => ({ namespace, ...(await spaceOf(cache, namespace).explain(key)) })),
  )
  const known = said.filter(({ verdict, cause }) => verdict !== 'miss' || cause !== 'cold')
  return known
    .sort((a, b) => Number(a.verdict === 'miss') - Number(b.verdict === 'miss'))
    .map(({ namespace }) => namespace)
}

function busiest(cache: Cache, open: readonly string[]): readonly string[] {
  if (open.length <= MOST_ASKED) return open
  const reads = new Map(cache.info().namespaces.map(({ namespace, hits, misses }) => [namespace, hits + misses]))
  return [...open].sort((a, b) => (reads.get(b) ?? 0) - (reads.get(a) ?? 0)).slice(0, MOST_ASKED)
}
