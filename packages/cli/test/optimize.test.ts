// `millpond optimize` against a cache that is watched: what it tells, writes, carries out, and how that is taken back.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createCache, memory } from 'millpond'
import { createInsight } from 'millpond/insight'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Desk, openDesk } from './desk.ts'

let desk: Desk
const loop = createCache({ name: 'loop', tiers: [memory({ maxEntries: 100, policy: 'lru', pressure: false })] })
/** What it holds is nearly all: twice as much would answer some 5 of 100 reads more. */
const nearly = createCache({ name: 'nearly', tiers: [memory({ maxEntries: 100, policy: 'lru', pressure: false })] })
const insight = createInsight({ caches: [loop, nearly] })

beforeAll(async () => {
  for (let read = 0; read < 12_000; read++) {
    const key = `user:${read % 150}`
    if (loop.peek(key) === undefined) {
      await loop.get(key)
      await loop.set(key, read)
    }
    await nearly.getOrSet(`user:${Math.floor(((read * 0.618034) % 1) * 105)}`, () => read)
    await nearly.getOrSet(`user:${(read * 7919) % 105}`, () => read)
    if (read % 1000 === 0) for (const cache of ['loop', 'nearly']) insight.sizing(cache)
  }
  desk = await openDesk({ caches: [loop, nearly], insight })
})
afterAll(async () => {
  await desk.close()
  insight.close()
  await loop.close()
  await nearly.close()
})

it('reports what would bring what, and says "not enough data" if there is not', async () => {
  const { code, out } = await desk.run(['optimize'], { as: 'viewer', columns: 200 })
  expect(code).toBe(0)
  expect(out).toMatch(/loop/)
  expect(out).toMatch(/of 12,000 reads hit memory since/)
  expect(out).toMatch(/size:2/)
})

it('says of advice that is there and not important enough that it is there', async () => {
  const { code, out } = await desk.run(['optimize', '--cache-name', 'nearly', '--min-impact-score', '99'], {
    as: 'viewer',
    columns: 200,
  })
  expect(code).toBe(0)
  expect(out).toMatch(
    /nothing is recommended with so high an impact: \d recommendations? ha(s|ve) a lower one, which a smaller --min-impact-score shows/,
  )
})

it('applies one change, writes what it found, and shows the undo', async () => {
  const file = join(desk.folder, 'advice.json')
  const asked = [
    'optimize',
    '--cache-name',
    'loop',
    '--apply-optimizations',
    '--min-impact-score',
    '80',
    '--output',
    file,
  ]
  expect((await desk.run(asked, { as: 'viewer' })).code).toBe(4)
  expect(loop.info().memory).toMatchObject({ maxEntries: 100, policy: 'lru' })
  const { code, out } = await desk.run(asked, { as: 'editor', columns: 200 })
  expect(code).toBe(0)
  const [, id = ''] =
    /in force in loop until its processes end\. To undo: millpond operations rollback (op_\S+)/.exec(out) ?? []
  const { applied } = JSON.parse(readFileSync(file, 'utf8'))
  expect(applied).toHaveLength(1)
  const { maxEntries, policy } = loop.info().memory ?? {}
  expect(maxEntries === 200 || policy !== 'lru').toBe(true)
  const again = await desk.run(['optimize', '--cache-name', 'loop'], { as: 'viewer' })
  expect(again.out).toMatch(/not enough data: 0 reads so far/)
  const shown = await desk.run(['applied', '--cache-name', 'loop'], { as: 'viewer', columns: 200 })
  expect(shown.out).toMatch(
    /predicted: \d+\.\d hits per 100 reads \(95 %: \d+\.\d to \d+\.\d\), from 12,000 reads in 1 process since/,
  )
  expect(shown.out).toMatch(/^\d\d:\d\d:\d\d op_\S+ by editor, completed: (at most 200 entries|policy [\w-]+)\n/)
  expect(shown.out).toMatch(/measured since: 0 reads so far: 10000 are needed/)
  // What was printed undoes it, once, for whom may; another change since then is not overwritten.
  expect((await desk.run(['operations', 'rollback', id], { as: 'viewer' })).code).toBe(4)
  expect((await desk.run(['operations', 'rollback', 'op_none'], { as: 'viewer' })).code).toBe(4)
  expect((await desk.run(['operations', 'rollback', 'op_none'], { as: 'editor' })).code).toBe(5)
  expect(loop.info().memory).toMatchObject({ maxEntries, policy })
  const undone = await desk.run(['operations', 'rollback', id, '--json'], { as: 'editor' })
  expect(undone.code).toBe(0)
  expect(JSON.parse(undone.out)).toMatchObject({ operation: { state: 'completed', reason: `rolls back ${id}` } })
  expect(loop.info().memory).toMatchObject({ maxEntries: 100, policy: 'lru' })
  const twice = await desk.run(['operations', 'rollback', id], { as: 'editor' })
  expect(twice.code).toBe(6)
  expect(twice.err).toMatch(/editor changed loop again at .*: rolling back op_\S+ would overwrite that/)
})
