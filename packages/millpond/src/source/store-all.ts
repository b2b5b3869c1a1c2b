// Writes to the source, by whichever of its functions exists.
import { counted } from '../core/counted.ts'
import { MillpondError, show } from '../core/errors.ts'
import type { CollectionOptions, CollectionWrite, StoreContext } from '../engine/collection.ts'

/** One result for each write, in their order: `undefined` for stored, else its error. Rejects if unknown. */
export async function storeAll<Id, T>(
  { store, storeMany }: Pick<CollectionOptions<Id, T>, 'store' | 'storeMany'>,
  writes: readonly CollectionWrite<Id, T>[],
  context: Pick<StoreContext, 'signal'>,
): Promise<readonly unknown[]> {
  const { signal } = context
  if (storeMany !== undefined && (writes.length > 1 || store === undefined)) {
    const given = writes.map(({ id, value, number }) => ({ id, value, number }))
    const verdicts = (await storeMany(given, { signal })) ?? []
    if (!Array.isArray(verdicts) || (verdicts.length > 0 && verdicts.length !== writes.length))
      throw new MillpondError(
        'VALUE_UNSUPPORTED',
        `storeMany of ${counted(writes.length, 'write')} returned ${show(verdicts)}: return nothing when all are stored, or an array with one verdict per write, in the same order`,
      )
    return writes.map((_, at) => verdicts[at])
  }
  return Promise.all(writes.map(({ id, value, number }) => verdictOf(() => store?.(id, value, { signal, number }))))
}

/** `undefined` if it was done, else why not. */
export async function verdictOf(work: () => unknown): Promise<unknown> {
  try {
    await work()
    return undefined
  } catch (error) {
    return error ?? new Error(`the source failed with ${show(error)}`)
  }
}

/** @throws the error of the failed write, or an `AggregateError` of several */
export function checkStored(verdicts: readonly unknown[]): void {
  const errors = verdicts.filter((verdict) => verdict !== undefined)
  if (errors.length > 1)
    throw new AggregateError(errors, `[millpond] ${errors.length} of ${verdicts.length} writes failed`)
  if (errors.length === 1) throw errors[0]
}
