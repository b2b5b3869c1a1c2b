// Rate limits of a principal: a token bucket for each class of route, and for each scan (RFC 6585 429; RateLimit fields
// after draft-ietf-httpapi-ratelimit-headers).
import { type Check, check, options, required } from 'millpond/options'
import type { RateClass } from './route.ts'

export interface Rate {
  /** The burst size, refilled within a minute. */
  readonly perMinute: number
  readonly burst: number
}

export const DEFAULT_RATES: Readonly<Record<RateClass, Rate>> = {
  read: { perMinute: 600, burst: 600 },
  write: { perMinute: 60, burst: 60 },
  purge: { perMinute: 50, burst: 50 },
  scan: { perMinute: 2, burst: 2 },
}

const calls = check((value): value is number => typeof value === 'number' && value > 0, 'a number of calls above 0')
const rate = options<Rate>({ perMinute: required(calls), burst: required(calls) })
/** The validation of configured rates. */
export const rates: Check<Partial<Record<RateClass, Rate>>> = options<Partial<Record<RateClass, Rate>>>({
  read: rate,
  write: rate,
  purge: rate,
  scan: rate,
})

const MINUTE_MS = 60_000
/** Full buckets are dropped if there are more than this. */
const MOST_BUCKETS = 10_000

export class Rates {
  readonly #rates: Readonly<Record<RateClass, Rate>>
  readonly #now: () => number
  readonly #buckets = new Map<string, { left: number; at: number }>()

  constructor(rates: Partial<Record<RateClass, Rate>> = {}, now: () => number = () => performance.now()) {
    this.#rates = { ...DEFAULT_RATES, ...rates }
    this.#now = now
  }

  /**
   * Takes one token. `retryMs` is 0 if there was one. Routes of the class `scan` have a bucket each, named by `route`:
   * what is heavy is the single scan, and one does not stand in the way of another.
   */
  take(
    who: string,
    kind: RateClass,
    route: string,
  ): { readonly retryMs: number; readonly left: number; readonly limit: number } {
    const { perMinute, burst } = this.#rates[kind]
    const now = this.#now()
    const id = kind === 'scan' ? `${kind} ${route} ${who}` : `${kind} ${who}`
    const bucket = this.#buckets.get(id) ?? { left: burst, at: now }
    const left = Math.min(burst, bucket.left + ((now - bucket.at) / MINUTE_MS) * perMinute)
    const isThere = left >= 1
    if (this.#buckets.size >= MOST_BUCKETS) this.#forgetFull(now)
    this.#buckets.set(id, { left: isThere ? left - 1 : left, at: now })
    return {
      retryMs: isThere ? 0 : Math.ceil(((1 - left) / perMinute) * MINUTE_MS),
      left: Math.floor(isThere ? left - 1 : 0),
      limit: burst,
    }
  }

  #forgetFull(now: number): void {
    for (const [id, { at }] of this.#buckets) if (now - at > MINUTE_MS) this.#buckets.delete(id)
  }
}
