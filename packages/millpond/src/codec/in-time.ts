// A bound for what a key store or a key service takes: whoever waits is told in time, whatever they do.
import { afterAwake } from '../core/awake.ts'

/**
 * As `work`, or an Error when this process has been awake for `ms` milliseconds. What comes after that is nobody's
 * business.
 */
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
