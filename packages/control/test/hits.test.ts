// Counts of hits as far as each policy of memory keeps them: what has come to the limit may stand for more, and is said
// to.
import { createCache, memory } from 'millpond'
import { expect, it } from 'vitest'
import { open } from './setup.ts'

it('knows for every policy where it stops counting', async () => {
  const policies = ['adaptive', 's3-fifo', 'sieve', 'lru', 'w-tinylfu'] as const
  const caches = policies.map((policy) => createCache({ name: policy, tiers: [memory({ policy })] }))
  const opened = await open(':memory:', { caches })
  await opened.plane.start()
  const get = async (path: string) => (await opened.call('GET', path, { as: 'viewer' })).json
  for (const [at, cache] of caches.entries()) {
    const name = policies[at]
    await cache.set('read', 1)
    for (let read = 0; read < 300; read++) cache.peek('read')
    for (const path of ['keys/?', 'top/?by=hits&']) {
      const { data, hits_limit } = await get(`${path}cache_name=${name}`)
      expect([name, path, data[0].hits]).toEqual([name, path, hits_limit])
    }
    const [{ hits_limit, tiers }] = (await get(`keys/read/?cache_name=${name}`)).nodes
    expect([name, tiers[0].hits]).toEqual([name, hits_limit])
  }
  await opened.close()
  for (const cache of caches) await cache.close()
})
