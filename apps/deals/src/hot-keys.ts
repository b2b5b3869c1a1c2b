// The hottest keys of each organisation.
import { FadingKeys } from 'millpond/observe'

export interface HotKey {
  readonly key: string
  /** Older reads count less: half after 15 minutes. Overestimates by at most `error`. */
  readonly count: number
  readonly error: number
}

export interface HotKeys {
  count(key: string, organizationId: number | null): void
  /** Of one organisation, or of all (null). */
  top(organizationId: number | null, limit: number): HotKey[]
  /** The most requested organisations. */
  organizations(limit: number): number[]
}

const CAPACITY = 2_000

export function createHotKeys(): HotKeys {
  // The sketch only knows keys, so they are prefixed by the organisation: `7 v1:deal_stats:7:30`.
  const sketch = new FadingKeys(CAPACITY)
  const organizations = new FadingKeys(CAPACITY)
  return {
    count: (key, organizationId) => {
      sketch.add(`${organizationId ?? ''} ${key}`)
      if (organizationId !== null) organizations.add(String(organizationId))
    },
    top: (organizationId, limit) =>
      sketch
        .top(CAPACITY)
        .map(({ key, count, error }) => ({
          owner: key.slice(0, key.indexOf(' ')),
          key: key.slice(key.indexOf(' ') + 1),
          count,
          error,
        }))
        .filter(({ owner }) => organizationId === null || owner === String(organizationId))
        .slice(0, limit)
        .map(({ key, count, error }) => ({ key, count, error })),
    organizations: (limit) => organizations.top(limit).map(({ key }) => Number(key)),
  }
}
