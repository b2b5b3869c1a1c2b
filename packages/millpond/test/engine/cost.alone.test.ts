// What an operation costs the shared server: counted by the server itself.
import { memory } from 'millpond'
import { redis } from 'millpond/tiers/redis'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { describeWith, PATIENCE, patient, type RedisService, startRedis } from '../services/index.ts'
import { closeAfterEach, open } from './setups.ts'

describeWith('redis', 'cost', () => {
  let server: RedisService
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server.stop())
  closeAfterEach()

  /** Calls by command name since the last reset; commands that run inside a script are not counted apart. */
  const commands = async (): Promise<Map<string, number>> => {
    const text = String(await server.command('INFO', 'commandstats'))
    return new Map(
      [...text.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name, calls]) => [name ?? '', Number(calls)]),
    )
  }
  const scripts = async (): Promise<number> => {
    const counted = await commands()
    return (counted.get('evalsha') ?? 0) + (counted.get('eval') ?? 0)
  }
  const reset = (): Promise<unknown> => server.command('CONFIG', 'RESETSTAT')
  /** The most that the watch over the ledger has asked until then. */
  const questionsFromNow = (): (() => number) => {
    const before = performance.now()
    return () => Math.ceil((performance.now() - before) / 100) + 1
  }

  it('no command on a tagged memory hit', async () => {
    const cache = open({ name: 'hit', tiers: [memory(), patient(redis({ url: server.url, ...PATIENCE }))] })
    await cache.set('k', 'v', { tags: ['a', 'b', 'c'] })
    await cache.get('k')
    await reset()
    const questions = questionsFromNow()
    for (let i = 0; i < 10_000; i++) expect(await cache.get('k')).toBe('v')
    const counted = await commands()
    expect(counted.get('get') ?? 0).toBe(0)
    expect(counted.get('mget') ?? 0).toBe(0)
    expect(await scripts()).toBeLessThanOrEqual(questions())
  })

  it('invalidateTags over 100,000 keys: a command or two beside the questions of the watch, and a time that does not depend on their number', async () => {
    const cache = open({
      name: 'tags',
      tiers: [memory({ maxEntries: 200_000 }), patient(redis({ url: server.url, ...PATIENCE }))],
    })
    for (let part = 0; part < 20; part++) {
      await cache.setMany(
        Array.from({ length: 5000 }, (_, i) => [`k${part * 5000 + i}`, i] as const),
        { tags: ['all', `a fifth: ${part % 5}`] },
      )
    }
    await cache.invalidateTags(['warm up'])
    const few: number[] = []
    const many: number[] = []
    // Each time other keys, which are valid until then.
    for (let round = 0; round < 5; round++) {
      few.push((await cache.invalidateTags([`none ${round}`])).ms)
      many.push((await cache.invalidateTags([`a fifth: ${round}`])).ms)
    }
    await reset()
    const questions = questionsFromNow()
    await cache.invalidateTags(['all'])
    expect(await scripts()).toBeLessThanOrEqual(2 + questions()) // itself, and a question that its news brings forward
    // Of work that grew with the keys it would be thousands of times as much.
    expect(median(many), 'in time').toBeLessThan(10 * median(few))
    expect(cache.peek('k77')).toBeUndefined()
    expect(await cache.get('k99999')).toBeUndefined()
  })

  it('getMany of 100 is one round trip, a miss is one read and one step per lease and commit', async () => {
    const cache = open({
      name: 'many',
      tiers: [memory({ maxEntries: 1 }), patient(redis({ url: server.url, ...PATIENCE }))],
    })
    await cache.setMany(Array.from({ length: 100 }, (_, i) => [`k${i}`, i] as const))
    await reset()
    expect((await cache.getMany(Array.from({ length: 100 }, (_, i) => `k${i}`)))[99], 'in time').toBe(99)
    const counted = await commands()
    expect((counted.get('mget') ?? 0) + (counted.get('get') ?? 0)).toBe(1)
  })
})

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] as number
