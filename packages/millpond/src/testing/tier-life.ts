// The life of a tier: concurrent calls, a second process, a restart, closing.
import assert from 'node:assert/strict'
import { MillpondError } from '../core/errors.ts'
import type { Case } from './runner.ts'
import { again, item, readOne, type TierSubject, text, using } from './tier-subject.ts'

const failed = (error: unknown): boolean =>
  error instanceof MillpondError && (error.code === 'CLOSED' || error.code === 'TIER_FAILED')

export const lifeCases: readonly Case<TierSubject>[] = [
  {
    id: 'concurrent',
    title: 'many calls at once settle, each with its own answer',
    run: (subject) =>
      using(subject, async (tier) => {
        const keys = Array.from({ length: 200 }, (_, index) => `c/${index}`)
        await Promise.all(keys.map((key) => tier.write([item(key)])))
        const answers = await Promise.all(keys.map((key) => readOne(tier, key)))
        assert.deepEqual(
          answers.map(text),
          keys.map((key) => `body of ${key}`),
        )
        const dropped = await Promise.all(keys.map((key) => tier.drop([key])))
        assert.equal(
          dropped.reduce((sum, one) => sum + one, 0),
          200,
        )
      }),
  },
  {
    id: 'cancelled',
    title: 'a call whose caller has given up settles all the same, and the tier goes on',
    run: (subject) =>
      using(subject, async (tier) => {
        const signal = AbortSignal.abort()
        await Promise.allSettled([
          tier.read(['k'], { signal }),
          tier.write([item('k')], { signal }),
          tier.drop(['k'], { signal }),
        ])
        await tier.write([item('k', 'later')])
        assert.equal(text(await readOne(tier, 'k')), 'later')
      }),
  },
  {
    id: 'peer',
    title: 'a second process on the same store sees writes and drops',
    run: (subject) =>
      using(subject, async (tier) => {
        assert.notEqual(tier.scope, 'process', 'a tier of one process has no peer: skip the case with that reason')
        const peer = await again(subject)
        try {
          await tier.write([item('shared', 'one')])
          assert.equal(text(await readOne(peer, 'shared')), 'one')
          assert.equal(await peer.drop(['shared']), 1)
          assert.equal(await readOne(tier, 'shared'), undefined)
        } finally {
          await peer.close()
        }
      }),
  },
  {
    id: 'durable',
    title: 'what was written is there after closing and opening again',
    run: async (subject) => {
      const tier = await subject.open()
      assert.ok(tier.durable, 'the tier is not durable: skip the case with that reason')
      await tier.write([item('kept', 'kept')])
      await tier.close()
      const later = await again(subject)
      try {
        assert.equal(text(await readOne(later, 'kept')), 'kept')
      } finally {
        await later.close()
      }
    },
  },
  {
    id: 'closed',
    title: 'after close every call rejects with a typed error, and close may be called twice',
    run: async (subject) => {
      const tier = await subject.open()
      await tier.write([item('k')])
      await tier.close()
      await tier.close()
      await assert.rejects(tier.read(['k']), failed)
      await assert.rejects(tier.write([item('k')]), failed)
      await assert.rejects(tier.drop(['k']), failed)
      await assert.rejects(tier.clear(''), failed)
    },
  },
]
