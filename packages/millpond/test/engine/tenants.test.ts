// `cache.for({ tenant })` (S5, G23): keys, tags, figures and erasure of its own, whatever a tenant is called.
import { afterEach, describe, expect, it } from 'vitest'
import { jsonCodec } from '../../src/codec/index.ts'
import type { Codec } from '../../src/core/contracts.ts'
import { tenantPart } from '../../src/engine/tenant-part.ts'
import { type Cache, createCache, memory } from '../../src/index.ts'
import { cacheCollector, createRegistry, prometheusText } from '../../src/observe/index.ts'
import { sqlite } from '../../src/tiers/sqlite/index.ts'

let open: Cache | undefined
afterEach(async () => {
  await open?.close()
  open = undefined
})
const create = (...args: Parameters<typeof createCache>): Cache => {
  open = createCache(...args)
  return open
}

/** Names that a careless join would mix up. */
const NAMES = [
  'a',
  'a:b',
  'b',
  'a~b',
  '~',
  '~~',
  'A',
  'a=7E',
  'ä',
  'default',
  '__proto__',
  '..',
  ' ',
  'a b',
  'x'.repeat(500),
  'ä'.repeat(500),
]

it('tells all tenants apart, and none from a namespace', () => {
  const namespaces = ['default', 'a', 'a.b', 'x'.repeat(80)]
  const parts = namespaces.flatMap((namespace) => NAMES.map((tenant) => tenantPart(namespace, tenant)))
  expect(new Set([...parts, ...namespaces]).size).toBe(parts.length + namespaces.length)
  for (const part of parts) expect(part.length).toBeLessThanOrEqual(128)
})

it.each<[string, () => Parameters<typeof createCache>[0]]>([
  ['memory', () => ({})],
  ['SQLite', () => ({ tiers: [memory(), sqlite({ path: ':memory:' })] })],
])('keeps keys, tags, patterns, listings and clear apart over %s', async (_, options) => {
  const cache = create(options())
  await cache.set('k', 'nobody', { tags: ['t'] })
  for (const tenant of NAMES) await cache.for({ tenant }).set('k', tenant, { tags: ['t'] })
  for (const tenant of NAMES) expect(await cache.for({ tenant }).get('k')).toBe(tenant)
  expect([...cache.for({ tenant: 'b' }).entries()].map(({ key }) => key)).toEqual(['k'])
  await cache.for({ tenant: 'a' }).invalidateTags(['t'])
  await cache.for({ tenant: 'a:b' }).invalidatePattern('*')
  await cache.for({ tenant: '~' }).clear()
  const gone = ['a', 'a:b', '~']
  for (const tenant of NAMES)
    expect(await cache.for({ tenant }).get('k')).toBe(gone.includes(tenant) ? undefined : tenant)
  await cache.clear()
  expect([await cache.get('k'), await cache.for({ tenant: 'b' }).get('k')]).toEqual([undefined, 'b'])
})

describe('a tenant’s cache', () => {
  it('is one for as long as it is open, and refuses another tenant', () => {
    const cache = create()
    const a = cache.for({ tenant: 'a' })
    expect(cache.for({ tenant: 'a' })).toBe(a)
    expect(a.for({ tenant: 'a' })).toBe(a)
    expect(() => a.for({ tenant: 'b' })).toThrow('a tenant other than')
    for (const tenant of ['', 7, undefined, '\ud800', 'x'.repeat(1025)])
      expect(() => cache.for({ tenant } as never)).toThrow('is not a tenant')
  })
  it('stays with its tenant in another namespace', async () => {
    const cache = create()
    const reports = cache.for({ tenant: 'a' }).namespace('reports')
    expect(reports).toBe(cache.namespace('reports').for({ tenant: 'a' }))
    expect(reports).not.toBe(cache.namespace('reports'))
    expect(cache.namespace(reports.name)).toBe(reports)
    expect(() => cache.for({ tenant: 'b' }).namespace(reports.name)).toThrow('is not a name')
  })
  it('is stored by what its namespace is stored by, also when that changes', async () => {
    const cache = create({ defaults: { ttl: '1m' } })
    const reports = cache.namespace('reports', { ttl: '5m' })
    const a = reports.for({ tenant: 'a' })
    const ttlOf = (name: string): unknown =>
      cache.describe().namespaces.find((one) => one.name === name)?.defaults.ttl_seconds
    expect(ttlOf(a.name)).toBe(300)
    await reports.configure({ defaults: { ttl: '7m' } })
    expect(ttlOf(a.name)).toBe(420)
    await cache.configure({ defaults: { staleFor: '1m' } })
    expect(ttlOf(a.name)).toBe(420)
  })
  it('keeps its values as its namespace does (encrypted), but for what it says itself', async () => {
    const codecs: string[] = []
    const json = jsonCodec()
    const named = (name: string): Codec => ({
      ...json,
      encode(entry, context) {
        codecs.push(`${name} ${context?.namespace}`)
        return json.encode(entry)
      },
    })
    const cache = create({ tiers: [sqlite({ path: ':memory:' })] })
    const [whole, own] = [named('whole'), named('own')]
    const secret = cache.namespace('secret', { codec: whole })
    await secret.for({ tenant: 'a' }).set('k', 1)
    await secret.for({ tenant: 'b' }, { codec: own }).set('k', 1)
    expect(codecs).toEqual(['whole secret~a', 'own secret~b'])
    expect(() => secret.for({ tenant: 'b' }, { codec: whole })).toThrow('another codec')
  })
  it('counts for itself, and metrics tell no tenants', async () => {
    const cache = create()
    const [a, b] = [cache.for({ tenant: 'acme' }), cache.for({ tenant: 'bolt' })]
    await a.set('k', 1)
    await a.get('k')
    await a.get('none')
    await b.get('k')
    expect([a.stats().hits, a.stats().misses, b.stats().hits, b.stats().misses]).toEqual([1, 1, 0, 1])
    const registry = createRegistry()
    registry.collect(cacheCollector(() => cache.info().namespaces))
    const text = prometheusText(registry)
    expect(text).not.toMatch(/acme|bolt|~/)
    expect(text).toMatch(/millpond_sets_total\{[^}]*cache_ns="default"[^}]*\} 1\n/)
  })
  it('has loaders of its own', async () => {
    const cache = create()
    cache.source('plan', () => 'for nobody')
    cache.for({ tenant: 'a' }).source('plan', () => 'for a')
    expect(await cache.for({ tenant: 'a' }).refresh('plan')).toBe('for a')
    expect(await cache.refresh('plan')).toBe('for nobody')
    await expect(cache.for({ tenant: 'b' }).refresh('plan')).rejects.toThrow()
  })
  it('may be let go of: there is room for any number, one after the other', async () => {
    const cache = create({ tiers: [memory({ maxEntries: 10 })] })
    const first = cache.for({ tenant: 'first' })
    await first.set('k', 1)
    await first.close()
    for (let at = 0; at < 1000; at++) {
      const one = cache.for({ tenant: `t${at}` })
      await one.set('k', at)
      expect(await one.get('k')).toBe(at)
      await one.close()
    }
    expect(await cache.for({ tenant: 'first' }).get('k')).toBeUndefined()
    expect(cache.info().memory?.entries).toBe(0)
    expect(cache.info().namespaces).toHaveLength(2)
    await expect(first.get('k')).rejects.toThrow('closed')
  })
})
