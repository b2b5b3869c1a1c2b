// The Redis tier that follows a Sentinel group: the published suites through it, and failovers of a real group.
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { createCache, memory } from 'millpond'
import { afterAll, afterEach, beforeAll, describe, expect, it, test } from 'vitest'
import { describeLedger, type LedgerTuning } from '../../src/testing/ledger.ts'
import { change, commitItem, tag } from '../../src/testing/ledger-subject.ts'
import { until } from '../../src/testing/runner.ts'
import { stopwatch } from '../../src/testing/stopwatch.ts'
import { describeTier, item } from '../../src/testing/tier.ts'
import { type RedisTier, type RedisTierOptions, redis } from '../../src/tiers/redis/index.ts'
import {
  describeWith,
  freePort,
  PATIENCE,
  type RedisService,
  type SentinelGroup,
  startRedis,
  startSentinel,
} from '../services/index.ts'
import { program } from '../services/program.ts'
import { ask } from '../services/redis.ts'
import { launch } from '../services/service.ts'
import { DRIVER } from './redis-driver.ts'

/** A failover takes a few seconds: the master must be silent, the sentinels agree, the replica begin. */
const ELECTION_MS = 30_000

describeWith('redis', 'the redis tier through sentinels', () => {
  let group: SentinelGroup
  let keyPrefix = ''
  beforeAll(async () => {
    group = await startSentinel({ replicas: 1 })
  }, 60_000)
  afterAll(() => group.stop())

  const again = async (tuning?: LedgerTuning) =>
    redis({ ...DRIVER, sentinels: group.addresses, name: group.name, keyPrefix, ...PATIENCE, ...tuned(tuning) })
  const open = async (tuning?: LedgerTuning) => {
    keyPrefix = `test-${randomBytes(4).toString('hex')}:`
    return again(tuning)
  }

  describeTier(
    { describe, it },
    {
      name: 'redis through sentinels',
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
      name: 'redis through sentinels',
      open,
      again,
      loseRecord: async (namespace) => void (await group.servers[0]?.command('DEL', `${keyPrefix}l:{${namespace}}`)),
    },
  )
})

