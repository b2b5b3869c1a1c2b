// What memory holds of each organisation that the application lists, of each tenant and namespace; and how much of it
// is not read. One walk over memory, in slices.
import type { Cache } from 'millpond'
import type { Coverage } from './answers.ts'
import type { Application } from './application.ts'
import { namespacesOf } from './spaces.ts'
import { entriesOf, goOn, type Walk, type Walked } from './walks.ts'

const WALK_MS = 2500
const MOST_IDS = 200
const MOST_TENANTS = 200

interface Count {
  readonly name: string
  entries: number
  bytes: number
  hits: number
}
const countOf = (name: string): Count => ({ name, entries: 0, bytes: 0, hits: 0 })
function add(count: Count, { bytes, hits }: Walked): void {
  count.entries++
  count.bytes += bytes
  count.hits += hits
}

interface Listed {
  readonly scope: string
  readonly count: Count
  /** Types that have an entry, of those that have tags of their own. */
  readonly held: Set<string>
  readonly types: readonly string[]
}

export async function coverage(cache: Cache, application: Application): Promise<Coverage> {
  const { listed, byTag, typesByTag } = await lists(application)
  const tenants = new Map<string, Count>()
  const spaces = new Map<string, Count & { unread: number; timed: number }>()
  const walk: Walk = { entries: entriesOf(cache, namespacesOf(cache)), scanned: 0 }
  const isComplete = await goOn(walk, WALK_MS, (entry) => {
    const [namespace = '', tenant] = entry.namespace.split('~', 2)
    const space = spaces.get(namespace) ?? { ...countOf(namespace), unread: 0, timed: 0 }
    spaces.set(namespace, space)
    add(space, entry)
    if (entry.ttlMs !== undefined) {
      space.timed++
      if (entry.hits === 0 && entry.ageMs > entry.ttlMs) space.unread++
    }
    if (tenant !== undefined && (tenants.has(tenant) || tenants.size < MOST_TENANTS)) {
      const count = tenants.get(tenant) ?? countOf(tenant)
      tenants.set(tenant, count)
      add(count, entry)
    }
    const counted = new Set<Listed>()
    for (const tag of entry.tags) {
      for (const one of byTag.get(tag) ?? []) if (!counted.has(one) && counted.add(one)) add(one.count, entry)
      for (const [one, type] of typesByTag.get(tag) ?? []) one.held.add(type)
    }
    return true
  })
  return {
    scopes: listed.map(({ scope, count, held, types }) => ({
      ...count,
      scope,
      held: types.filter((type) => held.has(type)),
      missing: types.filter((type) => !held.has(type)),
    })),
    tenants: [...tenants.values()].sort((a, b) => b.bytes - a.bytes),
    namespaces: [...spaces.values()].sort((a, b) => b.bytes - a.bytes),
    scanned: walk.scanned,
    is_complete: isComplete,
  }
}

/** The listed ids, and the tags by which their entries are recognised. */
async function lists({ scopes = {}, cacheTypes = {} }: Application) {
  const listed: Listed[] = []
  const byTag = new Map<string, Listed[]>()
  const typesByTag = new Map<string, [Listed, string][]>()
  const put = <T>(map: Map<string, T[]>, tag: string, value: T): void =>
    void map.set(tag, [...(map.get(tag) ?? []), value])
  for (const [scope, { list, tags }] of Object.entries(scopes)) {
    for (const id of ((await list?.()) ?? []).slice(0, MOST_IDS)) {
      const own = new Set(tags(id))
      const narrowed = Object.entries(cacheTypes).flatMap(([type, { tags: tagsOf }]) => {
        const of = tagsOf?.({ scopes: { [scope]: id }, cacheType: type }) ?? []
        // A type that has no tags besides the organisation's cannot be told apart.
        return of.length > 0 && of.every((tag) => !own.has(tag)) ? [{ type, of }] : []
      })
      const one: Listed = { scope, count: countOf(id), held: new Set(), types: narrowed.map(({ type }) => type) }
      listed.push(one)
      for (const tag of own) put(byTag, tag, one)
      for (const { type, of } of narrowed) for (const tag of of) put(typesByTag, tag, [one, type] as [Listed, string])
    }
  }
  return { listed, byTag, typesByTag }
}
