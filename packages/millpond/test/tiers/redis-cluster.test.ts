// The Redis tier on a real cluster: the published suites, and what is particular to it.
import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { createCache, memory } from 'millpond'
import { afterAll, afterEach, beforeAll, describe, expect, it, test } from 'vitest'
import { describeLedger, type LedgerTuning } from '../../src/testing/ledger.ts'
import { change, commitItem, key } from '../../src/testing/ledger-subject.ts'
import { until } from '../../src/testing/runner.ts'
import { stopwatch } from '../../src/testing/stopwatch.ts'
import { describeTier, item, oddKeys } from '../../src/testing/tier.ts'
import { type RedisTier, type RedisTierOptions, redis } from '../../src/tiers/redis/index.ts'
import { slotOf } from '../../src/tiers/redis/slots.ts'
import {
  type ClusterGroup,
  describeWith,
  freePort,
  PATIENCE,
  patient,
  type RedisService,
  startCluster,
  startRedis,
} from '../services/index.ts'
import { DRIVER } from './redis-driver.ts'

describeWith('redis', 'the redis tier on a cluster', () => {
  let cluster: ClusterGroup
  let keyPrefix = ''
  const closing: { close(): Promise<unknown> }[] = []

  beforeAll(async () => {
    cluster = await startCluster()
  }, 90_000)
  afterEach(async () => {
    await Promise.all(closing.splice(0).map((one) => one.close()))
  })
  afterAll(() => cluster.stop())

  const again = async (tuning?: LedgerTuning) =>
    redis({ ...DRIVER, cluster: cluster.addresses.slice(0, 2), keyPrefix, ...PATIENCE, ...tuned(tuning) })
  const open = async (tuning?: LedgerTuning) => {
    keyPrefix = `test-${randomBytes(4).toString('hex')}:`
    return again(tuning)
  }
  const tierOf = (options: RedisTierOptions = {}): RedisTier => {
    const tier = redis({
      ...DRIVER,
      cluster: cluster.addresses,
      keyPrefix: `test-${randomBytes(4).toString('hex')}:`,
      ...PATIENCE,
      ...options,
    })
    closing.push(tier)
    return tier
  }
  const ownerOf = async (name: string): Promise<RedisService> => {
    const owner = await cluster.ownerOf(name)
    if (owner === undefined) throw new Error(`no server owns ${name}`)
    return owner
  }

  describeTier(
    { describe, it },
    {
      name: 'redis on a cluster',
      open: () => open(),
      again: () => again(),
      skips: {
        bounded: 'how much it holds is a setting of the server: maxmemory',
        usage: 'a server cannot tell the entries of one cache from others without a scan',
        'every-bit': 'a record has the form that it has on one server, where each bit is flipped',
      },
    },
  )
  describeLedger(
    { describe, it },
    {
      name: 'redis on a cluster',
      open,
      again,
      loseRecord: async (namespace) => {
        const name = `${keyPrefix}l:{${namespace}}`
        await (await ownerOf(name)).command('DEL', name)
      },
      skips: {
        'keys-pruned':
          'entries lie apart from the record, so that no step drops them for certain: key targets are kept, and the floor rises instead (case external)',
        'external-later': 'entries always count as copies beside the record',
      },
    },
  )

  test('G1: a write that comes late does not lie over a later one; another epoch does not stand in the way', async () => {
    const tier = tierOf()
    const stored = async () => {
      const [one] = await tier.read(['k'])
      return one && [new TextDecoder().decode(one.body), one.asOf.epoch, one.asOf.seq]
    }
    await tier.write([item('k', 'nine', Number.POSITIVE_INFINITY, 9)])
    await tier.write([item('k', 'late', Number.POSITIVE_INFINITY, 8)])
    expect(await stored()).toEqual(['nine', 'e0', 9])
    await tier.write([item('k', 'late', 0, 8)])
    expect(await stored()).toEqual(['nine', 'e0', 9])
    await tier.write([{ ...item('k', 'same'), asOf: { epoch: 'e0', seq: 9 } }])
    expect(await stored()).toEqual(['same', 'e0', 9])
    await tier.write([{ ...item('k', 'reborn'), asOf: { epoch: 'e1', seq: 1 } }])
    expect(await stored()).toEqual(['reborn', 'e1', 1])
    await tier.write([{ ...item('k', 'gone', 0), asOf: { epoch: 'e1', seq: 2 } }])
    expect(await stored()).toBeUndefined()
  })

  test('G22: a key of another type reads as nothing, and is replaced by a write', async () => {
    const tier = tierOf({ keyPrefix: 'odd:' })
    await (await ownerOf('odd:e:k')).command('HSET', 'odd:e:k', 'a', 'b')
    expect(await tier.read(['k'])).toEqual([undefined])
    await tier.write([item('k')])
    expect((await tier.read(['k']))[0]).toBeDefined()
  })

  test('G3: a process whose reports are refused, while all else is answered, trusts nothing, and says so', {
    timeout: 30_000,
  }, async () => {
    const prefix = `heart-${randomBytes(4).toString('hex')}:`
    const tier = redis({ ...DRIVER, cluster: cluster.addresses, keyPrefix: prefix, ...PATIENCE })
    const cache = createCache({ name: 'heart', tiers: [memory(), patient(tier)] })
    closing.push(cache)
    const said: string[] = []
    cache.on('warning', ({ message }) => said.push(message))
    const space = cache.namespace('a')
    await space.set('k', 1)
    const isTrusted = async (): Promise<boolean> => (await space.get('k')) === 1
    await until('memory to be trusted', isTrusted)
    // Another type in its place: no report can be written, and nothing else is in the way.
    const nodes = `${prefix}n:{heart:a:}`
    const owner = await ownerOf(nodes)
    expect(await owner.command('TYPE', nodes)).toEqual('hash')
    await owner.command('SET', nodes, 'x')
    await until('memory to be distrusted', async () => !(await isTrusted()), 10_000)
    expect(said).toEqual([expect.stringMatching(/takes no heartbeat of this process \(.*WRONGTYPE/)])
    expect(space.stats().ledger.isUp).toBe(false)
    await owner.command('DEL', nodes)
    await until('memory to be trusted again', isTrusted, 10_000)
    expect(space.stats().ledger.isUp).toBe(true)
  })

  test('I7: a follower is woken by a step that another server took', async () => {
    const tier = tierOf({ keyPrefix: 'wake:' })
    const other = tierOf({ keyPrefix: 'wake:' })
    for (const namespace of ['a', 'b', 'c', 'd']) {
      let woken = 0
      const stop = tier.ledger.follow?.(namespace, () => woken++)
      await until('the follower to be woken', async () => {
        await other.ledger.advance(namespace, change([key('k')]))
        return woken > 1
      })
      stop?.()
    }
  })

  test('servers that are not there: typed failures, at once after the first; one of several is enough', async () => {
    const nobody = { host: '127.0.0.1', port: await freePort() }
    const lost = tierOf({ cluster: [nobody] })
    await expect(lost.read(['k'])).rejects.toMatchObject({
      code: 'TIER_FAILED',
      message: expect.stringContaining('ECONNREFUSED'),
    })
    const waited = stopwatch()
    for (let round = 0; round < 20; round++) {
      await expect(lost.read(['k'])).rejects.toMatchObject({ code: 'TIER_FAILED' })
      await expect(lost.ledger.pull('ns')).rejects.toMatchObject({ code: 'LEDGER_UNREACHABLE' })
    }
    expect(waited(), 'in time').toBeLessThan(250)
    const found = tierOf({ cluster: [nobody, ...cluster.addresses.slice(0, 1)] })
    await found.write([item('k')])
    expect((await found.read(['k']))[0]).toBeDefined()
  })

  test('a name has the slot that the servers say', async () => {
    const [node] = cluster.nodes
    const names = [...oddKeys.slice(0, 30), 'a{b}c', 'a{}c', '{a', 'a}', '{a}{b}', '{{a}}', 'x{a b}y', 'é{é}', '{%}']
    for (const name of names)
      expect([name, slotOf(name)]).toEqual([name, await node?.command('CLUSTER', 'KEYSLOT', name)])
  })
})

describeWith('redis', 'the redis tier on a cluster behind TLS and a least-privilege user', () => {
  /** As the guide tells operators: those of a single server, and what a cluster needs. */
  const RULES =
    '~shop:* &shop:* -@all +ping +info +select +mget +set +unlink +scan +evalsha +eval +get +hget +hmget +hset +hdel +hexists +hgetall +hscan +pexpire +pttl +time +publish +subscribe +unsubscribe +cluster|slots +asking +getrange'

  test('S6: every journey works, and a stranger gets nothing', async () => {
    const bus = await freePort()
    const server = await startRedis({
      tls: true,
      acl: { user: 'shop', password: 'p@ss:w/rd', rules: RULES },
      args: ['--cluster-enabled', 'yes', '--cluster-port', String(bus), '--tls-cluster', 'yes'],
    })
    const address = [{ host: server.host, port: server.port }]
    const open = (options: RedisTierOptions): RedisTier =>
      redis({
        ...DRIVER,
        cluster: address,
        username: 'shop',
        password: 'p@ss:w/rd',
        keyPrefix: 'shop:',
        ...PATIENCE,
        ...options,
      })
    const trusting = { tls: { ca: server.ca ?? '' } }
    const tier = open(trusting)
    const untrusting = open({ tls: true })
    const wrong = open({ ...trusting, password: 'guess' })
    try {
      await server.command('CLUSTER', 'ADDSLOTSRANGE', 0, 16_383)
      // A master takes no writes in its first two seconds as one (CLUSTER_WRITABLE_DELAY).
      const isWell = async () => String(await server.command('CLUSTER', 'INFO')).includes('cluster_state:ok')
      await until('the cluster to be well', isWell, 10_000)
      const { position } = await tier.ledger.pull('ns')
      const write = [{ key: 'k', body: Buffer.from('v'), expiresAt: Date.now() + 60_000 }]
      await tier.ledger.advance('ns', change([key('k')], { drop: ['x'], write }))
      expect(await tier.ledger.commit('ns', [{ ...commitItem('l', position), lease: 'none' }])).toEqual([false])
      expect(await tier.ledger.lease('ns', 'l', 'me', 1000)).toEqual({ granted: true })
      expect((await tier.ledger.lease('ns', 'l', 'you', 1000)).granted).toBe(false)
      expect(await tier.ledger.commit('ns', [{ ...commitItem('l', position), lease: 'me' }])).toEqual([true])
      await tier.ledger.release('ns', 'l', 'me')
      await tier.ledger.report?.('ns', 'me', position)
      expect((await tier.ledger.nodes?.('ns'))?.map(({ id }) => id)).toEqual(['me'])
      await tier.write([item('w'), item('gone', 'x', 1)])
      let woken = 0
      const stop = tier.ledger.follow?.('ns', () => woken++)
      await until('the subscription to stand', () => woken > 0)
      stop?.()
      const seen: string[] = []
      for await (const keys of tier.scan('')) seen.push(...keys)
      expect(seen.sort()).toEqual(['k', 'l', 'w'])
      expect(await tier.drop(['w'])).toBe(1)
      expect(await tier.clear('')).toBe(2)

      await expect(untrusting.read(['k'])).rejects.toMatchObject({
        code: 'TIER_FAILED',
        message: expect.stringMatching(/certificate/),
      })
      const refused: Error = await wrong.read(['k']).then(
        () => expect.fail('a wrong password was accepted'),
        (error: Error) => error,
      )
      expect(refused.message).toMatch(/WRONGPASS/)
      expect(inspect(refused, { depth: 9, showHidden: true })).not.toMatch(/guess|w\/rd/)
    } finally {
      await Promise.all([tier, untrusting, wrong].map((one) => one.close()))
      await server.stop()
    }
  })
})

function tuned({ targets, windowMs, externalTiers }: LedgerTuning = {}): Partial<RedisTierOptions> {
  return {
    retain: {
      ...(targets && { targets }),
      ...(windowMs && { window: windowMs }),
      ...(externalTiers && { externalTiers }),
    },
  }
}
