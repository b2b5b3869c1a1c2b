// What an invalidation by URL covers: the entries that answer it, as every process knows them.
import type { Principal } from '../access/roles.ts'
import type { NodePlan } from '../agent/answers.ts'
import type { Control } from '../control.ts'
import { cachesFor, namespacesFor } from '../fleet/reach.ts'
import { Problem } from '../http/problem.ts'

interface Where {
  readonly cache_name?: string | undefined
  readonly namespace?: string | undefined
}

/** The entries of one cache that answer the URLs. */
export interface ByUrl {
  readonly namespaces: readonly string[]
  readonly plan: NodePlan
}

/**
 * Of every cache: no entries if nothing there answers a URL, which is not an error, since a repeated purge does no
 * harm.
 */
export async function entriesOf(
  control: Control,
  principal: Principal,
  { cache_name, namespace }: Where,
  urls: readonly string[],
  deadlineMs: number,
): Promise<ReadonlyMap<string, ByUrl>> {
  const found = new Map<string, ByUrl>()
  for (const cache of cachesFor(control, principal, cache_name)) {
    const namespaces = namespacesFor(principal, cache, namespace)
    const entries = new Map<string, { namespace: string; key: string; hits: number }>()
    let isExact = true
    for (const url of urls) {
      const asked = { url, every: true, ...(namespaces !== undefined && { namespaces: [...namespaces] }) }
      const replies = await control.fleet.ask(cache, 'url', asked, { deadlineMs })
      const silent = replies.filter(({ status }) => status !== 'answered' && status !== 'left')
      const [first] = silent
      if (first !== undefined && silent.length === replies.length)
        throw new Problem(
          503,
          'no_node',
          `no process of ${cache} knows what answers ${url}: ${first.error ?? first.status}`,
        )
      // Other processes know the entries of shared tiers; those in a silent process's memory are unknown.
      isExact &&= silent.length === 0
      for (const { namespace: space, key } of replies.flatMap(({ body: said }) => said?.entries ?? []))
        entries.set(`${space} ${key}`, { namespace: space, key, hits: 0 })
    }
    const hottest = [...entries.values()]
    const counts = Object.fromEntries(
      [...new Set(hottest.map(({ namespace }) => namespace))].map((one) => [
        one,
        hottest.filter(({ namespace }) => namespace === one).length,
      ]),
    )
    const plan = {
      entries: hottest.length,
      bytes: 0,
      reads_per_second: 0,
      namespaces: counts,
      hottest,
      cascade: [],
      is_exact: isExact,
    }
    found.set(cache, { namespaces: Object.keys(counts), plan })
  }
  return found
}
