// Cases about heartbeats: a process reports that it is alive once for all its namespaces. Part of the ledger suite; a
// store without them has nothing to prove.
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import type { Heartbeat, LedgerPlace, LedgerStore } from '../core/contracts.ts'
import { change, key, type LedgerSubject, type LedgerTier, tag, using, usingTwo } from './ledger-subject.ts'
import { type Case, until } from './runner.ts'

const WITHOUT = 'each namespace is reported by itself'

/** With another process, if the subject can open one. */
const withAnother = (
  subject: LedgerSubject,
  body: (one: Beating, two: Beating) => Promise<string | undefined>,
): Promise<string | undefined> => {
  const run = async (one: LedgerTier, two: LedgerTier): Promise<string | undefined> =>
    isBeating(one.ledger) && isBeating(two.ledger) ? body(one.ledger, two.ledger) : WITHOUT
  return subject.again === undefined ? using(subject, (one) => run(one, one)) : usingTwo(subject, run)
}

type Beating = LedgerStore & Required<Pick<LedgerStore, 'nodes'>> & { heartbeat: NonNullable<LedgerStore['heartbeat']> }

const isBeating = (ledger: LedgerStore): ledger is Beating =>
  ledger.heartbeat !== undefined && ledger.nodes !== undefined

const placeOf = async (ledger: LedgerStore, namespace: string): Promise<LedgerPlace> => ({
  namespace,
  position: (await ledger.pull(namespace)).position,
})

/** "id number" of each process in the namespace. */
const seen = async (ledger: Beating, namespace: string): Promise<string[]> =>
  (await ledger.nodes(namespace)).map(({ id, seq }) => `${id} ${seq}`).sort()

const beat = (count: number, moved: readonly LedgerPlace[] = [], left: readonly string[] = []): Heartbeat => ({
  count,
  moved,
  left,
})

