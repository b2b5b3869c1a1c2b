// The result of one item of a group that was sent together.
export type Outcome<T> = { readonly value: T } | { readonly error: unknown }

/** The result of a call of one item. @throws the item's error. */
export function answerOf<T>([outcome]: readonly Outcome<T>[]): T {
  if (outcome === undefined) throw new Error('the queue returned nothing')
  if ('error' in outcome) throw outcome.error
  return outcome.value
}
