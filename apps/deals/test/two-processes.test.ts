// Deals and users as collections of two processes over one Redis: what one writes, the other reads (G3, X5).
import { expect, test } from 'vitest'
import { describeWith, startRedis, until } from '../../../packages/millpond/test/services/index.ts'
import { twoCasts, withDatabase } from './people.ts'
import { type Member, startSubject } from './service-under-test.ts'
import { startProcess } from './start-process.ts'

describeWith('redis', 'two processes of the deals service', () => {
  test('a record that one has written is read in the other, and not asked of the database until then', {
    timeout: 120_000,
  }, async () => {
    const redis = await startRedis()
    const one = await startSubject({ env: { REDIS_URL: redis.url } })
    const other = await startProcess(one.folder, { REDIS_URL: redis.url })
    const there = async (path: string, as: Member, change?: object) => {
      const answer = await fetch(other.url + path, {
        headers: { authorization: `Bearer ${one.token(as)}`, 'content-type': 'application/json' },
        ...(change !== undefined && { method: 'PATCH', body: JSON.stringify(change) }),
      })
      return (await answer.json()) as Record<string, unknown>
    }
    try {
      const [{ manager, dealId }] = await twoCasts(one.service.database)
      const beneath = (title: string) =>
        withDatabase({ engine: 'sqlite', path: one.service.database }, (db) =>
          db.updateTable('deals').set({ title }).where('id', '=', dealId).execute(),
        )
      const deal = `/api/deals/${dealId}/`
      const { title } = await there(deal, manager)
      await one.get(deal, manager)
      await beneath('Beneath both caches')
      // A cache that is not answered in time asks the database.
      expect([(await there(deal, manager)).title, (await one.get(deal, manager)).json.title], 'in time').toEqual([
        title,
        title,
      ])
      await one.send('PATCH', deal, manager, { title: 'From the first' })
      await until('the other to read it', async () => (await there(deal, manager)).title === 'From the first')
      await there(deal, manager, { amount_cents: 4_200 })
      await until('the first to read it', async () => (await one.get(deal, manager)).json.amount_cents === 4_200)
      expect([await there(deal, manager), (await one.get(deal, manager)).json]).toEqual([
        expect.objectContaining({ title: 'From the first', amount_cents: 4_200 }),
        expect.objectContaining({ title: 'From the first', amount_cents: 4_200 }),
      ])

      const me = '/api/users/me/'
      await one.get(me, manager)
      await there(me, manager, { location: 'Upstream' })
      await until(
        'the first to read the profile',
        async () => (await one.get(me, manager)).json.location === 'Upstream',
      )
      // Each of the two changes another field: neither takes back what the other has written.
      await Promise.all([
        there(me, manager, { title: 'Miller' }),
        one.send('PATCH', me, manager, { name: 'Ada Miller' }),
      ])
      const both = { location: 'Upstream', title: 'Miller', name: 'Ada Miller' }
      await until('both to read both', async () => {
        const [mine, theirs] = [(await one.get(me, manager)).json, await there(me, manager)]
        return Object.entries(both).every(([field, value]) => mine[field] === value && theirs[field] === value)
      })
    } finally {
      await other.kill()
      await one.stop()
      await redis.stop()
    }
  })
})
