// One request to a vendor, until it is taken: refusals for haste and failures of the vendor are tried again, all else
// is told at once.
import type { Allowance, Release } from './allowance.ts'
import { pause, type Time } from './clock.ts'
import { CdnError } from './errors.ts'

export interface Patience {
  /** Failures of the vendor, or of the way there, in a row. */
  readonly attempts: number
  /** Since the first attempt, all waiting included, milliseconds; `Infinity`: until it is taken. */
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
      // Who is told to wait waits together with all who come after.
      if (error instanceof CdnError && error.code === 'RATE_LIMITED') allowance.hold(wait)
      else await pause(time, wait, signal)
    }
  }
}

/** `undefined`: trying again would bring the same. */
function waitAfter(error: unknown, retries: number): number | undefined {
  if (!(error instanceof CdnError) || !['RATE_LIMITED', 'VENDOR_FAILED', 'UNREACHABLE'].includes(error.code))
    return undefined
  const backoff = Math.min(LAST_MS, FIRST_MS * 2 ** retries)
  return error.retryAfterMs ?? Math.round(backoff * (0.75 + Math.random() / 2))
}