describeWith('redis', 'the redis tier and the failover of a sentinel group', () => {
  let group: SentinelGroup
  const closing: { close(): Promise<unknown> }[] = []

  beforeAll(async () => {
    group = await startSentinel({ replicas: 2 })
  }, 60_000)
  afterEach(async () => {
    await Promise.all(closing.splice(0).map((one) => one.close()))
  })
  afterAll(() => group.stop())

  function open(options: RedisTierOptions = {}): RedisTier {
    const tier = redis({ ...DRIVER, sentinels: group.addresses, name: group.name, ...options })
    closing.push(tier)
    return tier
  }

  const masterNow = async (): Promise<RedisService> => {
    let found: RedisService | undefined
    const ask = async (): Promise<boolean> => {
      found = await group.master()
      return found !== undefined
    }
    await until('a master that all sentinels name', ask, ELECTION_MS)
    if (found === undefined) throw new Error('the sentinels name no master')
    return found
  }
  const follows = async (master: RedisService): Promise<boolean> => {
    if ((await masterNow()) === master) return false
    // A server that becomes a replica closes its clients' connections.
    const info = await master.command('INFO', 'replication').catch(() => '')
    return String(info).includes('master_link_status:up')
  }

  /** Through the namespace's ledger: resolves when a step has been taken, and how long the longest refusal took. */
  async function waitForLedger(tier: RedisTier, namespace: string): Promise<{ epoch: string; longestMs: number }> {
    let epoch = ''
    let longestMs = 0
    const tried = async (): Promise<boolean> => {
      const waited = stopwatch()
      try {
        epoch = (await tier.ledger.pull(namespace)).position.epoch
        return true
      } catch (error) {
        expect(error).toMatchObject({ code: 'LEDGER_UNREACHABLE' })
        longestMs = Math.max(longestMs, waited())
        return false
      }
    }
    await until('the ledger to answer', tried, ELECTION_MS)
    return { epoch, longestMs }
  }

  test('G6: a frozen master is replaced: calls fail fast meanwhile, the epoch is new, old loads are refused', async () => {
    const tier = open()
    const { position } = await tier.ledger.pull('ns')
    const { position: moved } = await tier.ledger.advance('ns', change([tag('t')]))
    await tier.write([item('k')])
    const old = await masterNow()
    old.pause()
    try {
      await expect(tier.read(['k'])).rejects.toMatchObject({ code: 'TIER_FAILED' })
      await until('the sentinels to elect', async () => (await masterNow()) !== old, ELECTION_MS)
      const { epoch, longestMs } = await waitForLedger(tier, 'ns')
      expect(epoch).not.toBe(position.epoch)
      expect(longestMs, 'in time').toBeLessThan(1000)
      expect(await tier.ledger.commit('ns', [commitItem('late', moved)])).toEqual([false])
      await tier.write([item('new')])
      expect((await tier.read(['new']))[0]).toBeDefined()
      expect((await tier.ledger.advance('ns', change([tag('t')]))).position).toEqual({ epoch, seq: 1 })
    } finally {
      old.resume()
    }
    await until('the old master to follow', () => follows(old), ELECTION_MS)
    // Its return changes nothing.
    const { position: after } = await tier.ledger.pull('ns')
    expect(after.seq).toBe(1)
  }, 90_000)

  test('G1, G3: nothing stale after an ack on the new master, in either process; writes work again', async () => {
    const open = () => {
      const cache = createCache({
        name: 'failover',
        tiers: [memory(), redis({ ...DRIVER, sentinels: group.addresses, name: group.name })],
        defaults: { ttl: '5m' },
      })
      closing.push(cache)
      return cache
    }
    const [one, two] = [open(), open()]
    let truth = 1
    const load = async (): Promise<number> => truth
    for (const cache of [one, two]) expect(await cache.getOrSet('k', load, { tags: ['t'] })).toBe(1)
    const old = await masterNow()
    await old.kill()
    await until('the sentinels to elect', async () => (await masterNow()) !== old, ELECTION_MS)
    truth = 2
    await until(
      'an invalidation to be acknowledged',
      () =>
        one.invalidateTags(['t']).then(
          ({ isApplied }) => isApplied,
          () => false,
        ),
      ELECTION_MS,
    )
    const ackedAt = performance.now()
    expect(await one.getOrSet('k', load, { tags: ['t'] })).toBe(2)
    const late: number[] = []
    await until('all reads of the other process', async () => {
      const began = performance.now() - ackedAt
      const value = await two.getOrSet('k', load, { tags: ['t'] })
      if (began > 500 && value !== 2) late.push(began)
      return began > 1500
    })
    expect(late).toEqual([])
    // Writes are acknowledged again once the sentinels agree: a connection in between may still meet the old answer.
    await until(
      'a write to be acknowledged',
      () =>
        one.set('written', 'after').then(
          () => true,
          () => false,
        ),
      ELECTION_MS,
    )
    await until('the other process to see the write', async () => (await two.get('written')) === 'after')
    await old.restart()
    await until('the old master to follow', () => follows(old), ELECTION_MS)
  }, 90_000)

  test('a demoted master is left at once, also one that was frozen and still takes itself for the master', async () => {
    const tier = open({ commandTimeout: 1000 })
    const before = (await tier.ledger.pull('ns')).position
    const old = await masterNow()
    old.pause()
    await until('the sentinels to elect', async () => (await masterNow()) !== old, ELECTION_MS)
    old.resume()
    const { epoch } = await waitForLedger(tier, 'ns')
    expect(epoch).not.toBe(before.epoch)
    const { position } = await tier.ledger.advance('ns', change([tag('t')]))
    expect(position).toEqual({ epoch, seq: 1 })
    await until('the old master to follow', () => follows(old), ELECTION_MS)
    expect((await tier.ledger.pull('ns')).position).toEqual(position)
  }, 90_000)

  test('I7: followers are woken by the new master', async () => {
    const tier = open()
    const other = open()
    let woken = 0
    const stop = tier.ledger.follow?.('ns', () => woken++)
    await until('the subscription to stand', () => woken > 0)
    await (await masterNow()).command('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await until('the subscription to stand again', async () => {
      const before = woken
      await other.ledger.advance('ns', change([tag('t')])).catch(() => undefined)
      await new Promise((resolve) => setImmediate(resolve))
      return woken > before + 1 || woken > 3
    })
    stop?.()
  }, 30_000)

  test('sentinels that are not there: typed failures, at once after the first; one of several is enough', async () => {
    const nobody = { host: '127.0.0.1', port: await freePort() }
    const lost = open({ sentinels: [nobody] })
    await expect(lost.read(['k'])).rejects.toMatchObject({
      code: 'TIER_FAILED',
      message: expect.stringMatching(/sentinel/i),
    })
    const waited = stopwatch()
    for (let round = 0; round < 20; round++)
      await expect(lost.read(['k'])).rejects.toMatchObject({ code: 'TIER_FAILED' })
    expect(waited(), 'in time').toBeLessThan(200)
    const found = open({ sentinels: [nobody, ...group.addresses.slice(0, 1)] })
    await found.write([item('k')])
    expect((await found.read(['k']))[0]).toBeDefined()
  }, 30_000)

  test('a name that the sentinels do not know is a failure that says so', async () => {
    const tier = open({ name: 'of-somebody-else' })
    await expect(tier.read(['k'])).rejects.toMatchObject({ code: 'TIER_FAILED' })
  })
})

