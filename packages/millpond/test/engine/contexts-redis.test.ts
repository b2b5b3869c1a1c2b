// A connection to Redis keeps no request in memory: not the one that needed it first.
import { AsyncLocalStorage } from 'node:async_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createCache, memory } from 'millpond'
import { redis } from 'millpond/tiers/redis'
import { expect, onTestFinished, test } from 'vitest'
import { describeWith, PATIENCE, startRedis } from '../services/index.ts'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')
const requests = new AsyncLocalStorage<object>()

describeWith('redis', 'contexts over Redis', () => {
  test('the first request is not kept', async () => {
    const server = await startRedis()
    const cache = createCache({ tiers: [memory(), redis({ url: server.url, ...PATIENCE })] })
    onTestFinished(async () => {
      await cache.close()
      await server.stop()
    })
    let request: WeakRef<object> | undefined
    await requests.run({ path: '/first' }, async () => {
      request = new WeakRef(requests.getStore() ?? expect.fail('no request'))
      await cache.set('deal', 1, { ttl: '1m', tags: ['deals'] })
      await cache.invalidateTags(['deals'])
    })
    await requests.run({ path: '/second' }, () => cache.set('deal', 2, { ttl: '1m', tags: ['deals'] }))
    const isKept = () => {
      collect()
      return request?.deref() !== undefined
    }
    await expect.poll(isKept, { timeout: 20_000, interval: 100 }).toBe(false)
  })
})
