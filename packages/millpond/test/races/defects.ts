// Deliberate defects of the engine and its stores, each with a program in which it must be found. The list only grows.
import type { Clock, LedgerStore, Tier } from '../../src/core/contracts.ts'
import type { Position, Target } from '../../src/core/ledger.ts'
import type { FakeClock } from '../../src/testing/clock.ts'
import type { LaneStep, Simulation, SimulationParts, WorldStep } from '../../src/testing/simulator.ts'

export interface Defect {
  readonly name: string
  readonly program: Simulation
  /** Changes to a copy of the source. */
  readonly patches?: readonly { readonly file: string; readonly find: string; readonly replace: string }[]
  /** Changes to what the engine stands on: the defect itself, or beside `patches` what brings it out. */
  readonly wrapTier?: NonNullable<SimulationParts['wrapTier']>
  readonly wrapClock?: NonNullable<SimulationParts['wrapClock']>
}

const load = { do: 'getOrSet', key: 'a' } as const
const byHand = { do: 'lease', key: 'a' } as const
const get: LaneStep = { do: 'get', key: 'a' }
const peek: LaneStep = { do: 'peek', key: 'a' }
const forgetOther: LaneStep = { do: 'forget', key: 'b' }
const write = (tell: 'delete' | 'set' | 'tag' | 'clear' | 'through'): LaneStep => ({ do: 'write', key: 'a', tell })
const wait = (ms: number): LaneStep => ({ do: 'wait', ms })

const calm = (ms: number): WorldStep => ({ world: 'wait', ms })

function over(
  lanes: readonly (readonly [number, ...LaneStep[]])[],
  world: readonly WorldStep[] = [],
  targets?: number,
): Simulation {
  return {
    processes: 2,
    lanes: lanes.map(([process, ...steps]) => ({ process, steps })),
    world,
    ...(targets === undefined ? {} : { targets }),
  }
}

/** Everybody holds the key; a write in one process; reads at once and almost a second later. */
const plain = (tell: 'delete' | 'set' | 'tag' | 'clear'): Simulation =>
  over([
    [0, load, wait(100), write(tell), load, load],
    [1, load, wait(100), load, wait(800), load, load],
  ])

/**
 * A set is on its way when its process dies, and arrives when another process has written the key and told it in this
 * way.
 */
const lateSet = (tell: 'set' | 'tag'): Simulation =>
  over(
    [
      [0, load, wait(10), write('set')],
      [1, load, wait(150), write(tell), wait(400), load, load],
    ],
    [
      calm(5),
      { world: 'cut', process: 0, how: 'held' },
      calm(50),
      { world: 'kill', process: 0 },
      calm(300),
      { world: 'heal', process: 0 },
    ],
  )

/**
 * A write through: its process is cut off when its source has committed, and dies. Who loads meanwhile has read the old
 * row.
 */
const diesBetween = (slowMs: number): Simulation =>
  over(
    [
      [0, { do: 'write', key: 'a', tell: 'through', slowMs: 100 }],
      [1, wait(50), { ...load, slowMs }, wait(1500), load],
    ],
    [calm(80), { world: 'cut', process: 0, how: 'reset' }, calm(100), { world: 'kill', process: 0 }],
  )

/** Everything as it is, but for some methods of the ledger. */
function withLedger(
  change: (ledger: LedgerStore, tier: Tier, clock: FakeClock) => Partial<LedgerStore>,
): NonNullable<Defect['wrapTier']> {
  return (tier, clock) => ({ ...tier, ledger: { ...tier.ledger, ...change(tier.ledger, tier, clock) } })
}

/** No push arrives: what others did is unknown until the next question, every 100 ms. */
const deaf = withLedger(() => ({ follow: () => () => {} }))

/** Removing everything takes its time: what is still there meanwhile must not be accepted. */
function slowSweep(tier: Tier, clock: FakeClock): Tier {
  const pause = (ms: number) => new Promise<void>((resolve) => clock.after(ms, resolve))
  return { ...tier, clear: (prefix) => pause(50).then(() => tier.clear(prefix)) }
}

