// The node channel over real processes: who is there, who answers, who is late, who has left.
import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Tier } from '../../src/core/contracts.ts'
import { createNodes, type Nodes } from '../../src/nodes/index.ts'
import { postgres } from '../../src/tiers/postgres/index.ts'
import { redis } from '../../src/tiers/redis/index.ts'
import { sqlite } from '../../src/tiers/sqlite/index.ts'
import {
  describeWith,
  type PostgresService,
  type RedisService,
  startPostgres,
  startRedis,
  until,
} from '../services/index.ts'
import { temporaryFolder } from '../tiers/folder.ts'
import { endAfterEach, endMembers, type Member, type Place, startMember } from './fleet.ts'

function suite(place: () => Place, open: (place: Place) => Tier): void {
  endAfterEach()
  const tiers: Tier[] = []
  let nodes: Nodes
  let channel = ''
  let where: Place
  const begin = async (...ids: string[]): Promise<Member[]> => {
    where = place()
    channel = `c-${randomUUID()}`
    const tier = open(where)
    tiers.push(tier)
    if (tier.nodes === undefined) throw new Error('the tier has no place for nodes')
    nodes = createNodes({ store: tier.nodes, channel })
    return Promise.all(ids.map((id) => startMember(where, channel, id)))
  }
  const statuses = async (topic: string, deadline: number, to?: string[]): Promise<Record<string, string>> => {
    const answers = await nodes.ask(topic, { n: 1 }, { deadline, ...(to && { to }) })
    return Object.fromEntries(answers.nodes.map(({ id, status }) => [id, status]))
  }
  afterEach(async () => {
    await nodes?.close()
    for (const tier of tiers.splice(0)) await tier.close()
  })

  it('lists every node with its boot and its state, and asks all of them at once', async () => {
    const [a, b] = await begin('web-1', 'web-2')
    const listed = await nodes.list()
    expect(listed.map(({ id, boot, isLate }) => [id, boot, isLate])).toEqual([
      ['web-1', a?.boot, false],
      ['web-2', b?.boot, false],
    ])
    expect(listed[0]?.reports).toEqual({ pid: { pid: a?.process.pid, handled: 0, limit: 'Infinity' } })
    const answers = await nodes.ask('echo', { text: 'ä' }, { deadline: '5s' })
    expect(answers.isComplete).toBe(true)
    expect(answers.nodes.map(({ status, body }) => [status, body])).toEqual(
      [a, b].map((member) => ['answered', { pid: member?.process.pid, body: { text: 'ä' } }]),
    )
    await until('the state follows', async () => {
      const [first] = await nodes.list()
      return JSON.stringify(first?.reports).includes('"handled":1')
    })
  })

  it('reports failures, unknown topics, handlers that hang, unknown ids', async () => {
    await begin('web-1', 'web-2')
    const failed = await nodes.ask('fail', undefined, { deadline: '5s' })
    expect(failed).toMatchObject({
      isComplete: false,
      late: [],
      nodes: [{ status: 'failed', error: 'not today' }, { status: 'failed' }],
    })
    expect(await statuses('nothing', 5000)).toEqual({ 'web-1': 'refused', 'web-2': 'refused' })
    expect(await statuses('hang', 300)).toEqual({ 'web-1': 'late', 'web-2': 'late' })
    expect(await statuses('echo', 5000, ['web-2', 'web-9'])).toEqual({ 'web-2': 'answered', 'web-9': 'unknown' })
  })

  it('a stopped node is late until it is forgotten, and does not run what it missed', async () => {
    const [, b] = await begin('web-1', 'web-2')
    b?.process.kill('SIGSTOP')
    const answers = await nodes.ask('echo', 1, { deadline: 400 })
    // Whether the other one has answered by then is a matter of the machine.
    expect([answers.isComplete, answers.nodes.find(({ id }) => id === 'web-2')?.status]).toEqual([false, 'late'])
    await until('it is late', async () => (await nodes.list()).find(({ id }) => id === 'web-2')?.isLate)
    b?.process.kill('SIGCONT')
    await until('it is back', async () => (await nodes.list()).find(({ id }) => id === 'web-2')?.isLate === false)
    const back = await nodes.ask('echo', 2, { deadline: '5s' })
    expect([back.isComplete, back.nodes.length]).toEqual([true, 2])
    await until('its state says what it ran', async () => {
      const reports = (await nodes.list()).map((node) => JSON.stringify(node.reports))
      return /"handled":[12]/.test(reports[0] ?? '') && reports[1]?.includes('"handled":1')
    })
    b?.process.kill('SIGKILL')
    await until('it is forgotten', async () => (await nodes.list()).length === 1)
    expect(await statuses('echo', 5000)).toEqual({ 'web-1': 'answered' })
  })

  it('a node that closes is waited for no longer, one that begins anew has left its former life', async () => {
    const [, b] = await begin('web-1', 'web-2', 'web-3')
    await b?.end()
    expect((await nodes.list()).map(({ id }) => id)).toEqual(['web-1', 'web-3'])
    expect(await statuses('echo', 5000)).toEqual({ 'web-1': 'answered', 'web-3': 'answered' })
    const [, , c] = await Promise.all([0, 0, startMember(where, channel, 'web-4')])
    const hung = nodes.ask('hang', 1, { deadline: '20s', to: ['web-4'] })
    c.process.kill('SIGKILL')
    const again = await startMember(where, channel, 'web-4')
    expect(again.boot).not.toBe(c.boot)
    expect((await hung).nodes).toMatchObject([{ id: 'web-4', boot: c.boot, status: 'left' }])
  })

  it('settings reach every node, those that come later too; what one refuses is shown', async () => {
    const [a, b] = await begin('web-1', 'web-2')
    const revision = (await nodes.putSettings('shop', { ttl_seconds: 60 })) ?? ''
    const taken = (): Promise<unknown> =>
      until('all have it', async () =>
        (await nodes.list()).every(({ settings }) => settings.shop?.revision === revision),
      )
    await taken()
    // What a process prints may arrive after what it writes to the store.
    await expect
      .poll(() => [a?.lines.at(-1), b?.lines.at(-1)])
      .toEqual([{ settings: { ttl_seconds: 60 } }, { settings: { ttl_seconds: 60 } }])
    await startMember(where, channel, 'web-3')
    await taken()
    expect(await nodes.putSettings('shop', 'x', { ifRevision: 'another' })).toBeUndefined()
    await nodes.putSettings('shop', 'bad', { ifRevision: revision })
    await until('it is refused', async () =>
      (await nodes.list()).every(({ settings }) => settings.shop?.error === 'no such setting'),
    )
    const last = await nodes.putSettings('shop', null)
    await until('it is taken', async () =>
      (await nodes.list()).every(({ settings }) => settings.shop?.revision === last),
    )
    expect((await nodes.getSettings('shop'))?.document).toBeNull()
    await expect.poll(() => a?.lines.at(-1)).toEqual({ settings: null })
  })

  it('of two processes with one id the later keeps it, and none is lost', async () => {
    const [a] = await begin('web-1')
    await startMember(where, channel, 'web-1')
    await until('both are there', async () => (await nodes.list()).length === 2)
    // Its line comes through a pipe, which may be behind the store.
    await expect.poll(() => a?.lines.filter((line) => 'warning' in line)).toEqual([{ warning: 'id-taken' }])
    const answers = await nodes.ask('echo', 1, { deadline: '5s' })
    expect([answers.isComplete, answers.nodes.length]).toEqual([true, 2])
  })
}

