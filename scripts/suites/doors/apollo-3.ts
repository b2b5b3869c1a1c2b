// The suite that Apollo Server 3 publishes for its caches, by the clock of the cache.
// @ts-expect-error: installed for the run.
import { runKeyValueCacheTests } from 'apollo-server-caching/dist/testsuite.js'
import { createCache } from 'millpond'
import { apolloCache } from 'millpond/apollo'
import { fakeClock } from 'millpond/testing'
import { test } from 'vitest'

test('KeyValueCache', async () => {
  const clock = fakeClock()
  const cache = createCache({ clock })
  await runKeyValueCacheTests(apolloCache(cache), (ms: number) => clock.advance(ms))
  await cache.close()
})
