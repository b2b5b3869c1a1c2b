// Cases about several processes on one ledger, and about records that are lost. Part of the ledger suite.
import assert from 'node:assert/strict'
import type { Position } from '../core/ledger.ts'
import {
  bodies,
  change,
  commitItem,
  isSnapshot,
  isTail,
  key,
  type LedgerSubject,
  tag,
  using,
  usingTwo,
} from './ledger-subject.ts'
import { type Case, until } from './runner.ts'

export const peerCases: readonly Case<LedgerSubject>[] = [
  {
    id: 'peers',
    title: 'G3: two processes: gap-free numbers, each sees the other, one lease, one epoch',
    run: (subject) =>
      usingTwo(subject, async (one, two) => {
        const start = (await one.ledger.pull('ns')).position
        assert.deepEqual((await two.ledger.pull('ns')).position, start)
        const answers = await Promise.all(
          Array.from({ length: 60 }, (_, index) =>
            (index % 2 ? one : two).ledger.advance('ns', change([key(`k${index}`)])),
          ),
        )
        assert.deepEqual(
          answers.map((answer) => answer.position.seq).sort((a, b) => a - b),
          Array.from({ length: 60 }, (_, index) => index + 1),
        )
        const seen = await two.ledger.pull('ns', start)
        isTail(seen)
        assert.equal(seen.lines.length, 60)
        const [left, right] = await Promise.all([
          one.ledger.lease('ns', 'k', 'one', 60_000),
          two.ledger.lease('ns', 'k', 'two', 60_000),
        ])
        assert.equal([left, right].filter((answer) => answer.granted).length, 1)
      }),
  },
  {
    id: 'peer-commit',
    title: 'G1: a load in one process loses against an invalidation in another',
    run: (subject) =>
      usingTwo(subject, async (one, two) => {
        const { position } = await one.ledger.pull('ns')
        await two.ledger.advance('ns', change([key('k')], { drop: ['k'] }))
        assert.deepEqual(await one.ledger.commit('ns', [commitItem('k', position)]), [false])
        assert.deepEqual(await bodies(two, ['k']), [undefined])
      }),
  },
  {
    id: 'follow',
    title: 'I7: a follower is woken soon after the namespace moves, and not after it has stopped',
    run: (subject) =>
      usingTwo(subject, async (one, two) => {
        assert.ok(two.ledger.follow, 'the ledger has no follow(): implement it, or skip the case with a reason')
        await two.ledger.pull('ns')
        let woken = 0
        const places: Position[] = []
        const stop = two.ledger.follow('ns', (at) => {
          woken++
          if (at !== undefined) places.push(at)
        })
        // A subscription may take a moment to be ready: moves go on until the first is noticed.
        await until('the follower to be woken', async () => {
          await one.ledger.advance('ns', change([key('k')]))
          return woken > 0
        })
        stop()
        stop()
        const before = woken
        let other = 0
        const stopOther = two.ledger.follow('ns', () => other++)
        await until('another follower to be woken', async () => {
          await one.ledger.advance('ns', change([key('k')]))
          return other > 0
        })
        stopOther()
        assert.equal(woken, before)
        const { position } = await two.ledger.pull('ns')
        for (const { epoch, seq } of places) assert.ok(epoch === position.epoch && seq > 0 && seq <= position.seq)
      }),
  },
  {
    id: 'record-lost',
    title: 'G6: a record that vanished is a new epoch, and commits of the old one are refused',
    run: (subject) =>
      using(subject, async (_tier, ledger) => {
        assert.ok(subject.loseRecord, 'the subject has no loseRecord(): give one, or skip the case with a reason')
        const { position } = await ledger.pull('ns')
        await ledger.advance('ns', change([tag('t')]))
        await subject.loseRecord('ns')
        assert.deepEqual(await ledger.commit('ns', [commitItem('k', position)]), [false])
        const answer = await ledger.pull('ns', position)
        isSnapshot(answer)
        assert.notEqual(answer.position.epoch, position.epoch)
        assert.equal(answer.position.seq, 0)
        await subject.loseRecord('ns')
        const advanced = await ledger.advance('ns', change([tag('t')]))
        assert.notEqual(advanced.position.epoch, answer.position.epoch)
        assert.equal(advanced.position.seq, 1)
        assert.deepEqual(await ledger.commit('ns', [commitItem('k', { ...answer.position, seq: 0 })]), [false])
      }),
  },
  {
    id: 'rolled-back',
    title: 'G24: a process that has seen a later number than the record holds is told of a new epoch',
    run: (subject) =>
      using(subject, async (_tier, ledger) => {
        const { position } = await ledger.pull('ns')
        const answer = await ledger.pull('ns', { ...position, seq: 7 })
        isSnapshot(answer)
        assert.notEqual(answer.position.epoch, position.epoch)
      }),
  },
  {
    id: 'nodes',
    title: 'tells which process has applied which position; a silent process leaves',
    run: (subject) =>
      using(subject, async (_tier, ledger) => {
        if (ledger.report === undefined || ledger.nodes === undefined) return 'the store keeps no reports'
        const { position } = await ledger.pull('ns')
        const began = performance.now()
        const of = async (namespace: string) =>
          ((await ledger.nodes?.(namespace)) ?? []).map(({ id, seq }) => ({ id, seq }))
        assert.deepEqual(await of('ns'), [])
        await Promise.all([ledger.report('ns', 'one', position), ledger.report('ns', 'two', { ...position, seq: 3 })])
        await ledger.report('ns', 'one', { ...position, seq: 2 })
        await ledger.report('ns', 'of another time', { epoch: 'of-another-time', seq: 9 })
        await ledger.report('other', 'elsewhere', (await ledger.pull('other')).position)
        const nodes = [...(await ledger.nodes('ns'))].sort((a, b) => a.seq - b.seq)
        // A process without a report for 3 s is silent.
        if (performance.now() - began > 2500) throw new Error('not within 2500 ms: what two processes have reported')
        assert.deepEqual(
          nodes.map(({ id, seq }) => ({ id, seq })),
          [
            { id: 'one', seq: 2 },
            { id: 'two', seq: 3 },
          ],
        )
        for (const { ageMs } of nodes) assert.ok(ageMs >= 0 && ageMs < 3000, `ageMs ${ageMs}`)
        assert.deepEqual(await of('other'), [{ id: 'elsewhere', seq: 0 }])
        await until(
          'the silent process to leave',
          async () => {
            await ledger.report?.('ns', 'one', { ...position, seq: 2 })
            return (await of('ns')).length === 1
          },
          4500,
        )
        assert.deepEqual(await of('ns'), [{ id: 'one', seq: 2 }])
        return undefined
      }),
  },
]
