// The moves of all namespaces on a real Redis: if they are lost, come back old, or are incomplete, no namespace is
// confirmed.
import { randomBytes } from 'node:crypto'
import { pathToFileURL } from 'node:url'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { LedgerPlace } from '../../src/core/contracts.ts'
import { ledgerCases } from '../../src/testing/ledger.ts'
import { change, commitItem, key } from '../../src/testing/ledger-subject.ts'
import { type RedisTier, redis } from '../../src/tiers/redis/index.ts'
import { compile } from '../histories/compile.mjs'
import { describeWith, PATIENCE, type RedisService, startRedis } from '../services/index.ts'

describeWith('redis', 'the moves of all namespaces', () => {
  let server: RedisService
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())

  const opened: RedisTier[] = []
  afterEach(() => Promise.all(opened.splice(0).map((tier) => tier.close())))
  const openAt = (keyPrefix: string, url = server.url): RedisTier => {
    const tier = redis({ url, keyPrefix, ...PATIENCE })
    opened.push(tier)
    return tier
  }
  const newPrefix = (): string => `moves-${randomBytes(4).toString('hex')}:`

  const pull = async ({ ledger }: RedisTier, namespace: string): Promise<LedgerPlace> => ({
    namespace,
    position: (await ledger.pull(namespace)).position,
  })
  const unmoved = async ({ ledger }: RedisTier, places: readonly LedgerPlace[]): Promise<readonly boolean[]> => {
    if (ledger.unmoved === undefined) throw new Error('it is asked by pull alone')
    return ledger.unmoved(places)
  }
  /** Two namespaces that are known to stand. */
  async function standing(tier: RedisTier): Promise<LedgerPlace[]> {
    for (const name of ['a', 'b']) await tier.ledger.advance(name, change([key('k')]))
    const places = [await pull(tier, 'a'), await pull(tier, 'b')]
    expect(await unmoved(tier, places)).toEqual([true, true])
    return places
  }

  test('if they alone are lost, no namespace is confirmed before it was pulled again', async () => {
    const keyPrefix = newPrefix()
    const tier = openAt(keyPrefix)
    const places = await standing(tier)
    await server.command('DEL', `${keyPrefix}l:moves`)
    expect(await unmoved(tier, places)).toEqual([false, false])
    // As many moves as were lost: by its number alone the last would be the same.
    for (let at = 0; at < 2; at++) await openAt(keyPrefix).ledger.advance('b', change([key('k')]))
    expect(await unmoved(tier, places)).toEqual([false, false])
    expect(await pull(tier, 'a')).toEqual(places[0])
    expect(await unmoved(tier, [...places, await pull(tier, 'b')])).toEqual([true, false, true])
  })

  test('if they are restored and advanced to the same number by others, no namespace is confirmed', async () => {
    const keyPrefix = newPrefix()
    const tier = openAt(keyPrefix)
    const places = await standing(tier)
    const moves = `${keyPrefix}l:moves`
    const admin = new Redis(server.adminUrl)
    const old = await admin.dumpBuffer(moves)
    const other = openAt(keyPrefix)
    await other.ledger.advance('b', change([key('k')]))
    const then = [await pull(tier, 'a'), await pull(tier, 'b')]
    expect(await unmoved(tier, then)).toEqual([true, true])
    await admin.restore(moves, 0, old, 'REPLACE')
    await admin.quit()
    await other.ledger.advance('a', change([key('k')]))
    expect(await unmoved(tier, then)).toEqual([false, false])
    expect(await unmoved(tier, places)).toEqual([false, false])
  })

  test('a record lost by itself leaves true what is held; who stores an entry finds out, and then all do', async () => {
    const keyPrefix = newPrefix()
    const [one, two] = [openAt(keyPrefix), openAt(keyPrefix)]
    const places = await standing(one)
    const [a] = places
    if (a === undefined) throw new Error('no place')
    await two.ledger.pull('a')
    await server.command('DEL', `${keyPrefix}l:{a}`)
    expect(await unmoved(one, places), 'nothing has moved since').toEqual([true, true])
    expect(await two.ledger.commit('a', [commitItem('k', a.position)])).toEqual([false])
    expect(await unmoved(two, [a])).toEqual([false])
    expect((await pull(two, 'a')).position.epoch).not.toBe(a.position.epoch)
    expect(await unmoved(one, places)).toEqual([false, true])
  })

  test('of a server that was started again with old data nothing is confirmed', async () => {
    const own = await startRedis()
    try {
      const keyPrefix = newPrefix()
      const tier = openAt(keyPrefix, own.url)
      const places = await standing(tier)
      await own.command('SAVE')
      await own.kill()
      await own.restart()
      await expect.poll(() => unmoved(tier, places).catch(() => 'down'), { timeout: 10_000 }).toEqual([false, false])
    } finally {
      await own.stop()
    }
  })

  test('the answer comes from one plain command, whatever the number of namespaces', async () => {
    const keyPrefix = newPrefix()
    const tier = openAt(keyPrefix)
    const names = Array.from({ length: 50 }, (_, at) => `n${at}`)
    const places = await Promise.all(names.map((name) => pull(tier, name)))
    await unmoved(tier, places)
    const calls = async (): Promise<ReadonlyMap<string | undefined, number>> => {
      const text = String(await server.command('INFO', 'commandstats'))
      return new Map([...text.matchAll(/cmdstat_(\w+):calls=(\d+)/g)].map(([, name, count]) => [name, Number(count)]))
    }
    const before = await calls()
    for (let at = 0; at < 20; at++) expect((await unmoved(tier, places)).every(Boolean)).toBe(true)
    const after = await calls()
    expect((after.get('hget') ?? 0) - (before.get('hget') ?? 0)).toBe(20)
    expect((after.get('evalsha') ?? 0) - (before.get('evalsha') ?? 0)).toBe(0)
  })

  const STANDING = 'src/tiers/redis/standing.ts'
  const defects = [
    {
      name: 'a step that is told only where it deletes',
      id: 'stands',
      patches: [
        {
          file: 'src/tiers/redis/ledger-advance.ts',
          find: "moveOn(R, ARGV[16] ~= '')",
          replace: "if mode == 'd' then moveOn(R, ARGV[16] ~= '') else R.s = R.s + 1 end",
        },
      ],
    },
    {
      name: 'a new epoch that is not told',
      id: 'stands-lost',
      patches: [{ file: 'src/tiers/redis/ledger-record.ts', find: "  tell(' ' .. ARGV[2] .. ' 0')\n", replace: '' }],
    },
    {
      name: 'holds that are not reported',
      id: 'stands-hold',
      patches: [
        {
          file: STANDING,
          find: 'else this.#due.set(tag, { monotonic: asked.monotonic + dueMs, wall: asked.wall + dueMs })',
          replace: '',
        },
      ],
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
      const open = (): Promise<RedisTier> => {
        keyPrefix = newPrefix()
        return again()
      }
      const loseRecord = async (namespace: string): Promise<void> =>
        void (await server.command('DEL', `${keyPrefix}l:{${namespace}}`))
      const suite = ledgerCases.find((one) => one.id === id)
      if (suite === undefined) throw new Error(`there is no case ${id}`)
      await expect(suite.run({ name: 'with a defect', open, again, loseRecord })).rejects.toThrow()
    })
  })
})
