// How people name many keys: patterns over keys as they were written, families of tuples, and what everybody is told of
// it.
import { join } from 'node:path'
import { type CacheEvents, decodeKey, type Key, memory } from 'millpond'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, it } from 'vitest'
import { until } from '../services/index.ts'
import { closeAfterEach, newFolder, onEverySetup, open } from './setups.ts'

onEverySetup('families of keys', (cache) => {
  it('a pattern means the key as its owner wrote it, whatever its first character', async () => {
    const c = cache()
    const keys = ['[a]', '\\a', '^a', '*a', 'a', '["a",1]']
    const patterns = ['[a*', '\\\\*', '\\^*', '\\**', 'a*', '["a"*']
    for (const [index, key] of keys.entries()) {
      await c.set(key, 1)
      await c.set('stays', 1)
      await c.invalidatePattern(patterns[index] ?? '')
      expect(await c.get(key), `${key} by ${patterns[index]}`).toBeUndefined()
      expect(await c.get('stays')).toBe(1)
    }
  })

  it('a prefix names a family of tuples, itself too, and nothing that only looks alike', async () => {
    const c = cache()
    const family: Key[] = [['user'], ['user', 7], ['user', '7', null], ['user', 'a*?"\\']]
    const others: Key[] = [['users', 7], ['user2'], 'user', 'user:7', ['post', 'user', 7], [7, 'user']]
    await c.setMany([...family, ...others].map((key) => [key, 1]))
    const receipt = await c.invalidate({ prefix: ['user'] })
    expect(receipt).toMatchObject({ isApplied: true, reason: 'pattern_based' })
    expect(await c.getMany(family)).toEqual(family.map(() => undefined))
    expect(await c.getMany(others)).toEqual(others.map(() => 1))
  })

  it('a prefix of several parts, of odd characters, and of a text', async () => {
    const c = cache()
    await c.setMany([
      [['a*', 1, 2], 1],
      [['ab', 1, 2], 1],
      [['a*', 10], 1],
      ['^x:1', 1],
      ['x:1', 1],
    ])
    await c.invalidate({ prefix: ['a*', 1] })
    expect(
      await c.getMany([
        ['a*', 1, 2],
        ['ab', 1, 2],
        ['a*', 10],
      ]),
    ).toEqual([undefined, 1, 1])
    await c.invalidate({ prefix: '^x' })
    expect(await c.getMany(['^x:1', 'x:1'])).toEqual([undefined, 1])
  })
})

describe('what is told', () => {
  closeAfterEach()

  it('once in every process, with targets and namespace; of writes nothing', async () => {
    const path = join(newFolder(), 'cache.db')
    const caches = [0, 1].map(() => open({ tiers: [memory(), sqlite({ path })] }).namespace('shop'))
    const told = caches.map((cache) => {
      const events: CacheEvents['invalidate'][] = []
      cache.on('invalidate', (event) => events.push(event))
      return events
    })
    const [one, two] = caches
    await one?.get('x')
    await two?.get('x')
    await one?.set('k', 1)
    await one?.delete('k')
    const { id } = (await one?.invalidate({ tag: 't', prefix: ['user'] }, { mode: 'expire' })) ?? { id: '' }
    await until('the other to hear', async () => (await two?.get('x')) === undefined && told[1]?.length === 2)
    expect(told[0]).toHaveLength(2)
    expect(told[0]?.[1]).toEqual({
      ...{ id, namespace: 'shop', reason: 'tag_based', mode: 'expire', isOwn: true },
      targets: [
        { kind: 'key', key: '["user"]' },
        { kind: 'tag', tag: 't' },
        { kind: 'pattern', pattern: '["user",*' },
      ],
    })
    expect(told[1]).toEqual(told[0]?.map((event) => ({ ...event, isOwn: false })))
  })

  it('a warning, once, when a pattern cannot name the tuples that are there', async () => {
    const cache = open()
    const warnings: string[] = []
    cache.on('warning', ({ message }) => warnings.push(message))
    await cache.set(['user', 7], 1)
    await cache.set('post:7', 1)
    await cache.invalidatePattern('post:*')
    expect(warnings).toEqual([])
    await cache.invalidatePattern('user:*')
    await cache.invalidatePattern('user:*')
    expect(warnings).toEqual([expect.stringContaining("{ prefix: ['user'] }")])
  })

  it('what a key was', () => {
    expect(['a', '\\[a', '["user",7,{"n":"9"}]'].map(decodeKey)).toEqual(['a', '[a', ['user', 7, 9n]])
  })
})
