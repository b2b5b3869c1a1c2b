// A collection's dead letters.
import { encodeKey, type Key } from '../../core/key.ts'
import type { CollectionDeadLetter, DeadLetters } from '../../engine/collection.ts'
import type { WriteQueue } from './queue.ts'

export const noDeadLetters: DeadLetters<never> & DeadLetters<unknown> = Object.freeze({
  list: () => [],
  retry: () => false,
  drop: () => false,
})

export function deadLettersOf<Id>(queue: WriteQueue, keyOf: (id: Id) => Key): DeadLetters<Id> {
  return Object.freeze({
    list: () =>
      queue.deadLetters.map(({ key, operation, error }): CollectionDeadLetter<Id> => {
        if (operation === undefined) return { key, error }
        const { kind } = operation
        return { key, id: operation.id as Id, kind, error, ...(operation.kind === 'set' && { value: operation.value }) }
      }),
    retry: (id: Id) => queue.retry(encodeKey(keyOf(id))),
    drop: (id: Id) => queue.dropDead(encodeKey(keyOf(id))),
  })
}
