// Single reads as a process reports them: a fair sample within its bound, and nothing without subscribers.
import { createCache } from 'millpond'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Tail } from '../src/agent/tail.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

it('is a fair sample of reads, with every invalidation, and says how large the whole is', async () => {
  const cache = createCache({ name: 'shop' })
  const tail = new Tail(cache)
  expect(tail.ask({ by: 'desk', limit: 10 })).toEqual({ rows: [], seen: 0 })
  for (let at = 0; at < 1000; at++) await cache.get(`key:${at}`)
  await cache.invalidateTags(['deals'], { reason: 'price import' })
  for (let at = 0; at < 1000; at++) await cache.get(`key:${at}`)
  await cache.set('long'.repeat(1000), 1)
  const { rows, seen } = tail.ask({ by: 'desk', limit: 200 })
  expect(seen).toBe(2002)
  expect(rows.filter(({ kind }) => kind === 'miss').length).toBeGreaterThan(8)
  expect(rows.filter(({ kind }) => kind === 'invalidate')).toMatchObject([{ detail: 'price import' }])
  expect(rows.length).toBeLessThanOrEqual(11)
  await cache.set('long'.repeat(1000), 1)
  const [long] = tail.ask({ by: 'desk', limit: 200 }).rows
  expect([long?.key?.length, long?.is_cut]).toEqual([2048, true])
  await cache.close()
})

it('listens only while it is polled, and keeps nothing afterwards', async () => {
  const cache = createCache({ name: 'shop' })
  const tail = new Tail(cache)
  for (const by of ['a', 'b', 'c', 'd']) tail.ask({ by, limit: 10 })
  expect(() => tail.ask({ by: 'e', limit: 10 })).toThrow('4 control planes already follow this process')
  for (let at = 0; at < 3; at++) {
    vi.advanceTimersByTime(4000)
    tail.ask({ by: 'a', limit: 10 })
  }
  await cache.get('x')
  expect(tail.ask({ by: 'a', limit: 10 }).seen).toBe(1)
  expect(tail.ask({ by: 'b', limit: 10 }).seen).toBe(0) // it begins anew
  vi.advanceTimersByTime(20_000)
  await cache.get('y')
  expect(tail.ask({ by: 'a', limit: 10 })).toEqual({ rows: [], seen: 0 })
  await cache.close()
})
