// A stored configuration as changes to a running cache. Settings that it leaves out, and all of them once it is
// deleted, are as code made the cache.
import { type Cache, type CacheDescription, type Changes, changesFromJson } from 'millpond'
import { entryPriority } from '../configurations/document.ts'
import { addedLoads } from './added-loads.ts'
import type { Answered } from './answers.ts'
import { settingsDocument } from './requests.ts'

type EntryPriority = 'high' | 'medium' | 'low'

/** The priority that code gives entries, of caches that were created with that of a stored configuration. */
const codedPriorities = new WeakMap<Cache, EntryPriority>()

/** Notes the priority that code gives, for a cache that was created with a stored one. */
export function noteCodedPriority(cache: Cache, priority: EntryPriority): void {
  codedPriorities.set(cache, priority)
}

/** Captures the cache's settings as code made them: call it before any change. */
export function settingsFor(cache: Cache): (document: unknown) => Changes {
  const original = cache.describe()
  const coded = codedPriorities.get(cache) ?? null
  return (document) =>
    changesFromJson(
      document === null
        ? { defaults: { ttl_seconds: null, priority: coded }, tiers: tiersOf(original) }
        : described(original, document, coded),
    )
}

const tiersOf = ({ tiers }: CacheDescription, isActive = true) =>
  tiers.map((tier) => ({
    name: tier.name,
    enabled: isActive && tier.enabled,
    ...('max_size_mb' in tier && { max_size_mb: tier.max_size_mb, max_entries: tier.max_entries }),
  }))

function described(original: CacheDescription, document: unknown, coded: EntryPriority | null): unknown {
  const { ttl_seconds, max_size_mb, is_active, priority } = settingsDocument.parse(document)
  return {
    defaults: { ttl_seconds, priority: priority === undefined ? null : (entryPriority(priority) ?? coded) },
    tiers: tiersOf(original, is_active).map((tier) => (tier.name === 'memory' ? { ...tier, max_size_mb } : tier)),
  }
}

/** What the changes would do: entries that memory would evict, and the additional loads of their keys. */
export async function preview(cache: Cache, changes: Changes): Promise<Answered['preview']> {
  const before = cache.describe()
  const { changes: differences } = await cache.configure(changes, { dryRun: true })
  const { memory } = cache.info()
  const now = memory?.bytes ?? 0
  const isOff = changes.tiers?.memory?.enabled === false
  const budget = changes.tiers?.memory?.maxBytes
  const over = isOff ? now : typeof budget === 'number' ? Math.max(0, now - budget) : 0
  const why = isOff ? 'memory is switched off' : 'memory is given a smaller budget'
  const ttl = differences.find(({ setting }) => setting === 'defaults.ttl_seconds')
  const hasBelow = before.tiers.some(
    ({ name, enabled }) => name !== 'memory' && (changes.tiers?.[name]?.enabled ?? enabled),
  )
  const loads_per_second = await addedLoads(cache, {
    isOff: isOff && !hasBelow,
    // Entries that memory evicts are read from a tier below, if there is one.
    over: isOff || hasBelow ? 0 : over,
    ttl: typeof ttl?.from === 'number' && typeof ttl.to === 'number' ? { from: ttl.from, to: ttl.to } : undefined,
  })
  return { changes: differences, drops: over > 0 ? [{ tier: 'memory', bytes: over, why }] : [], loads_per_second }
}
