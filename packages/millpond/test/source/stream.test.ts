// A write log in Redis: what it keeps of a key, who takes over whose, and which servers it refuses.
import { Redis } from 'ioredis'
import { type CollectionOptions, createCache, type WriteStreamOptions } from 'millpond'
import { fakeClock } from 'millpond/testing'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { RedisLog, type RedisLogOptions } from '../../src/source/stream/redis-log.ts'
import { closeAfterEach, gate, open, until } from '../engine/setups.ts'
import { describeWith, until as eventually, type RedisService, startRedis } from '../services/index.ts'

closeAfterEach()

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const DURABLE = ['--appendonly', 'yes', '--appendfsync', 'always']

describeWith('redis', 'a write log in Redis', () => {
  let server: RedisService
  let client: Redis
  const logs: RedisLog[] = []
  beforeAll(async () => {
    server = await startRedis({ args: DURABLE })
    client = new Redis(server.url)
  })
  afterAll(async () => {
    client?.disconnect()
    await server?.stop()
  })
  beforeEach(async () => {
    await Promise.all(logs.splice(0).map((log) => log.close()))
    await server.command('FLUSHALL')
  })

  const BASE = '{millpond:writes:shop}'
  const errors: unknown[] = []
  async function log(more: Partial<RedisLogOptions> = {}) {
    const made = new RedisLog({
      client,
      name: 'shop',
      allowLossMs: 0,
      assumeDurable: false,
      replicas: 0,
      timeoutMs: 5000,
      clock: fakeClock(),
      graceS: 0,
      onError: (error) => errors.push(error),
      ...more,
    })
    logs.push(made)
    const { records } = await made.recover()
    return { made, records: records.map(({ key, number, body }) => [key, number, new TextDecoder().decode(body)]) }
  }
  /** As its lease would, some time after its process has died. */
  async function bury(): Promise<void> {
    for (const owner of (await server.command('HKEYS', `${BASE}:owners`)) as string[])
      await server.command('DEL', `${BASE}:lease:${owner}`)
  }

  it('G18: keeps the latest of each key, in order; who takes it over fences whom it belonged to', async () => {
    const { made: first, records } = await log()
    expect(records).toEqual([])
    expect(await first.append([{ key: 'a', body: bytes('1') }])).toEqual([1])
    expect(
      await first.append([
        { key: 'b', body: bytes('2') },
        { key: 'a', body: bytes('3') },
        { key: 'c', body: bytes('4') },
      ]),
    ).toEqual([2, 3, 4])
    first.settle('c', 4)
    await first.scrub()
    expect((await log()).records).toEqual([]) // it lives
    await bury()
    expect((await log()).records).toEqual([
      ['b', 2, '2'],
      ['a', 3, '3'],
    ])
    await expect(first.append([{ key: 'a', body: bytes('5') }])).rejects.toMatchObject({
      code: 'JOURNAL_FAILED',
      message: expect.stringContaining('another process has taken over'),
    })
    await expect(first.append([{ key: 'a', body: bytes('6') }])).rejects.toThrow(/taken over/)
    await bury()
    expect((await log()).records).toHaveLength(2)
  })

  it('has nothing of the dead put over what another process has stored since', async () => {
    const { made: dead } = await log()
    await dead.append([
      { key: 'a', body: bytes('old') },
      { key: 'b', body: bytes('only here') },
    ])
    const { made: living } = await log()
    const [number = 0] = await living.append([{ key: 'a', body: bytes('new') }])
    living.settle('a', number)
    await living.scrub()
    await server.command('DEL', `${BASE}:lease:${((await server.command('HKEYS', `${BASE}:owners`)) as string[])[0]}`)
    expect((await log()).records.map(([key]) => key)).toEqual(['b'])
  })

  it('takes over hundreds, and leaves nothing behind when all is settled and closed', async () => {
    const { made: dead } = await log()
    await dead.append(Array.from({ length: 350 }, (_, at) => ({ key: `k${at}`, body: bytes(String(at)) })))
    await bury()
    const { made, records } = await log()
    expect(records.map(([key]) => key)).toEqual(Array.from({ length: 350 }, (_, at) => `k${at}`))
    for (const [key, number] of records) made.settle(String(key), Number(number))
    await made.close()
    await dead.close()
    expect(await server.command('KEYS', '*')).toEqual([`${BASE}:numbers`])
  })

  it('looks for the dead while it lives, and keeps its lease', async () => {
    const clock = fakeClock()
    const { made: dead } = await log()
    await dead.append([{ key: 'a', body: bytes('1') }])
    const { made } = await log({ clock })
    let found = 0
    made.watch(() => found++)
    await bury()
    await clock.run(5001)
    await until(() => found > 0)
    expect((await made.recover()).records).toHaveLength(1)
    expect(await server.command('EXISTS', ...(await leases()))).toBe(1)
  })
  const leases = async () =>
    ((await server.command('HKEYS', `${BASE}:owners`)) as string[]).map((id) => `${BASE}:lease:${id}`)

  it('leaves those alone who may live, where the server has only just come back', async () => {
    const { made: alive } = await log()
    await alive.append([{ key: 'a', body: bytes('1') }])
    await bury() // the server's clock went on while it was down
    const clock = fakeClock()
    const upS = Number(/uptime_in_seconds:(\d+)/.exec(String(await server.command('INFO', 'server')))?.[1])
    let isAsked = false
    const call: RedisLogOptions['client']['call'] = (command, args) => {
      isAsked ||= command === 'INFO'
      return client.call(command, args)
    }
    const starting = log({
      clock,
      graceS: upS + 30,
      client: { call, callBuffer: (command, args) => client.callBuffer(command, args) },
    })
    await until(() => isAsked)
    await alive.scrub()
    await alive.append([{ key: 'b', body: bytes('2') }]) // it renews its lease
    await client.ping()
    await clock.run(31_000)
    expect((await starting).records).toEqual([])
  })

  it('refuses while the server refuses, and says so without the values', async () => {
    const { made } = await log()
    await server.command('CONFIG', 'SET', 'maxmemory', '1')
    const refused = made.append([{ key: 'a', body: bytes('a secret') }])
    await expect(refused).rejects.toMatchObject({ code: 'JOURNAL_FAILED', message: expect.stringContaining('OOM') })
    expect(JSON.stringify(await refused.catch((error: Error) => [error.message, error.cause]))).not.toContain('secret')
    await server.command('CONFIG', 'SET', 'maxmemory', '0')
    expect(await made.append([{ key: 'a', body: bytes('1') }])).toHaveLength(1)
  })

  it('waits for replicas where it is told to, and does not acknowledge without them', async () => {
    const { made } = await log({ replicas: 1, timeoutMs: 200 })
    await expect(made.append([{ key: 'a', body: bytes('1') }])).rejects.toThrow(/0 of 1 replicas have it/)
  })

  it.each<[string[], object, RegExp | undefined]>([
    [['appendonly', 'no'], {}, /appendonly is "no"/],
    [['appendfsync', 'everysec'], {}, /appendfsync is "everysec": .*allowLossMs: 2000/],
    [['appendfsync', 'everysec'], { allowLossMs: 1000 }, /everysec/],
    [['appendfsync', 'everysec'], { allowLossMs: 2000 }, undefined],
    [['appendfsync', 'no'], { allowLossMs: 60_000 }, /appendfsync is "no"/],
    [['maxmemory', '100mb', 'maxmemory-policy', 'allkeys-lru'], {}, /may evict.*noeviction/],
    [['maxmemory', '100mb', 'maxmemory-policy', 'volatile-ttl'], {}, /may evict/],
    [['maxmemory', '100mb', 'maxmemory-policy', 'noeviction'], {}, undefined],
    [['appendonly', 'no'], { assumeDurable: true }, undefined],
  ])('G18: a server with %j and %j', async (settings, options, message) => {
    const before = ['appendonly', 'yes', 'appendfsync', 'always', 'maxmemory', '0', 'maxmemory-policy', 'noeviction']
    try {
      await server.command('CONFIG', 'SET', ...settings)
      const opened = log(options)
      if (message === undefined) expect((await opened).records).toEqual([])
      else
        await expect(opened).rejects.toMatchObject({ code: 'OPTION_INVALID', message: expect.stringMatching(message) })
    } finally {
      await server.command('CONFIG', 'SET', ...before)
      // Until the log has been written anew after it was off, what a server acknowledges dies with it.
      await eventually('the log of the server to be whole again', async () => {
        const said = String(await server.command('INFO', 'persistence'))
        return said.includes('aof_rewrite_in_progress:0') && said.includes('aof_rewrite_scheduled:0')
      })
    }
  })

  it('is told when a server that took the place of the other does not persist, and refuses from then on', async () => {
    const clock = fakeClock()
    const { made } = await log({ clock })
    try {
      await server.command('CONFIG', 'SET', 'appendfsync', 'no')
      errors.length = 0
      await clock.run(5001)
      await until(() => errors.length > 0)
      await expect(made.append([{ key: 'a', body: bytes('1') }])).rejects.toThrow(
        /does not reliably store what it acknowledges/,
      )
    } finally {
      await server.command('CONFIG', 'SET', 'appendfsync', 'always')
    }
  })

  it('brings what a closed cache has left to the source of the next one, over a killed server', async () => {
    const stored: unknown[] = []
    const options = (store: CollectionOptions<number, string>['store']): CollectionOptions<number, string> => ({
      store,
      write: 'write-behind',
      writeBehind: { stream: { url: server.url }, maxDelay: 1, drainTimeout: 1 },
    })
    const first = createCache()
    const hanging = first.collection(
      'item',
      options(() => new Promise(() => {})),
    )
    await hanging.set(1, 'one')
    await first.close()
    await server.kill()
    await server.restart()
    const second = open()
    const ends = gate()
    const items = second.collection(
      'item',
      options(async (id, value) => {
        await ends.promise
        stored.push([id, value])
      }),
    )
    expect(await items.get(1)).toBe('one')
    ends.open()
    await second.flush()
    expect(stored).toEqual([[1, 'one']])
  })
})

