// I6: a caller's own reason for an invalidation, in receipts, events of every process, outlets, `explain`.
import { createCache, memory, type OutletBatch } from 'millpond'
import { postgres } from 'millpond/tiers/postgres'
import { redis } from 'millpond/tiers/redis'
import { sqlite, sqliteOutbox } from 'millpond/tiers/sqlite'
import { describe, expect, it } from 'vitest'
import { describeWith, PATIENCE, patient, startPostgres, startRedis } from '../services/index.ts'
import { closeAfterEach, newFolder, onEverySetup, open, until } from './setups.ts'

const NOTE = 'price list 7 imported: “Übersee”, $-prices'

onEverySetup('reasons', (cacheOf) => {
  it('I6: own words are in the receipt, the event and the explanation, and the counted reason stays', async () => {
    const cache = cacheOf()
    const heard: unknown[] = []
    cache.on('invalidate', ({ reason, note, id }) => heard.push({ reason, note, id }))
    const ways = [
      ['tag_based', (reason: string) => cache.invalidateTags(['t'], { reason })],
      ['pattern_based', (reason: string) => cache.invalidatePattern('k*', { reason })],
      ['manual', (reason: string) => cache.invalidate({ key: 'k' }, { reason })],
      ['tag_based', (reason: string) => cache.invalidate({ tags: ['t'], olderThan: 0 }, { reason })],
      ['manual', (reason: string) => cache.delete('k', { reason })],
      ['cleared', (reason: string) => cache.clear({ reason })],
    ] as const
    for (const [at, [reason, invalidate]] of ways.entries()) {
      await cache.set('k', at, { tags: ['t'] })
      const note = `${NOTE} ${at}`
      const stored = Date.now()
      await until(() => Date.now() > stored + 1) // older than 0 ms
      heard.length = 0
      const receipt = await invalidate(note)
      expect(receipt, note).toMatchObject({ reason, note })
      expect(heard, note).toEqual([{ reason: receipt.reason, note, id: receipt.id }])
      expect(await cache.explain('k'), note).toMatchObject({ verdict: 'miss', note, receipt: receipt.id })
    }
    expect(Object.keys(cache.stats().invalidationsByReason ?? {}).sort()).toEqual([
      'cleared',
      'manual',
      'pattern_based',
      'tag_based',
    ])
  })

  it('I6: a reason that is counted by name stays a counted one, without words', async () => {
    const cache = cacheOf()
    await cache.set('k', 1, { tags: ['t'] })
    const receipt = await cache.invalidateTags(['t'], { reason: 'error_threshold' })
    expect(receipt).toMatchObject({ reason: 'error_threshold' })
    expect(receipt.note).toBeUndefined()
    expect((await cache.explain('k')).note).toBeUndefined()
    expect((await cache.invalidateTags(['t'])).reason).toBe('tag_based')
  })

  it('I6: refuses what no log could keep, and the reasons that the cache itself reports', async () => {
    const cache = cacheOf()
    const wrong = [
      '',
      '  ',
      'x'.repeat(201),
      'two\nlines',
      'two\u2028lines',
      'nul\0',
      '\ud800',
      '\u001b[31m',
      'erased',
      'replaced',
      'cleared',
      7,
      null,
      {},
    ]
    for (const reason of wrong) {
      const options = { reason } as { reason: string }
      for (const call of [
        () => cache.invalidateTags(['t'], options),
        () => cache.delete('k', options),
        () => cache.clear(options),
        () => cache.schedule({ tags: ['t'] }, { in: '1h', ...options }),
      ])
        await expect((async () => call())(), JSON.stringify(reason)).rejects.toMatchObject({
          code: 'OPTION_INVALID',
        })
    }
    await cache.set('k', 1)
    await cache.delete('k', { reason: 'x'.repeat(200) })
    await expect(cache.delete('k', { reason: 'erased' })).rejects.toThrow(
      'delete.reason: "erased" is not allowed: give manual, data_changed, superseded, error_threshold, or your own words',
    )
  })

  it('I6: a reason for each call does not lift the limit of `atMostEvery`; the last one counts', async () => {
    const cache = cacheOf()
    const heard: unknown[] = []
    cache.on('invalidate', ({ note }) => heard.push(note))
    const calls = Array.from({ length: 50 }, (_, at) =>
      cache.invalidateTags(['t'], { atMostEvery: 300, reason: `order ${at} changed` }),
    )
    await Promise.all(calls)
    expect(heard).toEqual(['order 0 changed', 'order 49 changed'])
  })

  it('I6: a scheduled invalidation has its reason when it is due', async () => {
    const cache = cacheOf()
    const heard = new Promise((resolve) => cache.on('invalidate', resolve))
    await cache.schedule({ tags: ['t'] }, { in: 0, reason: NOTE })
    expect(await heard).toMatchObject({ reason: 'tag_based', note: NOTE })
  })
})

describe('reasons elsewhere', () => {
  closeAfterEach()

  const hearsOfIt = async (tier: () => Parameters<typeof open>[0]): Promise<void> => {
    const [here, there] = [open(tier()), open(tier())]
    await here.set('k', 1, { tags: ['t'] })
    expect(await there.get('k')).toBe(1)
    const heard = new Promise((resolve) => there.on('invalidate', resolve))
    const { id } = await here.invalidateTags(['t'], { reason: NOTE })
    expect(await heard).toMatchObject({ id, reason: 'tag_based', note: NOTE, isOwn: false })
    expect(await there.explain('k')).toMatchObject({
      verdict: 'miss',
      cause: 'invalidated_tag',
      receipt: id,
      note: NOTE,
    })
  }

  it('I6: another process over SQLite hears the words', () => {
    const path = `${newFolder()}/cache.db`
    return hearsOfIt(() => ({ name: 'shop', tiers: [memory(), sqlite({ path })] }))
  })
  describeWith('redis', 'Redis', () => {
    it('I6: another process over Redis hears the words', async () => {
      const server = await startRedis()
      try {
        await hearsOfIt(() => ({ name: 'shop', tiers: [memory(), patient(redis({ url: server.url, ...PATIENCE }))] }))
      } finally {
        await server.stop()
      }
    })
  })
  describeWith('postgres', 'PostgreSQL', () => {
    it('I6: another process over PostgreSQL hears the words', async () => {
      const server = await startPostgres()
      try {
        await hearsOfIt(() => ({
          name: 'shop',
          tiers: [memory(), patient(postgres({ url: server.url, ...PATIENCE }))],
        }))
      } finally {
        await server.stop()
      }
    })
  })

  it('I6: an outlet receives them, also from the outbox of a process that ended', async () => {
    const path = `${newFolder()}/outbox.db`
    const lines: unknown[] = []
    const failing = { name: 'edge', deliver: () => Promise.reject(new Error('down')), timeout: 50 }
    const first = createCache({ outbox: sqliteOutbox({ path }), outlets: [failing] })
    await first.invalidateTags(['t'], { reason: NOTE })
    await first.close()
    const arrived = new Promise<void>((resolve) => {
      const deliver = async (batch: OutletBatch): Promise<void> => {
        lines.push(...batch.lines)
        resolve()
      }
      open({ outbox: sqliteOutbox({ path }), outlets: [{ name: 'edge', deliver }] })
    })
    await arrived
    expect(lines).toMatchObject([{ reason: 'tag_based', note: NOTE, isLeft: true }])
  })
})