describeWith('redis', 'the redis tier through a sentinel, both behind TLS and passwords', () => {
  test('S6: the master is found and used; without the right certificate or password nothing is', async () => {
    const rules =
      '~shop:* &shop:* -@all +ping +info +select +mget +set +unlink +scan +evalsha +eval +get +hget +hmget +hset +hdel +hexists +hgetall +hscan +pexpire +pttl +time +publish +subscribe +unsubscribe'
    const server = await startRedis({ tls: true, acl: { user: 'shop', password: 'p@ss:w/rd', rules } })
    const files = ['cert', 'key', 'ca-cert'].map(
      (name) => `tls-${name}-file ${join(server.folder, name === 'key' ? 'key.pem' : 'cert.pem')}`,
    )
    const sentinel = await launch({
      name: 'sentinel',
      program: program('redis'),
      url: (port) => `rediss://:s3ntinel@127.0.0.1:${port}`,
      prepare: (folder, port) => {
        const admin = new URL(server.adminUrl).password
        const lines = [
          'port 0',
          `tls-port ${port}`,
          ...files,
          'tls-auth-clients no',
          'tls-replication yes',
          'bind 127.0.0.1',
          'requirepass s3ntinel',
        ]
        lines.push(
          `sentinel monitor shop 127.0.0.1 ${server.port} 1`,
          'sentinel auth-user shop admin',
          `sentinel auth-pass shop ${admin}`,
          '',
        )
        writeFileSync(join(folder, 'sentinel.conf'), lines.join('\n'))
      },
      args: (_, folder) => [join(folder, 'sentinel.conf'), '--sentinel'],
      ready: async (port) =>
        (await ask(`rediss://:s3ntinel@127.0.0.1:${port}`, ['PING'], { cert: server.ca ?? '', key: '' })) === 'PONG',
    })
    const trust = { ca: server.ca ?? '' }
    const right: RedisTierOptions = {
      sentinels: [{ host: sentinel.host, port: sentinel.port }],
      name: 'shop',
      sentinelPassword: 's3ntinel',
      sentinelTls: trust,
      username: 'shop',
      password: 'p@ss:w/rd',
      tls: trust,
      keyPrefix: 'shop:',
      ...PATIENCE,
    }
    const tiers = [
      right,
      { ...right, tls: true },
      { ...right, sentinelTls: true },
      { ...right, sentinelPassword: 'guess' },
      { ...right, password: 'guess' },
    ].map(redis)
    try {
      const [tier, ...others] = tiers
      if (tier === undefined) throw new Error('no tier')
      await tier.ledger.advance('ns', change([tag('t')]))
      await tier.write([item('k')])
      expect((await tier.read(['k']))[0]).toBeDefined()
      const refusal = (other: RedisTier): Promise<string> =>
        other.read(['k']).then(
          () => 'accepted',
          (error: Error) => {
            expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/guess|s3ntinel|w\/rd/)
            return error.message
          },
        )
      const messages = await Promise.all(
        others.map(async (other) => {
          let message = ''
          // Which of two connections fails first, and with it whether the reason is known yet, is chance.
          await until('a reason', async () => {
            message = await refusal(other)
            return !message.includes('Connection is closed')
          })
          return message
        }),
      )
      expect(messages).toEqual([
        expect.stringMatching(/certificate/),
        expect.stringMatching(/sentinel.*certificate/),
        expect.stringMatching(/sentinel.*(WRONGPASS|NOAUTH)/),
        expect.stringMatching(/WRONGPASS/),
      ])
    } finally {
      await Promise.all(tiers.map((one) => one.close()))
      await sentinel.stop()
      await server.stop()
    }
  }, 30_000)
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
