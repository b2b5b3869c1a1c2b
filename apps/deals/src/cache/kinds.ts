// The kinds of answers: how long each is kept, and what an HTTP cache is told.

export interface Kind {
  readonly ttl: string
  /** The exact `Cache-Control` of its answers. */
  readonly cacheControl: string
  /** When it is warmed, among the others of an organisation. */
  readonly priority: 'high' | 'medium' | 'low'
}

export const KINDS = {
  organization: { ttl: '1h', cacheControl: 'max-age=3600, public, immutable', priority: 'high' },
  permissions: { ttl: '30m', cacheControl: 'max-age=1800, private', priority: 'high' },
  roles: { ttl: '1h', cacheControl: 'max-age=3600, public', priority: 'medium' },
  deal_statistics: { ttl: '15m', cacheControl: 'max-age=900, private', priority: 'medium' },
  dashboard: { ttl: '10m', cacheControl: 'max-age=600, private', priority: 'medium' },
  overview: { ttl: '10m', cacheControl: 'max-age=600, private', priority: 'low' },
  analytics: { ttl: '15m', cacheControl: 'max-age=900, private', priority: 'low' },
  performance: { ttl: '5m', cacheControl: 'max-age=300, private', priority: 'low' },
  search: { ttl: '3m', cacheControl: 'max-age=180, private', priority: 'low' },
} as const satisfies Record<string, Kind>

export type KindName = keyof typeof KINDS

export const KIND_NAMES = Object.keys(KINDS) as readonly KindName[] // the keys of a const object are its literal keys

/** Tags beside the scopes of the data: a kind, an organisation, a kind within an organisation. */
export const groupTag = {
  kind: (kind: KindName) => `kind:${kind}`,
  organization: (id: number) => `organization:${id}`,
  both: (kind: KindName, organizationId: number) => `kind:${kind}:${organizationId}`,
}
