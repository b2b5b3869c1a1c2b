// A tier keeps no request in memory either: not the one in which it was used first, which sets its timers.
import { AsyncLocalStorage } from 'node:async_hooks'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createCache, memory } from 'millpond'
import { file } from 'millpond/tiers/file'
import { sqlite } from 'millpond/tiers/sqlite'
import { expect, onTestFinished, test } from 'vitest'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')
const requests = new AsyncLocalStorage<object>()

test.each([
  ['SQLite', () => []],
  ['files', (folder: string) => [file({ path: join(folder, 'files') })]],
])('%s', async (_, more) => {
  const folder = mkdtempSync(join(tmpdir(), 'millpond-contexts-'))
  const cache = createCache({ tiers: [memory(), ...more(folder), sqlite({ path: join(folder, 'cache.db') })] })
  onTestFinished(async () => {
    await cache.close()
    rmSync(folder, { recursive: true, force: true })
  })
  let request: WeakRef<object> | undefined
  await requests.run({ path: '/first' }, async () => {
    request = new WeakRef(requests.getStore() ?? expect.fail('no request'))
    await cache.set('deal', 1, { ttl: '1m', tags: ['deals'] })
    await cache.invalidateTags(['deals'])
  })
  const isKept = () => {
    collect()
    return request?.deref() !== undefined
  }
  await requests.run({ path: '/second' }, () => cache.set('deal', 2, { ttl: '1m', tags: ['deals'] }))
  await expect.poll(isKept, { timeout: 5000, interval: 100 }).toBe(false)
})
