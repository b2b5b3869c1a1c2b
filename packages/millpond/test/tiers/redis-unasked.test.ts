// Answers that nobody asked for: a damaged stream of a Redis connection, or a proxy that is out of step, must not end the process.
import { createServer, connect as dial, type Socket } from 'node:net'
import { createCache, memory } from 'millpond'
import { redis } from 'millpond/tiers/redis'
import { afterAll, beforeAll, test } from 'vitest'
import { describeWith, freePort, type RedisService, startRedis, until } from '../services/index.ts'

describeWith('redis', 'a Redis connection on which something comes that nobody asked for', () => {
  let server: RedisService
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())

  // Met by histories under `link-garbled`: npm run histories -- --seed 31 --tier redis, and --seed 770011.
  test.each([
    ['$-1\r\n', 'anew'],
    ['$-1\r\n$-1\r\n', 'anew'],
    [':1\r\n', 'anew'],
    ['*-1\r\n', 'anew'],
    ['-ERR what\r\n', 'anew'],
    ['*3\r\n$7\r\nmessage\r\n$-1\r\n$1\r\nx\r\n', 'to the subscriber'],
    ['*1\r\n$7\r\nmessage\r\n', 'to the subscriber'],
  ] as const)('%j is no end of the process (%s), and the tier goes on', async (unasked, how) => {
    const clients = new Set<Socket>()
    let connections = 0
    const proxy = createServer((client) => {
      connections += 1
      clients.add(client)
      const there = dial(server.port, '127.0.0.1')
      client.pipe(there).pipe(client)
      const end = (): void => {
        client.destroy()
        there.destroy()
        clients.delete(client)
      }
      for (const one of [client, there]) one.on('error', end).on('close', end)
    })
    const port = await freePort()
    await new Promise<void>((resolve) => proxy.listen(port, '127.0.0.1', resolve))
    const cache = createCache({ tiers: [memory(), redis({ url: `redis://127.0.0.1:${port}` })] })
    try {
      await cache.set('k', 1)
      await until('the subscription', async () => String(await server.command('PUBSUB', 'CHANNELS')) !== '')
      const before = connections
      // The first is asked, the other is told.
      for (const client of how === 'anew' ? clients : [...clients].slice(1)) client.write(unasked)
      if (how === 'anew') await until('a new connection', () => connections > before)
      await until('the tier to go on', async () => {
        await cache.set('k', 2).catch(() => {})
        return (await cache.get('k')) === 2
      })
    } finally {
      await cache.close()
      proxy.close()
    }
  })
})
