// Heartbeats on a real Redis: what is lost is said again, and processes of an earlier program are waited for.
import { randomBytes } from 'node:crypto'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { LedgerPlace } from '../../src/core/contracts.ts'
import { ledgerCases } from '../../src/testing/ledger.ts'
import { change, key } from '../../src/testing/ledger-subject.ts'
import { type RedisTier, redis } from '../../src/tiers/redis/index.ts'
import { compile } from '../histories/compile.mjs'
import { describeWith, PATIENCE, type RedisService, startRedis } from '../services/index.ts'

describeWith('redis', 'heartbeats', () => {
  let server: RedisService
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())

  const opened: RedisTier[] = []
  afterEach(() => Promise.all(opened.splice(0).map((tier) => tier.close())))
  const open = (): { readonly tier: RedisTier; readonly keyPrefix: string } => {
    const keyPrefix = `beats-${randomBytes(4).toString('hex')}:`
    const tier = redis({ url: server.url, keyPrefix, ...PATIENCE })
    opened.push(tier)
    return { tier, keyPrefix }
  }
  const beat = async (tier: RedisTier, id: string, count: number, moved: LedgerPlace[] = []): Promise<unknown> =>
    tier.ledger.heartbeat?.(id, { count, moved, left: [] })
  const place = async ({ ledger }: RedisTier, namespace: string): Promise<LedgerPlace> => ({
    namespace,
    position: (await ledger.pull(namespace)).position,
  })
  const seen = async ({ ledger }: RedisTier, namespace: string): Promise<unknown> =>
    (await ledger.nodes?.(namespace))?.map(({ id, seq }) => `${id} ${seq}`).sort()

  test.each(['l:heartbeats', 'p:me'])('the process whose %s is lost hears so with its next heartbeat', async (name) => {
    const { tier, keyPrefix } = open()
    const places = [await place(tier, 'a'), await place(tier, 'b')]
    await beat(tier, 'me', 1, places)
    await beat(tier, 'other', 1, places)
    expect(await beat(tier, 'me', 2)).toBe(true)
    await server.command('DEL', `${keyPrefix}${name}`)
    expect(await beat(tier, 'me', 3)).toBe(false)
    expect(await beat(tier, 'me', 4, places)).toBe(true)
    expect(await beat(tier, 'other', 2)).toBe(name === 'p:me')
    expect(await seen(tier, 'b')).toEqual(['me 0', 'other 0'])
  })

  test('G3: who reports as programs did before there were heartbeats is waited for', async () => {
    const { tier, keyPrefix } = open()
    const { position } = await place(tier, 'a')
    await tier.ledger.advance('a', change([key('k')]))
    const [seconds = 0, micros = 0] = Object(await server.command('TIME')) as number[]
    const now = Number(seconds) * 1000 + Math.floor(Number(micros) / 1000)
    await server.command('HSET', `${keyPrefix}n:{a}`, 'old', `0 ${now} ${position.epoch}`)
    await server.command('HSET', `${keyPrefix}n:{a}`, 'ended', `1 ${now - 60_000} ${position.epoch}`)
    await beat(tier, 'me', 1, [await place(tier, 'a')])
    expect(await seen(tier, 'a')).toEqual(['me 1', 'old 0'])
  })

  test('namespaces and processes may be called as they like', async () => {
    const { tier } = open()
    const names = ['', 'n', ':n', '__proto__', 'a b', 'ä\u0000€', '{}', '*', '0']
    const places = await Promise.all(names.map((name) => place(tier, name)))
    for (const id of ['n', ':', 'heartbeats', '{a}', 'ü\u0000', '__proto__']) await beat(tier, id, 1, places)
    for (const name of names)
      expect(await seen(tier, name), name).toEqual(
        ['n 0', ': 0', 'heartbeats 0', '{a} 0', 'ü\u0000 0', '__proto__ 0'].sort(),
      )
    expect(await seen(tier, 'other')).toEqual([])
  })

  test('what a fleet that has ended leaves is gone after a minute', async () => {
    const { tier, keyPrefix } = open()
    await beat(tier, 'me', 1, [await place(tier, 'a')])
    for (const name of ['l:heartbeats', 'p:me']) {
      const leftMs = Number(await server.command('PTTL', `${keyPrefix}${name}`))
      expect(leftMs, name).toBeGreaterThan(0)
      expect(leftMs, name).toBeLessThanOrEqual(60_000)
    }
  })

  const FILE = 'src/tiers/redis/ledger-heartbeat.ts'
  const defects = [
    {
      name: 'a heartbeat that counts as having applied all there is',
      id: 'heartbeat-stuck',
      patches: [
        { file: FILE, find: "'e', 'id')", replace: "'e', 'id', 's')" },
        { file: FILE, find: 'epoch == r[1] and seq or -1', replace: 'epoch == r[1] and r[3] or -1' },
      ],
    },
    {
      name: 'a late heartbeat that takes a process back',
      id: 'heartbeat-late',
      patches: [{ file: FILE, find: 'if ahead and ahead < 0 then', replace: 'if false then' }],
    },
    {
      name: 'a position of an epoch that has ended',
      id: 'heartbeat-epoch',
      patches: [{ file: FILE, find: 'epoch == r[1] and seq or -1', replace: 'seq or -1' }],
    },
    {
      name: 'processes that never end',
      id: 'heartbeat-silent',
      patches: [{ file: FILE, find: 'if age <= tonumber(ARGV[1]) then', replace: 'if true then' }],
    },
  ]
  describe.each(defects)('$name', ({ id, patches }) => {
    test('is found by the suite of ledgers', async () => {
      const folder = compile(patches)
      const library: { redis: typeof redis } = await import(
        /* @vite-ignore */ pathToFileURL(`${folder}/src/tiers/redis/index.js`).href
      )
      let keyPrefix = ''
      const again = async (): Promise<RedisTier> => library.redis({ url: server.url, keyPrefix, ...PATIENCE })
      const first = (): Promise<RedisTier> => {
        keyPrefix = `beats-${randomBytes(4).toString('hex')}:`
        return again()
      }
      const loseRecord = async (namespace: string): Promise<void> =>
        void (await server.command('DEL', `${keyPrefix}l:{${namespace}}`))
      const suite = ledgerCases.find((one) => one.id === id)
      if (suite === undefined) throw new Error(`there is no case ${id}`)
      await expect(suite.run({ name: 'with a defect', open: first, again, loseRecord })).rejects.toThrow()
    })
  })
})
