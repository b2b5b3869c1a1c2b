// The source registry: which loader belongs to a key.
import { expect, it } from 'vitest'
import { encodeKey, type Key } from '../../src/core/key.ts'
import { SourceRegistry } from '../../src/source/registry.ts'
import fc from '../properties.ts'

const named = (namespace: string, prefix: Key) => ({ namespace, prefix, name: String(prefix), load: () => prefix })
const find = (registry: SourceRegistry, key: Key, namespace = 'default'): Key | undefined =>
  registry.of(namespace, encodeKey(key))?.prefix

it('the longest prefix that fits, of texts and of tuples, in its own namespace', () => {
  const registry = new SourceRegistry()
  for (const prefix of ['user:', 'user:admin:', ['user'], ['user', 7], ['[odd'], '[odd', '\\', 'whole'])
    registry.register(named('default', prefix as Key))
  registry.register(named('other', 'user:7'))
  expect(find(registry, 'user:7')).toBe('user:')
  expect(find(registry, 'user:admin:7')).toBe('user:admin:')
  expect(find(registry, 'user')).toBeUndefined()
  expect(find(registry, ['user', 8])).toEqual(['user'])
  expect(find(registry, ['user', 7])).toEqual(['user', 7])
  expect(find(registry, ['user', 7, 'x'])).toEqual(['user', 7])
  expect(find(registry, ['user', 77])).toEqual(['user'])
  expect(find(registry, ['user', '7'])).toEqual(['user'])
  expect(find(registry, ['user'])).toEqual(['user'])
  expect(find(registry, ['users'])).toBeUndefined()
  expect(find(registry, '["user",7]')).toBeUndefined()
  expect(find(registry, '[odd key')).toBe('[odd')
  expect(find(registry, '\\key')).toBe('\\')
  expect(find(registry, 'whole')).toBe('whole')
  expect(find(registry, 'user:7', 'other')).toBe('user:7')
  expect(find(registry, 'user:8', 'other')).toBeUndefined()
})

it('a prefix has one loader; taken back it is free, and the shorter one serves again', () => {
  const registry = new SourceRegistry()
  registry.register(named('default', 'user:'))
  const stop = registry.register(named('default', 'user:admin:'))
  expect(() => registry.register(named('default', 'user:admin:'))).toThrow(/"user:admin:" already has a loader/)
  expect(() => registry.register(named('default', ''))).toThrow(/every key/)
  expect(() => registry.register(named('default', []))).toThrow(/is not a key/)
  stop()
  expect(find(registry, 'user:admin:1')).toBe('user:')
  const again = registry.register(named('default', 'user:admin:'))
  stop()
  expect(find(registry, 'user:admin:1')).toBe('user:admin:')
  again()
  expect(registry.list()).toEqual([{ namespace: 'default', prefix: 'user:', name: 'user:', loads_many: false }])
  registry.close('default')
  expect([registry.list(), find(registry, 'user:1')]).toEqual([[], undefined])
})

it('one taken back leaves those that are as long', () => {
  const registry = new SourceRegistry()
  const stops = ['one:', 'two:'].map((prefix) => registry.register(named('default', prefix)))
  stops[0]?.()
  expect([find(registry, 'one:1'), find(registry, 'two:1')]).toEqual([undefined, 'two:'])
})

it('agrees with a plain search over all prefixes', () => {
  const part = fc.constantFrom<string | number | boolean | null>('a', 'ab', '', '[', ',', '"', 1, 11, true, null)
  const key: fc.Arbitrary<Key> = fc.oneof(
    fc.string({ unit: fc.constantFrom('a', 'b', ':', '[', '"', ',', '\\', '1'), minLength: 1, maxLength: 6 }),
    fc.array(part, { minLength: 1, maxLength: 4 }),
  )
  const fits = (prefix: Key, of: Key): number => {
    if (typeof prefix === 'string') return typeof of === 'string' && of.startsWith(prefix) ? prefix.length : -1
    return typeof of !== 'string' && prefix.every((one, index) => index < of.length && of[index] === one)
      ? prefix.length
      : -1
  }
  fc.assert(
    fc.property(fc.uniqueArray(key, { selector: encodeKey, maxLength: 8 }), key, (prefixes, asked) => {
      const registry = new SourceRegistry()
      for (const prefix of prefixes) registry.register(named('default', prefix))
      const best = Math.max(-1, ...prefixes.map((prefix) => fits(prefix, asked)))
      const expected = best < 0 ? undefined : prefixes.find((prefix) => fits(prefix, asked) === best)
      expect(find(registry, asked)).toEqual(expected)
    }),
    { seed: 20_261_126, numRuns: 2000 },
  )
})
