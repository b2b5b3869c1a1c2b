// Waiting for something that another process will do.

/**
 * Asks again and again until the answer is not `undefined` or `false`. A rejection counts as "not yet".
 * Rejects after `timeoutMs` (20 s) with what was waited for and the last failure.
 */
export async function until<T>(
  what: string,
  ask: () => T | Promise<T>,
  timeoutMs = 20_000,
): Promise<Exclude<T, undefined | false>> {
  const deadline = performance.now() + timeoutMs
  let last: unknown
  while (performance.now() < deadline) {
    try {
      const answer = await ask()
      if (answer !== undefined && answer !== false) return answer as Exclude<T, undefined | false>
      last = undefined
    } catch (error) {
      last = error
    }
    await new Promise((resolve) => setTimeout(resolve, 15))
  }
  throw new Error(`waited ${timeoutMs} ms in vain for ${what}`, { cause: last })
}
