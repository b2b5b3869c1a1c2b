// A tier that somebody else wrote against `millpond/tier`: it passes the published suite, and a cache uses it like its
// own.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createCache, type TierConfiguration } from 'millpond'
import type { Tier } from 'millpond/tier'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterEach, describe, expect, it, test } from 'vitest'
import { describeTier } from '../../src/testing/tier.ts'
import { RowService, rowTier } from './third-party.ts'

let service = new RowService()

describeTier(
  { describe, it },
  {
    name: 'rows',
    open: async () => {
      service = new RowService()
      return rowTier(service)
    },
    again: async () => rowTier(service),
    skips: {
      'every-bit': 'its rows are objects of this process, in which no bit can change',
      bounded: 'it holds what it is given',
    },
  },
)

describe('a cache with a tier of somebody else', () => {
  const opened: { close(): Promise<unknown> }[] = []
  const folders: string[] = []
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((one) => one.close()))
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
  })
  /** Beside a tier that keeps the ledger. */
  function open(...tiers: (Tier | TierConfiguration)[]) {
    const folder = mkdtempSync(join(tmpdir(), 'millpond-rows-'))
    folders.push(folder)
    const cache = createCache({ tiers: [...tiers, sqlite({ path: join(folder, 'cache.db') })] })
    opened.push(cache)
    return cache
  }

  test('keeps what it keeps, and forgets what is invalidated', async () => {
    const rows = new RowService()
    const cache = open(rowTier(rows))
    await cache.set('k', { n: 1 }, { tags: ['t'] })
    expect([...rows.rows.keys()]).toEqual(['cache:default:k'])
    expect(await cache.getEntry('k')).toMatchObject({ value: { n: 1 }, tier: 'rows' })
    await cache.invalidateTags(['t'])
    expect(await cache.get('k')).toBeUndefined()
  })

  test('two tiers of one name are two: each has its own name, figures and breaker', async () => {
    const [near, far] = [new RowService(), new RowService()]
    const cache = open(rowTier(near), rowTier(far), { use: rowTier(new RowService()), name: 'archive' })
    await cache.set('k', 1)
    near.rows.clear()
    await cache.get('k')
    expect(cache.info().config.tiers).toEqual(['rows', 'rows-2', 'archive', 'sqlite'])
    expect(cache.stats().tiers).toMatchObject([
      { name: 'rows', hits: 0, misses: 1 },
      { name: 'rows-2', hits: 1, misses: 0 },
      {},
      {},
    ])
    expect(Object.keys(cache.info().circuitBreaker)).toEqual(['rows', 'rows-2', 'archive', 'sqlite'])
  })

  test('two tiers that are given one name are refused', () => {
    expect(() =>
      open({ use: rowTier(new RowService()), name: 'x' }, { use: rowTier(new RowService()), name: 'x' }),
    ).toThrow(expect.objectContaining({ code: 'OPTION_INVALID' }))
  })

  test('a value that is larger than a row lies in several, is one entry, and goes with its namespace', async () => {
    const rows = new RowService()
    const cache = open(rowTier(rows))
    const value = 'y'.repeat(5_000_000)
    await cache.set('large', value)
    expect(rows.rows.size).toBeGreaterThan(2)
    expect(await cache.getEntry('large')).toMatchObject({ tier: 'rows', value })
    expect(await cache.invalidatePattern('*', { dryRun: true })).toMatchObject({ wouldRemove: 1 })
    await cache.clear()
    await cache.flush()
    expect(rows.rows.size).toBe(0)
  })

  test('values that it cannot take are told, and open no breaker', async () => {
    const rows = rowTier(new RowService())
    const cache = open({ use: { ...rows, limits: { ...rows.limits, entryBytes: 3_000_000 } } })
    const told: unknown[] = []
    cache.on('tierRefused', (refused) => told.push(refused))
    for (let at = 0; at < 6; at++) await cache.set(`large${at}`, 'x'.repeat(3_000_001))
    await cache.set('small', 1)
    expect(told).toHaveLength(6)
    expect(told[0]).toEqual({ tier: 'rows', key: 'cache:default:large0', why: 'too_large' })
    expect(await cache.getEntry('small')).toMatchObject({ tier: 'rows' })
    expect(await cache.get('large0')).toHaveLength(3_000_001)
  })
})
