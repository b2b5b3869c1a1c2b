// Unrequested answers, and answers that make no sense to a listener: a damaged stream of a Redis connection, or a proxy
// that is out of step, must not end the process.
import { EventEmitter } from 'node:events'
import { createServer, connect as dial, type Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { Redis as Redis6 } from 'ioredis'
import { Redis as Redis5 } from 'ioredis5'
import { type Cache, createCache, memory } from 'millpond'
import { type RedisTierOptions, redis } from 'millpond/tiers/redis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Change } from '../../src/core/contracts.ts'
import { guardReplies } from '../../src/tiers/redis/guard-replies.ts'
import {
  describeWith,
  freePort,
  PATIENCE,
  patient,
  type RedisService,
  type SentinelGroup,
  startRedis,
  startSentinel,
  until,
} from '../services/index.ts'

/**
 * A way to a server. `answer`: what is said in its place to what a client sends; undefined where it is asked itself.
 */
async function way(port: number, answer: (sent: string) => string | undefined = () => undefined) {
  const clients = new Set<Socket>()
  let connections = 0
  const proxy = createServer((client) => {
    connections += 1
    clients.add(client)
    const there = dial(port, '127.0.0.1')
    client.on('data', (sent) => {
      const said = answer(sent.toString('latin1'))
      if (said === undefined) there.write(sent)
      else client.write(said)
    })
    there.pipe(client)
    const end = (): void => {
      client.destroy()
      there.destroy()
      clients.delete(client)
    }
    for (const one of [client, there]) one.on('error', end).on('close', end)
  })
  const own = await freePort()
  await new Promise<void>((resolve) => proxy.listen(own, '127.0.0.1', resolve))
  return { clients, port: own, connections: () => connections, close: () => proxy.close() }
}

/** What is judged is what comes over the connection, and not how busy the machine is. */
const unhurried = (options: RedisTierOptions) => patient(redis({ ...options, ...PATIENCE }))

async function isSet(cache: Cache): Promise<boolean> {
  await cache.set('k', 1)
  return true
}

const NOTHING: Change = {
  targets: [{ kind: 'key', key: 'k' }],
  mode: 'delete',
  reason: 'manual',
  id: 'x',
  drop: [],
  write: [],
}

const clients: [string, (port: number) => Pick<RedisTierOptions, 'url' | 'client'>][] = [
  ['ioredis 6', (port) => ({ client: new Redis6(port, '127.0.0.1', { lazyConnect: true }) })],
  ['ioredis 5', (port) => ({ client: new Redis5(port, '127.0.0.1', { lazyConnect: true }) })],
]

describeWith('redis', 'a Redis connection on which something unrequested comes', () => {
  let server: RedisService
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())

  describe.each(clients)('%s', (_name, options) => {
    // Met by histories under `link-garbled`: npm run histories -- --seed 31 --tier redis, and --seed 770011.
    test.each([
      ['$-1\r\n', 'anew'],
      ['$-1\r\n$-1\r\n', 'anew'],
      [':1\r\n', 'anew'],
      ['*-1\r\n', 'anew'],
      ['-ERR what\r\n', 'anew'],
      ['*3\r\n$7\r\nmessage\r\n$-1\r\n$1\r\nx\r\n', 'to the subscriber'],
      ['*1\r\n$7\r\nmessage\r\n', 'to the subscriber'],
      ['*3\r\n$9\r\nsubscribe\r\n$-1\r\n$-1\r\n', 'to the subscriber'],
      ['*1\r\n$11\r\nunsubscribe\r\n', 'to the subscriber'],
      ['*0\r\n', 'to the subscriber'],
      ['*1\r\n*-1\r\n', 'to the subscriber'],
    ] as const)('%j is no end of the process (%s), and the tier goes on', async (unasked, how) => {
      const link = await way(server.port)
      const cache = createCache({ tiers: [memory(), unhurried(options(link.port))] })
      try {
        await until('a value', () => isSet(cache))
        await until('the subscription', async () => String(await server.command('PUBSUB', 'CHANNELS')) !== '')
        const before = link.connections()
        // The first is asked, the other is told.
        for (const client of how === 'anew' ? link.clients : [...link.clients].slice(1)) client.write(unasked)
        if (how === 'anew') await until('a new connection', () => link.connections() > before)
        await until('the tier to go on', async () => {
          await cache.set('k', 2).catch(() => {})
          return (await cache.get('k')) === 2
        })
      } finally {
        await cache.close()
        link.close()
      }
    })

    test.each([
      '$-1\r\n',
      '*-1\r\n',
      ':1\r\n',
      '+OK\r\n',
      '-ERR what\r\n',
      '*0\r\n',
      '*1\r\n$-1\r\n',
      '*2\r\n$4\r\npong\r\n$-1\r\n',
    ])('%j as the answer to SUBSCRIBE is no end of the process, and the next connection hears', async (garbage) => {
      let asked = 0
      const link = await way(server.port, (sent) => (/subscribe/i.test(sent) && ++asked === 1 ? garbage : undefined))
      const name = `n${Math.random().toString(36).slice(2)}`
      const cache = createCache({ name, maxStale: '20s', tiers: [memory(), unhurried(options(link.port))] })
      try {
        await until('a value', () => isSet(cache))
        await until('another attempt', () => asked > 1)
        await until('the subscription', async () => String(await server.command('PUBSUB', 'CHANNELS')).includes(name))
        expect(await cache.get('k')).toBe(1)
      } finally {
        await cache.close()
        link.close()
      }
    })

    test('it hears of what others do, of every channel, and of none that was left', async () => {
      const tier = redis({ ...options(server.port), ...PATIENCE })
      const other = redis({ url: server.url, ...PATIENCE })
      const heard: string[] = []
      const stops = ['a', 'b', 'c'].map((name) => tier.ledger.follow?.(name, () => heard.push(name)))
      const advance = (namespace: string): Promise<unknown> =>
        other.ledger.advance(namespace, {
          targets: [{ kind: 'key', key: 'k' }],
          mode: 'delete',
          reason: 'manual',
          id: 'x',
          drop: [],
          write: [],
        })
      try {
        await until('all to be subscribed', async () => {
          const channels = String(await server.command('PUBSUB', 'CHANNELS'))
          return (
            ['a', 'b', 'c'].every((name) => channels.includes(`{${name}}`)) &&
            ['a', 'b', 'c'].every((name) => heard.includes(name))
          )
        })
        heard.length = 0
        for (const name of ['b', 'c', 'a']) await advance(name)
        await until('three messages', () => heard.length >= 3)
        expect(heard).toEqual(['b', 'c', 'a'])
        stops[1]?.()
        await until('one channel less', async () => !String(await server.command('PUBSUB', 'CHANNELS')).includes('{b}'))
        for (const name of ['b', 'a']) await advance(name)
        await until('one more', () => heard.length >= 4)
        expect(heard).toEqual(['b', 'c', 'a', 'a'])
      } finally {
        await Promise.all([tier.close(), other.close()])
      }
    })

    test('a channel that is left and followed anew in one turn is heard (StackExchange.Redis 1110)', async () => {
      const tier = redis({ ...options(server.port), ...PATIENCE })
      const other = redis({ url: server.url, ...PATIENCE })
      const heard: string[] = []
      const follow = (name: string) => tier.ledger.follow?.(name, () => heard.push(name)) ?? (() => {})
      const channels = async (): Promise<string> => String(await server.command('PUBSUB', 'CHANNELS'))
      try {
        follow('kept')
        const stop = follow('left')
        await until('both to be subscribed', async () => ['kept', 'left'].every((name) => heard.includes(name)))
        stop()
        follow('left')()
        follow('left')
        heard.length = 0
        await until('a message', async () => {
          await other.ledger.advance('left', NOTHING)
          return heard.includes('left')
        })
        expect(await channels()).toContain('{left}')
      } finally {
        await Promise.all([tier.close(), other.close()])
      }
    })

    test('it hears again after a server that was away for several attempts (ioredis 85, node-redis 265)', async () => {
      const tier = redis({ ...options(server.port), ...PATIENCE })
      const heard: string[] = []
      try {
        tier.ledger.follow?.('a', () => heard.push('a'))
        await until('it to be subscribed', () => heard.length > 0)
        await server.kill()
        await new Promise((resolve) => setTimeout(resolve, 300))
        await server.restart()
        const other = redis({ url: server.url, ...PATIENCE })
        await until('the subscription', async () => String(await server.command('PUBSUB', 'CHANNELS')).includes('{a}'))
        await until('the first word', () => heard.length > 1)
        heard.length = 0
        await other.ledger.advance('a', NOTHING)
        await until('a message', () => heard.length > 0)
        await other.close()
      } finally {
        await tier.close()
      }
    })
  })
})

