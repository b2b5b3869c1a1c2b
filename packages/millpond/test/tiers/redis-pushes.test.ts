// What a push says besides the position: a few keys, and nothing where it is not what a step publishes.
import { describe, expect, it, test } from 'vitest'
import type { Change } from '../../src/core/contracts.ts'
import { pushOf, readPush } from '../../src/tiers/redis/lines.ts'
import fc from '../properties.ts'

const deleting = (keys: readonly string[], mode: Change['mode'] = 'delete'): Change => ({
  targets: [...keys.map((key) => ({ kind: 'key' as const, key })), { kind: 'tag' as const, tag: 't' }],
  mode,
  reason: 'manual',
  id: 'x',
  drop: [],
  write: [],
})
const many = (count: number, key = 'k'): string[] => Array.from({ length: count }, (_, at) => `${key}${at}`)

describe('the keys of a push', () => {
  test('are read as they were named, whatever they hold', () => {
    const key = fc.string({ unit: 'binary', maxLength: 40 })
    fc.assert(
      fc.property(fc.array(key, { minLength: 1, maxLength: 8 }), fc.nat(), (keys, seq) => {
        const text = `epoch ${seq}${pushOf(deleting(keys))}`
        expect(readPush(text)).toEqual({ at: { epoch: 'epoch', seq }, keys })
      }),
    )
  })

  it.each([
    ['of a step that only expires', deleting(['k'], 'expire')],
    ['of one without keys', deleting([])],
    ['where there are more than sixteen', deleting(many(17))],
    ['where they are long', deleting(many(9, 'x'.repeat(120)))],
  ])('are not told %s', (_, change) => expect(pushOf(change)).toBe(''))

  it('are sixteen at most', () => expect(readPush(`e 1${pushOf(deleting(many(16)))}`).keys).toEqual(many(16)))

  it.each([
    undefined,
    '',
    ' ',
    'epoch',
    'epoch x',
    'epoch 1.5',
    'epoch -1 ["k"]',
    'epoch 1["k"]',
    'epoch 1  ["k"]',
    `epoch ${'9'.repeat(16)} ["k"]`,
    ' 1 ["k"]',
  ])('%j says nothing', (text) => expect(readPush(text)).toEqual({}))

  it.each([
    'e 7',
    'e 7 [',
    'e 7 [1]',
    'e 7 [null]',
    'e 7 ["k",["k"]]',
    'e 7 ["k"] ["k"]',
    `e 7 ${JSON.stringify(many(17))}`,
    `e 7 ["${'x'.repeat(2000)}"]`,
    `e 7 ${'['.repeat(900)}`,
  ])('%j says only where the namespace is', (text) => expect(readPush(text)).toEqual({ at: { epoch: 'e', seq: 7 } }))
})
