// G3, G11 and acks over real processes that share a file or a server.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sized } from '../form.ts'
import { describeWith, type RedisService, startRedis, until } from '../services/index.ts'
import { killAfterEach, type Peer, startPeer } from './peers.ts'
import { closeAfterEach, newFolder } from './setups.ts'

/** As many as expire often enough to show who loads. */
const SECONDS = sized(3, 6)

function suite(tierOf: () => object): void {
  let name = ''
  let count = 0
  const start = (processes: number, defaults: object = {}): Peer[] => {
    name = `processes${count++}`
    const tier = tierOf()
    return Array.from({ length: processes }, () => startPeer({ tier, name, defaults }))
  }
  const total = async (all: Peer[]): Promise<number> =>
    (await Promise.all(all.map((peer) => peer.call('loads')))).reduce<number>((sum, loads) => sum + Number(loads), 0)
  const warmUp = (all: Peer[]): Promise<unknown> => Promise.all(all.map((peer) => peer.call('get', { key: 'nothing' })))

  it('G11: 200 concurrent cold calls over 4 processes are 1 load', async () => {
    const all = start(4)
    await warmUp(all)
    await Promise.all(all.map((peer) => peer.call('stampede', { key: 'cold', callers: 50, ms: 100 })))
    expect(await total(all)).toBe(1)
  })

  it(`G11: a hot key with a TTL of 1 s over ${SECONDS} s and 4 processes: at most a load a second, and the first`, async () => {
    const all = start(4, { ttl: '1s' })
    await warmUp(all)
    await Promise.all(all.map((peer) => peer.call('hammer', { key: 'hot', forMs: SECONDS * 1000, ms: 20 })))
    expect(await total(all), 'in time').toBeLessThanOrEqual(SECONDS + 1)
  })

  it('G11: a holder that is killed delays the others by at most its lease', async () => {
    const [holder, other] = start(2) as [Peer, Peer]
    await warmUp([holder, other])
    holder.call('stampede', { key: 'k', callers: 1, ms: 60_000 }).catch(() => {})
    await until('the holder loads', async () => (await holder.call('loads')) === 1)
    holder.process.kill('SIGKILL')
    const started = performance.now()
    await other.call('stampede', { key: 'k', callers: 1, ms: 1 })
    expect(performance.now() - started, 'in time').toBeLessThan(2000 + 500)
  })

  it('a process that is killed right after an acked invalidation: no process finds the old value, not even after a restart', async () => {
    const [first, second] = start(2) as [Peer, Peer]
    await warmUp([first, second])
    await first.call('set', { key: 'k', value: 'old', tags: ['t'] })
    expect(await second.call('get', { key: 'k' })).toBe('old')
    expect(await first.call('invalidateTags', { tags: ['t'] })).toBe(true)
    first.process.kill('SIGKILL')
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(await second.call('get', { key: 'k' })).toBeNull()
    expect(await startPeer({ tier: tierOf(), name, defaults: {} }).call('get', { key: 'k' })).toBeNull()
  })
}

describe('processes on one SQLite file', () => {
  closeAfterEach()
  killAfterEach()
  let path = ''
  suite(() => {
    if (path === '' || !existsSync(path)) path = join(newFolder(), 'shared.db')
    return { sqlite: path }
  })
})

describeWith('redis', 'processes on one Redis', () => {
  killAfterEach()
  let server: RedisService
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())
  suite(() => ({ redis: server.url }))
})