describeWith('redis', 'a connection to a sentinel on which something unrequested comes', () => {
  let group: SentinelGroup
  beforeAll(async () => {
    group = await startSentinel({ replicas: 1 })
  }, 60_000)
  afterAll(() => group.stop())

  test('is no end of the process', async () => {
    let asked = 0
    const links = await Promise.all(
      group.addresses.map(({ port }) =>
        way(port, (sent) => (/subscribe/i.test(sent) && ++asked <= group.addresses.length ? '$-1\r\n' : undefined)),
      ),
    )
    const sentinels = links.map(({ port }) => ({ host: '127.0.0.1', port }))
    const cache = createCache({ tiers: [memory(), unhurried({ sentinels, name: group.name })] })
    try {
      await until('a value', () => isSet(cache))
      await until('every sentinel to be asked again', () => asked >= group.addresses.length * 2)
      for (const { clients: open } of links)
        for (const client of open) client.write('$-1\r\n*3\r\n$7\r\nmessage\r\n$-1\r\n$-1\r\n')
      expect(await cache.get('k')).toBe(1)
    } finally {
      await cache.close()
      for (const link of links) link.close()
    }
  })
})

// What the guard knows of ioredis is not in its documentation: a release that does it otherwise must work as if there
// were no guard.
test.each<[string, (queue: { shift(): unknown; unshift(item: unknown): unknown }) => unknown]>([
  ['keeps other things in its queue', (queue) => queue.shift()],
  ['reads its queue in another way', () => 'asked'],
])('a client that %s is left as it is, and its messages are heard', async (_what, next) => {
  const client = Object.assign(new EventEmitter(), {
    commandQueue: { shift: () => 'asked', unshift: () => {} },
    stream: new PassThrough(),
    disconnect: () => {},
  })
  const heard: unknown[][] = []
  guardReplies(client as never, (...message) => heard.push(message))
  client.emit('connect')
  const taken: unknown[] = []
  client.stream.on('data', () => {
    taken.push(next(client.commandQueue))
    client.emit('messageBuffer', 'channel', 'text')
  })
  client.stream.emit('data', 'x')
  expect([taken, heard]).toEqual([['asked'], [['channel', 'text']]])
})
