// A password never leaves the process by another way than to its server: not in what a cache describes, reports, logs
// or rejects with, whichever way it was given and whatever the server answers.
import { type AddressInfo, createServer } from 'node:net'
import { inspect } from 'node:util'
import { createCache, MillpondError, memory } from 'millpond'
import { environmentKeyring } from 'millpond/codec'
import { fromEnvironment } from 'millpond/environment'
import { cacheCollector, createLog, createRegistry, prometheusText } from 'millpond/observe'
import type { Tier } from 'millpond/tier'
import { file } from 'millpond/tiers/file'
import { memcached } from 'millpond/tiers/memcached'
import { postgres } from 'millpond/tiers/postgres'
import { redis } from 'millpond/tiers/redis'
import { sqlite } from 'millpond/tiers/sqlite'
import { expect, onTestFinished, test } from 'vitest'

const SECRET = 'p4ss-w@rd/%41'
const IN_URL = encodeURIComponent(SECRET)

/**
 * A server that knows no command and repeats the arguments of each, as Redis does with those that were renamed or come
 * too early.
 */
async function startIgnorant(): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (bytes) => {
      const [command = '', ...args] = bytes
        .toString('latin1')
        .split(/\r?\n/)
        .filter((line) => !/^[*$]\d/.test(line))
      socket.write(
        `-ERR unknown command '${command}', with args beginning with: ${args.map((one) => `'${one}'`).join(' ')}\r\n`,
      )
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

const login = { host: '127.0.0.1', username: 'shop', password: SECRET }
const tiers: readonly [name: string, open: (port: number) => Tier][] = [
  ['redis url, ioredis', (port) => redis({ url: `redis://shop:${IN_URL}@127.0.0.1:${port}`, driver: 'ioredis' })],
  ['redis url, node-redis', (port) => redis({ url: `redis://shop:${IN_URL}@127.0.0.1:${port}`, driver: 'redis' })],
  ['redis options', (port) => redis({ ...login, port })],
  [
    'sentinels',
    (port) =>
      redis({ sentinels: [{ host: '127.0.0.1', port }], name: 'm', password: SECRET, sentinelPassword: SECRET }),
  ],
  ['cluster', (port) => redis({ cluster: [{ host: '127.0.0.1', port }], password: SECRET })],
  ['postgres url', (port) => postgres({ url: `postgres://shop:${IN_URL}@127.0.0.1:${port}/shop` })],
  ['memcached', (port) => memcached({ servers: [{ host: '127.0.0.1', port }], username: 'shop', password: SECRET })],
]

/** Nothing listens at port 1. */
const servers: readonly [what: string, start: () => Promise<number>][] = [
  ['nothing listens', () => Promise.resolve(1)],
  ['the server repeats what it does not know', startIgnorant],
]

test.each(tiers.flatMap(([name, open]) => servers.map(([what, start]) => [name, what, open, start] as const)))(
  '%s: the password is nowhere where %s',
  async (_name, _what, open, start) => {
    const tier = open(await start())
    const said: unknown[] = []
    const tell = (what: unknown): void => void said.push(what)
    const log = createLog({ level: 'debug', service: 'shop', write: tell })
    const ledgers = tier.ledger === undefined ? [redis({ url: 'redis://127.0.0.1:1' })] : []
    const cache = createCache({ name: 'shop', log, tiers: [memory(), tier, ...ledgers] })
    cache.on('warning', tell)
    cache.on('tierError', tell)
    await cache.getOrSet('user:7', () => 'Ada', { consistency: 'strong' }).then(tell, tell)
    await cache.set('user:7', 'Ada').then(tell, tell)
    await cache.invalidateTags(['users']).then(tell, tell)
    tell(await cache.explain('user:7').catch((error) => error))
    tell(await cache.examine())
    const registry = createRegistry()
    registry.collect(cacheCollector(cache))
    said.push(prometheusText(registry), cache.describe(), cache.info(), cache.stats(), cache, tier)
    await cache.close()

    const texts = said.flatMap((one) => [inspect(one, { depth: 12 }), JSON.stringify(one) ?? ''])
    expect(texts.length).toBeGreaterThan(20)
    for (const secret of [SECRET, IN_URL, JSON.stringify(SECRET).slice(1, -1)])
      expect(texts.filter((text) => text.includes(secret))).toEqual([])
  },
)

const URL_WITH = `redis://shop:${SECRET}@h:6379`
const LOGIN = `shop:${SECRET}@h:11211`
const key = Buffer.alloc(32, 7).toString('base64')
/** What programs have really passed where something else is expected. */
const misplaced: readonly (() => unknown)[] = [
  () => Reflect.apply(redis, undefined, [URL_WITH]),
  () => redis({ url: new URL('redis://shop:x@h') as never, host: URL_WITH }),
  () => redis({ url: [URL_WITH, URL_WITH] as never }),
  () => redis({ host: URL_WITH }),
  () => redis({ host: LOGIN }),
  () => redis({ path: URL_WITH }),
  () => redis({ cluster: [URL_WITH] as never }),
  () => redis({ cluster: URL_WITH as never }),
  () => redis({ sentinels: [{ host: LOGIN }], name: 'm' }),
  () => redis({ url: `shop:${SECRET}@h` }),
  () => redis({ url: `redis://h#${SECRET}` }),
  () => redis({ url: 'redis://h', keyPrefix: { password: SECRET } as never }),
  () => Reflect.apply(postgres, undefined, [`postgres://shop:${SECRET}@h/db`]),
  () => postgres({ url: `host=h password=${SECRET}` }),
  () => postgres({ url: 'postgres://h/db', schema: `postgres://shop:${SECRET}@h/db` }),
  () => memcached({ servers: LOGIN }),
  () => memcached({ servers: [{ host: LOGIN }] }),
  () => sqlite({ path: `libsql://x.turso.io?authToken=${SECRET}` }),
  () => file({ path: URL_WITH }),
  () => createCache({ name: 'shop', tiers: [URL_WITH as never] }),
  () => createCache({ name: 'shop', tiers: [{ use: { url: URL_WITH } as never }] }),
  () => Reflect.apply(createCache, undefined, [URL_WITH]),
  () => fromEnvironment({ MEMCACHED_SERVERS: LOGIN }),
  () => fromEnvironment({ REDIS_HOST: LOGIN }),
  () => fromEnvironment({ CACHE_SQLITE_PATH: URL_WITH }),
  () => environmentKeyring(key),
]

test.each(misplaced.map((make) => [String(make).slice(6, 110), make] as const))(
  'S6 an error about a secret in the wrong place does not repeat it: %s',
  async (_, make) => {
    const error: unknown = await Promise.resolve()
      .then(make)
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(MillpondError)
    const text = inspect(error, { depth: 8 })
    for (const secret of [SECRET, 'p4ss', key]) expect(text).not.toContain(secret)
  },
)
