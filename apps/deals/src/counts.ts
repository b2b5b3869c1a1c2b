// Counters, and the sources of the figures.
import type { Cache } from 'millpond'
import type { HttpStats } from 'millpond/http'
import type { Insight } from 'millpond/insight'
import type { Histogram } from 'millpond/observe'
import type { KindName } from './cache/kinds.ts'
import type { LayerName } from './cache/layer.ts'
import type { RegionsHeard } from './cache/regions.ts'
import type { Values } from './cache/values.ts'
import type { Progress } from './cache/warming.ts'
import type { Database } from './db/database.ts'

export interface Tally {
  hits: number
  misses: number
  collapsed: number
  bypassed: number
  /** Hits by tier. */
  readonly byTier: Map<string, number>
  readonly latency: Histogram
}

export interface RouteTally {
  readonly byStatus: Map<number, number>
  readonly latency: Histogram
}

export interface Sources {
  readonly db: Database
  /** Undefined: off. */
  readonly cache: Cache | undefined
  readonly strategic: Cache | undefined
  readonly response: Cache | undefined
  readonly front: Cache | undefined
  readonly records: Cache | undefined
  /** The insight that watches the cache. Undefined: none. */
  readonly insight: Insight | undefined
  /** What this region knows of the others. Undefined: there are none. */
  readonly regions: RegionsHeard | undefined
  /** How values are kept. */
  readonly values: Values | undefined
  readonly startedAt: number
  /** The counts of the HTTP cache in front of the routes; its hits never reach them. */
  readonly httpStats: () => HttpStats | undefined
  readonly warming: Progress
  /** Redis was configured and does not answer. */
  readonly isRedisMissing: () => boolean
}

export interface Counts {
  readonly layers: ReadonlyMap<LayerName, ReadonlyMap<KindName, Tally>>
  readonly routes: ReadonlyMap<string, RouteTally>
  readonly requests: RouteTally
}
