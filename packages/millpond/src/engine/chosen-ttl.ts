// Asks the part that chooses TTLs, if there is one. If it fails it has chosen nothing: no load fails because of it.
import type { ChosenTtl } from '../core/adaptive-ttl.ts'
import { MillpondError, show } from '../core/errors.ts'
import type { Space } from './space.ts'

/** How long a loaded value may live, in milliseconds; `otherwise` if none is chosen. */
export function chooseTtl(space: Space, key: string, valueHash: number, now: number, otherwise: number): number {
  const { adaptiveTtl } = space.services
  if (adaptiveTtl === undefined) return otherwise
  try {
    const load = { namespace: space.id.name, key, hash: space.watch.hash(key), valueHash, now }
    const ttlMs = adaptiveTtl.next(load)
    if (typeof ttlMs === 'number' && ttlMs >= 0) return ttlMs
    throw new MillpondError(
      'DURATION_INVALID',
      `adaptiveTtl.next: ${show(ttlMs)} is not a time to live: return milliseconds from 0`,
    )
  } catch (error) {
    const message = `no time to live was chosen, so values live ${otherwise} ms`
    if (space.services.events.has('warning')) space.services.events.emit('warning', { message, error })
    return otherwise
  }
}

/** The latest choice for the key, for `explain`. */
export function chosenTtlOf({ services, watch }: Space, key: string): ChosenTtl | undefined {
  try {
    return services.adaptiveTtl?.explain(watch.hash(key))
  } catch {
    return undefined // `next` reports a failing part
  }
}
