// Plug-ins wrap every operation, of any origin, and without plug-ins there is no cost.
import { createCache, type Operation, type Plugin } from 'millpond'
import { expect, it } from 'vitest'
import { closeAfterEach, open, until } from './setups.ts'

closeAfterEach()

function trace(seen: string[]): Plugin {
  return {
    name: 'trace',
    async around({ verb, cache, args }: Operation, next) {
      seen.push(`${cache} ${verb} ${JSON.stringify(args[0])}`)
      return next()
    },
  }
}

it('every awaited verb once, also where one verb is made of another', async () => {
  const seen: string[] = []
  const cache = open({ plugins: [trace(seen)] })
  await cache.set('k', 1)
  await cache.setMany([['l', 1]])
  cache.peek('k')
  await cache.get('k')
  await cache.getEntry('k')
  await cache.getMany(['k'])
  await cache.has('k')
  await cache.getOrSet('k', () => 1)
  await cache.getOrSetEntry('k', () => 1)
  await cache.getOrSetMany(['k'], { load: async () => [1] })
  await cache.refresh('k', () => 2)
  await cache.touch('k')
  await cache.expire('k')
  await cache.delete('k')
  await cache.deleteMany(['k'])
  await cache.invalidateTags(['t'])
  await cache.invalidatePattern('k*')
  await cache.invalidate({ keys: ['k'] })
  await cache.clear()
  expect(seen.map((line) => line.split(' ')[1])).toEqual([
    ...[
      'set',
      'setMany',
      'get',
      'getEntry',
      'getMany',
      'has',
      'getOrSet',
      'getOrSetEntry',
      'getOrSetMany',
      'refresh',
      'touch',
      'expire',
    ],
    ...['delete', 'deleteMany', 'invalidateTags', 'invalidatePattern', 'invalidate', 'clear'],
  ])
})

it('what models and schedules begin comes by too, and so does what happens in namespaces', async () => {
  const seen: string[] = []
  const cache = open({ plugins: [trace(seen)], models: { User: { related: ['profile'] } } })
  await cache.modelChanged('User', 7, 'save')
  await cache.changes.during(async () => {
    await cache.modelChanged('User', 8, 'save')
    expect(seen).toHaveLength(1)
  })
  expect(seen.map((line) => line.split(' ')[1])).toEqual(['invalidate', 'invalidate'])
  expect(seen[0]).toContain('User')
  await cache.namespace('a').set('k', 1)
  await cache.namespace('a').schedule({ tags: ['t'] }, { in: 0 })
  await until(() => seen.length === 4)
  expect(seen.slice(2)).toEqual(['a set "k"', 'a invalidate {"tags":["t"]}'])
})

it('a plug-in sees what an operation came to, may change it, and what it throws is the answer', async () => {
  const doubled: Plugin = {
    name: 'doubled',
    async around({ verb }, next) {
      const result = await next()
      return verb === 'get' && typeof result === 'number' ? result * 2 : result
    },
  }
  const thrown: Plugin = {
    name: 'thrown',
    around({ args }, next) {
      if (args[0] === 'forbidden') throw new Error('not this one')
      return next()
    },
  }
  const cache = open({ plugins: [doubled, thrown] })
  await cache.set('k', 21)
  expect(await cache.get('k')).toBe(42)
  await expect(cache.get('forbidden')).rejects.toThrow('not this one')
  await expect(cache.get('')).rejects.toMatchObject({ code: 'KEY_INVALID' })
})

it('it is the cache itself, not something before it', async () => {
  const cache = open({ plugins: [trace([])] })
  expect(cache).toBeInstanceOf(createCache().constructor)
  const { get } = cache
  await cache.set('k', 1)
  expect(await get('k')).toBe(1)
  expect(Object.getOwnPropertyNames(open())).toEqual([])
})
