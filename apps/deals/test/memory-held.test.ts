// Memory efficiency: what live values take of all that memory holds, by the weights that memory itself goes by.
import { createCache, memory } from 'millpond'
import { fakeClock } from 'millpond/testing'
import { expect, test } from 'vitest'
import { memoryEfficiency } from '../src/memory-held.ts'

type Asked = Parameters<typeof memoryEfficiency>[0]

test('is the weight of live values over all that is held: keys of any kind, tags, and what is over weigh beside it', async () => {
  const clock = fakeClock()
  const cache = createCache({ name: 'deals', tiers: [memory({ pressure: false })], clock })
  const strategic = cache.namespace('strategic')
  const asked = {
    cache,
    strategic,
    response: undefined,
    records: undefined,
    front: undefined,
  } as Partial<Asked> as Asked
  try {
    expect(memoryEfficiency(asked)).toBeNull()
    await strategic.set('a', 'v'.repeat(1000), { ttl: '1h' })
    // 16 bytes of head, and the text.
    const held = () => cache.info().memory?.bytes ?? 0
    expect(memoryEfficiency(asked)).toBe(1016 / held())
    await strategic.set(['deal', 7n, 'owner'], 'v'.repeat(800), {
      ttl: '1h',
      tags: ['owner:7', 'größer als ein Byte: ☃'],
    })
    await strategic.set('[not a tuple', 'v'.repeat(400), { ttl: '1m' })
    await strategic.set('schneebedeckt ☃', 7, { ttl: '1h' })
    expect(memoryEfficiency(asked)).toBe((1016 + 816 + 416) / held())
    // What is over still takes room until it is swept; it is not answered with.
    clock.advance(61_000)
    expect((memoryEfficiency(asked) ?? 0) * held()).toBeCloseTo(1016 + 816, 6)
  } finally {
    await cache.close()
  }
})
