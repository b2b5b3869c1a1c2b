// The Redis tier on a cluster whose masters fail and whose slots move.
import { randomBytes } from 'node:crypto'
import { createCache, memory } from 'millpond'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { change, commitItem, tag } from '../../src/testing/ledger-subject.ts'
import { until } from '../../src/testing/runner.ts'
import { stopwatch } from '../../src/testing/stopwatch.ts'
import { item } from '../../src/testing/tier.ts'
import { type RedisTier, type RedisTierOptions, redis } from '../../src/tiers/redis/index.ts'
import { slotOf } from '../../src/tiers/redis/slots.ts'
import { type ClusterGroup, describeWith, PATIENCE, type RedisService, startCluster } from '../services/index.ts'
import { FAILED, UNREACHABLE } from './faults.ts'
import { DRIVER } from './redis-driver.ts'

const ELECTION_MS = 40_000

describeWith('redis', 'the redis tier on a cluster under faults', () => {
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

  const fresh = (): void => {
    keyPrefix = `test-${randomBytes(4).toString('hex')}:`
  }
  const open = (more: RedisTierOptions = {}): RedisTier => {
    const tier = redis({ ...DRIVER, cluster: cluster.addresses, keyPrefix, ...more })
    closing.push(tier)
    return tier
  }
  const recordOf = (namespace: string): string => `${keyPrefix}l:{${namespace}}`
  const ownerOf = async (name: string): Promise<RedisService> => {
    const owner = await cluster.ownerOf(name)
    if (owner === undefined) throw new Error(`no server owns ${name}`)
    return owner
  }
  const anotherMaster = async (not: RedisService): Promise<RedisService> => {
    for (let index = 0; ; index++) {
      const owner = await ownerOf(`any${index}`)
      if (owner !== not) return owner
    }
  }
  const failedWith = (code: string) => (error: unknown) => {
    expect(error).toMatchObject({ code })
    return false
  }
  /** An entry key that another server holds than the namespace's record. */
  async function keyElsewhere(namespace: string): Promise<string> {
    const owner = await ownerOf(recordOf(namespace))
    for (let index = 0; ; index++) if ((await ownerOf(`${keyPrefix}e:k${index}`)) !== owner) return `k${index}`
  }

  async function migrate(
    name: string,
    from: RedisService,
    to: RedisService,
    half: () => Promise<void> = async () => {},
  ): Promise<void> {
    const slot = slotOf(name)
    const [fromId, toId] = await Promise.all([from.command('CLUSTER', 'MYID'), to.command('CLUSTER', 'MYID')])
    await to.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', String(fromId))
    await from.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', String(toId))
    await half()
    const names = await from.command('CLUSTER', 'GETKEYSINSLOT', slot, 1000)
    if (!Array.isArray(names)) throw new TypeError('no list of keys')
    if (names.length > 0)
      await from.command('MIGRATE', to.host, to.port, '', 0, 5000, 'REPLACE', 'KEYS', ...names.map(String))
    await half()
    for (const node of [to, from]) await node.command('CLUSTER', 'SETSLOT', slot, 'NODE', String(toId))
    // Gossip may still carry the old owner's claim: the next step begins when all who are there send everybody to the
    // new one.
    await until('servers that agree who owns the slot', async () =>
      (await Promise.all(cluster.nodes.map(agrees))).every(Boolean),
    )
    function agrees(node: RedisService): Promise<boolean> {
      return node.command('EXISTS', name).then(
        () => node === to,
        (error: unknown) => !String(error).includes('MOVED') || String(error).includes(`:${to.port}`),
      )
    }
  }

  test('an entry whose slot is on its way, and has arrived, is read, written and dropped', async () => {
    fresh()
    const tier = open(PATIENCE)
    const name = `${keyPrefix}e:k`
    const from = await ownerOf(name)
    const to = await anotherMaster(from)
    await tier.write([item('k', 'before')])
    let steps = 0
    await migrate(name, from, to, async () => {
      const [there] = await tier.read(['k'])
      expect(there && new TextDecoder().decode(there.body)).toBe(steps === 0 ? 'before' : 'during 0')
      expect(await tier.read(['k', 'other']), 'in time').toEqual([expect.anything(), undefined])
      await tier.write([item('k', `during ${steps}`), item('other', 'x'), item(`{k${steps}}`, 'x')])
      expect(await tier.drop(['other'])).toBe(1)
      steps++
    })
    expect(new TextDecoder().decode((await tier.read(['k']))[0]?.body)).toBe('during 1')
    expect(await tier.drop(['k'])).toBe(1)
    await migrate(name, to, from)
    expect(await tier.read(['k'])).toEqual([undefined])
  })

  test('G6: the record moves to another server: a new epoch, at once, and loads from before are refused', async () => {
    fresh()
    const tier = open(PATIENCE)
    const { position } = await tier.ledger.advance('ns', change([tag('t')]))
    const name = recordOf('ns')
    const from = await ownerOf(name)
    const to = await anotherMaster(from)
    await migrate(name, from, to, async () => {
      // Whichever server holds the record now answers, also for steps of two keys.
      await tier.ledger.pull('ns', position)
      expect((await tier.ledger.lease('ns', 'l', 'me', 5000)).granted).toBe(true)
      await tier.ledger.release('ns', 'l', 'me')
    })
    const answer = await tier.ledger.pull('ns', position)
    expect(answer.kind).toBe('snapshot')
    expect(answer.position.epoch).not.toBe(position.epoch)
    expect(await tier.ledger.commit('ns', [commitItem('k', position)])).toEqual([false])
    expect(await tier.ledger.commit('ns', [commitItem('k', answer.position)])).toEqual([true])
    await migrate(name, to, from)
    expect((await tier.ledger.pull('ns', answer.position)).position.epoch).not.toBe(answer.position.epoch)
  })

  test('G1: two processes under load while the record moves back and forth: nothing stale after an ack', async () => {
    fresh()
    const caches = [0, 1].map(() => {
      const cache = createCache({
        name: 'moving',
        tiers: [memory(), redis({ ...DRIVER, cluster: cluster.addresses, keyPrefix })],
      })
      closing.push(cache)
      return cache
    })
    const name = recordOf('moving')
    let truth = 0
    /** When each version was acknowledged as forgotten. */
    const ackedAt: number[] = []
    let running = true
    const wrong: string[] = []
    let reads = 0
    let acks = 0
    const reader = async (index: number): Promise<void> => {
      while (running) {
        const began = performance.now()
        const value = await caches[index]?.getOrSet('k', async () => truth, { tags: ['t'] })
        reads++
        const forgotten = ackedAt[Number(value)]
        if (forgotten !== undefined && began - forgotten > (index === 0 ? 0 : 500))
          wrong.push(`${index}: ${value} after ${began - forgotten} ms`)
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    const writer = async (): Promise<void> => {
      while (running) {
        const old = truth
        truth = old + 1
        const isAcked = await caches[0]?.invalidateTags(['t']).then(
          ({ isApplied }) => isApplied,
          () => false,
        )
        if (isAcked) {
          acks++
          for (let version = old; version >= 0 && ackedAt[version] === undefined; version--)
            ackedAt[version] = performance.now()
        }
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
    const load = Promise.all([reader(0), reader(1), writer()])
    const home = await ownerOf(name)
    const away = await anotherMaster(home)
    for (let round = 0; round < 3; round++) {
      await migrate(name, home, away, () =>
        until(
          'some acks',
          settled(() => acks),
          10_000,
        ),
      )
      await until(
        'some acks',
        settled(() => acks),
        10_000,
      )
      await migrate(name, away, home, () =>
        until(
          'some acks',
          settled(() => acks),
          10_000,
        ),
      )
    }
    // However slow the machine: less would prove little.
    await until('enough reads and acks', () => reads > 500 && acks > 50, 30_000)
    running = false
    await load
    expect(wrong).toEqual([])
  }, 60_000)

  test('G6, T9: a killed master: its slots fail at once, others go on, the promoted replica is a new epoch', async () => {
    fresh()
    const tier = open()
    const elsewhere = await keyElsewhere('ns')
    const { position } = await tier.ledger.advance('ns', change([tag('t')]))
    await tier.write([item(elsewhere)])
    const old = await ownerOf(recordOf('ns'))
    await until(
      'the replica to hold what the master holds',
      async () => Number(await old.command('WAIT', 1, 1000)) >= 1,
    )
    await old.kill()
    await expect(tier.ledger.pull('ns')).rejects.toMatchObject(UNREACHABLE)
    const waited = stopwatch()
    for (let round = 0; round < 20; round++) await expect(tier.ledger.pull('ns')).rejects.toMatchObject(UNREACHABLE)
    expect(waited(), 'in time').toBeLessThan(500)
    // Its own server answers as long as the cluster does not call itself down.
    expect((await tier.read([elsewhere, `{ns}`]))[0], 'in time').toBeDefined()
    let longestMs = 0
    const answers = async (): Promise<boolean> => {
      const waited = stopwatch()
      try {
        return await tier.ledger.pull('ns', position).then(() => true, failedWith('LEDGER_UNREACHABLE'))
      } finally {
        longestMs = Math.max(longestMs, waited())
      }
    }
    await until('the promoted replica to answer', answers, ELECTION_MS)
    expect(longestMs, 'in time').toBeLessThan(1000)
    const answer = await tier.ledger.pull('ns', position)
    expect(answer.position.epoch).not.toBe(position.epoch)
    expect(await tier.ledger.commit('ns', [commitItem('late', position)])).toEqual([false])
    expect((await tier.ledger.advance('ns', change([tag('t')]))).position).toEqual({
      epoch: answer.position.epoch,
      seq: 1,
    })
    await old.restart()
    await cluster.healthy()
    expect((await tier.ledger.pull('ns')).position.epoch).toBe(answer.position.epoch)
  }, 90_000)

  test('G1, G3: a frozen master that wakes after the promotion is not trusted by either process', async () => {
    fresh()
    const caches = [0, 1].map(() => {
      const cache = createCache({
        name: 'frozen',
        tiers: [memory(), redis({ ...DRIVER, cluster: cluster.addresses, keyPrefix })],
      })
      closing.push(cache)
      return cache
    })
    const [one, two] = caches
    if (one === undefined || two === undefined) throw new Error('two caches')
    let truth = 1
    const read = (cache: typeof one): Promise<number> => cache.getOrSet('k', async () => truth, { tags: ['t'] })
    for (const cache of caches) expect(await read(cache)).toBe(1)
    const name = recordOf('frozen')
    const old = await ownerOf(name)
    old.pause()
    try {
      await until(
        'another to own the slot',
        async () => {
          const owner = await cluster.ownerOf(name).catch(() => undefined)
          return owner !== undefined && owner !== old
        },
        ELECTION_MS,
      )
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
    } finally {
      old.resume()
    }
    const ackedAt = performance.now()
    expect(await read(one)).toBe(2)
    const late: number[] = []
    await until('all reads', async () => {
      const began = performance.now() - ackedAt
      if ((await read(one)) !== 2) late.push(began)
      if ((await read(two)) !== 2 && began > 500) late.push(began)
      return began > 2000
    })
    expect(late).toEqual([])
    await one.set('written', 'after')
    await until('the other process to see the write', async () => (await two.get('written')) === 'after')
    await cluster.healthy()
  }, 90_000)

  test('closing while a master is frozen ends within the deadline', async () => {
    fresh()
    const tier = open()
    await tier.write([item('k')])
    const owner = await ownerOf(`${keyPrefix}e:k`)
    owner.pause()
    try {
      const reading = tier.read(['k'])
      reading.catch(() => {})
      const waited = stopwatch()
      await tier.close()
      expect(waited(), 'in time').toBeLessThan(1000)
      await expect(reading).rejects.toMatchObject({ code: expect.stringMatching(/^(TIER_FAILED|CLOSED)$/) })
      for (const keys of [['k'], ['k', 'l'], []])
        await expect(tier.read(keys)).rejects.toMatchObject({ code: 'CLOSED' })
      await expect(tier.ledger.pull('ns')).rejects.toMatchObject({ code: 'CLOSED' })
    } finally {
      owner.resume()
    }
    await cluster.healthy()
  }, 60_000)

  test('a server whose entries are gone for now: batches are answered in part, drops and writes say so', async () => {
    fresh()
    const tier = open()
    const here = 'a'
    const owner = await ownerOf(`${keyPrefix}e:${here}`)
    let there = ''
    for (let index = 0; there === ''; index++)
      if ((await ownerOf(`${keyPrefix}e:b${index}`)) !== owner) there = `b${index}`
    await tier.write([item(here), item(there)])
    owner.pause()
    try {
      expect(await tier.read([here, there]), 'in time').toEqual([undefined, expect.anything()])
      await expect(tier.read([here])).rejects.toMatchObject(FAILED)
      await expect(tier.drop([here, there])).rejects.toMatchObject(FAILED)
      await expect(tier.write([item(here), item(there)])).rejects.toMatchObject(FAILED)
    } finally {
      owner.resume()
    }
    await until(
      'the server to answer',
      () => tier.read([here]).then(() => true, failedWith('TIER_FAILED')),
      ELECTION_MS,
    )
  }, 60_000)
})

/** True once the count has grown by ten since the first question. */
function settled(count: () => number): () => boolean {
  const start = count()
  return () => count() >= start + 10
}
