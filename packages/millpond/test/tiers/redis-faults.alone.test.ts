// The Redis tier when the server is slow, frozen, killed, emptied, restarted or refuses.
import { readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type FaultProxy, startFaultProxy } from '../../src/testing/fault-proxy.ts'
import { change, commitItem, key, pattern, tag } from '../../src/testing/ledger-subject.ts'
import { until } from '../../src/testing/runner.ts'
import { item } from '../../src/testing/tier.ts'
import { checkOf } from '../../src/tiers/head-check.ts'
import { type RedisTier, type RedisTierOptions, redis } from '../../src/tiers/redis/index.ts'
import { describeWith, freePort, PATIENCE, type RedisService, startRedis } from '../services/index.ts'
import { answers, FAILED, text } from './faults.ts'
import { DRIVER } from './redis-driver.ts'

describeWith('redis', 'the redis tier under faults', () => {
  let server: RedisService
  let proxy: FaultProxy
  const tiers: RedisTier[] = []

  beforeAll(async () => {
    server = await startRedis()
    proxy = await startFaultProxy({ to: { port: server.port } })
  })
  afterEach(async () => {
    server.resume()
    await proxy.heal()
    await Promise.all(tiers.splice(0).map((tier) => tier.close()))
    await server.command('FLUSHALL')
    proxy.resetCounts()
  })
  afterAll(async () => {
    await proxy.close()
    await server.stop()
  })

  function open(options: RedisTierOptions = {}): RedisTier {
    const tier = redis({
      ...PATIENCE,
      ...(options.client ? {} : DRIVER),
      ...(options.url || options.host || options.client || options.path ? {} : { url: proxy.url() }),
      ...options,
    })
    tiers.push(tier)
    return tier
  }

  describe('round trips', () => {
    test('constructing connects nothing', async () => {
      open()
      await new Promise((resolve) => setImmediate(resolve))
      expect(proxy.counts.connections).toBe(0)
    })

    test('T10: a batch is one command to read and to drop, one pipeline to write; a step of the ledger is one script', async () => {
      const tier = open()
      const keys = Array.from({ length: 100 }, (_, index) => `k${index}`)
      const { position } = await tier.ledger.pull('ns')
      await tier.ledger.advance('ns', change([tag('warm-up')]))
      await tier.ledger.commit('ns', [commitItem('k', position)])
      proxy.resetCounts()
      await tier.write(keys.map((key) => item(key)))
      await tier.read(keys)
      await tier.drop(keys)
      await tier.ledger.advance(
        'ns',
        change(keys.map(tag), {
          drop: keys,
          write: keys.map((key) => ({ key, body: Buffer.from(key), expiresAt: Number.POSITIVE_INFINITY })),
        }),
      )
      await tier.ledger.commit(
        'ns',
        keys.map((key) => commitItem(key, position)),
      )
      await tier.ledger.pull('ns', position)
      expect(Object.fromEntries(proxy.counts.commands)).toEqual({ SET: 100, MGET: 1, UNLINK: 1, EVALSHA: 3 })
    })

    test('T4: a read whose connection is lost under it is asked once more on the next one, within its deadline; a write is not', async () => {
      const tier = open()
      await tier.write([item('k')])
      /** Held on its way to the server. */
      const sent = async (command: string): Promise<void> => {
        await until(`${command} to be sent`, () => proxy.counts.commands.get(command) === 1)
      }
      const hold = async (): Promise<void> => {
        await proxy.set({ kind: 'half-open', dead: 'up' })
        proxy.resetCounts()
      }
      const kill = () => server.command('CLIENT', 'KILL', 'TYPE', 'normal')
      await hold()
      const read = tier.read(['k'])
      await sent('MGET')
      await kill()
      await until('the next connection', () => proxy.counts.connections > 0)
      await proxy.heal()
      const [stored] = await read
      expect(stored && Buffer.from(stored.body).toString()).toBe('body of k')
      expect(proxy.counts.commands.get('MGET')).toBe(2)
      await hold()
      const write = expect(tier.write([item('k', 'new')])).rejects.toMatchObject(FAILED)
      await sent('SET')
      await kill()
      await write
      await proxy.heal()
      await until('the tier to answer', () => answers(tier))
      expect(proxy.counts.commands.get('SET')).toBe(1)
      // The server is known to be gone: no call waits for the deadline.
      await hold()
      const lost = expect(tier.read(['k'])).rejects.toMatchObject({
        ...FAILED,
        message: expect.not.stringContaining('no answer within'),
      })
      await sent('MGET')
      await proxy.set({ kind: 'refuse' })
      await lost
    })

    test('scripts are sent again where the server has forgotten them', async () => {
      const tier = open()
      await tier.ledger.advance('ns', change([tag('t')]))
      await server.command('SCRIPT', 'FLUSH')
      expect((await tier.ledger.advance('ns', change([tag('t')]))).position.seq).toBe(2)
      expect((await tier.ledger.pull('ns')).position.seq).toBe(2)
    })
  })

  describe('G6: epochs by the identity of the server', () => {
    test('restarted with its data: entries are there, the epoch is new, commits of the old one are refused', async () => {
      const tier = open()
      const { position } = await tier.ledger.pull('ns')
      await tier.ledger.commit('ns', [commitItem('k', position)])
      await tier.ledger.advance('ns', change([tag('t')]))
      await server.restart()
      await until('the tier to answer', () => answers(tier))
      expect((await tier.read(['k']))[0]?.asOf).toEqual(position)
      expect(await tier.ledger.commit('ns', [commitItem('k', position)])).toEqual([false])
      const answer = await tier.ledger.pull('ns', position)
      expect(answer).toMatchObject({ kind: 'snapshot', floor: 0, lines: [], position: { seq: 0 } })
      expect(answer.position.epoch).not.toBe(position.epoch)
    })

    test('also for namespaces that are first touched much later on the new connection', async () => {
      const tier = open()
      const { position } = await tier.ledger.advance('late', change([tag('t')]))
      await server.restart()
      await until('the tier to answer', () => answers(tier))
      await tier.ledger.advance('other', change([tag('t')]))
      const advanced = await tier.ledger.advance('late', change([tag('t')]))
      expect(advanced.position).toMatchObject({ seq: 1 })
      expect(advanced.position.epoch).not.toBe(position.epoch)
    })

    test('killed and restarted empty; emptied while it runs', async () => {
      const tier = open()
      const epochs = new Set<string>()
      epochs.add((await tier.ledger.pull('ns')).position.epoch)
      await server.kill()
      await expect(tier.read(['k'])).rejects.toMatchObject(FAILED)
      await server.restart({ empty: true })
      await until('the tier to answer', () => answers(tier))
      epochs.add((await tier.ledger.pull('ns')).position.epoch)
      await server.command('FLUSHALL')
      epochs.add((await tier.ledger.pull('ns')).position.epoch)
      await server.command('FLUSHDB')
      epochs.add((await tier.ledger.advance('ns', change([tag('t')]))).position.epoch)
      expect(epochs.size).toBe(4)
    })

    test('a reconnection to the same server keeps the epoch', async () => {
      const tier = open()
      const { position } = await tier.ledger.advance('ns', change([tag('t')]))
      await proxy.set({ kind: 'reset' })
      await expect(tier.read(['k'])).rejects.toMatchObject(FAILED)
      await proxy.heal()
      await until('the tier to answer', () => answers(tier))
      expect((await tier.ledger.pull('ns')).position).toEqual(position)
    })

    test('evicted under memory pressure the record is a new epoch, never a shorter history', async () => {
      await server.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-random')
      const tier = open({ commandTimeout: 5000 })
      const { position } = await tier.ledger.advance('ns', change([tag('t')]))
      const used = Number(/^used_memory:(\d+)/m.exec(String(await server.command('INFO', 'memory')))?.[1])
      await server.command('CONFIG', 'SET', 'maxmemory', used + 2_000_000)
      try {
        for (let round = 0; round < 400; round++) {
          await tier.write(Array.from({ length: 20 }, (_, index) => item(`fill/${round}/${index}`, Buffer.alloc(4000))))
          const answer = await tier.ledger.pull('ns', position)
          if (answer.position.epoch !== position.epoch)
            return expect(answer).toMatchObject({ kind: 'snapshot', position: { seq: 0 } })
          expect(answer.position.seq).toBe(1)
        }
        expect.fail('the record was never evicted')
      } finally {
        await server.command('CONFIG', 'SET', 'maxmemory', 0)
      }
    })
  })

  describe('I7: followers', () => {
    test('are woken again after the connection was lost', async () => {
      const tier = open()
      const other = open({ url: server.url })
      let woken = 0
      const stop = tier.ledger.follow?.('ns', () => woken++)
      await until('the subscription to stand', () => woken > 0)
      await proxy.set({ kind: 'reset' })
      await other.ledger.advance('ns', change([tag('missed')]))
      const before = woken
      await proxy.heal()
      await until('the reconnection to wake', () => woken > before, 10_000)
      const again = woken
      await other.ledger.advance('ns', change([tag('t')]))
      await until('the message to wake', () => woken > again, 10_000)
      stop?.()
    })
  })

  describe('G22, G26: what others left under our names', () => {
    test.each([
      ['no head', 'just text'],
      ['empty', ''],
      ['only a newline', '\n'],
      ['without a check', 'epoch:1:\nbody'],
      ['another check', `${stored('epoch', '1', '').replace(/\d:\n/, (end) => `${(Number(end[0]) + 1) % 10}:\n`)}`],
      ['a number that is none', stored('epoch', '1e3', '')],
      ['a deadline that is none', stored('epoch', '1', '1e15')],
      ['a long head', stored('e'.repeat(500), '1', '')],
      ['an epoch with odd characters', stored('a b', '1', '')],
      ['already past', stored('epoch', '1', '5')],
      ['negative', stored('epoch', '-1', '')],
    ])('%s reads as nothing', async (_, bytes) => {
      const tier = open({ keyPrefix: 'p:' })
      await server.command('SET', 'p:e:bad', bytes)
      await tier.write([item('good')])
      expect(await tier.read(['bad', 'good'])).toEqual([
        undefined,
        expect.objectContaining({ asOf: { epoch: 'e0', seq: 0 } }),
      ])
    })

    test('what is written like that is read, so the cases above fail for their own reasons', async () => {
      const tier = open({ keyPrefix: 'p:' })
      await server.command('SET', 'p:e:fine', stored('epoch', '1', ''))
      expect(await text(tier, 'fine')).toBe('body')
    })

    test('a key of another type reads as nothing, and is replaced by a write', async () => {
      const tier = open({ keyPrefix: 'p:' })
      await server.command('HSET', 'p:e:odd', 'a', 'b')
      expect(await tier.read(['odd'])).toEqual([undefined])
      await tier.write([item('odd')])
      expect(await text(tier, 'odd')).toBe('body of odd')
    })

    test('G23: neither clear nor scan touches what is not ours', async () => {
      const tier = open({ keyPrefix: 'p*:' })
      const { position } = await tier.ledger.pull('ns')
      for (const name of ['p:e:theirs', 'pp:e:theirs', 'other', 'e:theirs']) await server.command('SET', name, 'x')
      await tier.write([item('a'), item('b')])
      expect(await tier.clear('')).toBe(2)
      expect(await server.command('EXISTS', 'p:e:theirs', 'pp:e:theirs', 'other', 'e:theirs')).toBe(4)
      expect((await tier.ledger.pull('ns')).position).toEqual(position)
    })
  })

  describe('other ways in', () => {
    test('databases, host and port, the options of a client', async () => {
      const third = open({ url: `${server.url}/3` })
      const byName = open({ host: '127.0.0.1', port: server.port, db: 3 })
      await third.write([item('k', 'three')])
      expect(await text(byName, 'k')).toBe('three')
      expect(await text(open({ url: server.url }), 'k')).toBeUndefined()
      const { Redis } = await import('ioredis')
      const theirs = new Redis({ port: server.port, host: '127.0.0.1', db: 3, lazyConnect: true, keyPrefix: 'theirs:' })
      const byClient = open({ client: theirs })
      expect(await text(byClient, 'k')).toBe('three')
      expect(theirs.status).toBe('wait')
      theirs.disconnect()
    })

    test('a database that does not exist is a failure, never database 0', async () => {
      const tier = open({ url: `${proxy.url()}/9999` })
      await expect(tier.write([item('k')])).rejects.toMatchObject({
        ...FAILED,
        message: expect.stringContaining('DB index'),
      })
      expect(await server.command('DBSIZE')).toBe(0)
      // On none of them is a rejection left unhandled: the run of the tests would fail, and Node ends a process for it.
      await until('some more connections', () => proxy.counts.connections > 3, 10_000)
    })

    test('port without a listener', async () => {
      const tier = open({ host: '127.0.0.1', port: await freePort() })
      await expect(tier.read(['k'])).rejects.toMatchObject({
        ...FAILED,
        message: expect.stringContaining('ECONNREFUSED'),
      })
    })
  })
})

