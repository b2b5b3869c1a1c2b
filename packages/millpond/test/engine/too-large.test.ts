// Values that no tier could take are refused before time or memory goes into them, and loads that bring them still
// answer.
import { memory } from 'millpond'
import { valueCodec } from 'millpond/codec'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, test } from 'vitest'
import { closeAfterEach, open } from './setups.ts'

const HUGE = 2 ** 28
const tooLarge = expect.objectContaining({
  code: 'VALUE_TOO_LARGE',
  message: expect.stringContaining('limits.maxBytes'),
})

describe('G26: values beyond the limits of the codec', () => {
  closeAfterEach()
  const overSqlite = (maxBytes = 8 * 1024 * 1024, isInMemory = true) =>
    open({
      tiers: [...(isInMemory ? [memory()] : []), sqlite({ path: ':memory:' })],
      codec: valueCodec({ format: 'packed', limits: { maxBytes } }),
    })

  test.each<[string, () => unknown]>([
    ['a text of 268 million characters', () => 'x'.repeat(HUGE)],
    ['one inside', () => ({ a: ['x'.repeat(HUGE)] })],
    ['one as a key of a Map', () => new Map([['x'.repeat(HUGE), 1]])],
    ['268 million bytes', () => Buffer.alloc(HUGE)],
    ['as many inside', () => ({ a: new Float64Array(HUGE / 8) })],
    ['as many in an ArrayBuffer', () => new ArrayBuffer(HUGE)],
  ])('%s: refused at once, with memory and without', async (_what, make) => {
    for (const isInMemory of [true, false]) {
      const cache = overSqlite(undefined, isInMemory)
      const value = make()
      const began = process.cpuUsage()
      await expect(cache.set('k', value)).rejects.toThrow(tooLarge)
      const { user, system } = process.cpuUsage(began)
      expect((user + system) / 1000).toBeLessThan(100)
      expect(await cache.get('k')).toBeUndefined()
    }
  })

  test('many that are too much together are refused too, and what fits is kept', async () => {
    const cache = overSqlite(10_000)
    await expect(cache.set('k', Array(20).fill('x'.repeat(900)))).rejects.toThrow(tooLarge)
    await cache.set('k', Array(10).fill('x'.repeat(900)))
    expect(await cache.get('k')).toHaveLength(10)
  })

  test('a load that brings such a value is answered with it', async () => {
    const cache = overSqlite(10_000)
    const warned: string[] = []
    cache.on('warning', ({ message }) => warned.push(message))
    expect(await cache.getOrSet('k', () => 'x'.repeat(20_000))).toHaveLength(20_000)
    expect(warned).toHaveLength(1)
  })

  test('memory alone has no such bound', async () => {
    const cache = open({ tiers: [memory({ maxBytes: '64mb' })] })
    await cache.set('k', 'x'.repeat(9_000_000))
    expect(await cache.get('k')).toHaveLength(9_000_000)
  })
})
