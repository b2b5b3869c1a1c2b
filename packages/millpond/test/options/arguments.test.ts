// What verbs are given beside options, given wrongly: a typed error at once, never a raw one, and never something else
// done than was meant.
import { createCache, MillpondError } from 'millpond'
import { createHttpCache } from 'millpond/http'
import { fastifyCache } from 'millpond/http/fastify'
import { cachedFetch } from 'millpond/http/fetch'
import { honoCache } from 'millpond/http/hono'
import { koaCache } from 'millpond/http/koa'
import { benchmark } from 'millpond/insight'
import { cacheCollector, createRegistry, jobCollector, keyCollector, showWarming } from 'millpond/observe'
import { fakeClock } from 'millpond/testing'
import { postgres } from 'millpond/tiers/postgres'
import { redis } from 'millpond/tiers/redis'
import { describe, expect, it, test } from 'vitest'
import { GARBAGE } from './garbage.ts'

const cache = createCache({ clock: fakeClock() })
const numbers = cache.collection<number, number>('numbers', { load: (id) => id })

// biome-ignore lint/suspicious/noExplicitAny: garbage is what these are tried with
type Garbage = any

/** Each with what is right for it, among the garbage. */
const VERBS: Readonly<Record<string, readonly [(given: Garbage) => unknown, ...(keyof typeof GARBAGE)[]]>> = {
  'get, a key': [(key) => cache.get(key), 'text'],
  'getEntry, a key': [(key) => cache.getEntry(key), 'text'],
  'peek, a key': [(key) => cache.peek(key), 'text'],
  'has, a key': [(key) => cache.has(key), 'text'],
  'explain, a key': [(key) => cache.explain(key), 'text'],
  'getMany, keys': [(keys) => cache.getMany(keys), 'listOfLists'],
  'getOrSet, a key': [(key) => cache.getOrSet(key, () => 1), 'text'],
  'getOrSet, a loader': [(load) => cache.getOrSet('loaded', load), 'function'],
  'getOrSetEntry, a loader': [(load) => cache.getOrSetEntry('loaded', load), 'function'],
  'getOrSetMany, ids': [(ids) => cache.getOrSetMany(ids, { load: async () => [] })],
  'refresh, a loader': [(load) => cache.refresh('loaded', load), 'function'],
  'set, a key': [(key) => cache.set(key, 1), 'text'],
  'setMany, pairs': [(pairs) => cache.setMany(pairs), 'map'],
  'delete, a key': [(key) => cache.delete(key), 'text'],
  'deleteMany, keys': [(keys) => cache.deleteMany(keys), 'listOfLists'],
  'touch, a key': [(key) => cache.touch(key), 'text'],
  'touch, a time': [(ttl) => cache.touch('k', ttl), 'number'],
  'expire, a key': [(key) => cache.expire(key), 'text'],
  'invalidateTags, tags': [(tags) => cache.invalidateTags(tags)],
  'invalidatePattern, a pattern': [(pattern) => cache.invalidatePattern(pattern), 'text'],
  'namespace, a name': [(name) => cache.namespace(name), 'text'],
  'for, a tenant': [(whose) => cache.for(whose)],
  'for, a name of a tenant': [(tenant) => cache.for({ tenant }), 'text'],
  'source, a prefix': [(prefix) => cache.source(prefix, () => 1), 'text'],
  'source, a loader': [(load) => cache.source('prefix', load), 'function'],
  'wrap, a function': [(work) => cache.wrap(work, { key: ['w'] }), 'function'],
  'collection, a name': [(name) => cache.collection(name, {}), 'text'],
  'collection.getMany, ids': [(ids) => numbers.getMany(ids)],
  'collection.setMany, pairs': [(pairs) => numbers.setMany(pairs), 'map'],
  'transaction, its work': [(work) => cache.transaction({}, work), 'function'],
  'warm, plans': [(plans) => cache.warm(plans)],
  'on, an event': [(event) => cache.on(event, () => {})],
  'on, a listener': [(listener) => cache.on('hit', listener), 'function'],
  'record, a recorder': [(recorder) => cache.record(recorder), 'map'],
  'breaker, a tier': [(tier) => cache.breaker(tier)],
  'changes.during, its work': [(work) => cache.changes.during(work), 'function'],
  'modelChanged, a model': [(model) => cache.modelChanged(model, 1, 'save'), 'text'],
  'cacheCollector, a cache': [(of) => cacheCollector(of), 'function'],
  'jobCollector, jobs': [(jobs) => jobCollector('shop', jobs), 'function'],
  'keyCollector, statistics': [(statistics) => keyCollector('shop', statistics)],
  'createHttpCache, a cache': [(of) => createHttpCache(of)],
  'cachedFetch, an HTTP cache': [(http) => cachedFetch(http, () => new Response())],
  'fastifyCache, an HTTP cache': [(http) => fastifyCache(http)],
  'honoCache, an HTTP cache': [(http) => honoCache(http)],
  'koaCache, an HTTP cache': [(http) => koaCache(http)],
  'showWarming, a cache': [(of) => showWarming(of)],
  'benchmark, a cache': [(of) => benchmark(of)],
  'collect, a collector': [(collector) => createRegistry().collect(collector), 'function'],
  'modelChanged, a kind': [(kind) => cache.modelChanged('User', 1, kind)],
}

describe.each(Object.entries(VERBS))('%s', (_what, [use, ...right]) => {
  it.each(Object.entries(GARBAGE).filter(([what]) => !right.includes(what as keyof typeof GARBAGE)))(
    'given %s',
    async (_kind, garbage) => {
      const told = await (async () => use(garbage))().then(
        () => 'accepted',
        (error: unknown) => error,
      )
      expect(told).toBeInstanceOf(MillpondError)
    },
  )
})

// Of `p@ss/w0rd` unencoded, `ss` would be the host: the wrong server would be asked, by a name that is a piece of the
// password.
test.each(['p@55ss/w0rd', 'p4#55ss', 'p4?55ss', 'p4/55ss', '55se@55ss?x=@y', 'a@55ss#b', '@55ss/', '55ss@/@', 'p4%2'])(
  'the password %j in a URL is taken as it is meant, or refused, and never shown',
  (password) => {
    for (const open of [
      () => redis({ url: `redis://user:${password}@db.invalid:6379/0` }),
      () => postgres({ url: `postgres://user:${password}@db.invalid:5432/shop` }),
    ]) {
      try {
        open()
        expect(password).toBe('p4%2') // pg takes it as it is
      } catch (error) {
        expect(error).toMatchObject({ code: 'OPTION_INVALID', message: expect.stringMatching(/percent-encode/) })
        expect(String(error)).not.toMatch(/55s|w0rd|p4/)
      }
    }
  },
)

test.each([
  'postgres://u:p%40ss@db.invalid/shop',
  'postgres://db.invalid/shop?application_name=me@home',
  'postgres://u@db.invalid/',
])('what is encoded, or stands behind the database, is fine: %s', (url) => {
  expect(() => postgres({ url })).not.toThrow()
})
