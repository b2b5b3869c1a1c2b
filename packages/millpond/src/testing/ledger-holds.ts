// Cases about holds: no other caller stores what a source is about to write, and it is invalidated if the holder never
// comes back. Part of the ledger suite.
import assert from 'node:assert/strict'
import type { LedgerStore, Settled, Snapshot, Tail } from '../core/contracts.ts'
import type { Position, Target } from '../core/ledger.ts'
import {
  all,
  bodies,
  change,
  commitItem,
  isTail,
  key,
  type LedgerSubject,
  numberOf,
  tag,
  using,
  usingTwo,
} from './ledger-subject.ts'
import { type Case, until } from './runner.ts'

const LONG_MS = 60_000
const SHORT_MS = 60

const entry = (name: string, body: string) => ({
  key: name,
  body: new TextEncoder().encode(body),
  expiresAt: Number.POSITIVE_INFINITY,
})

const ending = ({ epoch, seq }: Position, count = 1): Settled => ({
  epoch,
  seqs: Array.from({ length: count }, () => seq),
})

const hold = async (ledger: LedgerStore, targets: readonly Target[], ms = LONG_MS): Promise<Position> =>
  (await ledger.advance('ns', change(targets, { hold: ms }))).position

/** Pulls until the ledger has moved beyond the position. */
async function untilMoved(ledger: LedgerStore, from: Position): Promise<Snapshot | Tail> {
  let answer = await ledger.pull('ns', from)
  await until('the hold to run out', async () => {
    answer = await ledger.pull('ns', from)
    return answer.position.seq > from.seq
  })
  return answer
}

