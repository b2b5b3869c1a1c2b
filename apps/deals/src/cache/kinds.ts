// The kinds of answers: how long each is kept, and its HTTP caching headers.

const MINUTE = 60_000

export interface Kind {
  /** Milliseconds; null: the default of the settings. */
  readonly ttlMs: number | null
  /** The exact `Cache-Control` of its answers. */
  readonly cacheControl: string
  /** The share of its TTL after which it is refreshed in the background on a read; absent: it is computed on demand. */
  readonly refreshAhead?: number
  /** Its position when an organisation is warmed. */
  readonly priority: 'high' | 'medium' | 'low'
}

export const KINDS = {
  organization: { ttlMs: 60 * MINUTE, cacheControl: 'max-age=3600, public, immutable', priority: 'high' },
  permissions: { ttlMs: 30 * MINUTE, cacheControl: 'max-age=1800, private', priority: 'high' },
  roles: { ttlMs: 60 * MINUTE, cacheControl: 'max-age=3600, public', priority: 'medium' },
  deal_statistics: { ttlMs: 15 * MINUTE, cacheControl: 'max-age=900, private', refreshAhead: 0.8, priority: 'medium' },
  dashboard: { ttlMs: 10 * MINUTE, cacheControl: 'max-age=600, private', priority: 'medium' },
  overview: { ttlMs: 10 * MINUTE, cacheControl: 'max-age=600, private', priority: 'low' },
  analytics: { ttlMs: 15 * MINUTE, cacheControl: 'max-age=900, private', priority: 'low' },
  performance: { ttlMs: null, cacheControl: 'max-age=300, private', priority: 'low' },
  search: { ttlMs: 3 * MINUTE, cacheControl: 'max-age=180, private', priority: 'low' },
} as const satisfies Record<string, Kind>

/**
 * The range of adaptive TTLs, for kinds without a TTL of their own. Changes are announced here, so TTLs never need to
 * be shorter than configured: they only reduce loads.
 */
export const ttlBounds = (defaultTtlMs: number) => ({
  minTtl: defaultTtlMs,
  ttl: defaultTtlMs,
  maxTtl: Math.max(60 * MINUTE, defaultTtlMs),
})

export type KindName = keyof typeof KINDS

export const KIND_NAMES = Object.keys(KINDS) as readonly KindName[] // the keys of a const object are its literal keys

/** The answers that a row of the model is shown in. */
export const MODELS: Readonly<Record<string, readonly KindName[]>> = {
  Organization: ['organization', 'roles'],
  User: ['permissions', 'dashboard'],
  Deal: ['deal_statistics', 'analytics', 'performance', 'overview', 'search'],
}

/** Tags in addition to the scopes of the data: a kind, an organisation, a kind within an organisation. */
export const groupTag = {
  kind: (kind: KindName) => `kind:${kind}`,
  organization: (id: number) => `organization:${id}`,
  both: (kind: KindName, organizationId: number) => `kind:${kind}:${organizationId}`,
}