/** What a process takes the time to be: noted by a timer, so that after a stop it is old until the timer has run. */
function cachedClock(clock: FakeClock): Clock {
  let noted = { now: clock.now(), monotonic: clock.monotonic() }
  const note = (): void => {
    noted = { now: clock.now(), monotonic: clock.monotonic() }
    clock.after(10, note)
  }
  note()
  return {
    now: () => noted.now,
    monotonic: () => noted.monotonic,
    get coarse() {
      return noted.now
    },
    after: (ms, fn) => clock.after(ms, fn),
  }
}

const VIEW = 'src/core/ledger-view.ts'
const LEDGER = 'src/engine/ledger.ts'
const COMPLETION = 'src/engine/load-completion.ts'
const POLL = 'src/engine/ledger-poll.ts'

/** What is set under a lease is stored as if it had been read when it was set. */
const asOfItsSet = {
  file: COMPLETION,
  find: 'const { key, asOf, setting } = load',
  replace:
    'const { key, setting } = load\n  const asOf = setting === undefined ? load.asOf : space.ledger.view.position',
}

export const defects: readonly Defect[] = [
  {
    name: 'no ledger check',
    program: plain('tag'),
    patches: [{ file: VIEW, find: 'if (seq >= this.head) return foreign', replace: 'return foreign' }],
  },
  {
    name: 'no trust limit',
    program: over(
      [
        [0, wait(400), write('delete'), load],
        [1, load, wait(300), load, wait(700), load],
      ],
      [calm(200), { world: 'cut', process: 1, how: 'held' }, calm(1500)],
    ),
    patches: [
      {
        file: LEDGER,
        find: 'clock.monotonic() - this.#askedMonotonic >= trustMs',
        replace: 'this.#askedMonotonic === Number.NEGATIVE_INFINITY',
      },
      { file: LEDGER, find: 'return clock.now() - this.#askedWall < trustMs', replace: 'return true' },
    ],
  },
  {
    name: 'cached clock for trust',
    program: over(
      [
        [0, wait(300), write('delete'), load],
        [1, load, wait(100), load, wait(23), load, wait(3), load, wait(3), load, wait(3), load, wait(3), load],
      ],
      [calm(120), { world: 'freeze', process: 1, ms: 900 }],
    ),
    wrapClock: cachedClock,
  },
  {
    name: 'stored epoch only',
    program: {
      ...over(
        [
          [0, load, wait(40), forgetOther, forgetOther, wait(300), write('delete'), forgetOther, forgetOther],
          [1, load, wait(80), load, wait(1200), load],
        ],
        [
          calm(20),
          { world: 'save' },
          calm(100),
          { world: 'restart', how: 'saved' },
          { world: 'kill', process: 0 },
          { world: 'freeze', process: 1, ms: 900 },
        ],
      ),
      epochOf: 'record',
    },
  },
  {
    name: 'no flush on a gap',
    program: over(
      [
        [0, load, wait(100), write('tag'), forgetOther, forgetOther, forgetOther, forgetOther],
        [1, load, wait(1100), load],
      ],
      [calm(50), { world: 'freeze', process: 1, ms: 900 }],
      2,
    ),
    wrapTier: withLedger((ledger) => ({
      async pull(namespace, from) {
        const answer = await ledger.pull(namespace, from)
        return answer.kind === 'tail' || from?.epoch !== answer.position.epoch
          ? answer
          : { ...answer, kind: 'tail', floor: 0, lines: [] }
      },
    })),
  },
  {
    name: 'trusted as of the answer to the question for all namespaces',
    // Written just after a question was answered there, which is long under way; the next one says so, and its own
    // question is not answered.
    program: over([
      [0, wait(480), write('delete')],
      [1, load, ...Array.from({ length: 60 }, () => [wait(20), load]).flat()],
    ]),
    wrapTier: withLedger((ledger, _, clock) => ({
      follow: () => () => {},
      pull: (namespace, from) => (from === undefined ? ledger.pull(namespace) : new Promise(() => {})),
      unmoved: async (places) => {
        const answer = await ledger.unmoved?.(places)
        await new Promise<void>((resolve) => clock.after(240, resolve))
        return answer ?? []
      },
    })),
    patches: [
      {
        file: POLL,
        find: 'question.stood(sentMonotonic, sentWall)',
        replace: 'question.stood(this.#clock.monotonic(), this.#clock.now())',
      },
    ],
  },
  {
    name: 'what has moved is trusted before its own question is answered',
    program: over([
      [0, load, wait(350), write('delete'), load],
      [1, load, ...Array.from({ length: 40 }, () => [wait(30), load]).flat()],
    ]),
    wrapTier: withLedger((ledger) => ({
      follow: () => () => {},
      pull: (namespace, from) => (from === undefined ? ledger.pull(namespace) : new Promise(() => {})),
    })),
    patches: [
      {
        file: POLL,
        find: 'if (answers[at] === true) question.stood(sentMonotonic, sentWall)',
        replace: 'question.stood(sentMonotonic, sentWall)',
      },
      { file: LEDGER, find: 'failed: (error) => this.#markDown(error)', replace: 'failed: () => {}' },
    ],
  },
  {
    name: 'what is pushed is applied as a step of this process is',
    // A push whose number the record has not reached: what is loaded then outlives every invalidation up to it.
    program: over([
      [0, wait(100), write('delete'), wait(300), write('tag'), load],
      [1, load, wait(250), load, load, wait(900), load, load],
    ]),
    wrapTier: withLedger((ledger) => ({
      follow: (namespace, wake) =>
        ledger.follow?.(namespace, (at, keys) => wake(at && { ...at, seq: at.seq + 50 }, keys)) ?? (() => {}),
      // Otherwise the refused commit would take it from memory again.
      commit: () => Promise.reject(new Error('lost')),
    })),
    patches: [
      {
        file: LEDGER,
        find: 'this.#handlers.pushed(this.#lines.own.notOnTheirWay(keys), at.seq)',
        replace:
          "this.view.apply({ seq: at.seq, targets: keys.map((key) => ({ kind: 'key', key })), mode: 'delete', reason: 'manual', id: '' })",
      },
    ],
  },
  {
    name: 'a push counts as an answer',
    // The push of the write is lost, and no question is answered any more; later pushes arrive.
    program: over([
      [0, load, wait(300), write('delete'), ...Array.from({ length: 12 }, () => [wait(80), forgetOther]).flat()],
      [1, load, wait(200), load, ...Array.from({ length: 12 }, () => [wait(90), load]).flat()],
    ]),
    wrapTier: withLedger((ledger) => ({
      follow: (namespace, wake) =>
        ledger.follow?.(namespace, (at, keys) => {
          if (keys?.includes('a') !== true) wake(at, keys)
        }) ?? (() => {}),
      pull: (namespace, from) => (from === undefined ? ledger.pull(namespace) : new Promise(() => {})),
      unmoved: () => new Promise(() => {}),
    })),
    patches: [
      {
        file: LEDGER,
        find: 'this.#handlers.pushed(this.#lines.own.notOnTheirWay(keys), at.seq)',
        replace: 'this.#trustSince(this.#options.clock.monotonic(), this.#options.clock.now())',
      },
    ],
  },
  {
    name: 'joins an old load',
    program: over([
      [0, { ...load, slowMs: 200 }],
      [0, wait(50), write('delete'), load],
    ]),
    patches: [
      { file: 'src/engine/in-flight-loads.ts', find: '  loads.delete(load)\n  load.outdate()\n', replace: '' },
      { file: 'src/engine/read.ts', find: 'movedSince(space, load, request.joinedAt)', replace: 'false' },
      {
        file: 'src/engine/read.ts',
        find: 'return moved > found.asOf.seq && moved <= joinedAt',
        replace: 'return false',
      },
    ],
  },
  {
    name: 'advance and log apart',
    program: plain('delete'),
    wrapTier: withLedger((ledger, _, clock) => ({
      async advance(namespace, change) {
        clock.after(2000, () => void ledger.advance(namespace, { ...change, drop: [], write: [] }))
        return ledger.advance(namespace, { ...change, targets: [] })
      },
    })),
  },
  {
    name: 'floor not compared',
    program: over([
      [0, load, wait(100), write('clear'), load],
      [1, load, wait(120), load, wait(800), load],
    ]),
    wrapTier: slowSweep,
    patches: [
      { file: VIEW, find: 'Math.max(this.floor, this.#keys.get(key) ?? 0)', replace: 'this.#keys.get(key) ?? 0' },
    ],
  },
  {
    name: 'commits whatever comes',
    program: over(
      [
        [
          0,
          wait(330),
          write('delete'),
          ...['b', 'c', 'd', 'e'].map((key): LaneStep => ({ do: 'forget', key })),
          wait(900),
          load,
        ],
        [1, { ...load, slowMs: 300 }],
      ],
      [
        calm(290),
        { world: 'cut', process: 1, how: 'held' },
        calm(200),
        { world: 'heal', process: 1 },
        calm(400),
        { world: 'kill', process: 0 },
      ],
      2,
    ),
    wrapTier: withLedger((_, tier) => ({
      async commit(_namespace, items) {
        await tier.write(items)
        return items.map(() => true)
      },
    })),
  },
  {
    name: 'a late set lies over a newer one',
    program: lateSet('set'),
    wrapTier: withLedger((ledger) => ({
      advance: (namespace, { unmovedSince: _, ...change }) => ledger.advance(namespace, change),
    })),
  },
  {
    name: 'a newer answer leaves what another read promoted',
    program: over([
      [0, get, load, peek, get],
      [0, get, get, peek],
      [1, write('set'), write('set')],
    ]),
    wrapTier: deaf,
    patches: [
      { file: 'src/engine/promote.ts', find: '!ledger.isLocal && !holds(memory, key, entry.value)', replace: 'false' },
    ],
  },
  {
    name: 'a load is stored over what another read promoted',
    program: over([
      [0, { ...load, slowMs: 30 }, peek, get],
      [0, wait(15), get, wait(20), peek, get],
      [1, wait(3), write('set')],
    ]),
    wrapTier: deaf,
    patches: [
      {
        file: 'src/engine/store-in-memory.ts',
        find: 'load.isOverlapped && !holds(memory, entry.key, entry.value)',
        replace: 'false',
      },
    ],
  },
  {
    name: 'no question below memory after a load',
    program: over([
      [0, load, get, get],
      [0, get, get, get],
      [1, write('set'), write('tag')],
    ]),
    wrapTier: deaf,
    patches: [{ file: 'src/engine/make-ready.ts', find: 'if (ledger.heard <= mark)', replace: 'if (mark < -1)' }],
  },
  {
    name: 'a late tagged set is stored',
    program: lateSet('tag'),
    patches: [{ file: 'src/engine/write-far.ts', find: '      watch,\n', replace: '' }],
  },
  {
    name: 'a lease ignores an invalidation',
    program: over([
      [0, { ...byHand, slowMs: 50 }, load],
      [0, wait(20), write('delete'), wait(60), load],
    ]),
    patches: [
      asOfItsSet,
      { file: COMPLETION, find: 'mayStore && !load.isOutdated && ', replace: 'mayStore && ' },
      { file: COMPLETION, find: 'found.asOf, load.lease)', replace: 'found.asOf, undefined)' },
    ],
  },
  {
    name: 'the number of a lease is that of its set',
    program: over([
      [0, { ...byHand, slowMs: 50 }, load],
      [1, wait(20), write('tag'), wait(900), load, load],
    ]),
    patches: [asOfItsSet],
  },
  {
    name: 'hold not compared',
    program: diesBetween(0),
    wrapTier: withLedger((ledger) => ({
      advance: (namespace, { hold: _, ...change }) => ledger.advance(namespace, change),
    })),
  },
  {
    name: 'a hold that runs out is forgotten',
    program: diesBetween(500),
    wrapTier: withLedger((ledger, _, clock) => ({
      async advance(namespace, { hold, ...change }) {
        const advanced = await ledger.advance(namespace, change)
        if (hold !== undefined)
          for (const target of change.targets) heldUntil.set(nameOf(advanced.position, target), clock.now() + hold)
        return advanced
      },
      async commit(namespace, items) {
        const free = items.filter(
          ({ asOf, target }) => (heldUntil.get(nameOf(asOf, { kind: 'key', key: target })) ?? 0) <= clock.now(),
        )
        return free.length === items.length ? ledger.commit(namespace, items) : items.map(() => false)
      },
    })),
  },
]

/** Holds that refuse commits, and say nothing when they are over. */
const heldUntil = new Map<string, number>()
const nameOf = ({ epoch }: Position, target: Target): string => `${epoch} ${JSON.stringify(target)}`
