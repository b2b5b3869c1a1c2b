// Commits of loaded entries, and the leases under which they are loaded.
import assert from 'node:assert/strict'
import { bodies, change, commitItem, key, type LedgerSubject, using } from './ledger-subject.ts'
import { type Case, until } from './runner.ts'

export const commitCases: readonly Case<LedgerSubject>[] = [
  {
    id: 'commit',
    title: 'G1: a load is stored only if its key has not moved since it began; each item has its own answer',
    run: (subject) =>
      using(subject, async (tier, ledger) => {
        const { position: before } = await ledger.pull('ns')
        await ledger.advance('ns', change([key('moved')]))
        const { position: after } = await ledger.pull('ns')
        const verdicts = await ledger.commit('ns', [
          commitItem('still', before),
          commitItem('moved', before),
          { ...commitItem('storage-name', after), target: 'moved' },
          { ...commitItem('alias', before), target: 'moved' },
          commitItem('foreign', { epoch: 'of-another-time', seq: 1 }),
          commitItem('future', { ...after, seq: after.seq + 1 }),
        ])
        assert.deepEqual(verdicts, [true, false, true, false, false, false])
        assert.deepEqual(await bodies(tier, ['still', 'moved', 'storage-name', 'alias', 'foreign', 'future']), [
          'loaded still',
          undefined,
          'loaded storage-name',
          undefined,
          undefined,
          undefined,
        ])
        const [stored] = await tier.read(['still'])
        assert.deepEqual(stored?.asOf, before)
        assert.deepEqual(await ledger.commit('ns', []), [])
      }),
  },
  {
    id: 'commit-expired-mark',
    title: 'G15: a load that began before its key was expired is not stored',
    run: (subject) =>
      using(subject, async (_tier, ledger) => {
        const { position } = await ledger.pull('ns')
        await ledger.advance('ns', change([key('k')], { mode: 'expire' }))
        assert.deepEqual(await ledger.commit('ns', [commitItem('k', position)]), [false])
      }),
  },
  {
    id: 'commit-keeps',
    title: 'a refused commit leaves what is stored',
    run: (subject) =>
      using(subject, async (tier, ledger) => {
        const { position } = await ledger.pull('ns')
        await ledger.advance(
          'ns',
          change([key('k')], { write: [{ key: 'k', body: new TextEncoder().encode('new'), expiresAt: Number.POSITIVE_INFINITY }] }),
        )
        assert.deepEqual(await ledger.commit('ns', [commitItem('k', position, 'old')]), [false])
        assert.deepEqual(await bodies(tier, ['k']), ['new'])
      }),
  },
  {
    id: 'commit-no-record',
    title: 'nothing is stored for a namespace that has no record',
    run: (subject) =>
      using(subject, async (tier, ledger) => {
        assert.deepEqual(await ledger.commit('ns', [commitItem('k', { epoch: 'guessed', seq: 0 })]), [false])
        assert.deepEqual(await bodies(tier, ['k']), [undefined])
      }),
  },
]

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
    title: 'G11: of many who ask at once one is granted',
    run: (subject) =>
      using(subject, async (_tier, ledger) => {
        const answers = await Promise.all(Array.from({ length: 40 }, (_, index) => ledger.lease('ns', 'k', `id-${index}`, 60_000)))
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
]
