// Targeted cache control (RFC 9213): a field for one class of caches replaces Cache-Control and Expires for them.
import { type Directives, MAX_SECONDS, NONE, parseCacheControl } from './cache-control.ts'
import { fieldValue, type RawFields } from './fields.ts'
import { parseDictionary } from './structured.ts'

/** The directives that apply, and whether they came from a targeted field. */
export interface Policy {
  readonly directives: Directives
  readonly isTargeted: boolean
}

/** RFC 9213 2.2: the first field of the target list that is present, readable and not empty decides alone. */
export function policyOf(fields: RawFields, targets: readonly string[]): Policy {
  for (const target of targets) {
    const text = fieldValue(fields, target)
    const directives = text === undefined ? undefined : parseTargeted(text)
    if (directives !== undefined) return { directives, isTargeted: true }
  }
  return { directives: parseCacheControl(fieldValue(fields, 'cache-control')), isTargeted: false }
}

const TIMES = ['max-age', 's-maxage', 'stale-while-revalidate', 'stale-if-error'] as const
const FLAGS = ['no-store', 'public', 'must-revalidate', 'proxy-revalidate', 'must-understand', 'immutable'] as const

/**
 * `undefined`: empty, or not a dictionary, or a known directive of another type, so that the field counts as absent
 * (RFC 9213 2.1).
 */
export function parseTargeted(text: string): Directives | undefined {
  const members = parseDictionary(text)
  if (members === undefined || members.size === 0) return undefined
  if (!TIMES.every((name) => isTime(members.get(name))) || !FLAGS.every((name) => isFlag(members.get(name))))
    return undefined
  const time = (name: string): number | undefined => {
    const value = members.get(name)
    return typeof value === 'number' ? Math.min(value, MAX_SECONDS) : undefined
  }
  const limits = ['private', 'no-cache'].map((name) => members.get(name))
  const names = limits.flatMap((limit) =>
    typeof limit === 'string' ? limit.split(',').map((name) => name.trim().toLowerCase()) : [],
  )
  const isUnlimited = (value: unknown): boolean =>
    value !== undefined && value !== false && !(typeof value === 'string' && value.trim() !== '')
  return {
    ...NONE,
    noStore: members.get('no-store') === true,
    noCache: isUnlimited(members.get('no-cache')),
    isPrivate: isUnlimited(members.get('private')),
    isPublic: members.get('public') === true,
    mustRevalidate: members.get('must-revalidate') === true,
    proxyRevalidate: members.get('proxy-revalidate') === true,
    mustUnderstand: members.get('must-understand') === true,
    immutable: members.get('immutable') === true,
    maxAge: time('max-age'),
    sMaxAge: time('s-maxage'),
    staleWhileRevalidate: time('stale-while-revalidate'),
    staleIfError: time('stale-if-error'),
    fields: names,
  }
}

const isTime = (value: unknown): boolean =>
  value === undefined || (typeof value === 'number' && Number.isInteger(value) && value >= 0)
const isFlag = (value: unknown): boolean => value === undefined || typeof value === 'boolean'
