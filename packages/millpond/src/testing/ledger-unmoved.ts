// Cases about the one question for many namespaces. Part of the ledger suite; a store without it has nothing to prove.
import assert from 'node:assert/strict'
import type { Change, LedgerPlace, LedgerStore } from '../core/contracts.ts'
import type { Position, Target } from '../core/ledger.ts'
import {
  all,
  change,
  key,
  type LedgerSubject,
  type LedgerTier,
  pattern,
  tag,
  using,
  usingTwo,
} from './ledger-subject.ts'
import { type Case, until } from './runner.ts'

/** Pulls each namespace that is not confirmed, until all are: a store may need a pull first for some. */
async function settle(ledger: LedgerStore, names: readonly string[]): Promise<LedgerPlace[]> {
  const places = await Promise.all(names.map((name) => pulled(ledger, name)))
  for (let tries = 0; tries < 5; tries++) {
    const stand = await ledger.unmoved?.(places)
    if (stand === undefined || stand.every(Boolean)) return places
    for (const [at, name] of names.entries())
      if (stand[at] !== true) places[at] = await pulled(ledger, name, places[at]?.position)
  }
  assert.fail(`${names} are not confirmed, though nothing moves`)
}

/** With another process, if the subject can open one. */
const withAnother = (
  subject: LedgerSubject,
  body: (one: LedgerTier, two: LedgerTier) => Promise<string | undefined>,
): Promise<string | undefined> =>
  subject.again === undefined ? using(subject, (one) => body(one, one)) : usingTwo(subject, body)

const pulled = async (ledger: LedgerStore, namespace: string, from?: Position): Promise<LedgerPlace> => ({
  namespace,
  position: (await ledger.pull(namespace, from)).position,
})

const BY_PULL = 'each namespace is asked for by pull'

const written = { key: 'w', body: new TextEncoder().encode('w'), expiresAt: Number.POSITIVE_INFINITY }

/** Every kind of step that moves a number. */
const steps: readonly (readonly [string, readonly Target[], Partial<Change>])[] = [
  ['a key', [key('a')], {}],
  ['a key that expires', [key('a')], { mode: 'expire' }],
  ['a tag', [tag('t')], {}],
  ['a tag that expires', [tag('t')], { mode: 'expire' }],
  ['a pattern', [pattern('a*')], {}],
  ['a write', [key('w')], { write: [written] }],
  ['a drop', [key('w')], { drop: ['w'] }],
  ['everything', [all], {}],
  ['everything that expires', [all], { mode: 'expire' }],
  ['nothing', [], {}],
  ['a hold', [key('h'), tag('t')], { hold: 60_000 }],
]

