// `millpond optimize` against a cache that is watched: what it tells, writes, carries out, and how that is taken back.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createCache, memory } from 'millpond'
import { createInsight } from 'millpond/insight'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Desk, openDesk } from './desk.ts'

let desk: Desk
const loop = createCache({ name: 'loop', tiers: [memory({ maxEntries: 100, policy: 'lru', pressure: false })] })
const insight = createInsight({ caches: [loop] })

beforeAll(async () => {
  for (let read = 0; read < 12_000; read++) {
    const key = `user:${read % 150}`
    if (loop.peek(key) === undefined) {
      await loop.get(key)
      await loop.set(key, read)
    }
    if (read % 1000 === 0) insight.sizing('loop')
  }
  desk = await openDesk({ caches: [loop], insight })
})
afterAll(async () => {
  await desk.close()
  insight.close()
  await loop.close()
})

it('reports what would bring what, and says "not enough data" if there is not', async () => {
  const { code, out } = await desk.run(['optimize'], { as: 'viewer', columns: 200 })
  expect(code).toBe(0)
  expect(out).toMatch(/loop/)
  expect(out).toMatch(/of 12,000 reads hit memory since/)
  expect(out).toMatch(/size:2/)
})

it('applies one change, writes what it found, and shows the undo', async () => {
  const file = join(desk.folder, 'advice.json')
  const asked = ['optimize', '--apply-optimizations', '--min-impact-score', '80', '--output', file]
  expect((await desk.run(asked, { as: 'viewer' })).code).toBe(4)
  expect(loop.info().memory).toMatchObject({ maxEntries: 100, policy: 'lru' })
  const { code, out } = await desk.run(asked, { as: 'editor', columns: 200 })
  expect(code).toBe(0)
  expect(out).toMatch(/in force in loop until its processes end. To undo: POST optimizations\/apply\//)
  const { applied } = JSON.parse(readFileSync(file, 'utf8'))
  expect(applied).toHaveLength(1)
  const { maxEntries, policy } = loop.info().memory ?? {}
  expect(maxEntries === 200 || policy !== 'lru').toBe(true)
  const again = await desk.run(['optimize'], { as: 'viewer' })
  expect(again.out).toMatch(/not enough data: 0 reads so far/)
})
