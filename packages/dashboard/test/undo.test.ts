// What takes a change of memory back, by what each process says that it had before.
import { expect, it } from 'vitest'
import { undoOf } from '../src/pages/insight/undo.ts'

const said = (...changes: readonly (readonly [setting: string, from: unknown])[]) => ({
  error: null,
  changes: changes.map(([setting, from]) => ({ setting, from })),
})

it('is what was there before, where all processes had the same', () => {
  expect(undoOf([said(['tiers.memory.max_size_mb', 2]), said(['tiers.memory.max_size_mb', 2])])).toEqual({
    max_bytes: 2_097_152,
  })
  expect(undoOf([said(['tiers.memory.policy', 'lru'])])).toEqual({ policy: 'lru' })
  expect(undoOf([said(['tiers.memory.max_entries', 5]), { error: 'no answer', changes: [] }])).toEqual({
    max_entries: 5,
  })
})

it('is nothing where they differed: one that had the new setting already would lose it', () => {
  expect(undoOf([said(['tiers.memory.max_size_mb', 2]), said(['tiers.memory.max_size_mb', 4])])).toBeUndefined()
  expect(undoOf([said(['tiers.memory.max_size_mb', 2]), said()])).toBeUndefined()
  expect(undoOf([said(), said()])).toBeUndefined()
})
