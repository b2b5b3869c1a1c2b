// A burst of reads on a file: 50,000 in one turn, none of which fails. What is sent together must not keep the answers
// of all waiting.
import { join } from 'node:path'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, it } from 'vitest'
import { closeAfterEach, newFolder, open } from './setups.ts'

const COUNT = 50_000

describe('a burst of reads', () => {
  closeAfterEach()

  it(`G14: ${COUNT} reads of one turn over SQLite: each has its own value or has left, and nothing fails`, {
    timeout: 120_000,
  }, async () => {
    const cache = open({ tiers: [sqlite({ path: join(newFolder(), 'cache.db') })] })
    const failures: unknown[] = []
    cache.on('tierError', (failure) => failures.push(failure))
    await cache.setMany(Array.from({ length: 1000 }, (_, at) => [`k${at}`, at] as const))
    const values = await Promise.all(Array.from({ length: COUNT }, (_, at) => cache.get(`k${at % 2000}`)))
    expect(values.filter((value, at) => value !== undefined && value !== at % 2000)).toEqual([])
    expect(failures).toEqual([])
    expect(cache.info().circuitBreaker).toEqual({ sqlite: 'closed' })
  })
})
