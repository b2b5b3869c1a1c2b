// A process that is killed between the commit of a write and its invalidation must not leave the old answer alive.
import { expect, test } from 'vitest'
import { openDatabase } from '../../src/db/database.ts'
import { commitAll, pendingNotes } from '../../src/writes/commit.ts'
import { createDeal } from '../../src/writes/deals.ts'
import { isHit, startSubject } from '../service-under-test.ts'

const STATISTICS = '/api/cached/organizations/1/statistics/?days=30'
const manager = { userId: 2, organizationId: 1 }

test('the note of the write is found at the next start, and the old answer in the cache file is not accepted', async () => {
  const first = await startSubject()
  const before = await first.get(STATISTICS, manager)
  await first.stop()

  // As the killed process left it: committed, the cache not told.
  const db = await openDatabase({ engine: 'sqlite', path: first.service.database })
  const deal = {
    title: 'Unseen',
    product: 'Weir',
    source: 'event',
    stage: 'prospecting' as const,
    amount_cents: 1,
    owner_id: 2,
  }
  await commitAll(db, [(tx) => createDeal(tx, 1, deal, 20_453)])
  expect(await pendingNotes(db)).toHaveLength(1)
  await db.close()

  const second = await startSubject({ folder: first.folder })
  try {
    const after = await second.get(STATISTICS, manager)
    expect(isHit(after)).toBe(false)
    expect(after.json.deals.opened).toBe(before.json.deals.opened + 1)
  } finally {
    await second.stop()
  }
})

test('an undisturbed restart finds its answers in the cache file', async () => {
  const first = await startSubject()
  const before = await first.get(STATISTICS, manager)
  await first.stop()
  const second = await startSubject({ folder: first.folder })
  try {
    const after = await second.get(STATISTICS, manager)
    expect(after.headers.get('cache-status')).toMatch(/deals-response; hit; ttl=\d+; detail=sqlite/)
    expect(after.text).toBe(before.text)
  } finally {
    await second.stop()
  }
})