export const holdCases: readonly Case<LedgerSubject>[] = [
  {
    id: 'hold',
    title:
      'G16: while a key is held no load and no other write is stored for it; the step that ends the hold stores its own',
    run: (subject) =>
      using(subject, async (tier, ledger) => {
        await ledger.pull('ns')
        const held = await hold(ledger, [key('a'), tag('a')])
        assert.deepEqual(await ledger.commit('ns', [commitItem('a', held), commitItem('b', held)]), [false, true])
        const foreign = await ledger.advance(
          'ns',
          change([key('b'), key('c')], { write: [entry('b', 'set'), entry('c', 'set')], unmovedSince: held }),
        )
        assert.deepEqual(foreign.stored, [true, true])
        const other = await ledger.advance(
          'ns',
          change([key('d'), key('a')], {
            write: [entry('d', 'set'), entry('a', 'set')],
            unmovedSince: foreign.position,
          }),
        )
        assert.deepEqual(other.stored, [true, false])
        assert.deepEqual(await bodies(tier, ['a', 'b', 'd']), [undefined, 'set', 'set'])
        // That write moved the key: only the source knows now which value is current.
        const overtaken = await ledger.advance(
          'ns',
          change([key('a'), tag('a')], { write: [entry('a', 'mine')], settles: ending(held, 2) }),
        )
        assert.deepEqual(overtaken.stored, [false])
        const again = await hold(ledger, [key('a'), tag('a')])
        const stored = await ledger.advance(
          'ns',
          change([key('a'), tag('a')], { write: [entry('a', 'mine')], settles: ending(again, 2) }),
        )
        assert.deepEqual(stored.stored, [true])
        assert.equal(stored.position.seq, again.seq + 1)
        assert.deepEqual(await bodies(tier, ['a']), ['mine'])
        assert.deepEqual(
          await ledger.commit('ns', [commitItem('a', stored.position, 'loaded')]),
          [true],
          'the hold has ended',
        )
      }),
  },
  {
    id: 'hold-plain-write',
    title: 'G16: a write that names no position is not stored for a held key either',
    run: (subject) =>
      using(subject, async (tier, ledger) => {
        await hold(ledger, [key('a')])
        await ledger.advance('ns', change([key('a'), key('b')], { write: [entry('a', 'set'), entry('b', 'set')] }))
        assert.deepEqual(await bodies(tier, ['a', 'b']), [undefined, 'set'])
      }),
  },
  {
    id: 'hold-two',
    title:
      'G16: of two holders of a key neither value stays, in either order; the key is free only when both have ended',
    run: (subject) =>
      using(subject, async (tier, ledger) => {
        await ledger.pull('ns')
        const first = await hold(ledger, [key('a')])
        const second = await hold(ledger, [key('a')])
        const later = await ledger.advance(
          'ns',
          change([key('a')], { write: [entry('a', 'second')], settles: ending(second) }),
        )
        assert.deepEqual(later.stored, [false], 'the first may still reach the source')
        assert.deepEqual(await ledger.commit('ns', [commitItem('a', later.position)]), [false])
        const earlier = await ledger.advance(
          'ns',
          change([key('a')], { write: [entry('a', 'first')], settles: ending(first) }),
        )
        assert.deepEqual(earlier.stored, [false])
        assert.deepEqual(await bodies(tier, ['a']), [undefined])
        assert.deepEqual(await ledger.commit('ns', [commitItem('a', earlier.position)]), [true])
      }),
  },
  {
    id: 'hold-parts',
    title:
      'G16: a step may end several holds, each for its own target, and what it stores is judged from its own hold on',
    run: (subject) =>
      using(subject, async (tier, ledger) => {
        await ledger.pull('ns')
        const one = await hold(ledger, [key('a'), key('b')])
        const two = await hold(ledger, [key('b'), key('c')])
        const seqs = [one.seq, two.seq, undefined]
        const step = change([key('a'), key('c'), key('d')], {
          write: [entry('a', 'of one'), entry('c', 'of two'), entry('d', 'of none')],
          unmovedSince: two,
          settles: { epoch: one.epoch, seqs },
        })
        const ended = await ledger.advance('ns', step)
        assert.deepEqual(ended.stored, [true, true, true])
        assert.deepEqual(
          await ledger.commit(
            'ns',
            ['a', 'b', 'c'].map((name) => commitItem(name, ended.position)),
          ),
          [true, false, true],
        )
        // When the step is delivered again, its targets have moved.
        assert.deepEqual((await ledger.advance('ns', step)).stored, [false, false, false])
        assert.deepEqual(await bodies(tier, ['a', 'c']), [undefined, undefined])
        const foreign = await ledger.advance(
          'ns',
          change([key('b')], { write: [entry('b', 'x')], settles: { epoch: 'of-another-time', seqs: [two.seq] } }),
        )
        assert.deepEqual(foreign.stored, [false])
        const wrong = await ledger.advance(
          'ns',
          change([key('b')], { write: [entry('b', 'x')], settles: { epoch: one.epoch, seqs: [ended.position.seq] } }),
        )
        assert.deepEqual(wrong.stored, [false], 'it has no such hold')
        assert.deepEqual(await ledger.commit('ns', [commitItem('b', wrong.position)]), [false])
      }),
  },
  {
    id: 'hold-tags',
    title: 'G8 G16: the value of a write is not stored when one of its tags has moved since its hold',
    run: (subject) =>
      using(subject, async (_tier, ledger) => {
        await ledger.pull('ns')
        const held = await hold(ledger, [key('a')])
        const { position } = await ledger.advance('ns', change([tag('t')]))
        const late = await ledger.advance(
          'ns',
          change([key('a')], { write: [entry('a', 'x')], watch: [['t']], settles: ending(held) }),
        )
        assert.deepEqual(late.stored, [false])
        const again = await hold(ledger, [key('a')])
        assert.ok(again.seq > position.seq)
        const stored = await ledger.advance(
          'ns',
          change([key('a')], { write: [entry('a', 'x')], watch: [['t']], settles: ending(again) }),
        )
        assert.deepEqual(stored.stored, [true])
      }),
  },
  {
    id: 'hold-runs-out',
    title:
      'G16: a hold that is never ended becomes a step that names what it held, once, and what was loaded meanwhile is invalid',
    run: (subject) =>
      using(subject, async (tier, ledger) => {
        await ledger.pull('ns')
        const held = await hold(ledger, [key('odd \u0000 "key" é 😀'), key('b'), tag('t'), key('ended')], SHORT_MS)
        const ended = await ledger.advance('ns', change([key('ended')], { settles: ending(held) }))
        const answer = await untilMoved(ledger, ended.position)
        isTail(answer)
        assert.equal(answer.position.seq, ended.position.seq + 1)
        const [line] = answer.lines
        assert.equal(line?.mode, 'delete')
        const named = (line?.targets ?? []).map((target) => JSON.stringify(target)).sort()
        assert.deepEqual(
          named,
          [key('odd \u0000 "key" é 😀'), key('b'), tag('t')].map((target) => JSON.stringify(target)).sort(),
        )
        assert.deepEqual(await ledger.commit('ns', [commitItem('b', ended.position)]), [false], 'a load from before')
        assert.deepEqual(await ledger.commit('ns', [commitItem('b', answer.position)]), [true])
        const late = await ledger.advance(
          'ns',
          change([key('b')], { write: [entry('b', 'late')], settles: ending(held) }),
        )
        assert.deepEqual(late.stored, [false])
        assert.deepEqual(await bodies(tier, ['b']), [undefined])
        assert.equal((await ledger.pull('ns')).position.seq, late.position.seq, 'it moves once')
        assert.equal(numberOf(await ledger.pull('ns'), tag('t')), answer.position.seq)
      }),
  },
  {
    id: 'hold-runs-out-in-a-step',
    title: 'G16: a step of another process also turns a hold that has run out into targets, before its own',
    run: (subject) =>
      using(subject, async (tier, ledger) => {
        const start = (await ledger.pull('ns')).position
        const held = await hold(ledger, [key('a')], SHORT_MS)
        let moved = await ledger.advance('ns', change([key('other')]))
        // On a busy machine the hold may already have run out: then this step was the one.
        if (moved.position.seq === held.seq + 1) {
          await until('the hold to run out', async () => {
            const before = moved.position
            moved = await ledger.advance('ns', change([key('a')], { write: [entry('a', 'set')], unmovedSince: before }))
            if (moved.position.seq === before.seq + 1) assert.deepEqual(moved.stored, [false], 'it stands')
            return moved.position.seq > before.seq + 1
          })
          assert.deepEqual(moved.stored, [false], 'the key has moved since')
        }
        const answer = await ledger.pull('ns', start)
        isTail(answer)
        assert.deepEqual(answer.lines.at(-2)?.targets, [key('a')])
        const again = await ledger.advance(
          'ns',
          change([key('a')], { write: [entry('a', 'set')], unmovedSince: moved.position }),
        )
        assert.deepEqual(again.stored, [true])
        assert.deepEqual(await bodies(tier, ['a']), ['set'])
      }),
  },
  {
    id: 'hold-stands-until-told',
    title: 'G16: a hold that has run out stands until some process has made it a step',
    run: (subject) =>
      using(subject, async (_tier, ledger) => {
        await ledger.pull('ns')
        const held = await hold(ledger, [key('a')], 1)
        await new Promise((resolve) => setTimeout(resolve, 20))
        assert.deepEqual(await ledger.commit('ns', [commitItem('a', held)]), [false])
        const { position } = await ledger.pull('ns')
        assert.equal(position.seq, held.seq + 1)
        assert.deepEqual(await ledger.commit('ns', [commitItem('a', held), commitItem('a', position)]), [false, true])
      }),
  },
  {
    id: 'hold-clear',
    title: 'G16: a hold survives a clear, whole: it still refuses, can still be ended, and still runs out',
    run: (subject) =>
      using(subject, async (_tier, ledger) => {
        await ledger.pull('ns')
        const long = await hold(ledger, [key('a'), key('b')])
        // On a busy machine it may have run out before the clear: then a longer one is taken.
        const clearWhileHeld = async (ms: number): Promise<Position> => {
          const { seq } = await hold(ledger, [key('c'), tag('t')], ms)
          const { position } = await ledger.advance('ns', change([all]))
          return position.seq === seq + 1 ? position : clearWhileHeld(2 * ms)
        }
        const cleared = await clearWhileHeld(SHORT_MS)
        assert.deepEqual(await ledger.commit('ns', [commitItem('a', cleared), commitItem('d', cleared)]), [false, true])
        const ended = await ledger.advance(
          'ns',
          change([key('a')], { write: [entry('a', 'x')], settles: ending(long) }),
        )
        assert.deepEqual(ended.stored, [false], 'the clear was a move')
        assert.deepEqual(
          await ledger.commit('ns', [commitItem('a', ended.position), commitItem('b', ended.position)]),
          [true, false],
        )
        // On a busy machine it has run out before the last steps above.
        await until('the short hold to run out', async () => {
          const answer = await ledger.pull('ns', cleared)
          assert.equal(numberOf(answer, key('c')), numberOf(answer, tag('t')))
          return numberOf(answer, key('c')) > cleared.seq
        })
      }),
  },
  {
    id: 'hold-many',
    title: 'hundreds of holds at once, of hundreds of keys each, end and run out',
    run: (subject) =>
      using(subject, async (_tier, ledger) => {
        await ledger.pull('ns')
        const names = (index: number) => Array.from({ length: 40 }, (_, at) => key(`${index}/${at}`))
        const held = await Promise.all(
          Array.from({ length: 50 }, (_, index) => hold(ledger, names(index), index % 2 === 0 ? LONG_MS : 1)),
        )
        await Promise.all(
          held.flatMap((position, index) =>
            index % 2 === 0 ? [ledger.advance('ns', change(names(index), { settles: ending(position, 40) }))] : [],
          ),
        )
        let answer = await ledger.pull('ns')
        await until('all holds to run out', async () => {
          const before = answer.position.seq
          answer = await ledger.pull('ns')
          return answer.position.seq === before
        })
        const verdicts = await ledger.commit(
          'ns',
          held.map((_, index) => commitItem(`${index}/7`, answer.position)),
        )
        assert.deepEqual(new Set(verdicts), new Set([true]))
        for (let index = 1; index < 50; index += 2)
          assert.ok(numberOf(answer, key(`${index}/39`)) > (held[index]?.seq ?? 0))
      }),
  },
  {
    id: 'hold-namespaces',
    title: 'G23: a hold concerns its own namespace',
    run: (subject) =>
      using(subject, async (_tier, ledger) => {
        await hold(ledger, [key('a')])
        const { position } = await ledger.pull('another')
        assert.deepEqual(await ledger.commit('another', [commitItem('a', position)]), [true])
      }),
  },
  {
    id: 'peer-hold',
    title: 'G16: another process cannot store what is held, and turns what the holder left behind into targets',
    run: (subject) =>
      usingTwo(subject, async (one, two) => {
        const start = (await two.ledger.pull('ns')).position
        const held = await hold(one.ledger, [key('a')], 200)
        assert.deepEqual(await two.ledger.commit('ns', [commitItem('a', held)]), [false])
        const told = await two.ledger.pull('ns', start)
        isTail(told)
        await one.close()
        const answer = await untilMoved(two.ledger, told.position)
        isTail(answer)
        assert.deepEqual(answer.lines.at(-1)?.targets, [key('a')])
      }),
  },
]
