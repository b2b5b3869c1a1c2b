// G10, G20, G21 and bad options: each input has one meaning, or a typed error that shows the value and the remedy.
import { type Cache, createCache, type Key, memory } from 'millpond'
import { describe, expect, it } from 'vitest'
import { closeAfterEach, onEverySetup, open } from './setups.ts'

onEverySetup('input', (create) => {
  it('G10: keys that look alike are different keys', async () => {
    const cache = create()
    const keys: Key[] = [
      'user:7',
      ['user', 7],
      ['user', '7'],
      ['user:7'],
      '["user",7]',
      '\\["user",7]',
      '__proto__',
      'constructor',
      'é',
      'e\u0301',
      ['n', 1n],
      ['n', 1],
      ['n', '1'],
      ['n', null],
      ['n', 'null'],
      ['n', true],
      ' ',
      'a b',
      '\n',
      '*',
      '{}',
    ]
    for (const [index, key] of keys.entries()) await cache.set(key, index)
    expect(await cache.getMany(keys)).toEqual(keys.map((_, index) => index))
    await cache.flush()
    expect(await cache.getMany(keys)).toEqual(keys.map((_, index) => index))
  })

  it('G10: a namespace and a key cannot run into each other', async () => {
    const cache = create()
    await cache.namespace('a').set('b:c', 1)
    await cache.namespace('b').set('c', 2)
    await cache.set('a:b:c', 3)
    expect(await cache.namespace('a').get('b:c')).toBe(1)
    expect(await cache.namespace('b').get('c')).toBe(2)
    expect(await cache.get('a:b:c')).toBe(3)
    expect(() => cache.namespace('a:b')).toThrow(/OPTION_INVALID|not a name/)
  })

  it.each([
    ['', 'empty'],
    ['\ud800', 'surrogate'],
    ['x'.repeat(70_000), '70000'],
    [[], 'not a key'],
    [['a', Number.NaN], 'NaN'],
    [['a', {}], 'not allowed'],
  ] as [unknown, string][])('refuses the key %j', async (key, shown) => {
    const cache = create()
    await expect(cache.set(key as Key, 1)).rejects.toMatchObject({
      code: 'KEY_INVALID',
      message: expect.stringContaining(shown),
    })
    await expect(cache.getOrSet(key as Key, () => 1)).rejects.toMatchObject({ code: 'KEY_INVALID' })
    await expect(cache.delete(key as Key)).rejects.toMatchObject({ code: 'KEY_INVALID' })
  })

  it('a key of 60,000 characters works, and so do keys that share its beginning', async () => {
    const cache = create()
    const long = 'x'.repeat(60_000)
    await cache.setMany([
      [`${long}1`, 1],
      [`${long}2`, 2],
    ])
    expect(await cache.getMany([`${long}1`, `${long}2`])).toEqual([1, 2])
  })

  it('G21: every ttl has one meaning', async () => {
    const cache = create()
    await cache.set('zero', 'old')
    await cache.set('zero', 1, { ttl: 0 })
    expect(await cache.get('zero')).toBeUndefined()
    expect(await cache.getOrSet('zero', () => 2, { ttl: 0 })).toBe(2)
    expect(await cache.get('zero')).toBeUndefined()
    await cache.set('ever', 1, { ttl: Number.POSITIVE_INFINITY })
    const ever = await cache.getEntry('ever')
    expect(ever).toMatchObject({ kind: 'hit' })
    for (const end of ['ttlMs', 'expiresAt']) expect(ever).not.toHaveProperty(end)
    await cache.set('default', 1)
    expect((await cache.getEntry('default')) as { ttlMs: number }).toMatchObject({
      ttlMs: expect.toSatisfy((ms: number) => ms > 299_000 && ms <= 300_000),
    })
    await cache.set('text', 1, { ttl: '1.5m' })
    expect((await cache.getEntry('text')) as { ttlMs: number }).toMatchObject({
      ttlMs: expect.toSatisfy((ms: number) => ms > 89_000 && ms <= 90_000),
    })
  })

  it.each([-1, Number.NaN, 2 ** 53, 'soon', '5', '', null, {}, true])('G21: refuses the ttl %j', async (ttl) => {
    const cache = create()
    await cache.set('k', 'old')
    await expect(cache.set('k', 'new', { ttl: ttl as number })).rejects.toMatchObject({ code: 'DURATION_INVALID' })
    expect(await cache.get('k')).toBe('old')
  })

  it.each([[''], ['x'.repeat(2000)], ['\udc00'], [7]] as unknown[][])('refuses the tag %j', async (tag) => {
    const cache = create()
    await expect(cache.set('k', 1, { tags: [tag as string] })).rejects.toMatchObject({ code: 'TAG_INVALID' })
    await expect(cache.invalidateTags([tag as string])).rejects.toMatchObject({ code: 'TAG_INVALID' })
    expect(await cache.get('k')).toBeUndefined()
  })

  it('tags may hold anything else: braces, stars, newlines', async () => {
    const cache = create()
    for (const tag of ['{}', '*', 'a\nb', '__proto__', 'a:b']) {
      await cache.set('k', 1, { tags: [tag] })
      expect(await cache.get('k')).toBe(1)
      await cache.invalidateTags([tag])
      expect(await cache.get('k')).toBeUndefined()
    }
  })

  it('G20: refuses what it cannot keep, naming the path, and keeps the old value', async () => {
    const cache = create()
    await cache.set('k', 'old')
    await expect(cache.set('k', { items: [1, { fn() {} }] })).rejects.toMatchObject({
      code: 'VALUE_UNSUPPORTED',
      message: expect.stringContaining('value.items[1].fn'),
    })
    expect(await cache.get('k')).toBe('old')
    await expect(cache.set('k', undefined)).rejects.toMatchObject({ code: 'VALUE_UNSUPPORTED' })
    await expect(cache.getOrSet('new', () => Symbol('s'))).rejects.toMatchObject({ code: 'VALUE_UNSUPPORTED' })
  })

  it('G20: every tier returns the same value, and callers cannot change what is cached', async () => {
    const cache = create()
    const value = {
      when: new Date(5),
      map: new Map([['a', new Set([1n])]]),
      bytes: Buffer.from('hi'),
      list: [undefined, -0, Number.NaN],
      nested: { deep: [1] },
    }
    await cache.set('k', value)
    value.nested.deep.push(2)
    value.map.clear()
    expect(Object.isFrozen(value)).toBe(false)
    const expected = {
      when: new Date(5),
      map: new Map([['a', new Set([1n])]]),
      bytes: Buffer.from('hi'),
      list: [undefined, -0, Number.NaN],
      nested: { deep: [1] },
    }
    for (let round = 0; round < 3; round++) {
      const read = await cache.get<typeof expected>('k')
      expect(read).toEqual(expected)
      try {
        read?.nested.deep.push(9)
      } catch {
        // frozen: exactly as promised
      }
      read?.map.clear()
      read?.when.setTime(0)
      read?.bytes.fill(0)
    }
    const loaded = await cache.getOrSet('l', () => ({ list: [1] }))
    expect(Object.isFrozen(loaded.list)).toBe(true)
  })

  it('G20: what is stored is what was given when set was called, not what became of it until the ack', async () => {
    const cache = create({ dependencies: 'declared' })
    for (const options of [{}, { dependsOn: ['elsewhere'] }]) {
      const one = { a: 1 }
      const many = { a: 1 }
      const acks = [cache.set('one', one, options), cache.setMany([['many', many]], options)]
      one.a = 2
      many.a = 2
      await Promise.all(acks)
      expect(await cache.getMany(['one', 'many'])).toEqual([{ a: 1 }, { a: 1 }])
    }
  })

  it('options that do not exist are named', async () => {
    const cache = create()
    await expect(cache.set('k', 1, { tll: 5 } as object)).rejects.toMatchObject({
      code: 'OPTION_INVALID',
      message: expect.stringContaining('"tll"'),
    })
    await expect(cache.getOrSet('k', () => 1, { jitter: 2 })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
    await expect(cache.get('k', { consistency: 'maybe' as 'strong' })).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  })

  it('a closed cache says so; closing twice is harmless', async () => {
    const cache = create()
    await cache.set('k', 1)
    await cache.close()
    await cache.close()
    const calls: ((cache: Cache) => Promise<unknown>)[] = [
      (c) => c.get('k'),
      (c) => c.set('k', 1),
      (c) => c.getOrSet('k', () => 1),
      (c) => c.delete('k'),
      (c) => c.clear(),
      (c) => c.invalidateTags(['t']),
    ]
    for (const call of calls) await expect(call(cache)).rejects.toMatchObject({ code: 'CLOSED' })
    expect(cache.peek('k')).toBeUndefined()
  })
})

describe('options of createCache', () => {
  closeAfterEach()

  it.each([
    [{ nmae: 'x' }, /unknown option "nmae"/],
    [{ name: 'a b' }, /name: "a b"/],
    [{ name: '' }, /name: ""/],
    [{ tiers: [] }, /tiers: \[\]/],
    [{ tiers: [{}] }, /tiers\[0\]/],
    [{ tiers: [memory(), memory()] }, /tiers\[1\] is a memory tier/],
    [{ tiers: [{ use: memory(), ttlFactor: -1 }] }, /ttlFactor: -1/],
    [{ tiers: [{ use: memory(), promotAfter: 2 }] }, /unknown option "tiers\[0\].promotAfter"/],
    [{ defaults: { ttl: 'soon' } }, /ttl: "soon"/],
    [{ defaults: { refreshAhead: 1.5 } }, /refreshAhead: 1.5/],
    [{ maxStale: 'x' }, /maxStale/],
  ])('refuses %j with one clear line', (options, message) => {
    expect(() => createCache(options as object)).toThrow(message)
  })

  it('events cost nothing without listeners, and a listener that throws disturbs no caller', async () => {
    const cache = open()
    const seen: string[] = []
    const stop = cache.on('hit', ({ key }) => seen.push(key))
    cache.on('set', () => {
      throw new Error('listener')
    })
    await cache.set('k', 1)
    await cache.get('k')
    stop()
    await cache.get('k')
    expect(seen).toEqual(['k'])
  })
})
