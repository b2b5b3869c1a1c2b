// A layer over a cache: which answers are computed anew before they are over.
import { createCache } from 'millpond'
import { fakeClock } from 'millpond/testing'
import { expect, it } from 'vitest'
import { createLayer, type LayerName } from '../../src/cache/layer.ts'
import { createSessions } from '../../src/cache/sessions.ts'
import { asked } from '../../src/cache/strategic.ts'

it('recomputes statistics in the background of a request for them, in both layers, so that no request waits when they expire', async () => {
  const made: Record<LayerName, number> = { strategic: 0, response: 0 }
  const clock = fakeClock()
  const cache = createCache({ clock, dependencies: 'tracked', defaults: { jitter: 0.05 } })
  const layer = (name: LayerName) =>
    createLayer({ name, cache: cache.namespace(name), defaultTtlMs: 1000, observe: () => undefined })
  const question = () => asked.statistics(1, 30)
  const strategic = layer('strategic').method('deal_statistics', question, async () => ({
    versions: {},
    count: ++made.strategic,
  }))
  const response = layer('response').method('deal_statistics', question, async () => {
    made.response++
    return (await strategic()).value
  })
  const waited: string[] = []
  for (let minute = 0; minute < 60; minute++) {
    waited.push((await response()).outcome.result)
    await cache.flush()
    await clock.run(60_000)
  }
  expect(waited.filter((result) => result !== 'hit')).toEqual(['miss'])
  expect(made.response).toBeGreaterThanOrEqual(4)
  expect(made.strategic).toBeGreaterThanOrEqual(3)
  await cache.close()
})

it('tells usage prediction which session asks, in both layers, and none if it is not known', async () => {
  const cache = createCache({ dependencies: 'tracked' })
  const told: [session: number, key: string][] = []
  cache.record({ hit: () => {}, miss: () => {}, context: (_, session, key) => told.push([session, key]) })
  const sessions = createSessions()
  const layer = (name: LayerName) =>
    createLayer({
      name,
      cache: cache.namespace(name),
      defaultTtlMs: 1000,
      observe: () => undefined,
      session: sessions.current,
    })
  const strategic = layer('strategic').method('organization', asked.organization, async () => ({ versions: {} }))
  const response = layer('response').method(
    'organization',
    asked.organization,
    async (id) => (await strategic(id)).value,
  )
  await Promise.all([1, 2].map((id) => sessions.run(`person ${id}`, () => response(id))))
  await sessions.run(undefined, () => response(3))
  const of = (id: number) => told.filter(([, key]) => key.endsWith(`:${id}`)).map(([session]) => session)
  expect(of(1).length).toBeGreaterThanOrEqual(2)
  expect(of(2).length).toBe(of(1).length)
  expect(new Set([...of(1), ...of(2)]).size).toBe(2)
  expect(of(3).every((session) => session === 0)).toBe(true)
  await cache.close()
})
