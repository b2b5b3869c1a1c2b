// `receipt.acked()` over real processes: it waits for all that live, names who is late, and does not wait for the dead.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { memory, type Tier } from 'millpond'
import { postgres } from 'millpond/tiers/postgres'
import { redis } from 'millpond/tiers/redis'
import { sqlite, sqliteOutbox } from 'millpond/tiers/sqlite'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import {
  describeWith,
  PATIENCE,
  type PostgresService,
  patient,
  type RedisService,
  startPostgres,
  startRedis,
  until,
} from '../services/index.ts'
import { killAfterEach, type Peer, startPeer } from './peers.ts'
import { closeAfterEach, newFolder, open } from './setups.ts'

function suite(optionsOf: () => object, watch: () => Tier): void {
  let count = 0
  let name = ''
  let watcher: Tier
  afterEach(() => watcher.close())

  const nodes = async (): Promise<ReadonlyMap<string, number>> =>
    new Map(((await watcher.ledger?.nodes?.(`${name}:default:`)) ?? []).map(({ id, seq }) => [id, seq]))

  /** Starts processes one after the other, so that each is known by its id. */
  async function start(processes: number): Promise<{ readonly peers: Peer[]; readonly ids: string[] }> {
    name = `acked${count++}`
    watcher = watch()
    const peers: Peer[] = []
    const ids: string[] = []
    for (let index = 0; index < processes; index++) {
      const peer = startPeer({ tier: optionsOf(), name, defaults: {} })
      await peer.call('get', { key: 'k' })
      const id = await until('its first report', async () =>
        [...(await nodes()).keys()].find((one) => !ids.includes(one)),
      )
      peers.push(peer)
      ids.push(id)
    }
    return { peers, ids }
  }
  const stop = async (peer: Peer): Promise<void> => {
    peer.call('stop').catch(() => {})
    await until('it to stand still', () =>
      spawnSync('ps', ['-o', 'state=', '-p', String(peer.process.pid)])
        .stdout.toString()
        .startsWith('T'),
    )
  }

  it('G3: resolves with no ids once all processes have applied it', async () => {
    const { peers, ids } = await start(3)
    await peers[0]?.call('set', { key: 'k', value: 'old' })
    expect(await Promise.all(peers.map((peer) => peer.call('get', { key: 'k' })))).toEqual(['old', 'old', 'old'])
    const before = Math.max(...(await nodes()).values())
    expect(await peers[1]?.call('acked', { key: 'k', timeout: 5000 }), 'in time').toEqual([])
    const after = await nodes()
    expect([...after.keys()].sort()).toEqual([...ids].sort())
    for (const seq of after.values()) expect(seq).toBeGreaterThan(before)
  })

  it('G3: names a process that stands still, until it goes on', async () => {
    const { peers, ids } = await start(3)
    const [first, , last] = peers as [Peer, Peer, Peer]
    await stop(last)
    expect(await first.call('acked', { key: 'k', timeout: 1000 }), 'in time').toEqual([ids[2]])
    last.process.kill('SIGCONT')
    expect(await first.call('acked', { key: 'k', timeout: 5000 }), 'in time').toEqual([])
    // It has trusted nothing since it stood still, and does again what it has asked for.
    await last.call('get', { key: 'k' })
    await until('it to be there again', async () => (await nodes()).has(String(ids[2])))
  })

  it('G19: does not wait for a process that has closed', async () => {
    const { peers } = await start(3)
    const [first, , last] = peers as [Peer, Peer, Peer]
    await last.call('close')
    const closed = performance.now()
    expect(await first.call('acked', { key: 'k', timeout: 10_000 }), 'in time').toEqual([])
    expect(performance.now() - closed, 'in time').toBeLessThan(1000)
  })

  it('G3: waits for a killed process for no longer than 3 s', async () => {
    const { peers, ids } = await start(3)
    const [first, , last] = peers as [Peer, Peer, Peer]
    last.process.kill('SIGKILL')
    const killed = performance.now()
    expect(await first.call('acked', { key: 'k', timeout: 500 }), 'in time').toEqual([ids[2]])
    expect(await first.call('acked', { key: 'k', timeout: 10_000 }), 'in time').toEqual([])
    expect(performance.now() - killed, 'in time').toBeLessThan(4000)
  })
}

describe('acks on one SQLite file', () => {
  closeAfterEach()
  killAfterEach()
  let path = ''
  suite(
    () => ({ sqlite: path }),
    () => {
      path = join(newFolder(), 'shared.db')
      return sqlite({ path })
    },
  )
})

describeWith('postgres', 'acks on one PostgreSQL', () => {
  let server: PostgresService
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server.stop())
  closeAfterEach()
  killAfterEach()
  suite(
    () => ({ postgres: server.url }),
    () => postgres({ url: server.url, ...PATIENCE }),
  )
})

describeWith('redis', 'acks on one Redis', () => {
  let server: RedisService
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())
  closeAfterEach()
  killAfterEach()
  suite(
    () => ({ redis: server.url }),
    () => redis({ url: server.url, ...PATIENCE }),
  )

  it('G5: an invalidation in the outbox is acked by no process before it is sent', async () => {
    const path = join(newFolder(), 'outbox.db')
    const here = open({
      name: 'box',
      tiers: [memory(), patient(redis({ url: server.url, ...PATIENCE }))],
      outbox: sqliteOutbox({ path }),
    })
    const there = open({ name: 'box', tiers: [memory(), patient(redis({ url: server.url, ...PATIENCE }))] })
    await here.set('k', 'old')
    expect(await there.get('k'), 'in time').toBe('old')
    // From here on it is judged what a silent server does.
    for (const cache of [here, there]) await cache.configure({ tiers: { redis: { timeout: '250ms' } } })
    await server.pause()
    const receipt = await here.delete('k')
    expect(receipt.isApplied).toBe(false)
    await expect(receipt.acked({ timeout: 50 })).rejects.toMatchObject({ code: 'LEDGER_UNREACHABLE' })
    await server.resume()
    expect(await receipt.acked({ timeout: 5000 }), 'in time').toEqual([])
    expect(await there.get('k')).toBeUndefined()
  })
})
