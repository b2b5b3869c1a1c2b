// Settings changes as JSON, in the terms of `describe()`: stored and sent by a control plane.
import { MillpondError, show } from '../core/errors.ts'
import type { Changes, DefaultChanges, TierChanges } from './configure.ts'
import { MEGABYTE } from './describe.ts'
import type { RouteRule } from './route.ts'

type Read = (value: unknown, path: string) => unknown
/** The target of a field, and its parser. */
type Fields = Readonly<Record<string, readonly [name: string, read: Read]>>

const asIs: Read = (value) => value
const inMs: Read = (value, path) => scaled(value, path, 1000)
const inBytes: Read = (value, path) => Math.floor(scaled(value, path, MEGABYTE))
const whole: Read = (value, path) => scaled(value, path, 1)

const DEFAULTS: Fields = {
  ttl_seconds: ['ttl', inMs],
  stale_for_seconds: ['staleFor', inMs],
  stale_if_error_seconds: ['staleIfError', inMs],
  jitter: ['jitter', asIs],
  tags: ['tags', asIs],
  priority: ['priority', asIs],
  timeout_soft_seconds: ['timeout.soft', inMs],
  timeout_hard_seconds: ['timeout.hard', inMs],
  refresh_ahead: ['refreshAhead', asIs],
  negative_ttl_seconds: ['negativeTtl', inMs],
  error_ttl_seconds: ['errorTtl', inMs],
  consistency: ['consistency', asIs],
  single_flight: ['singleFlight', asIs],
}
const TIER: Fields = {
  enabled: ['enabled', asIs],
  ttl_factor: ['ttlFactor', asIs],
  ttl_seconds: ['ttl', inMs],
  promote_after: ['promoteAfter', asIs],
  timeout_seconds: ['timeout', inMs],
  breaker_threshold: ['breaker.threshold', asIs],
  breaker_open_seconds: ['breaker.openMs', inMs],
  max_entries: ['maxEntries', whole],
  max_size_mb: ['maxBytes', inBytes],
  policy: ['policy', asIs],
  pressure: ['pressure', asIs],
}
/** Described, but not changeable at runtime: a description may be sent back as a whole. */
const READ_ONLY = new Set([
  'name',
  'ledger',
  'max_stale_seconds',
  'read_budget_seconds',
  'dependencies',
  'plugins',
  'namespaces',
])
const RULE: Fields = {
  when: ['when', (value, path) => fieldsOf(recordOf(value, path), WHEN, path)],
  tiers: ['tiers', asIs],
  except: ['except', asIs],
}
const WHEN: Fields = {
  namespace: ['namespace', asIs],
  priority: ['priority', asIs],
  tags: ['tags', asIs],
  min_bytes: ['minBytes', whole],
  max_bytes: ['maxBytes', whole],
}
const READ_ONLY_OF_TIER = new Set(['name', 'scope', 'durable', 'holds_ledger', 'limits', 'bounds'])

/**
 * Converts the output of `cache.describe()`, whole or in part, to changes for `cache.configure`: `{ defaults: {
 * ttl_seconds: 60 }, tiers: [{ name: 'redis', enabled: false }] }`. `unlimited` means infinite, `null` in `defaults`,
 * or as `route`, goes back to the settings in code; fields that cannot be changed at runtime are ignored.
 * @throws MillpondError `OPTION_INVALID` naming the first unknown field; `configure` validates the values.
 */
export function changesFromJson(document: unknown): Changes {
  const given = recordOf(document, 'the document')
  const changes: {
    defaults?: DefaultChanges
    tiers?: Record<string, TierChanges>
    route?: readonly RouteRule[] | null
  } = {}
  for (const [name, value] of Object.entries(given)) {
    if (name === 'defaults') changes.defaults = fieldsOf(recordOf(value, name), DEFAULTS, name)
    else if (name === 'tiers') changes.tiers = tiersOf(value)
    else if (name === 'route') changes.route = value === null ? null : rulesOf(value)
    else if (!READ_ONLY.has(name)) throw unknown(name, ['defaults', 'tiers', 'route'])
  }
  return changes
}

function rulesOf(value: unknown): RouteRule[] {
  if (!Array.isArray(value)) throw new MillpondError('OPTION_INVALID', `route: ${show(value)} is not a list of rules`)
  return value.map((rule, index) => fieldsOf(recordOf(rule, `route[${index}]`), RULE, `route[${index}]`))
}

function tiersOf(value: unknown): Record<string, TierChanges> {
  const named = Array.isArray(value)
    ? value.map((tier, index): [string, object] => {
        const record = recordOf(tier, `tiers[${index}]`)
        const name: unknown = Reflect.get(record, 'name')
        if (typeof name !== 'string')
          throw new MillpondError('OPTION_INVALID', `tiers[${index}].name: ${show(name)} is not a name`)
        return [name, record]
      })
    : Object.entries(recordOf(value, 'tiers')).map(([name, tier]): [string, object] => [
        name,
        recordOf(tier, `tiers.${name}`),
      ])
  return Object.fromEntries(
    named.map(([name, tier]) => {
      const writable = Object.fromEntries(Object.entries(tier).filter(([field]) => !READ_ONLY_OF_TIER.has(field)))
      return [name, fieldsOf(writable, TIER, `tiers.${name}`)]
    }),
  )
}

function fieldsOf(given: object, fields: Fields, path: string): object {
  const changes: Record<string, unknown> = {}
  const nested: Record<string, Record<string, unknown>> = {}
  for (const [field, value] of Object.entries(given)) {
    const known = Object.hasOwn(fields, field) ? fields[field] : undefined
    if (known === undefined) throw unknown(`${path}.${field}`, Object.keys(fields))
    const [name, read] = known
    const [outer = name, inner] = name.split('.')
    const changed = value === null ? null : read(value, `${path}.${field}`)
    if (inner === undefined) changes[outer] = changed
    else nested[outer] = { ...nested[outer], [inner]: changed }
  }
  return { ...changes, ...nested }
}

function scaled(value: unknown, path: string, factor: number): number {
  if (value === 'unlimited') return Number.POSITIVE_INFINITY
  if (typeof value === 'number' && Number.isFinite(value)) return value * factor
  throw new MillpondError('OPTION_INVALID', `${path}: ${show(value)} is not allowed: give a number, or "unlimited"`)
}

function recordOf(value: unknown, what: string): object {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw new MillpondError('OPTION_INVALID', `${what}: ${show(value)} is not an object`)
}

function unknown(path: string, known: readonly string[]): MillpondError {
  return new MillpondError(
    'OPTION_INVALID',
    `${path} is not a setting that can be changed: use one of ${known.join(', ')}`,
  )
}
