// Validation of what programs pass to the control plane.
import type { Cache } from 'millpond'
import type { Insight } from 'millpond/insight'
import type { NodeStore } from 'millpond/nodes'
import { type Check, check, withMethods } from 'millpond/options'

export const aCache: Check<Cache> = withMethods<Cache>('a cache of createCache', 'getOrSet', 'info', 'configure')

export const aNodeStore: Check<NodeStore> = withMethods<NodeStore>(
  "a node store: a tier's nodes, such as redis({ url }).nodes, or cache.nodeStore",
  'beat',
  'list',
  'inbox',
)

export const anInsight: Check<Insight> = withMethods<Insight>('insight: createInsight({ caches })', 'sizing', 'analyze')

/** A node's name, as `createNodes` takes it. */
export const aNodeId: Check<string> = check(
  (value): value is string => typeof value === 'string' && /^[\x21-\x7e]{1,128}$/.test(value),
  'up to 128 printable ASCII characters without a space',
)
