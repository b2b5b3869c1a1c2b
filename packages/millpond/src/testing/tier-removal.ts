// How a tier removes entries, and how it lists them.
import assert from 'node:assert/strict'
import type { Case } from './runner.ts'
import { fitting, item, listed, oddKeys, readOne, type TierSubject, text, using, writeAll } from './tier-subject.ts'

export const removalCases: readonly Case<TierSubject>[] = [
  {
    id: 'drop',
    title: 'drop removes the named keys alone and tells how many were there',
    run: (subject) =>
      using(subject, async (tier) => {
        await tier.write([item('a'), item('b'), item('c')])
        assert.equal(await tier.drop(['a', 'nothing', 'b']), 2)
        assert.equal(await tier.drop(['a']), 0)
        assert.deepEqual((await tier.read(['a', 'b', 'c'])).map(text), [undefined, undefined, 'body of c'])
      }),
  },
  {
    id: 'clear',
    title: 'G23: clear removes what begins with the prefix, taken literally, and nothing else',
    run: (subject) =>
      using(subject, async (tier) => {
        const inside = ['p*/a', 'p*/b', 'p*/', 'p*/\u{10ffff}', 'p*/\u0000']
        const outside = ['p/a', 'px/a', 'p*', 'P*/a', 'q', 'xp*/a']
        await tier.write([...inside, ...outside].map((key) => item(key)))
        await tier.clear('p*/')
        assert.deepEqual(
          (await tier.read(inside)).map(text),
          inside.map(() => undefined),
        )
        assert.deepEqual(
          (await tier.read(outside)).map(text),
          outside.map((key) => `body of ${key}`),
        )
        await tier.clear('')
        assert.deepEqual(
          (await tier.read(outside)).map(text),
          outside.map(() => undefined),
        )
      }),
  },
  {
    id: 'clear-counts',
    title: 'clear tells how many it removed, many more than one step holds',
    run: (subject) =>
      using(subject, async (tier) => {
        const keys = Array.from({ length: 2500 }, (_, index) => `many/${index}`)
        await writeAll(
          tier,
          keys.map((key) => item(key, 'x')),
        )
        await tier.write([item('other')])
        assert.equal(await tier.clear('many/'), 2500)
        assert.equal(text(await readOne(tier, 'other')), 'body of other')
      }),
  },
  {
    id: 'scrub',
    title: 'G25: scrub, where there is one, takes nothing that is alive',
    run: (subject) =>
      using(subject, async (tier) => {
        await tier.write([item('a'), item('b'), item('c')])
        await tier.drop(['a'])
        await tier.scrub?.()
        await tier.write([item('d')])
        await tier.scrub?.()
        assert.deepEqual((await tier.read(['a', 'b', 'c', 'd'])).map(text), [
          undefined,
          'body of b',
          'body of c',
          'body of d',
        ])
      }),
  },
  {
    id: 'scan',
    title: 'scan names every key under the prefix, taken literally',
    run: (subject) =>
      using(subject, async (tier) => {
        const many = Array.from({ length: 1500 }, (_, index) => `s/${index}`)
        const odd = fitting(
          tier,
          oddKeys.map((key) => `odd/${key}`).filter((key) => key.length <= 512),
        )
        await writeAll(
          tier,
          [...many, ...odd, 'glob*x/1', 'glob/1'].map((key) => item(key, 'x')),
        )
        assert.deepEqual(await listed(tier, 's/'), [...many].sort())
        assert.deepEqual(await listed(tier, 'odd/'), [...odd].sort())
        assert.deepEqual(await listed(tier, 'glob*'), ['glob*x/1'])
        assert.deepEqual(await listed(tier, 'nowhere/'), [])
      }),
  },
]
