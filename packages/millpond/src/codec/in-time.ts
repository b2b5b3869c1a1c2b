// A time limit for key stores and key services.
import { afterAwake } from '../core/awake.ts'

/** Settles as `work`, or rejects once this process has been awake for `ms` milliseconds. A later result is ignored. */
export async function inTime<T>(work: Promise<T>, ms: number): Promise<T> {
  let cancel = (): void => {}
  const late = new Promise<never>((_, reject) => {
    cancel = afterAwake(ms, () => reject(new Error(`no answer within ${ms} ms`)))
  })
  try {
    return await Promise.race([work, late])
  } finally {
    cancel()
  }
}
