// What is counted, and what the figures are read from.
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
  /** What watches the cache. Undefined: nobody does. */
  readonly insight: Insight | undefined
  /** What this region knows of the others. Undefined: there are none. */
  readonly regions: RegionsHeard | undefined
  /** How values are kept. */
  readonly values: Values | undefined
  readonly startedAt: number
  /** What the HTTP cache before the routes has done; its hits never reach them. */
  readonly httpStats: () => HttpStats | undefined
  readonly warming: Progress
  /** Redis was asked for and does not answer. */
  readonly isRedisMissing: () => boolean
}

export interface Counts {
  readonly layers: ReadonlyMap<LayerName, ReadonlyMap<KindName, Tally>>
  readonly routes: ReadonlyMap<string, RouteTally>
  readonly requests: RouteTally
}
