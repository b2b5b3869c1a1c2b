// An error that prevents the start: one line that shows the value and the remedy, exit code 2.
import { MillpondError } from 'millpond'
import { isError } from 'millpond/options'

export class StartError extends Error {
  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'StartError'
  }
}

/** @throws StartError in place of the error of a tier, a key or a folder. */
export function startOrExplain<T>(make: () => T): T {
  try {
    return make()
  } catch (error) {
    if (error instanceof MillpondError) throw new StartError(error.message.replace('[millpond] ', ''), { cause: error })
    if (isError(error) && 'code' in error)
      throw new StartError(
        `cannot use the folder for the cache file (${error.message}): choose a writable one with --dir`,
        {
          cause: error,
        },
      )
    throw error
  }
}
