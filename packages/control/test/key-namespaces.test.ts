// Where keys are looked for: not longer than an invalidation may wait for its plan.
import { createCache, memory } from 'millpond'
import { simulatedServer } from 'millpond/testing'
import { expect, it } from 'vitest'
import { planOfKeys } from '../src/agent/key-namespaces.ts'

it('looks up no further keys once a slow tier has taken a second', async () => {
  let isSlow = false
  const calm = async () => {}
  const send = () => (isSlow ? new Promise<void>((resolve) => setTimeout(resolve, 150)) : calm())
  const cache = createCache({ tiers: [memory(), simulatedServer().connect({ send, back: calm, push: calm })] })
  const keys = [...Array(20).keys()].map((at) => `slow:${at}`)
  for (const key of keys) await cache.set(key, 1)
  isSlow = true
  const few = (await planOfKeys(cache, ['default'], keys)).hottest.length
  expect(few).toBeGreaterThan(0)
  expect(few).toBeLessThan(20)
  isSlow = false
  await cache.close()
})
