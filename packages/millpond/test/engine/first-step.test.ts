// A process whose first call is a step of its own trusts what others stored before, as one that reads first does.
import { join } from 'node:path'
import { memory } from 'millpond'
import { sqlite } from 'millpond/tiers/sqlite'
import { expect, test } from 'vitest'
import { closeAfterEach, newFolder, open } from './setups.ts'

closeAfterEach()

test.each<[string, (cache: ReturnType<typeof open>) => Promise<unknown>]>([
  ['a set', (cache) => cache.set('own', 1)],
  ['a delete', (cache) => cache.delete('own')],
  ['an invalidation', (cache) => cache.invalidateTags(['own'])],
])('whose first call is %s', async (_what, first) => {
  const path = join(newFolder(), 'cache.db')
  const start = () => open({ tiers: [memory(), sqlite({ path })] })
  const before = start()
  await before.set('k', 'v', { tags: ['t'] })
  await before.set('gone', 'v', { tags: ['gone'] })
  await before.set('later', 'v')
  await before.invalidateTags(['gone'])
  await before.set('more', 'v')
  const cache = start()
  const told: string[] = []
  cache.on('ledger', ({ state }) => told.push(state))
  await first(cache)
  expect(await cache.getMany(['k', 'later', 'more', 'gone'])).toEqual(['v', 'v', 'v', undefined])
  await before.set('k', 'w')
  expect(await cache.get('k', { consistency: 'strong' })).toBe('w')
  expect(told).toEqual([])
})