describe('nodes on one SQLite file', () => {
  const file = temporaryFolder()
  suite(
    () => ({ kind: 'sqlite', options: { path: file() } }),
    ({ options }) => sqlite({ path: '', ...options }),
  )
})

describeWith('redis', 'nodes on one Redis', () => {
  let server: RedisService
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())

  it('a server that comes back empty: nodes are there again by themselves, keep their settings, and hear what is asked', async () => {
    const place: Place = { kind: 'redis', options: { url: server.url, commandTimeout: 2000 } }
    const channel = `c-${randomUUID()}`
    const tier = redis({ url: server.url, commandTimeout: 2000 })
    const nodes = createNodes({ store: tier.nodes, channel })
    try {
      const member = await startMember(place, channel, 'web-1')
      await nodes.putSettings('shop', { ttl_seconds: 60 })
      await until('it has its settings', () => member.lines.some((line) => 'settings' in line))
      await server.restart({ empty: true })
      await until('it is there again', async () => (await nodes.list()).length === 1)
      expect((await nodes.ask('echo', 1, { deadline: '10s' })).nodes).toMatchObject([
        { id: 'web-1', boot: member.boot, status: 'answered' },
      ])
      expect([(await nodes.list())[0]?.settings.shop?.revision === undefined, await nodes.getSettings('shop')]).toEqual(
        [false, undefined],
      )
      expect(member.lines.filter((line) => 'settings' in line)).toEqual([{ settings: { ttl_seconds: 60 } }])
    } finally {
      await nodes.close()
      await tier.close()
      endMembers()
    }
  }, 60_000)

  suite(
    () => ({ kind: 'redis', options: { url: server.url, commandTimeout: 2000 } }),
    ({ options }) => redis(options),
  )
})

describeWith('postgres', 'nodes on one PostgreSQL', () => {
  let server: PostgresService
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server.stop())
  suite(
    () => ({ kind: 'postgres', options: { url: server.url, commandTimeout: 2000, poolSize: 3 } }),
    ({ options }) => postgres({ url: '', ...options }),
  )
})
