// Entries that the ledger has invalidated leave memory soon after, even if they are not read, and no others do.
import { join } from 'node:path'
import { type Cache, type CacheOptions, memory } from 'millpond'
import { sqlite } from 'millpond/tiers/sqlite'
import { describe, expect, it } from 'vitest'
import { type FakeClock, fakeClock } from '../../src/testing/clock.ts'
import { closeAfterEach, newFolder, open } from './setups.ts'

closeAfterEach()

const held = (cache: Cache): number => cache.info().memory?.entries ?? -1
const PIECE_MS = 100

/** Long enough for a walk over so many entries, and the one that is due at its end. */
const walk = (clock: FakeClock, entries = 0): Promise<void> => clock.run((2 + Math.ceil(entries / 256)) * PIECE_MS)

const places: Readonly<Record<string, () => CacheOptions['tiers']>> = {
  memory: () => [memory({ maxEntries: 10_000 })],
  'memory and SQLite': () => [memory({ maxEntries: 10_000 }), sqlite({ path: join(newFolder(), 'cache.db') })],
}

it('asks no ledger of a namespace that is not read, even if swept entries were computed from it', async () => {
  const clock = fakeClock({ now: Date.now() })
  const tier = sqlite({ path: join(newFolder(), 'cache.db') })
  const asked: string[] = []
  const ledger = tier.ledger ?? expect.fail('SQLite has a ledger')
  const { pull } = ledger
  ledger.pull = (namespace, from) => {
    asked.push(namespace)
    return pull.call(ledger, namespace, from)
  }
  const cache = open({ clock, tiers: [memory(), tier], dependencies: 'tracked' })
  const people = cache.namespace('people')
  await people.set('ada', 1)
  await cache.getOrSet('of ada', async () => `${await people.get('ada')}`)
  await cache.flush()
  expect(await cache.get('of ada')).toBe('1')
  let isAsked = true
  for (let second = 0; second < 60 && isAsked; second++) {
    asked.length = 0
    await cache.invalidateTags(['other'])
    await clock.run(1000)
    isAsked = asked.some((namespace) => namespace.includes('people'))
  }
  expect([isAsked, held(cache)]).toEqual([false, 2])
})

describe.each(Object.entries(places))('what has been invalidated: %s', (_, tiers) => {
  const begin = (more: CacheOptions = {}) => {
    const clock = fakeClock({ now: Date.now() })
    return { clock, cache: open({ clock, tiers: tiers() ?? [], ...more }) }
  }

  it.each([
    ['tag', 'tag_based', 'invalidated_tag', 't', (cache: Cache) => cache.invalidateTags(['t'])],
    ['pattern', 'pattern_based', 'invalidated_pattern', 'v*', (cache: Cache) => cache.invalidatePattern('v*')],
  ] as const)('leaves, and says why as if it had been read: %s', async (_, reason, cause, detail, invalidate) => {
    const { cache, clock } = begin()
    const left: unknown[] = []
    cache.on('removal', ({ key, reason }) => left.push([key, reason]))
    await cache.setMany(
      [
        ['v1', 1],
        ['v2', 2],
      ],
      { tags: ['t'] },
    )
    await cache.set('other', 3, { tags: ['other'] })
    const { id } = await invalidate(cache)
    expect(held(cache)).toBe(3)
    await walk(clock)
    expect(held(cache)).toBe(1)
    expect(left).toEqual([
      ['v1', reason],
      ['v2', reason],
    ])
    const { tiers } = await cache.explain('v1')
    expect(tiers[0]).toMatchObject({ state: 'absent', cause, detail, receipt: id })
    const misses: unknown[] = []
    cache.on('miss', ({ cause, receipt }) => misses.push([cause, receipt]))
    expect([await cache.get('v1'), await cache.get('other')]).toEqual([undefined, 3])
    expect(misses).toEqual([[cause, id]])
  })

  it('leaves with what it was computed from, in another namespace too', async () => {
    const { cache, clock } = begin({ dependencies: 'tracked' })
    const people = cache.namespace('people')
    await people.set('ada', 1)
    await people.set('bea', 2)
    await cache.getOrSet('of ada', async () => `${await people.get('ada')}`)
    await cache.getOrSet('of bea', async () => `${await people.get('bea')}`)
    await cache.set('of both', 1, { dependsOn: ['of ada', 'of bea'] })
    await cache.flush()
    await people.delete('ada')
    await walk(clock)
    expect([...cache.entries()].map(({ key }) => key)).toEqual(['of bea'])
    expect(cache.peek('of bea')).toBe('2')
  })

  it('stays where it is only stale', async () => {
    const { cache, clock } = begin()
    await cache.set('k', 1, { tags: ['t'], staleFor: '1h' })
    await cache.invalidateTags(['t'], { mode: 'expire' })
    await walk(clock)
    expect(held(cache)).toBe(1)
    expect(await cache.getEntry('k')).toMatchObject({ kind: 'stale', value: 1 })
  })

  it('does not hold up others for hundreds of namespaces that hold nothing', async () => {
    const { cache, clock } = begin()
    const spaces = Array.from({ length: 600 }, (_, at) => cache.namespace(`n${at}`))
    const last = spaces.at(-1) ?? cache
    await last.set('k', 1, { tags: ['t'] })
    await walk(clock, 600)
    await last.invalidateTags(['t'])
    await clock.run(PIECE_MS)
    expect(held(cache)).toBe(1)
    await walk(clock, 600)
    expect(held(cache)).toBe(0)
  })

  it('is judged by its own ledger, though its namespace was closed and opened again meanwhile', async () => {
    const { cache, clock } = begin()
    const space = cache.namespace('n')
    const keys = Array.from({ length: 600 }, (_, at) => `k${at}`)
    await space.setMany(keys.map((key) => [key, 'before']))
    for (let step = 0; step < 5; step++) await space.invalidateTags(['other'])
    await clock.run(PIECE_MS)
    const closing = space.close()
    const again = cache.namespace('n')
    await again.setMany(
      keys.map((key) => [key, 'after']),
      { tags: ['t'] },
    )
    await closing
    await walk(clock, 600)
    expect(again.peek('k599')).toBe('after')
    await again.invalidateTags(['t'])
    expect(keys.filter((key) => again.peek(key) !== undefined)).toEqual([])
  })

  it('leaves a piece at a time, and then nothing runs', async () => {
    const { cache, clock } = begin()
    const keys = Array.from({ length: 3000 }, (_, at) => `k${at}`)
    for (let from = 0; from < keys.length; from += 500)
      await cache.setMany(
        keys.slice(from, from + 500).map((key) => [key, key]),
        { tags: ['t'] },
      )
    await cache.set('kept', 1)
    await walk(clock, 3000)
    const quiet = clock.pending
    await cache.invalidateTags(['t'])
    const seen: number[] = []
    for (let piece = 0; piece < 8; piece++) {
      await clock.run(PIECE_MS)
      seen.push(held(cache))
    }
    expect(seen[0]).toBeGreaterThanOrEqual(3001 - 512)
    expect(Math.max(...seen.map((count, at) => (seen[at - 1] ?? 3001) - count))).toBeLessThanOrEqual(512)
    expect(seen.at(-1)).toBe(1)
    await walk(clock)
    expect(clock.pending).toBeLessThanOrEqual(quiet)
  })
})
