// What an applied change was predicted to bring, beside what it brought.
import { createCache, memory } from 'millpond'
import { createInsight } from 'millpond/insight'
import { expect, it, onTestFinished } from 'vitest'
import { keepOutcome } from '../src/operations/kept-outcome.ts'
import { open } from './setup.ts'

/** Loops over `keys` keys; as many reads as given. */
async function site() {
  const cache = createCache({ name: 'shop', tiers: [memory({ maxEntries: 100, policy: 'lru', pressure: false })] })
  const insight = createInsight({ caches: [cache] })
  const opened = await open(':memory:', { caches: [cache], insight })
  await opened.plane.start()
  onTestFinished(async () => {
    await opened.close()
    insight.close()
    await cache.close()
  })
  let hits = 0
  /** Of 300 reads, 150 are of a loop over 150 keys and 150 of ten hot ones. */
  const play = async (reads: number): Promise<number> => {
    const before = hits
    for (let read = 0; read < reads; read++) {
      const key = read % 2 === 0 ? `hot:${(read >> 1) % 10}` : `user:${(read >> 1) % 150}`
      if (cache.peek(key) === undefined) {
        await cache.get(key)
        await cache.set(key, read)
      } else hits++
      if (read % 1000 === 0) insight.sizing('shop')
    }
    return hits - before
  }
  const applied = async () =>
    (await opened.call('GET', 'optimizations/applied/?cache_name=shop', { as: 'viewer' })).json.data
  const apply = async (change: object) =>
    (await opened.call('POST', 'optimizations/apply/', { as: 'editor', body: { cache_name: 'shop', change } })).json
  return { cache, opened, play, applied, apply }
}

it('shows the prediction, then what was measured, which is what can be counted by hand', async () => {
  const { play, applied, apply, cache, opened } = await site()
  expect(await applied()).toEqual([])
  // LRU with room for 100 keeps the hot ten and none of the loop: half of the reads hit.
  await play(12_000)
  const { id, plan } = await apply({ max_entries: 200 })
  const [early] = await applied()
  expect(early).toMatchObject({ id, actor: 'editor', change: { max_entries: 200 }, predicted: plan })
  expect(early.realised).toMatchObject({ hit_ratio_change: null, why: expect.stringMatching(/are needed/) })
  // With room for all 160 keys every read hits but the first of each: the gain is the other half of the reads.
  expect(early.predicted.hit_ratio).toBeCloseTo(0.5, 1)
  expect(early.predicted.hit_ratio_change.value).toBeGreaterThan(0.45)
  const hits = await play(14_000)
  const [{ realised }] = await applied()
  expect(hits / 14_000).toBeGreaterThan(0.98)
  expect(realised).toMatchObject({ why: null, nodes: 1, of_nodes: 1 })
  expect(realised.hit_ratio_change.value).toBeGreaterThan(0.42)
  expect(realised.hit_ratio_change.value).toBeLessThan(0.52)
  expect(realised.hit_ratio_change.low).toBeLessThanOrEqual(realised.hit_ratio_change.value)
  expect(realised.hit_ratio_change.high).toBeGreaterThanOrEqual(realised.hit_ratio_change.value)
  expect(Date.parse(realised.from)).toBeGreaterThanOrEqual(Date.parse(early.at))
  // As a process that was started again: its code knows nothing of the change.
  const restart = () => cache.configure({ tiers: { memory: { maxEntries: 100 } } })
  await restart()
  expect((await applied())[0]).toMatchObject({
    realised: { hit_ratio_change: null, why: expect.stringContaining('in force in no process') },
    stopped: null,
  })
  // As if the clock had kept it, a minute before that.
  await cache.configure({ tiers: { memory: { maxEntries: 200 } } })
  await play(14_000)
  await keepOutcome(opened.plane.control, 'shop')
  const [{ realised: last }] = await applied()
  await restart()
  expect((await applied())[0]).toMatchObject({
    realised: { hit_ratio_change: last.hit_ratio_change, reads: last.reads },
    stopped: expect.stringContaining('in force in no process'),
  })
})

it('keeps the last figure of a change that was followed by another, and tells apart what shadows cannot', async () => {
  const { play, applied, apply, opened } = await site()
  await play(12_000)
  const first = await apply({ policy: 'w-tinylfu' })
  expect(first.plan.hit_ratio_change.value).toBeGreaterThan(0.1)
  await play(14_000)
  const [{ realised }] = await applied()
  expect(realised.why).toBeNull()
  expect(realised.hit_ratio_change.value).toBeGreaterThan(0.1)
  const second = await apply({ policy: 'lru', max_entries: 150 })
  const [newest, oldest] = await applied()
  expect([newest.id, oldest.id]).toEqual([second.id, first.id])
  // As it was measured just before: nothing has been read since.
  expect(oldest.realised).toMatchObject({ hit_ratio_change: realised.hit_ratio_change, reads: realised.reads })
  expect(oldest.stopped).toMatch(/^changed again since: by editor at /)
  expect(newest.stopped).toBeNull()
  expect(newest.realised.why).toContain('several settings were changed at once')
  // A caller limited to a part of the cache does not see what concerns all of it.
  const limited = await opened.call('GET', 'optimizations/applied/?cache_name=shop', { as: 'limited' })
  expect(limited.json.data).toEqual([])
})

it('measures a change until the same fields are changed, and rolls it back until then', async () => {
  const { play, applied, apply, opened } = await site()
  await play(12_000)
  const { id } = await apply({ policy: 'w-tinylfu' })
  await play(14_000)
  // A stored configuration sets TTLs and the size of memory, whichever of them was meant, but no policy.
  const configuration = { name: 'shop', ttl_seconds: 600, max_size_mb: 7 }
  await opened.call('POST', 'configurations/', { as: 'editor', body: configuration })
  const [{ realised, stopped }] = await applied()
  expect([realised.why, stopped]).toEqual([null, null])
  const size = await apply({ max_bytes: 5_000_000 })
  expect(size.state).toBe('completed')
  const held = (await opened.call('GET', 'configurations/', { as: 'editor' })).json.data[0]
  const put = await opened.call('PUT', `configurations/${held.id}/`, {
    as: 'editor',
    body: { ...configuration, ttl_seconds: 900 },
  })
  expect(put.status).toBe(200)
  const back = await opened.call('POST', `optimizations/${size.id}/roll_back/`, { as: 'editor', body: {} })
  expect(back).toMatchObject({ status: 409, json: { code: 'changed_since' } })
  const undone = await opened.call('POST', `optimizations/${id}/roll_back/`, { as: 'editor', body: {} })
  expect(undone).toMatchObject({ status: 200, json: { state: 'completed', request: { change: { policy: 'lru' } } } })
})
