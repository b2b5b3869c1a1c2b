// A layer over a cache: which answers are computed anew before they are over.
import { createCache } from 'millpond'
import { fakeClock } from 'millpond/testing'
import { expect, it } from 'vitest'
import { createLayer, type LayerName } from '../../src/cache/layer.ts'
import { asked } from '../../src/cache/strategic.ts'

it('computes statistics anew behind who asks for them again, and leaves responses to their time', async () => {
  const made: Record<LayerName, number> = { strategic: 0, response: 0 }
  for (const name of ['strategic', 'response'] as const) {
    const clock = fakeClock()
    const cache = createCache({ clock })
    const layer = createLayer({ name, cache, defaultTtlMs: 1000, observe: () => undefined })
    const get = layer.method(
      'deal_statistics',
      () => asked.statistics(1, 30),
      async () => ({ versions: {}, count: ++made[name] }),
    )
    await get()
    await get()
    await clock.run(13 * 60_000)
    expect((await get()).value).toMatchObject({ count: 1 })
    await cache.flush()
    await cache.close()
  }
  expect(made).toEqual({ strategic: 2, response: 1 })
})
