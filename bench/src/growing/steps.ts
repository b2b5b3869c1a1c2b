// The steps of docs/guide/growing.md: the cache of each, and what a write does beside the database's own.
import { type Cache, createCache, memory } from 'millpond'
import { redis } from 'millpond/tiers/redis'

export interface Step {
  readonly name: string
  readonly processes: 1 | 2
  /** `undefined`: none. */
  open(url: string): Cache | undefined
  /** Tells after the commit what has changed. */
  readonly invalidates: boolean
  readonly isStrong?: boolean
}

const alone = (): Cache => createCache()
/**
 * A tier that has not answered in 250 ms counts as down; here processes that share a busy machine with their server are
 * compared.
 */
const shared = (url: string): Cache =>
  createCache({ name: 'shop', tiers: [memory(), { use: redis({ url }), timeout: '5s' }] })

export const STEPS: readonly Step[] = [
  { name: 'no cache', processes: 1, open: () => undefined, invalidates: false },
  { name: '`createCache()`, a time to live', processes: 1, open: alone, invalidates: false },
  { name: 'and tags', processes: 1, open: alone, invalidates: true },
  { name: 'and a second process', processes: 2, open: alone, invalidates: true },
  { name: 'and Redis beneath both', processes: 2, open: shared, invalidates: true },
  { name: "and `consistency: 'strong'`", processes: 2, open: shared, invalidates: true, isStrong: true },
]
