// Cases about numbers, lines and snapshots. Part of the ledger suite.
import assert from 'node:assert/strict'
import { type Line, stampedId, stampOf, type Target } from '../core/ledger.ts'
import {
  all,
  change,
  commitItem,
  isSnapshot,
  isTail,
  key,
  type LedgerSubject,
  numberOf,
  pattern,
  tag,
  using,
} from './ledger-subject.ts'
import type { Case } from './runner.ts'
import { oddKeys } from './tier.ts'

export const basicCases: readonly Case<LedgerSubject>[] = [
  {
    id: 'create',
    title: 'the first question creates the record: a new epoch, number 0, nothing in force',
    run: (subject) =>
      using(subject, async (_tier, ledger) => {
        const first = await ledger.pull('ns')
        isSnapshot(first)
        assert.match(first.position.epoch, /^[\w-]{8,}$/)
        assert.equal(first.position.seq, 0)
        assert.deepEqual(first.lines, [])
        assert.ok(first.floor <= 0)
        const second = await ledger.pull('ns', first.position)
        isTail(second)
        assert.deepEqual(second.position, first.position)
        assert.deepEqual(second.lines, [])
      }),
  },
  {
    id: 'epochs-differ',
    title: 'G6: two stores, and two namespaces, never share an epoch by chance',
    run: async (subject) => {
      const epochs = new Set<string>()
      for (let round = 0; round < 3; round++)
        await using(subject, async (_tier, ledger) => void epochs.add((await ledger.pull(`n${round}`)).position.epoch))
      assert.equal(epochs.size, 3)
    },
  },
  {
    id: 'numbers',
    title: 'each advance gets the next number, also when many run at once, also before any pull',
    run: (subject) =>
      using(subject, async (_tier, ledger) => {
        const answers = await Promise.all(
          Array.from({ length: 50 }, (_, index) => ledger.advance('ns', change([key(`k${index}`)]))),
        )
        assert.deepEqual(
          answers.map((one) => one.position.seq).sort((a, b) => a - b),
          Array.from({ length: 50 }, (_, index) => index + 1),
        )
        assert.equal(new Set(answers.map((one) => one.position.epoch)).size, 1)
        assert.equal((await ledger.pull('ns')).position.seq, 50)
      }),
  },
  {
    id: 'namespaces',
    title: 'G23: namespaces have nothing in common, whatever they are called',
    run: (subject) =>
      using(subject, async (_tier, ledger) => {
        const names = ['a', 'a:b', 'a/b', 'A', '{a}', '}{', 'a*', 'a b', 'é', 'e\u0301', '%7Ba%7D', '__proto__', 'a\nb']
        for (const [index, name] of names.entries())
          for (let step = 0; step <= index; step++) await ledger.advance(name, change([key(name)]))
        const answers = await Promise.all(names.map((name) => ledger.pull(name)))
        assert.deepEqual(
          answers.map((one) => one.position.seq),
          names.map((_, index) => index + 1),
        )
        assert.equal(new Set(answers.map((one) => one.position.epoch)).size, names.length)
        for (const [index, name] of names.entries())
          assert.equal(numberOf(answers[index] ?? { lines: [] }, key(name)), index + 1)
      }),
  },
  {
    id: 'stamps',
    title:
      'G24: a stamp in the id of a step comes back with each key that it moved, and no other, in lines and in snapshots',
    run: (subject) =>
      using(subject, async (_tier, ledger) => {
        const stampAt = (answer: { readonly lines: readonly Line[] }, name: string): string | undefined => {
          const line = answer.lines.findLast(({ targets }) =>
            targets.some((target) => target.kind === 'key' && target.key === name),
          )
          return line === undefined ? 'nothing' : stampOf(line.id)
        }
        const start = (await ledger.pull('ns')).position
        await ledger.advance('ns', change([key('a'), key('b'), tag('a')], { id: stampedId('st-A_1', 'one') }))
        await ledger.advance('ns', change([key('b'), key('plain')]))
        await ledger.advance('ns', change([key('c'), key('d')], { id: stampedId('st-2', 'two') }))
        await ledger.advance('ns', change([key('c')], { mode: 'expire' }))
        await ledger.advance('ns', change([key('d')], { id: stampedId('st-3', 'three') }))
        const wanted = ['st-A_1', undefined, undefined, 'st-3']
        const names = ['a', 'b', 'plain', 'd']
        const tail = await ledger.pull('ns', start)
        isTail(tail)
        assert.deepEqual(
          names.map((name) => stampAt(tail, name)),
          wanted,
        )
        const snapshot = await ledger.pull('ns')
        isSnapshot(snapshot)
        assert.deepEqual(
          names.map((name) => stampAt(snapshot, name)),
          wanted,
        )
        const written = snapshot.lines.filter(
          ({ mode, targets }) =>
            mode === 'delete' && targets.some((target) => target.kind === 'key' && target.key === 'c'),
        )
        assert.deepEqual(
          written.map(({ id }) => stampOf(id)),
          ['st-2'],
        )
      }),
  },
  {
    id: 'tail',
    title: 'G4: the lines after a position, whole and in order',
    run: (subject) =>
      using(subject, async (_tier, ledger) => {
        const changes = [
          change([key('a'), tag('a'), pattern('a*'), key('odd \u0000 "key" é \n 😀')], { reason: 'data_changed' }),
          change([tag('t')], { mode: 'expire', reason: 'tag_based' }),
          change([key('b')], { id: 'receipt "with" quotes' }),
        ]
        const start = (await ledger.pull('ns')).position
        for (const one of changes) await ledger.advance('ns', one)
        const whole = await ledger.pull('ns', start)
        isTail(whole)
        assert.equal(whole.position.seq, 3)
        assert.deepEqual(
          whole.lines,
          changes.map(({ targets, mode, reason, id }, index) => ({ seq: index + 1, targets, mode, reason, id })),
        )
        const rest = await ledger.pull('ns', { ...start, seq: 2 })
        isTail(rest)
        assert.deepEqual(rest.lines, whole.lines.slice(2))
      }),
  },
  {
    id: 'long-tail',
    title: 'a thousand lines at once',
    run: (subject) =>
      using(subject, async (_tier, ledger) => {
        const start = (await ledger.pull('ns')).position
        for (let step = 0; step < 20; step++)
          await Promise.all(
            Array.from({ length: 50 }, (_, index) => ledger.advance('ns', change([key(`k${step}/${index}`)]))),
          )
        const answer = await ledger.pull('ns', start)
        isTail(answer)
        assert.deepEqual(
          answer.lines.map((line) => line.seq),
          Array.from({ length: 1000 }, (_, index) => index + 1),
        )
      }),
  },
  {
    id: 'snapshot',
    title: 'without a position, or with one of another epoch: every target in force with its last number, by mode',
    run: (subject) =>
      using(subject, async (_tier, ledger) => {
        await ledger.advance('ns', change([key('x'), tag('x'), tag('y')]))
        await ledger.advance('ns', change([tag('x')]))
        await ledger.advance('ns', change([tag('y')], { mode: 'expire' }))
        await ledger.advance('ns', change([pattern('x*')]))
        for (const from of [undefined, { epoch: 'of-another-time', seq: 3 }]) {
          const answer = await ledger.pull('ns', from)
          isSnapshot(answer)
          assert.equal(answer.position.seq, 4)
          assert.equal(numberOf(answer, tag('x')), 2)
          assert.equal(numberOf(answer, pattern('x*')), 4)
          // An entry as old as 0 must still be invalid for the deletion of y, not merely stale for its later expiry.
          const y = answer.lines.filter((line) => line.targets.some((one) => one.kind === 'tag' && one.tag === 'y'))
          assert.deepEqual(
            y.map(({ seq, mode }) => ({ seq, mode })),
            [
              { seq: 1, mode: 'delete' },
              { seq: 3, mode: 'expire' },
            ],
          )
          assert.deepEqual(
            answer.lines.map((line) => line.seq),
            answer.lines.map((line) => line.seq).sort((a, b) => a - b),
          )
        }
      }),
  },
  {
    id: 'odd-names',
    title: 'G10: keys, tags and patterns that look alike or look dangerous stay apart, in snapshots and in commits',
    run: (subject) =>
      using(subject, async (_tier, ledger) => {
        const { position } = await ledger.pull('ns')
        const targets = oddKeys.flatMap((name, index): Target[] =>
          index < 20 ? [key(name), tag(name), pattern(name)] : [key(name), tag(name)],
        )
        for (const target of targets) await ledger.advance('ns', change([target]))
        const answer = await ledger.pull('ns')
        assert.deepEqual(
          targets.map((target) => numberOf(answer, target)),
          targets.map((_, index) => index + 1),
        )
        const verdicts = await ledger.commit(
          'ns',
          oddKeys.map((name) => commitItem(name, position)),
        )
        assert.deepEqual(new Set(verdicts), new Set([false]))
      }),
  },
  {
    id: 'kinds',
    title: 'a key, a tag and a pattern of one name are three targets',
    run: (subject) =>
      using(subject, async (_tier, ledger) => {
        await ledger.advance('ns', change([key('same')]))
        await ledger.advance('ns', change([tag('same')]))
        const { position } = await ledger.pull('ns')
        await ledger.advance('ns', change([pattern('same')]))
        const answer = await ledger.pull('ns')
        assert.deepEqual(
          [key('same'), tag('same'), pattern('same')].map((target) => numberOf(answer, target)),
          [1, 2, 3],
        )
        assert.deepEqual(await ledger.commit('ns', [commitItem('same', position)]), [true])
      }),
  },
  {
    id: 'clear',
    title: 'a clear invalidates all that is older and survives in a snapshot',
    run: (subject) =>
      using(subject, async (_tier, ledger) => {
        const start = (await ledger.pull('ns')).position
        await ledger.advance('ns', change([key('k'), tag('t')]))
        await ledger.advance('ns', change([all]))
        await ledger.advance('ns', change([key('later')]))
        const answer = await ledger.pull('ns')
        assert.ok(Math.max(answer.floor, numberOf(answer, all)) >= 2)
        assert.equal(numberOf(answer, key('later')), 3)
        const asked = await ledger.pull('ns', start)
        assert.equal(asked.position.seq, 3)
        assert.ok(Math.max(asked.floor, numberOf(asked, all)) >= 2)
        assert.equal(numberOf(asked, key('later')), 3)
        assert.deepEqual(
          await ledger.commit('ns', [
            commitItem('other', { ...start, seq: 1 }),
            commitItem('other', { ...start, seq: 2 }),
          ]),
          [false, true],
        )
      }),
  },
  {
    id: 'expire-all',
    title: 'a clear in mode expire makes stale and invalidates nothing',
    run: (subject) =>
      using(subject, async (_tier, ledger) => {
        await ledger.advance('ns', change([tag('t')]))
        await ledger.advance('ns', change([all], { mode: 'expire' }))
        const answer = await ledger.pull('ns')
        assert.equal(answer.floor, 0)
        assert.equal(numberOf(answer, tag('t')), 1)
        assert.equal(answer.lines.find((line) => line.targets.some((one) => one.kind === 'all'))?.mode, 'expire')
      }),
  },
]
