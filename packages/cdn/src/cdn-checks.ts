// The shapes of what a CDN's calls take.
import { check, duration, flag, listOf, required, type Shape } from 'millpond/options'
import type { Cdn, CdnOptions, EdgeSelection, PurgeOptions } from './cdn.ts'
import type { Time } from './clock.ts'
import type { Edge } from './edge.ts'
import { FOLDERS } from './folders.ts'

const isEdge = (value: unknown): value is Edge =>
  typeof value === 'object' &&
  value !== null &&
  'name' in value &&
  'send' in value &&
  'plan' in value &&
  'limits' in value
export const OPTIONS: Shape<CdnOptions> = {
  edges: required(listOf((value, at) => check(isEdge, 'an edge, such as cloudflare()')(value, at), 'a list of edges')),
  folders: FOLDERS,
  clock: check((value): value is Time => typeof value === 'object' && value !== null && 'after' in value, 'a clock'),
}

const siteId = check(
  (value): value is string => typeof value === 'string' && value !== '',
  'the id of a distribution, zone or service',
)
export const WHERE: Shape<EdgeSelection> = {
  edges: listOf(
    (value, at) => check((one): one is string => typeof one === 'string', 'the name of an edge')(value, at),
    'names of edges',
  ),
  site: siteId,
  signal: check((value): value is AbortSignal => value instanceof AbortSignal, 'an AbortSignal'),
}
export const PURGE_OPTIONS: Shape<PurgeOptions> = {
  ...WHERE,
  soft: flag,
  until: check(
    (value): value is 'accepted' | 'done' => value === 'accepted' || value === 'done',
    "'accepted' or 'done'",
  ),
  patience: duration,
}
export type InvalidateOptions = NonNullable<Parameters<Cdn['invalidate']>[1]>
export const INVALIDATE: Shape<InvalidateOptions> = {
  ...PURGE_OPTIONS,
  distribution: siteId,
  zone: siteId,
  service: siteId,
}
export type ForecastOptions = NonNullable<Parameters<Cdn['forecast']>[1]>
export const FORECAST: Shape<ForecastOptions> = { edges: WHERE.edges, site: siteId, soft: flag }
