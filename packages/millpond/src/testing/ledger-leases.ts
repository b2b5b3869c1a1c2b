// The leases under which entries are loaded, one by one and many at a time.
import assert from 'node:assert/strict'
import type { LeaseAsk } from '../core/contracts.ts'
import { bodies, commitItem, type LedgerSubject, using } from './ledger-subject.ts'
import { type Case, until } from './runner.ts'

const ONE_BY_ONE = 'the store takes leases one by one'

const asksOf = (keys: readonly string[], id: string): LeaseAsk[] => keys.map((key, at) => ({ key, id: `${id} ${at}` }))

export const leaseCases: readonly Case<LedgerSubject>[] = [
  {
    id: 'lease',
    title: 'G11: one holder at a time; others learn how long is left; the holder may renew',
    run: (subject) =>
      using(subject, async (_tier, ledger) => {
        assert.deepEqual(await ledger.lease('ns', 'k', 'one', 60_000), { granted: true })
        const refused = await ledger.lease('ns', 'k', 'two', 60_000)
        assert.equal(refused.granted, false)
        if (!refused.granted) assert.ok(refused.leftMs > 50_000 && refused.leftMs <= 60_000, `leftMs ${refused.leftMs}`)
        assert.deepEqual(await ledger.lease('ns', 'k', 'one', 10_000), { granted: true })
        const renewed = await ledger.lease('ns', 'k', 'two', 60_000)
        if (!renewed.granted) assert.ok(renewed.leftMs <= 10_000, `the renewed lease has ${renewed.leftMs} ms left`)
        assert.deepEqual(await ledger.lease('ns', 'other', 'two', 60_000), { granted: true })
        assert.deepEqual(await ledger.lease('another', 'k', 'two', 60_000), { granted: true })
      }),
  },
  {
    id: 'lease-race',
    title: 'G11: of many concurrent requests one is granted',
    run: (subject) =>
      using(subject, async (_tier, ledger) => {
        const answers = await Promise.all(
          Array.from({ length: 40 }, (_, index) => ledger.lease('ns', 'k', `id-${index}`, 60_000)),
        )
        assert.equal(answers.filter((answer) => answer.granted).length, 1)
      }),
  },
  {
    id: 'lease-release',
    title: 'only the holder releases',
    run: (subject) =>
      using(subject, async (_tier, ledger) => {
        await ledger.lease('ns', 'k', 'one', 60_000)
        await ledger.release('ns', 'k', 'two')
        assert.equal((await ledger.lease('ns', 'k', 'two', 60_000)).granted, false)
        await ledger.release('ns', 'k', 'one')
        await ledger.release('ns', 'k', 'one')
        assert.equal((await ledger.lease('ns', 'k', 'two', 60_000)).granted, true)
      }),
  },
  {
    id: 'lease-runs-out',
    title: 'G11: a holder that dies delays others by the lease; its late result is refused',
    run: (subject) =>
      using(subject, async (tier, ledger) => {
        const { position } = await ledger.pull('ns')
        await ledger.lease('ns', 'k', 'dead', 80)
        await until('the lease to run out', async () => (await ledger.lease('ns', 'k', 'next', 60_000)).granted)
        assert.deepEqual(await ledger.commit('ns', [{ ...commitItem('k', position), lease: 'dead' }]), [false])
        assert.deepEqual(
          await ledger.commit('ns', [
            { ...commitItem('k', position), lease: 'never' },
            { ...commitItem('free', position), lease: 'next' },
          ]),
          [false, false],
        )
        assert.deepEqual(await ledger.commit('ns', [{ ...commitItem('k', position), lease: 'next' }]), [true])
        assert.deepEqual(await bodies(tier, ['k']), ['loaded k'])
      }),
  },
  {
    id: 'lease-commit-again',
    title: 'a commit that is repeated, since its answer was late, gets the same answer while the lease lasts',
    run: (subject) =>
      using(subject, async (tier, ledger) => {
        const { position } = await ledger.pull('ns')
        await ledger.lease('ns', 'k', 'one', 60_000)
        const item = { ...commitItem('k', position), lease: 'one' }
        assert.deepEqual(await ledger.commit('ns', [item]), [true])
        assert.deepEqual(await ledger.commit('ns', [item]), [true])
        assert.deepEqual(await bodies(tier, ['k']), ['loaded k'])
        await ledger.release('ns', 'k', 'one')
        assert.deepEqual(await ledger.lease('ns', 'k', 'two', 60_000), { granted: true })
        assert.deepEqual(await ledger.commit('ns', [item]), [false])
      }),
  },
  {
    id: 'lease-many',
    title: 'G11: each lease of a batch is granted or refused by itself, and only holders release them',
    run: (subject) =>
      using(subject, async (tier, ledger) => {
        if (ledger.leaseAll === undefined || ledger.releaseAll === undefined) return ONE_BY_ONE
        assert.deepEqual(await ledger.leaseAll('ns', [], 60_000), [])
        await ledger.releaseAll('ns', [])
        const { position } = await ledger.pull('ns')
        await ledger.lease('ns', 'held', 'other', 60_000)
        await ledger.lease('ns', 'mine', 'me 3', 1000)
        const keys = ['z', 'held', 'a', 'mine', 'é\u0000']
        const answers = await ledger.leaseAll('ns', [...asksOf(keys, 'me'), { key: 'a', id: 'late' }], 60_000)
        assert.deepEqual(
          answers.map(({ granted }) => granted),
          [true, false, true, true, true, false],
        )
        for (const answer of answers)
          if (!answer.granted) assert.ok(answer.leftMs > 50_000 && answer.leftMs <= 60_000, `leftMs ${answer.leftMs}`)
        const renewed = await ledger.lease('ns', 'mine', 'other', 60_000)
        assert.ok(!renewed.granted && renewed.leftMs > 50_000, 'a lease that is asked for again is renewed')
        assert.deepEqual(await ledger.lease('another', 'a', 'other', 60_000), { granted: true })
        const items = keys.map((key, at) => ({ ...commitItem(key, position), lease: `me ${at}` }))
        assert.deepEqual(await ledger.commit('ns', items), [true, false, true, true, true])
        assert.deepEqual(await bodies(tier, ['a', 'held']), ['loaded a', undefined])
        await ledger.releaseAll('ns', [...asksOf(keys, 'me'), { key: 'held', id: 'nobody' }])
        const next = await ledger.leaseAll('ns', asksOf(keys, 'next'), 60_000)
        assert.deepEqual(
          next.map(({ granted }) => granted),
          [true, false, true, true, true],
        )
        return undefined
      }),
  },
  {
    id: 'lease-many-race',
    title: 'G11: two who ask for the same keys in another order do not block each other, and each key has one holder',
    run: (subject) =>
      using(subject, async (_tier, ledger) => {
        if (ledger.leaseAll === undefined) return ONE_BY_ONE
        const keys = Array.from({ length: 200 }, (_, index) => `k${index}`)
        const asked = ['a', 'b', 'c', 'd'].map(async (id, at) => {
          const mine = at % 2 === 0 ? keys : [...keys].reverse()
          const answers = (await ledger.leaseAll?.('ns', asksOf(mine, id), 60_000)) ?? []
          return mine.filter((_, index) => answers[index]?.granted)
        })
        const granted = (await Promise.all(asked)).flat()
        assert.deepEqual(granted.sort(), [...keys].sort())
        return undefined
      }),
  },
]
