// What the commands for static files and images share: an optional package, and reporting its errors.
import { isError } from 'millpond/options'
import type { ExitName } from '../failure.ts'
import { Failure } from '../failure.ts'

const EXITS: Readonly<Record<string, ExitName>> = {
  CREDENTIALS_MISSING: 'forbidden',
  CREDENTIALS_REFUSED: 'forbidden',
  NOT_FOUND: 'notFound',
  CHANGED: 'conflict',
  RATE_LIMITED: 'rateLimited',
  UNREACHABLE: 'unreachable',
  VENDOR_FAILED: 'unreachable',
  PARTIAL: 'partial',
  ABORTED: 'interrupted',
}

export async function cdnPart<T>(load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (error) {
    if (
      !(
        isError(error) &&
        'code' in error &&
        error.code === 'ERR_MODULE_NOT_FOUND' &&
        error.message.includes("'@millpond/cdn'")
      )
    )
      throw error
    throw new Failure('usage', 'needs the package @millpond/cdn: run "npm install @millpond/cdn"')
  }
}

/** An error of that package, or of the library's options, is reported in one line; any other is unexpected. */
export async function told(work: () => Promise<ExitName>): Promise<ExitName> {
  try {
    return await work()
  } catch (error) {
    if (!isError(error) || !['CdnError', 'MillpondError'].includes(error.name) || !('code' in error)) throw error
    throw new Failure(EXITS[String(error.code)] ?? 'usage', error.message.replace(/^(?:\[\w+\] )+/, ''))
  }
}
