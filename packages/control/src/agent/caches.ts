// Caches by the names of stored configurations: `caches.get('product_cache')`.
import { type Cache, type CacheOptions, MillpondError } from 'millpond'
import type { NodeStore } from 'millpond/nodes'
import {
  CACHE,
  checkOptions,
  fn,
  listOf,
  omit,
  options as optionsOf,
  record,
  required,
  type Shape,
} from 'millpond/options'
import { z } from 'zod'
import { type ConfigurationDocument, configurationDocument } from '../configurations/document.ts'
import { makeCache, type TierFactories, tierFactories } from '../configurations/named.ts'
import { aNodeId, aNodeStore } from '../given.ts'
import { isError } from '../is-error.ts'
import { type Attached, attach, CONFIGURATIONS, openDirectory } from './agent.ts'
import { noteCodedPriority } from './settings.ts'

/** Where configurations are read, and how caches are made. */
export interface OpenCachesOptions {
  /** Where the control plane publishes them: `redis({ url }).nodes`, another tier's, or a cache's `nodeStore`. */
  readonly store: NodeStore
  /** How to reach the tiers that they name: `{ redis: () => redis({ url }) }`. */
  readonly tiers?: TierFactories | undefined
  /**
   * Used if no configuration of that name is stored, or the store is unreachable at startup: `[{ name: 'product_cache',
   * ttl_seconds: 300 }]`.
   */
  readonly fallback?: readonly z.input<typeof configurationDocument>[] | undefined
  /** What each cache gets besides its configuration: a codec, outlets, models. */
  readonly options?: Omit<CacheOptions, 'name' | 'tiers'> | undefined
  /** This process's name among the nodes. Default: the host's name and the process id. */
  readonly nodeId?: string | undefined
  /**
   * Called with problems that an operator should look at: an invalid document, a change that needs a restart. Default:
   * ignored.
   */
  readonly onWarning?: ((message: string) => void) | undefined
}

export interface NamedCaches {
  /**
   * The cache of that name, made by the first call.
   * @throws MillpondError `OPTION_INVALID` if there is no configuration of that name, or no way was given to reach its
   * tier.
   */
  get(name: string): Cache
  /** The names that have a configuration. */
  readonly names: readonly string[]
  /** Closes every cache that was made. */
  close(): Promise<void>
}

const OPEN: Shape<OpenCachesOptions> = {
  store: required(aNodeStore),
  tiers: tierFactories,
  fallback: listOf(record('a configuration: { name, ttl_seconds }'), 'a list of configurations'),
  options: optionsOf<NonNullable<OpenCachesOptions['options']>>(omit(CACHE, 'name', 'tiers')),
  nodeId: aNodeId,
  onWarning: fn('a function that takes a message'),
}
const stored = z.array(z.unknown()).max(10_000)

/**
 * Reads the stored configurations and follows them: a changed TTL, size or switch takes effect in an existing cache
 * within two seconds.
 * @throws MillpondError `OPTION_INVALID`
 * @example const caches = await openCaches({ store: redis({ url }).nodes, tiers: { redis: () => redis({ url }) } })
 * await caches.get('product_cache').set('a', 1)
 */
export async function openCaches(given: OpenCachesOptions): Promise<NamedCaches> {
  checkOptions<OpenCachesOptions>(given, OPEN, 'openCaches')
  const { store, tiers = {}, fallback = [], options, nodeId, onWarning = () => undefined } = given
  const standing = new Map<string, ConfigurationDocument>()
  const byCode = new Map(fallback.map((one) => [one.name, documentOf(one)]))
  const made = new Map<
    string,
    { readonly cache: Cache; readonly attached: Attached; readonly document: ConfigurationDocument }
  >()
  const take = (document: unknown): void => {
    standing.clear()
    for (const one of stored.parse(document ?? [])) {
      const parsed = configurationDocument.safeParse(one).data
      if (parsed === undefined)
        onWarning(`ignoring a stored configuration that is not valid: ${JSON.stringify(one).slice(0, 200)}`)
      else standing.set(parsed.name, parsed)
    }
    for (const [name, { document }] of made) {
      const { cache_type: type, strategy } = document
      const now = standing.get(name) ?? document
      if (now.cache_type !== type)
        onWarning(`${name} is now of type ${now.cache_type} but was created as ${type}: restart this process`)
      if (now.strategy !== strategy)
        onWarning(
          `${name} now has the strategy ${now.strategy} but was created with ${strategy}: restart this process, since only one place may determine the order of writes to a key`,
        )
    }
  }
  const directory = openDirectory(store, {
    ...(nodeId !== undefined && { id: nodeId }),
    onWarning: ({ message }) => onWarning(message),
  })
  try {
    take((await directory.getSettings(CONFIGURATIONS))?.document)
  } catch (error) {
    onWarning(
      `stored configurations could not be read (${isError(error) ? error.message : error}): using those set in code`,
    )
  }
  directory.onSettings(CONFIGURATIONS, take)
  await directory.join()
  const find = (name: string): ConfigurationDocument => {
    const document = standing.get(name) ?? byCode.get(name)
    if (document !== undefined) return document
    const known = [...new Set([...standing.keys(), ...byCode.keys()])].sort().join(', ')
    throw new MillpondError(
      'OPTION_INVALID',
      `there is no configuration ${JSON.stringify(name)}: ${known === '' ? 'none is stored' : `there are ${known}`}`,
    )
  }
  return {
    get(name) {
      const known = made.get(name)
      if (known !== undefined) return known.cache
      const document = find(name)
      const cache = makeCache(document, tiers, options)
      noteCodedPriority(cache, options?.defaults?.priority ?? 'medium')
      // A memory cache, or one whose tier is another server, would meet no other process at its own ledger.
      const attached = attach(cache, {
        store,
        ...(nodeId !== undefined && { id: nodeId }),
        onWarning: ({ message }) => onWarning(message),
      })
      made.set(name, { cache, attached, document })
      attached.join().catch((error: unknown) => onWarning(`${name}: ${isError(error) ? error.message : error}`))
      return cache
    },
    get names() {
      return [...new Set([...standing.keys(), ...byCode.keys()])].sort()
    },
    async close() {
      await directory.close()
      await Promise.all(
        [...made.values()].map(async ({ cache, attached }) => {
          await attached.close()
          await cache.close()
        }),
      )
    },
  }
}

function documentOf(given: z.input<typeof configurationDocument>): ConfigurationDocument {
  const parsed = configurationDocument.safeParse(given)
  if (parsed.success) return parsed.data
  throw new MillpondError(
    'OPTION_INVALID',
    `fallback: ${JSON.stringify(given).slice(0, 200)} is not a configuration: ${z.prettifyError(parsed.error)}`,
  )
}
