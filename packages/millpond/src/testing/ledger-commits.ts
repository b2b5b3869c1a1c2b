// Commits of loaded entries.
import assert from 'node:assert/strict'
import { bodies, change, commitItem, key, type LedgerSubject, using } from './ledger-subject.ts'
import type { Case } from './runner.ts'

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
          change([key('k')], {
            write: [{ key: 'k', body: new TextEncoder().encode('new'), expiresAt: Number.POSITIVE_INFINITY }],
          }),
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
