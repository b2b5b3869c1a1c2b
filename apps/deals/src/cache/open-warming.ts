// Warming of the service's caches: the loaders of all keys, and plans of what comes first. It is not traffic: it uses
// the same caches, but its reads are not counted.
import type { Database } from '../db/database.ts'
import { createAnswers } from '../queries/answers.ts'
import { createLayer } from './layer.ts'
import { registerLoaders } from './loaders.ts'
import type { Caches } from './open-caches.ts'
import { createBodies } from './responses.ts'
import { createStrategicCache, type StrategicCache } from './strategic.ts'
import { createWarming, type Warming } from './warming.ts'

export interface OpenWarmingParts {
  /** Counted separately. */
  readonly db: Database
  readonly caches: Caches
  readonly today: number
  readonly defaultTtlMs: number
  readonly isChoosingTtl: boolean
}

/** `strategic`: the cache of answers as warming reads it. */
export function openWarming({ db, caches, today, defaultTtlMs, isChoosingTtl }: OpenWarmingParts): {
  readonly warming: Warming
  readonly strategic: StrategicCache
} {
  const answers = createAnswers(db, today)
  const strategicOf = { name: 'strategic', cache: caches.strategic, defaultTtlMs, isChoosingTtl } as const
  const layer = createLayer({ ...strategicOf, observe: () => undefined, isQuiet: true })
  const strategic = createStrategicCache(layer, answers)
  if (caches.strategic !== undefined && caches.response !== undefined)
    registerLoaders({
      strategic: caches.strategic,
      response: caches.response,
      answers,
      bodies: createBodies(strategic),
      defaultTtlMs,
      isChoosingTtl,
    })
  return { warming: createWarming({ db, cache: caches.cache }), strategic }
}
