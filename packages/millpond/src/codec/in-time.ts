// A bound for what a key store or a key service takes: whoever waits is told in time, whatever they do.

/** As `work`, or an Error when `ms` milliseconds are over. What comes after that is nobody's business. */
export async function inTime<T>(work: Promise<T>, ms: number): Promise<T> {
  let cancel: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    cancel = setTimeout(() => reject(new Error(`no answer within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(cancel)
  }
}
