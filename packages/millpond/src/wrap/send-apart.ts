// Sends a group of items, and again without those that the tier refuses.
import type { Refusal } from '../core/contracts.ts'
import { MillpondError } from '../core/errors.ts'

/** The error of a single bad item must not affect the others of its command: they are sent again without it. */
export async function sendApart<I, A>(
  items: readonly I[],
  send: (items: readonly I[]) => Promise<readonly A[]>,
  refused: (item: I, why: Refusal, error: unknown) => A,
): Promise<readonly A[]> {
  try {
    return await send(items)
  } catch (error) {
    const why = refusalOf(error)
    if (why === undefined) throw error
    const [first] = items
    if (items.length <= 1) return first === undefined ? [] : [refused(first, why, error)]
    const half = items.length >> 1
    return [
      ...(await sendApart(items.slice(0, half), send, refused)),
      ...(await sendApart(items.slice(half), send, refused)),
    ]
  }
}

/** Undefined: the tier has failed. */
function refusalOf(error: unknown): Refusal | undefined {
  if (!(error instanceof MillpondError)) return undefined
  switch (error.code) {
    case 'VALUE_TOO_LARGE':
      return 'too_large'
    case 'VALUE_UNSUPPORTED':
      return 'unsupported'
    case 'KEY_INVALID':
      return 'key_too_long'
    default:
      return undefined
  }
}
