// The first cache of the process, created in a request: its timers do not run in that request for ever.
import { AsyncLocalStorage } from 'node:async_hooks'
import { createCache } from 'millpond'
import { expect, onTestFinished, test } from 'vitest'

test('what has expired is told in no request, not even in that which created the first cache', async () => {
  const requests = new AsyncLocalStorage<object>()
  const cache = requests.run({ path: '/first' }, () => createCache())
  onTestFinished(() => cache.close())
  const told = new Promise((resolve) => cache.on('removal', () => resolve(requests.getStore())))
  await requests.run({ path: '/second' }, () => cache.set('deal', 1, { ttl: '50ms' }))
  expect(await told).toBeUndefined()
})
