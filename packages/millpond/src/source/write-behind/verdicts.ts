// Sends a batch of writes to the source, within a deadline: one result for each.
import { counted } from '../../core/counted.ts'
import { MillpondError, show } from '../../core/errors.ts'
import type { QueueOptions, StoreBatch } from './contract.ts'

/**
 * @throws MillpondError `SOURCE_TIMEOUT`, `VALUE_UNSUPPORTED`; the source's errors. Then none of them is known to be
 * stored.
 */
export async function verdictsOf(
  sent: Parameters<StoreBatch>[0],
  { store, clock, timeoutMs }: Pick<QueueOptions, 'store' | 'clock' | 'timeoutMs'>,
): Promise<readonly unknown[]> {
  const given = new AbortController()
  const stored = new Promise<unknown>((resolve, reject) => {
    const late = (): void => {
      const error = new MillpondError(
        'SOURCE_TIMEOUT',
        `the source did not store ${counted(sent.length, 'write')} within ${timeoutMs} ms: ${sent.length === 1 ? 'it' : 'they'} will be retried`,
      )
      given.abort(error)
      reject(error)
    }
    const cancel = clock.after(timeoutMs, late, true)
    Promise.resolve()
      .then(() => store(sent, { signal: given.signal }))
      .then(resolve, reject)
      .finally(cancel)
  })
  const verdicts = (await stored) ?? []
  if (!Array.isArray(verdicts) || (verdicts.length > 0 && verdicts.length !== sent.length)) {
    throw new MillpondError(
      'VALUE_UNSUPPORTED',
      `storing ${counted(sent.length, 'write')} returned ${show(verdicts)}: return nothing when all are stored, or an array with one verdict per write, in the same order`,
    )
  }
  return verdicts
}
