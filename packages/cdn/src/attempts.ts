// One request to a vendor, retried after rate limiting and vendor failures; any other error is reported at once.
import type { Allowance, Release } from './allowance.ts'
import { pause, type Time } from './clock.ts'
import { CdnError } from './errors.ts'

export interface Patience {
  /** Consecutive failures of the vendor, or of the connection. */
  readonly attempts: number
  /** Since the first attempt, including all waiting, milliseconds; `Infinity`: until it is accepted. */
  readonly ms: number
}

const FIRST_MS = 500
const LAST_MS = 30_000

export interface Attempted<T> {
  readonly answer: T
  readonly release: Release
  readonly retries: number
}

/** @throws CdnError the last one. */
export async function attempt<T>(
  allowance: Allowance,
  cost: number,
  { attempts, ms }: Patience,
  time: Time,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<Attempted<T>> {
  const began = time.monotonic()
  let failures = 0
  for (let retries = 0; ; retries++) {
    const release = await allowance.take(cost, signal)
    const sent = time.monotonic()
    try {
      const answer = await work()
      allowance.answered(time.monotonic() - sent)
      return { answer, release, retries }
    } catch (error) {
      release()
      const wait = waitAfter(error, retries)
      if (wait === undefined) throw error
      if (error instanceof CdnError && error.code !== 'RATE_LIMITED') failures++
      if (failures >= attempts || time.monotonic() - began + wait > ms) throw error
      // A rate limit applies to all later requests as well.
      if (error instanceof CdnError && error.code === 'RATE_LIMITED') allowance.hold(wait)
      else await pause(time, wait, signal)
    }
  }
}

/** `undefined`: a retry would have the same result. */
function waitAfter(error: unknown, retries: number): number | undefined {
  if (!(error instanceof CdnError) || !['RATE_LIMITED', 'VENDOR_FAILED', 'UNREACHABLE'].includes(error.code))
    return undefined
  const backoff = Math.min(LAST_MS, FIRST_MS * 2 ** retries)
  return error.retryAfterMs ?? Math.round(backoff * (0.75 + Math.random() / 2))
}
