// The SQLite tier on a full disk: SQLite itself says so where the file may have no more pages.

import Database from 'libsql'
import { createCache, memory } from 'millpond'
import { sqlite } from 'millpond/tiers/sqlite'
import { afterEach, describe, expect, test } from 'vitest'
import { change, key } from '../../src/testing/ledger-subject.ts'
import { item } from '../../src/testing/tier.ts'
import { temporaryFolder } from './folder.ts'

const file = temporaryFolder()
const FULL = /database or disk is full/
const LARGE = 'x'.repeat(20_000)

/** Connections of one test; the bound belongs to a connection, not to the file. */
const opened: Database.Database[] = []
class Bounded extends Database {
  constructor(path: string) {
    super(path)
    opened.push(this)
  }
}
const roomFor = (pages: number): void => {
  for (const one of opened) one.exec(`PRAGMA max_page_count = ${pages}`)
}
afterEach(() => opened.splice(0))

describe('a full disk', () => {
  test('T9: a write is refused with what SQLite says, nothing that was kept is lost, and it goes on when there is room', async () => {
    const tier = sqlite({ path: file(), driver: Bounded })
    await tier.write([item('kept', 'before')])
    roomFor(1)
    await expect(tier.write([item('large', LARGE)])).rejects.toMatchObject({
      code: 'TIER_FAILED',
      message: expect.stringMatching(FULL),
    })
    // All of a batch or nothing.
    await expect(tier.write([item('small', 's'), item('large', LARGE)])).rejects.toMatchObject({ code: 'TIER_FAILED' })
    const [kept, large, small] = await tier.read(['kept', 'large', 'small'])
    expect(kept && new TextDecoder().decode(kept.body)).toBe('before')
    expect([large, small]).toEqual([undefined, undefined])
    const targets = change(Array.from({ length: 500 }, (_, i) => key(`${LARGE.slice(0, 500)}${i}`)))
    await expect(tier.ledger.advance('ns', targets)).rejects.toMatchObject({
      code: 'LEDGER_UNREACHABLE',
      message: expect.stringMatching(FULL),
    })
    expect(await tier.drop(['kept'])).toBe(1)
    roomFor(10_000)
    await tier.write([item('large', LARGE)])
    expect((await tier.ledger.advance('ns', targets)).position.seq).toBe(1)
    expect((await tier.read(['large']))[0]).toBeDefined()
    await tier.close()
  })

  test('G1, G14: reads are answered, what an invalidation could not say holds in this process, and is said when there is room', async () => {
    const path = file()
    const one = createCache({
      name: 'full',
      tiers: [memory(), sqlite({ path, driver: Bounded })],
      defaults: { ttl: '1h' },
    })
    await one.set('old', 'value', { tags: ['t'] })
    // Names that need pages of their own, for the ledger as well.
    const tags = Array.from({ length: 500 }, (_, i) => `${LARGE.slice(0, 200)}${i}`)
    roomFor(1)
    await expect(one.set('large', LARGE)).rejects.toMatchObject({
      code: 'LEDGER_UNREACHABLE',
      message: expect.stringMatching(FULL),
    })
    await expect(one.invalidateTags([...tags, 't'])).rejects.toMatchObject({ code: 'LEDGER_UNREACHABLE' })
    expect(await one.getOrSet('new', () => LARGE)).toBe(LARGE)
    expect(await one.get('old')).toBeUndefined()
    expect(await one.get('large')).toBeUndefined()
    roomFor(10_000)
    await one.set('later', 'kept')
    const other = createCache({ name: 'full', tiers: [memory(), sqlite({ path })] })
    expect([await other.get('later'), await other.get('old')]).toEqual(['kept', undefined])
    await Promise.all([one.close(), other.close()])
  })
})