export const heartbeatCases: readonly Case<LedgerSubject>[] = [
  {
    id: 'heartbeat',
    title: 'a report for many namespaces at once applies to each of them, however many, and so does leaving',
    run: (subject) =>
      withAnother(subject, async (one, two) => {
        const names = Array.from({ length: 1100 }, (_, at) => `n${at}`)
        for (const name of ['n0', 'n1099']) await two.advance(name, change([key('a')]))
        const [first, middle, last] = await Promise.all(['n0', 'n500', 'n1099'].map((name) => placeOf(one, name)))
        assert.ok(first && middle && last)
        const moved = names.map((namespace) => ({ ...middle, namespace }))
        moved[0] = first
        moved[1099] = last
        assert.equal(await one.heartbeat('one', beat(1, moved)), false, 'it was not known')
        assert.equal(await two.heartbeat('two', beat(1, [{ ...last, position: { ...last.position, seq: 0 } }])), false)
        assert.deepEqual(await seen(two, 'n0'), ['one 1'])
        assert.deepEqual(await seen(two, 'n500'), ['one 0'])
        assert.deepEqual(await seen(one, 'n1099'), ['one 1', 'two 0'])
        assert.equal(await one.heartbeat('one', beat(2, [], names.slice(0, 600))), true)
        assert.deepEqual(await seen(two, 'n0'), [])
        assert.deepEqual(await seen(two, 'n500'), [])
        assert.deepEqual(await seen(two, 'n1099'), ['one 1', 'two 0'])
        return undefined
      }),
  },
  {
    id: 'heartbeat-stuck',
    title:
      'G3: a heartbeat reports that a process is alive, not its position: a namespace that it does not report keeps its position',
    run: (subject) =>
      withAnother(subject, async (one, two) => {
        const [stuck, moves] = await Promise.all(['stuck', 'moves'].map((name) => placeOf(one, name)))
        assert.ok(stuck && moves)
        await one.heartbeat('one', beat(1, [stuck, moves]))
        await two.advance('stuck', change([key('a')]))
        const began = performance.now()
        for (let count = 2; performance.now() - began < 3600; count++) {
          const { position } = await two.advance('moves', change([tag('t')]))
          assert.equal(await one.heartbeat('one', beat(count, [{ namespace: 'moves', position }])), true)
          assert.deepEqual(await seen(two, 'stuck'), ['one 0'])
          assert.deepEqual(await seen(two, 'moves'), [`one ${position.seq}`])
          await pause(200)
        }
        return undefined
      }),
  },
  {
    id: 'heartbeat-silent',
    title: 'a process without heartbeats leaves all its namespaces, and comes back with the positions that it reports',
    run: (subject) =>
      withAnother(subject, async (one, two) => {
        const places = await Promise.all(['a', 'b'].map((name) => placeOf(one, name)))
        await one.heartbeat('one', beat(1, places))
        await until('the silent process to leave', async () => (await seen(two, 'a')).length === 0, 4500)
        assert.deepEqual(await seen(two, 'b'), [])
        await two.heartbeat('two', beat(1, places))
        assert.equal(await one.heartbeat('one', beat(2, places.slice(0, 1))), false, 'who comes clears away who ended')
        assert.deepEqual(await seen(two, 'a'), ['one 0', 'two 0'])
        return undefined
      }),
  },
  {
    id: 'heartbeat-late',
    title: 'G3: a heartbeat that arrives after a later one neither sets a process back nor makes it leave',
    run: (subject) =>
      withAnother(subject, async (one, two) => {
        const before = await placeOf(one, 'a')
        await one.heartbeat('one', beat(7, [before]))
        const { position } = await two.advance('a', change([key('a')]))
        await one.heartbeat('one', beat(9, [{ namespace: 'a', position }]))
        await one.heartbeat('one', beat(8, [before]))
        assert.deepEqual(await seen(two, 'a'), ['one 1'])
        await one.heartbeat('one', beat(8, [], ['a']))
        assert.deepEqual(await seen(two, 'a'), ['one 1'])
        await one.heartbeat('one', beat(10, [], ['a']))
        assert.deepEqual(await seen(two, 'a'), [])
        return undefined
      }),
  },
  {
    id: 'heartbeat-gap',
    title: 'who misses the last heartbeat of a process asks for all again, as after a restored backup',
    run: (subject) =>
      withAnother(subject, async (one) => {
        await one.heartbeat('one', beat(7, [await placeOf(one, 'a')]))
        assert.equal(await one.heartbeat('one', beat(8)), true)
        assert.equal(await one.heartbeat('one', beat(10)), false, 'what the ninth said is not known')
        assert.equal(await one.heartbeat('one', beat(11)), true)
        return undefined
      }),
  },
  {
    id: 'leave',
    title: 'a process that has left a namespace is not in it, and still in others',
    run: (subject) =>
      using(subject, async ({ ledger }) => {
        const { report, leave, nodes, heartbeat } = ledger
        if (report === undefined || leave === undefined || nodes === undefined || heartbeat !== undefined)
          return 'processes leave by a heartbeat, or by silence'
        const places = await Promise.all(['a', 'b'].map((name) => placeOf(ledger, name)))
        for (const { namespace, position } of places)
          for (const id of ['one', 'two']) await ledger.report?.(namespace, id, position)
        await ledger.leave?.('a', 'one')
        await ledger.leave?.('a', 'unknown')
        assert.deepEqual(
          (await ledger.nodes?.('a'))?.map(({ id }) => id),
          ['two'],
        )
        assert.deepEqual((await ledger.nodes?.('b'))?.map(({ id }) => id).sort(), ['one', 'two'])
        return undefined
      }),
  },
  {
    id: 'heartbeat-epoch',
    title: 'G6: a process that reported a position of an ended epoch is not among the nodes of the next one',
    run: (subject) =>
      withAnother(subject, async (one, two) => {
        if (subject.loseRecord === undefined) return 'no record of this store can be lost'
        await one.heartbeat('one', beat(1, [await placeOf(one, 'a')]))
        await subject.loseRecord('a')
        await two.advance('a', change([key('a')]))
        assert.deepEqual(await seen(two, 'a'), [])
        await one.heartbeat('one', beat(2, [await placeOf(one, 'a')]))
        assert.deepEqual(await seen(two, 'a'), ['one 1'])
        return undefined
      }),
  },
]