describeWith('redis', 'a server whose settings may not be read', () => {
  it('is refused, unless its owner is trusted', async () => {
    const server = await startRedis({
      args: DURABLE,
      acl: { user: 'app', password: 'secret', rules: '~* +@all -config' },
    })
    try {
      const ready = async (stream: WriteStreamOptions) => {
        const cache = createCache()
        const items = cache.collection('item', { store: () => {}, write: 'write-behind', writeBehind: { stream } })
        try {
          return await items.set(1, 'one')
        } finally {
          await cache.close()
        }
      }
      await expect(ready({ url: server.url })).rejects.toThrow(
        /settings appendonly, .* cannot be read: .*assumeDurable/,
      )
      await ready({ url: server.url, assumeDurable: true })
    } finally {
      await server.stop()
    }
  })
})

describe('a stream', () => {
  it('is refused where it is told something else', () => {
    const cache = open()
    const told = (writeBehind: object) => () =>
      cache.collection('item', { store: () => {}, write: 'write-behind', writeBehind })
    expect(told({ durability: 'stream' })).toThrow(/durability 'stream' needs a server: give stream: { url/)
    expect(told({ durability: 'memory', stream: { url: 'redis://h' } })).toThrow(/uses no stream/)
    expect(told({ stream: {} })).toThrow(/give either a url or a client/)
    expect(told({ stream: { url: 'redis://h' }, journal: './j' })).toThrow(/uses no journal/)
    expect(told({ stream: { url: 'redis://h', replicas: -1 } })).toThrow(/replicas: -1/)
    expect(told({ stream: { url: 'redis://h', allowLossMs: '1s' } })).toThrow(/allowLossMs/)
  })
})