export const unmovedCases: readonly Case<LedgerSubject>[] = [
  {
    id: 'stands',
    title:
      'G1: one question confirms many namespaces that have not moved, and none that another process has moved, by any kind of step',
    run: (subject) =>
      withAnother(subject, async (one, two) => {
        if (one.ledger.unmoved === undefined) return BY_PULL
        const places = await settle(one.ledger, ['a', 'b', 'c'])
        for (const [what, targets, more] of steps) {
          const { position } = await two.ledger.advance('b', change(targets, more))
          assert.deepEqual(await one.ledger.unmoved(places), [true, false, true], `after ${what}`)
          assert.deepEqual(await one.ledger.unmoved(places), [true, false, true], `after ${what}, asked once more`)
          if (more.hold !== undefined)
            await two.ledger.advance(
              'b',
              change(targets, { settles: { epoch: position.epoch, seqs: [position.seq, position.seq] } }),
            )
          assert.deepEqual(await one.ledger.unmoved(places), [true, false, true], `after ${what}, and its end`)
          places.splice(0, 3, ...(await settle(one.ledger, ['a', 'b', 'c'])))
        }
        return undefined
      }),
  },
  {
    id: 'stands-own',
    title: 'G1: a step of the same process moves a namespace like any other',
    run: (subject) =>
      using(subject, async (_tier, ledger): Promise<string | undefined> => {
        if (ledger.unmoved === undefined) return BY_PULL
        const places = await settle(ledger, ['a', 'b'])
        for (const [what, targets, more] of steps.slice(0, 6)) {
          await ledger.advance('a', change(targets, more))
          assert.deepEqual(await ledger.unmoved(places), [false, true], `after ${what}`)
          await ledger.pull('a')
          assert.deepEqual(
            await ledger.unmoved(places),
            [false, true],
            'another process has pulled, but this position is still the old one',
          )
          places.splice(0, 2, ...(await settle(ledger, ['a', 'b'])))
        }
        return undefined
      }),
  },
  {
    id: 'stands-elsewhere',
    title:
      'G6: no other position of the namespace, no other epoch, and no namespace that was never pulled is confirmed',
    run: (subject) =>
      using(subject, async (_tier, ledger): Promise<string | undefined> => {
        if (ledger.unmoved === undefined) return BY_PULL
        await ledger.advance('a', change([key('a')]))
        await ledger.advance('a', change([key('a')]))
        const [place] = await settle(ledger, ['a'])
        assert.ok(place)
        const { epoch, seq } = place.position
        const others = [
          { namespace: 'a', position: { epoch, seq: seq - 1 } },
          { namespace: 'a', position: { epoch, seq: seq + 1 } },
          { namespace: 'a', position: { epoch: `${epoch}x`, seq } },
          { namespace: 'A', position: place.position },
          { namespace: '__proto__', position: place.position },
          place,
        ]
        assert.deepEqual(await ledger.unmoved(others), [false, false, false, false, false, true])
        assert.deepEqual(await ledger.unmoved([]), [])
        return undefined
      }),
  },
  {
    id: 'stands-hold',
    title: 'G16: a namespace in which a hold has run out has to be pulled, even if nothing else has moved',
    run: (subject) =>
      withAnother(subject, async (one, two) => {
        if (one.ledger.unmoved === undefined) return BY_PULL
        let places: readonly LedgerPlace[] = []
        // On a slow machine a short hold has run out, and is a step, before its namespace has been pulled.
        for (let ms = 120; ; ms *= 4) {
          const held = await two.ledger.advance('a', change([key('h')], { hold: ms }))
          places = await settle(one.ledger, ['a'])
          if (places[0]?.position.seq === held.position.seq) break
        }
        // Asks as a process does: with a pull only if the answer is false.
        await until('the hold to run out', async () => (await one.ledger.unmoved?.(places))?.[0] === false)
        const from = places[0]?.position
        await until(
          'the hold to be a step',
          async () => (await one.ledger.pull('a', from)).position.seq > (from?.seq ?? 0),
        )
        return undefined
      }),
  },
  {
    id: 'stands-many',
    title: 'G1: more moves than a store may remember leave nothing confirmed that has moved',
    run: (subject) =>
      withAnother(subject, async (one, two) => {
        if (one.ledger.unmoved === undefined) return BY_PULL
        const places = await settle(one.ledger, ['a', 'b'])
        for (let round = 0; round < 3; round++)
          await Promise.all(Array.from({ length: 100 }, () => two.ledger.advance('a', change([key('k')]))))
        assert.equal((await one.ledger.unmoved(places))[0], false)
        await settle(one.ledger, ['a', 'b'])
        return undefined
      }),
  },
  {
    id: 'stands-lost',
    title: 'G6: if a record is lost, the epoch that another process begins counts as a move',
    run: (subject) =>
      withAnother(subject, async (one, two) => {
        const { loseRecord } = subject
        if (one.ledger.unmoved === undefined || loseRecord === undefined) return BY_PULL
        await two.ledger.advance('a', change([key('a')]))
        const places = await settle(one.ledger, ['a', 'b'])
        await loseRecord('a')
        const { position } = await two.ledger.advance('a', change([key('a')]))
        assert.equal(position.seq, places[0]?.position.seq, 'the same number, of another epoch')
        assert.equal((await one.ledger.unmoved(places))[0], false)
        const before = await settle(one.ledger, ['a'])
        await loseRecord('a')
        const [place] = await settle(two.ledger, ['a'])
        assert.deepEqual(await one.ledger.unmoved(before), [false], 'begun by a question')
        const [there] = await settle(one.ledger, ['a'])
        assert.deepEqual(there, place)
        return undefined
      }),
  },
]
