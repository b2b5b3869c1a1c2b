// Deadlines of a tier: an entry is gone when its time is over, and neither earlier nor later.
import assert from 'node:assert/strict'
import { type Case, until } from './runner.ts'
import { item, readOne, type TierSubject, text, using } from './tier-subject.ts'

export const deadlineCases: readonly Case<TierSubject>[] = [
  {
    id: 'expiry',
    title: 'G21: an entry is gone once its deadline has passed',
    run: (subject) =>
      using(subject, async (tier) => {
        const expiresAt = Date.now() + 150
        await tier.write([item('short', 'short', expiresAt), item('long', 'long', Date.now() + 60_000)])
        const before = await readOne(tier, 'short')
        if (Date.now() < expiresAt - 50) assert.equal(text(before), 'short')
        await until('the entry to expire', async () => (await readOne(tier, 'short')) === undefined, 3000)
        assert.ok(Date.now() >= expiresAt - 5, 'expired early')
        assert.equal(text(await readOne(tier, 'long')), 'long')
      }),
  },
  {
    id: 'expired-write',
    title: 'a write that is already past its deadline stores nothing and still replaces',
    run: (subject) =>
      using(subject, async (tier) => {
        await tier.write([item('k', 'old')])
        await tier.write([item('k', 'late', Date.now() - 1000), item('n', 'late', 0)])
        assert.deepEqual(await tier.read(['k', 'n']), [undefined, undefined])
      }),
  },
  {
    id: 'deadlines',
    title:
      'G21: deadlines in parts of a millisecond, beyond 30 days, beyond 32 bits of seconds, and beyond what a Date can say',
    run: (subject) =>
      using(subject, async (tier) => {
        const [now, day] = [Date.now(), 86_400_000]
        const near = [now + 60_000.4, now + 29 * day, now + 30 * day - 500, now + 30 * day + 1500, now + 365 * day]
        const deadlines = [...near, 2 ** 31 * 1000, 2 ** 32 * 1000 + 1, 8.64e15, 8.64e15 + 2, Number.MAX_VALUE]
        await tier.write(deadlines.map((expiresAt, index) => item(`until/${index}`, 'x', expiresAt)))
        const read = await tier.read(deadlines.map((_, index) => `until/${index}`))
        for (const [index, expiresAt] of deadlines.entries()) {
          const told = read[index]?.expiresAt ?? 0
          const isNever = expiresAt > 8.64e15 && told === Number.POSITIVE_INFINITY
          assert.ok(isNever || (told >= expiresAt && told <= Math.ceil(expiresAt)), `of ${expiresAt} it says ${told}`)
        }
      }),
  },
]
