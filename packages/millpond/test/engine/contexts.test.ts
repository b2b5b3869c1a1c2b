// A cache keeps no request in memory: no context of `AsyncLocalStorage` in which its verbs were called. On Node 20 and
// 22 every promise and every timer holds the contexts in which it was created.
import { AsyncLocalStorage } from 'node:async_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type Cache, createCache } from 'millpond'
import { expect, onTestFinished, test } from 'vitest'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')
const requests = new AsyncLocalStorage<object>()

async function isKept(work: () => Promise<unknown>): Promise<boolean> {
  let request: WeakRef<object> | undefined
  await requests.run({ path: '/deals' }, async () => {
    request = new WeakRef(requests.getStore() ?? expect.fail('no request'))
    await work()
  })
  for (let turn = 0; turn < 10; turn++) {
    collect()
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
  return request?.deref() !== undefined
}

const verbs: Record<string, (cache: Cache) => Promise<unknown>> = {
  'set, with a timer for its TTL': (cache) => cache.set('deal', { stage: 'lead' }, { ttl: '2m', tags: ['deals'] }),
  'a hit': (cache) => cache.get('held'),
  'a miss that loads': (cache) => cache.getOrSet('other', async () => ({ stage: 'won' }), { ttl: '2m' }),
  'a load that is soon to be refreshed': (cache) =>
    cache.getOrSet('soon', async () => 1, { ttl: '2m', staleFor: '1m', refreshAhead: 0.5 }),
  invalidation: (cache) => cache.invalidateTags(['deals']),
}

test.each(Object.keys(verbs))('%s', async (name) => {
  // The clock is the process's: the first reading sets its timer.
  const cache = createCache()
  onTestFinished(() => cache.close())
  expect(await isKept(async () => verbs[name]?.(cache)), 'after the first call').toBe(false)
  await cache.set('held', 1, { ttl: '1m' })
  expect(await isKept(async () => verbs[name]?.(cache)), 'after others').toBe(false)
})

test('what has expired is told in no request', async () => {
  const cache = createCache()
  onTestFinished(() => cache.close())
  const told = new Promise((resolve) => cache.on('removal', () => resolve(requests.getStore())))
  await requests.run({ path: '/deals' }, () => cache.set('deal', 1, { ttl: '50ms' }))
  expect(await told).toBeUndefined()
})
