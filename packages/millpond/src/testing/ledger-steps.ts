// Cases about steps that are all or nothing: advance with its drops and writes, commit, lease. Part of the ledger
// suite.
import assert from 'node:assert/strict'
import type { Position, Target } from '../core/ledger.ts'
import {
  all,
  bodies,
  change,
  commitItem,
  isTail,
  key,
  type LedgerSubject,
  pattern,
  tag,
  using,
} from './ledger-subject.ts'
import type { Case } from './runner.ts'

export const stepCases: readonly Case<LedgerSubject>[] = [
  {
    id: 'drop',
    title: 'G1: an advance drops the named entries in its own step and counts them',
    run: (subject) =>
      using(subject, async (tier, ledger) => {
        const { position } = await ledger.pull('ns')
        await ledger.commit('ns', [commitItem('a', position), commitItem('b', position), commitItem('c', position)])
        const advanced = await ledger.advance('ns', change([key('a'), key('b')], { drop: ['a', 'nothing', 'b'] }))
        assert.equal(advanced.dropped, 2)
        if (advanced.wasThere !== undefined) assert.deepEqual(advanced.wasThere, [true, false, true])
        assert.deepEqual(await bodies(tier, ['a', 'b', 'c']), [undefined, undefined, 'loaded c'])
      }),
  },
  {
    id: 'write',
    title: 'G2: entries written by an advance carry its position, and outlive what it drops',
    run: (subject) =>
      using(subject, async (tier, ledger) => {
        await ledger.advance('ns', change([key('before')]))
        const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte)
        const expiresAt = Date.now() + 60_000
        const advanced = await ledger.advance(
          'ns',
          change([key('a'), key('b')], {
            drop: ['a', 'b'],
            write: [
              { key: 'a', body: bytes, expiresAt },
              { key: 'b', body: new Uint8Array(0), expiresAt: Number.POSITIVE_INFINITY },
            ],
          }),
        )
        const [a, b] = await tier.read(['a', 'b'])
        assert.ok(a && b)
        assert.deepEqual(Uint8Array.from(a.body), bytes)
        assert.deepEqual(a.asOf, advanced.position)
        assert.equal(a.expiresAt, expiresAt)
        assert.deepEqual(b.asOf, advanced.position)
        assert.equal(b.expiresAt, Number.POSITIVE_INFINITY)
        assert.equal(b.body.length, 0)
      }),
  },
  {
    id: 'write-expired',
    title: 'an entry that is written after its deadline is absent',
    run: (subject) =>
      using(subject, async (tier, ledger) => {
        const { position } = await ledger.pull('ns')
        await ledger.commit('ns', [commitItem('a', position)])
        await ledger.advance(
          'ns',
          change([key('a')], { write: [{ key: 'a', body: new Uint8Array(3), expiresAt: Date.now() - 5 }] }),
        )
        assert.deepEqual(await bodies(tier, ['a']), [undefined])
      }),
  },
  {
    id: 'unmoved',
    title:
      'G7: a write that arrives late is not stored over what others wrote since its position; the number moves in any case',
    run: (subject) =>
      using(subject, async (tier, ledger) => {
        const write = (name: string, body: string) => ({
          key: name,
          body: new TextEncoder().encode(body),
          expiresAt: Number.POSITIVE_INFINITY,
        })
        const { position: before } = await ledger.pull('ns')
        await ledger.advance('ns', change([key('moved')], { write: [write('moved', 'by another')] }))
        const targets = [key('still'), key('moved'), tag('t')]
        const late = change(targets, { write: [write('still', 'late'), write('moved', 'late')], unmovedSince: before })
        const advanced = await ledger.advance('ns', late)
        if (advanced.stored === undefined) return 'the store takes no notice of unmovedSince'
        assert.deepEqual(advanced.stored, [true, false])
        assert.equal(advanced.position.seq, 2)
        assert.deepEqual(await bodies(tier, ['still', 'moved']), ['late', undefined], 'what is not stored is dropped')
        // Moves of its own count too: the write may be tried again from the position that the step returned.
        const again = await ledger.advance('ns', { ...late, unmovedSince: advanced.position })
        assert.deepEqual(again.stored, [true, true])
        assert.deepEqual(await bodies(tier, ['still', 'moved']), ['late', 'late'])
        const [first] = await tier.read(['moved'])
        assert.deepEqual(first?.asOf, again.position)
        const foreign = await ledger.advance('ns', { ...late, unmovedSince: { epoch: 'of-another-time', seq: 99 } })
        assert.deepEqual(foreign.stored, [false, false])
        await ledger.advance('ns', change([all]))
        assert.deepEqual((await ledger.advance('ns', { ...late, unmovedSince: foreign.position })).stored, [
          false,
          false,
        ])
        await ledger.advance('ns', change([all], { mode: 'expire' }))
        const { position } = await ledger.pull('ns')
        assert.deepEqual(
          (await ledger.advance('ns', { ...late, unmovedSince: { ...position, seq: position.seq - 1 } })).stored,
          [false, false],
        )
        assert.equal(
          (await ledger.advance('ns', change([key('k')], { write: [write('k', 'plain')] }))).stored,
          undefined,
        )
        return undefined
      }),
  },
  {
    id: 'unmoved-twice',
    title:
      'G9: a step that is delivered again does not overwrite a newer write; an expiry counts as a move; other keys are not affected',
    run: (subject) =>
      using(subject, async (tier, ledger) => {
        const write = (name: string, body: string) => ({
          key: name,
          body: new TextEncoder().encode(body),
          expiresAt: Number.POSITIVE_INFINITY,
        })
        const { position } = await ledger.pull('ns')
        await ledger.commit('ns', [commitItem('bystander', position)])
        const step = change([key('a')], { write: [write('a', 'first')], unmovedSince: position })
        const first = await ledger.advance('ns', step)
        if (first.stored === undefined) return 'the store takes no notice of unmovedSince'
        assert.deepEqual(first.stored, [true])
        const newer = await ledger.advance(
          'ns',
          change([key('a')], { write: [write('a', 'newer')], unmovedSince: first.position }),
        )
        assert.deepEqual(newer.stored, [true])
        const twice = await ledger.advance('ns', step)
        assert.deepEqual(twice.stored, [false])
        assert.equal(twice.position.seq, newer.position.seq + 1)
        assert.deepEqual(await bodies(tier, ['a', 'bystander']), [undefined, 'loaded bystander'])
        const expired = await ledger.advance('ns', change([key('b')], { mode: 'expire' }))
        const before = { ...position, seq: expired.position.seq - 1 }
        const mixed = await ledger.advance(
          'ns',
          change([key('b'), key('bystander'), key('a')], {
            drop: ['nothing'],
            write: [write('b', 'late'), write('bystander', 'late'), write('a', 'late')],
            unmovedSince: before,
          }),
        )
        assert.deepEqual(mixed.stored, [false, true, true])
        assert.deepEqual(await bodies(tier, ['b', 'bystander', 'a']), [undefined, 'late', 'late'])
        return undefined
      }),
  },
  {
    id: 'unmoved-tags',
    title:
      'G8: a write that arrives late is not stored when one of its tags has moved since its position; other tags do not matter',
    run: (subject) =>
      using(subject, async (tier, ledger) => {
        const write = ['a', 'b', 'c'].map((name) => ({
          key: name,
          body: new Uint8Array(1),
          expiresAt: Number.POSITIVE_INFINITY,
        }))
        const watch = [['one', 'two'], [], ['other', 'two']]
        const { position: before } = await ledger.pull('ns')
        const step = (unmovedSince: Position, own: readonly Target[] = []) =>
          change([key('a'), key('b'), key('c'), ...own], { write, watch, unmovedSince })
        await ledger.advance('ns', change([tag('not borne'), tag('oneness')]))
        const first = await ledger.advance('ns', step(before))
        if (first.stored === undefined) return 'the store takes no notice of unmovedSince'
        assert.deepEqual(first.stored, [true, true, true])
        const deleted = await ledger.advance('ns', change([tag('one')]))
        const second = await ledger.advance('ns', step(first.position))
        assert.deepEqual(second.stored, [false, true, true], 'an invalidated tag')
        assert.deepEqual(await bodies(tier, ['a', 'b', 'c']), [undefined, '\0', '\0'], 'what is not stored is dropped')
        assert.equal(second.position.seq, deleted.position.seq + 1)
        await ledger.advance('ns', change([tag('two')], { mode: 'expire' }))
        const third = await ledger.advance('ns', step(second.position, [tag('other')]))
        assert.deepEqual(third.stored, [false, true, false], 'an expired tag')
        // The step's own moves do not count against it, and it may be tried again from the position that it returned.
        assert.deepEqual((await ledger.advance('ns', step(third.position, [tag('other')]))).stored, [true, true, true])
        return undefined
      }),
  },
  {
    id: 'unmoved-pattern',
    title:
      'G8: a write that arrives late is not stored when a pattern has moved since its position, nor from a position not yet reached',
    run: (subject) =>
      using(subject, async (tier, ledger) => {
        const write = [{ key: 'a', body: new Uint8Array(1), expiresAt: Number.POSITIVE_INFINITY }]
        const step = (unmovedSince: Position) => change([key('a')], { write, watch: [['one']], unmovedSince })
        let { position } = await ledger.pull('ns')
        for (const mode of ['delete', 'expire'] as const) {
          await ledger.advance('ns', change([pattern('a*')], { mode }))
          const late = await ledger.advance('ns', step(position))
          if (late.stored === undefined) return 'the store takes no notice of unmovedSince'
          assert.deepEqual(late.stored, [false], mode)
          assert.deepEqual(await bodies(tier, ['a']), [undefined])
          const again = await ledger.advance('ns', step(late.position))
          assert.deepEqual(again.stored, [true], mode)
          position = again.position
        }
        assert.deepEqual((await ledger.advance('ns', step({ ...position, seq: position.seq + 1 }))).stored, [false])
        return undefined
      }),
  },
  {
    id: 'large-step',
    title: 'thousands of targets and drops are one number',
    run: (subject) =>
      using(subject, async (tier, ledger) => {
        const names = Array.from({ length: 5000 }, (_, index) => `k${index}`)
        const { position } = await ledger.pull('ns')
        await ledger.commit(
          'ns',
          names.map((name) => commitItem(name, position)),
        )
        const advanced = await ledger.advance('ns', change(names.map(key), { drop: names }))
        assert.equal(advanced.position.seq, 1)
        assert.equal(advanced.dropped, 5000)
        const tail = await ledger.pull('ns', position)
        isTail(tail)
        assert.equal(tail.lines[0]?.targets.length, 5000)
        assert.deepEqual(await bodies(tier, ['k0', 'k4999']), [undefined, undefined])
        assert.deepEqual(await ledger.commit('ns', [commitItem('k4999', position)]), [false])
      }),
  },
]
