// Batches of a hundred thousand keys over real servers: what makes progress is read whole.
import { type Cache, createCache } from 'millpond'
import { expect, onTestFinished, test } from 'vitest'
import { startFaultProxy } from '../../src/testing/fault-proxy.ts'
import { redis } from '../../src/tiers/redis/index.ts'
import { sqlite } from '../../src/tiers/sqlite/index.ts'
import { describeWith, PATIENCE, patient, startRedis } from '../services/index.ts'
import { temporaryFolder } from './folder.ts'

const COUNT = 100_000
const keys = Array.from({ length: COUNT }, (_, at) => `k${at}`)
const LONG = 120_000

const newFile = temporaryFolder()

/** A cache, and what its tiers failed with. */
function told(cache: Cache): string[] {
  const errors: string[] = []
  cache.on('tierError', ({ verb, error }) => errors.push(`${verb}: ${String(error)}`))
  onTestFinished(() => cache.close())
  return errors
}

/** How many keys have their value. */
const right = (values: readonly unknown[]): number => values.filter((value, at) => value === at).length

describeWith('redis', 'a batch of 100,000 keys over redis', () => {
  test('T10: is read whole over a connection that delays each answer by 20 ms', {
    timeout: LONG,
  }, async () => {
    const server = await startRedis()
    onTestFinished(() => server.stop())
    const proxy = await startFaultProxy({ to: { port: server.port } })
    onTestFinished(() => proxy.close())
    const cache = createCache({ name: 'large', tiers: [patient(redis({ ...PATIENCE, url: proxy.url() }))] })
    const errors = told(cache)
    await cache.setMany(keys.map((key, at) => [key, at]))
    await cache.configure({ tiers: { redis: { timeout: '250ms' } } })
    await proxy.set({ kind: 'delay', ms: 20, direction: 'down' })
    expect(right(await cache.getMany(keys))).toBe(COUNT)
    expect(errors).toEqual([])
  })
})

test('T10: a batch of 100,000 keys over sqlite is read whole', { timeout: LONG }, async () => {
  const path = newFile()
  const cache = createCache({ name: 'large', tiers: [patient(sqlite({ path }))] })
  const errors = told(cache)
  await cache.setMany(keys.map((key, at) => [key, at]))
  await cache.configure({ tiers: { sqlite: { timeout: '250ms' } } })
  expect(right(await cache.getMany(keys))).toBe(COUNT)
  expect(errors).toEqual([])
})
