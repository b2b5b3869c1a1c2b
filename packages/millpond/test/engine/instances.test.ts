// Instances of classes, the first thing that rows of an ORM bring: refused by key and path, or made plain by the
// cache's own conversion (G20).
import { afterEach, describe, expect, test } from 'vitest'
import { type Cache, type CacheOptions, createCache, memory } from '../../src/index.ts'
import { simulatedServer } from '../../src/testing/index.ts'

class Row {
  readonly id: number
  readonly joined = new Date(0)
  readonly owner: Row | undefined
  constructor(id: number, owner?: Row) {
    this.id = id
    this.owner = owner
  }
  toJSON(): object {
    return { id: this.id }
  }
}

const opened: Cache[] = []
afterEach(async () => {
  for (const cache of opened.splice(0)) await cache.close()
})
const open = (options: CacheOptions = {}): Cache => {
  const cache = createCache(options)
  opened.push(cache)
  return cache
}

describe('without a conversion', () => {
  test.each<[string, (cache: Cache) => Promise<unknown>, string]>([
    ['set', (cache) => cache.set('user:7', new Row(7)), 'value (key "user:7") is an instance of Row'],
    [
      'setMany',
      (cache) => cache.setMany([['user:7', { row: new Row(7) }]]),
      'value.row (key "user:7") is an instance of Row',
    ],
    [
      'getOrSet',
      (cache) => cache.getOrSet(['user', 7], async () => [new Row(7)]),
      'value[0] (key ["user",7]) is an instance of Row',
    ],
    [
      'getOrSetMany',
      (cache) => cache.getOrSetMany([7], { key: (id) => ['user', id], load: async () => [new Row(7)] }),
      '(key ["user",7])',
    ],
    ['a function', (cache) => cache.set('f', { fn: () => 1 }), 'value.fn (key "f") is a function'],
  ])('%s names the key and the path, and says what helps', async (_verb, call, message) => {
    await expect(call(open())).rejects.toMatchObject({
      code: 'VALUE_UNSUPPORTED',
      message: expect.stringContaining(message),
    })
  })

  test('an instance is told of toPlain', async () => {
    await expect(open().set('k', new Row(1))).rejects.toThrow(/or give the cache toPlain/)
  })
})

describe.each([
  ['memory alone', () => [memory()]],
  ['memory and a shared tier', () => [memory(), simulatedServer().connect()]],
] as const)('toPlain, %s', (_name, tiers) => {
  test('G20: instances are made plain wherever they are, and every tier gives the same', async () => {
    const cache = open({ tiers: tiers(), toPlain: (row) => ({ ...row }) })
    const owner = new Row(1)
    const expected = { id: 7, joined: new Date(0), owner: { id: 1, joined: new Date(0), owner: undefined } }
    expect(await cache.getOrSet('a', async () => new Row(7, owner))).toEqual(expected)
    await cache.set('b', { list: [new Row(7, owner)], map: new Map([['r', new Row(7, owner)]]), set: new Set([1]) })
    expect(await cache.get('b')).toEqual({ list: [expected], map: new Map([['r', expected]]), set: new Set([1]) })
  })

  test('what the conversion gives is judged as any value', async () => {
    const cache = open({ tiers: tiers(), toPlain: () => () => 1 })
    await expect(cache.set('k', new Row(1))).rejects.toMatchObject({ code: 'VALUE_UNSUPPORTED' })
    const endless = open({ tiers: tiers(), toPlain: () => new Row(1) })
    await expect(endless.set('k', new Row(1))).rejects.toMatchObject({ code: 'VALUE_UNSUPPORTED' })
  })

  test('an error of the conversion passes unchanged', async () => {
    const own = new Error('no such column')
    const cache = open({
      tiers: tiers(),
      toPlain: () => {
        throw own
      },
    })
    await expect(cache.set('k', new Row(1))).rejects.toBe(own)
  })
})

test('plain values never meet the conversion', async () => {
  let calls = 0
  const cache = open({
    toPlain: (row) => {
      calls++
      return { ...row }
    },
  })
  await cache.set('k', { a: [1, { b: new Date(0), c: new Map() }] })
  expect(calls).toBe(0)
})