describeWith('redis', 'the redis tier behind TLS and a least-privilege user', () => {
  /** As the guide tells operators. */
  const guide = readFileSync(new URL('../../../../docs/guide/redis.md', import.meta.url), 'utf8')
  const RULES = /^ACL SETUSER shop on >\S+ (.*)$/m.exec(guide)?.[1] ?? ''

  test("S6: the option's own description names the same rules as the guide", () => {
    const source = readFileSync(new URL('../../src/tiers/redis/index.ts', import.meta.url), 'utf8')
    expect(source.replace(/\n \* /g, ' ')).toContain(`\`${RULES}\``)
  })

  test('S6: every journey works, and a stranger gets nothing', async () => {
    const server = await startRedis({ tls: true, acl: { user: 'shop', password: 'p@ss:w/rd', rules: RULES } })
    const open = (options: RedisTierOptions): RedisTier =>
      redis({ ...DRIVER, keyPrefix: 'shop:', ...PATIENCE, ...options })
    const tier = open({ url: server.url, tls: { ca: server.ca ?? '' } })
    const untrusting = open({ url: server.url })
    const wrong = open({ url: server.url.replace('p%40ss', 'guess'), tls: { ca: server.ca ?? '' } })
    const busy = open({ url: server.url, tls: { ca: server.ca ?? '' }, db: 1, retain: { targets: 16 } })
    try {
      const { position } = await tier.ledger.pull('ns')
      const late = {
        write: [{ key: 'a', body: Buffer.from('v'), expiresAt: Date.now() + 60_000 }],
        unmovedSince: position,
      }
      expect((await tier.ledger.advance('a', change([key('a')], late))).stored).toEqual([false])
      await tier.ledger.report?.('ns', 'me', position)
      expect(await tier.ledger.nodes?.('ns')).toMatchObject([{ id: 'me', seq: 0 }])
      for (let step = 0; step < 100; step++)
        await busy.ledger.advance('busy', change([key(`k${step}`), tag(`t${step}`), pattern(`p${step % 9}*`)]))
      expect((await busy.ledger.pull('busy')).kind).toBe('snapshot')
      await tier.ledger.advance(
        'ns',
        change([tag('t')], {
          drop: ['x'],
          write: [{ key: 'k', body: Buffer.from('v'), expiresAt: Date.now() + 60_000 }],
        }),
      )
      expect(await tier.ledger.commit('ns', [{ ...commitItem('l', position), lease: 'none' }])).toEqual([false])
      expect(await tier.ledger.lease('ns', 'l', 'me', 1000)).toEqual({ granted: true })
      await tier.ledger.lease('ns', 'l', 'me', 1000)
      expect((await tier.ledger.lease('ns', 'l', 'you', 1000)).granted).toBe(false)
      expect(await tier.ledger.commit('ns', [{ ...commitItem('l', position), lease: 'me' }])).toEqual([true])
      await tier.ledger.release('ns', 'l', 'me')
      await tier.write([item('w'), item('gone', 'x', 1)])
      let woken = 0
      const stop = tier.ledger.follow?.('ns', () => woken++)
      const stopOther = tier.ledger.follow?.('other', () => {})
      await until('the subscription to stand', () => woken > 0)
      stop?.()
      stopOther?.()
      const seen: string[] = []
      for await (const keys of tier.scan('')) seen.push(...keys)
      expect(seen.sort()).toEqual(['k', 'l', 'w'])
      expect((await tier.read(['k', 'gone'])).map((stored) => stored?.body.toString())).toEqual(['v', undefined])
      expect(await tier.drop(['w'])).toBe(1)
      expect(await tier.clear('')).toBe(2)
      const used = [...String(await server.command('INFO', 'commandstats')).matchAll(/^cmdstat_(\w+)/gm)].map(
        (match) => match[1],
      )
      const granted = [...RULES.matchAll(/\+(\w+)/g)].map((match) => match[1])
      expect(granted.filter((command) => !used.includes(command))).toEqual([])

      await expect(untrusting.read(['k'])).rejects.toMatchObject({
        ...FAILED,
        message: expect.stringMatching(/certificate/),
      })
      const refused: Error = await wrong.read(['k']).then(
        () => expect.fail('a wrong password was accepted'),
        (error: Error) => error,
      )
      expect(refused.message).toMatch(/WRONGPASS/)
      expect(inspect(refused, { depth: 9, showHidden: true })).not.toMatch(/guess|w\/rd/)
    } finally {
      await Promise.all([tier, untrusting, wrong, busy].map((one) => one.close()))
      await server.stop()
    }
  })
})

/** As the tier writes it, whatever the parts are. */
function stored(epoch: string, seq: string, deadline: string): string {
  return `${epoch}:${seq}:${checkOf(`${epoch}:${seq}:${deadline}`)}:${deadline}\nbody`
}
