// What a process tells its ledger of itself, and what those who wait for an invalidation make of it.
import { type Cache, createCache, memory } from 'millpond'
import { afterEach, describe, expect, test } from 'vitest'
import type { Heartbeat, LedgerStore, Tier } from '../../src/core/contracts.ts'
import type { Position } from '../../src/core/ledger.ts'
import { Ledger } from '../../src/engine/ledger.ts'
import { type Member, presenceOf } from '../../src/engine/ledger-presence.ts'
import { type FakeClock, fakeClock } from '../../src/testing/clock.ts'
import { seededRandom } from '../../src/testing/random.ts'
import { simulatedServer } from '../../src/testing/simulator-server.ts'

const opened: Cache[] = []
afterEach(() => Promise.all(opened.splice(0).map((cache) => cache.close())))

const NAMES = Array.from({ length: 20 }, (_, at) => `n${at}`)

interface Process {
  beatAt: number
  readonly places: Map<string, Position>
}

/** A server that knows its processes as Redis does, without pushes. */
function world() {
  const clock = fakeClock({ now: Date.now() })
  const server = simulatedServer({ now: () => clock.now() })
  const processes = new Map<string, Process>()
  const processOf = (id: string): Process => {
    const known = processes.get(id) ?? { beatAt: 0, places: new Map() }
    processes.set(id, known)
    known.beatAt = clock.monotonic()
    return known
  }
  /** A connection; what `change` gives stands in the place of the store's own. */
  const connect = (change: (ledger: LedgerStore) => Partial<LedgerStore> = () => ({})) => {
    const beats: Heartbeat[] = []
    const { ledger, ...tier } = server.connect()
    const whole: LedgerStore = {
      ...ledger,
      follow: () => () => {},
      heartbeat: async (id, beat) => {
        beats.push(beat)
        const isKnown = processes.has(id)
        const { places } = processOf(id)
        for (const { namespace, position } of beat.moved) places.set(namespace, position)
        for (const namespace of beat.left) places.delete(namespace)
        return isKnown
      },
      report: async (namespace, id, position) => void processOf(id).places.set(namespace, position),
      nodes: async (namespace) => {
        const { epoch } = (await ledger.pull(namespace)).position
        return [...processes].flatMap(([id, { beatAt, places }]) => {
          const at = places.get(namespace)
          const ageMs = clock.monotonic() - beatAt
          return at === undefined || at.epoch !== epoch || ageMs > 3000 ? [] : [{ id, seq: at.seq, ageMs }]
        })
      },
    }
    const own: Tier & { readonly ledger: LedgerStore } = { ...tier, ledger: { ...whole, ...change(whole) } }
    return { tier: own, beats }
  }
  return { clock, server, processes, connect }
}

function open(tier: Tier, clock: FakeClock): Cache {
  const cache = createCache({ name: 'presence', tiers: [memory(), tier], clock })
  opened.push(cache)
  return cache
}

/** Reads every 50 ms. */
async function readFor(cache: Cache, clock: FakeClock, ms: number, names = NAMES): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    await Promise.all(names.map((name) => cache.namespace(name).getOrSet('k', () => 'old')))
    await clock.run(50)
  }
}

/** Time goes on until it is settled. */
async function settled<T>(clock: FakeClock, work: Promise<T>): Promise<T> {
  let isOver = false
  const over = work.finally(() => (isOver = true))
  over.catch(() => {})
  for (let turns = 0; !isOver && turns < 2000; turns++) await clock.run(1)
  return over
}

const heldBy = (cache: Cache, name: string): Promise<unknown> => cache.namespace(name).get('k')

describe('what is told of a process', () => {
  test('one heartbeat a second for 20 namespaces, and each position once', async () => {
    const { clock, connect } = world()
    const { tier, beats } = connect()
    const cache = open(tier, clock)
    await readFor(cache, clock, 1000)
    expect(beats.reduce((sum, { moved }) => sum + moved.length, 0)).toBe(20)
    beats.length = 0
    await readFor(cache, clock, 10_000)
    expect(beats.length).toBeGreaterThanOrEqual(9)
    expect(beats.length).toBeLessThanOrEqual(11)
    expect(beats.flatMap(({ moved, left }) => [...moved, ...left])).toEqual([])
  })

  test('what has moved is told at once and by itself; of many steps at most ten times a second', async () => {
    const { clock, connect } = world()
    const { tier, beats } = connect()
    const cache = open(tier, clock)
    const other = open(connect().tier, clock)
    await readFor(cache, clock, 1500)
    beats.length = 0
    await other.namespace('n7').delete('k')
    await readFor(cache, clock, 150)
    expect(beats.flatMap(({ moved }) => moved).map(({ namespace }) => namespace)).toEqual(['presence:n7:'])
    beats.length = 0
    for (let step = 0; step < 1000; step++) {
      await cache.namespace(`n${step % 20}`).delete('k')
      await clock.run(1)
    }
    expect(beats.length).toBeGreaterThanOrEqual(9)
    expect(beats.length).toBeLessThanOrEqual(11)
  })

  test('a store that has forgotten the process hears all again within a second', async () => {
    const { clock, processes, connect } = world()
    const cache = open(connect().tier, clock)
    await readFor(cache, clock, 1500)
    processes.clear()
    await readFor(cache, clock, 1200)
    expect([...processes.values()].map(({ places }) => places.size)).toEqual([20])
  })

  test('what is not trusted any more is withdrawn, and told again when it is', async () => {
    const { clock, processes, connect } = world()
    const cache = open(connect().tier, clock)
    const placesOf = (): string[] => [...processes.values()].flatMap(({ places }) => [...places.keys()])
    await readFor(cache, clock, 500)
    await readFor(cache, clock, 29_000, ['n0'])
    expect(placesOf().length, 'confirmed with the one that is read').toBe(20)
    await readFor(cache, clock, 5000, ['n0'])
    expect(placesOf()).toEqual(['presence:n0:'])
    await readFor(cache, clock, 200)
    expect(placesOf().length).toBe(20)
    await clock.run(60_000)
    expect(placesOf()).toEqual([])
  })

  test('while heartbeats fail there are four a second, and what they would have told is told when they pass', async () => {
    const { clock, processes, connect } = world()
    let isDown = false
    let tries = 0
    const { tier } = connect((ledger) => ({
      heartbeat: async (id, beat) => {
        tries++
        if (isDown) throw new Error('no answer')
        return (await ledger.heartbeat?.(id, beat)) ?? true
      },
    }))
    const cache = open(tier, clock)
    const other = open(connect().tier, clock)
    await readFor(cache, clock, 1500)
    const [id] = [...processes.keys()]
    isDown = true
    await Promise.all(NAMES.map((name) => other.namespace(name).delete('k')))
    tries = 0
    await readFor(cache, clock, 2000)
    expect(tries).toBeGreaterThan(5)
    expect(tries).toBeLessThanOrEqual(10)
    isDown = false
    await readFor(cache, clock, 500)
    expect([...(processes.get(id ?? '')?.places.values() ?? [])].map(({ seq }) => seq > 0)).toEqual(
      NAMES.map(() => true),
    )
  })
})

type Tells = (ledger: LedgerStore) => Partial<LedgerStore>

/** How a process says that it lives: to one server, and to a cluster. */
const TOLD: readonly (readonly [string, Tells])[] = [
  ['heartbeats', ({ heartbeat }) => ({ heartbeat })],
  ['reports of single namespaces', () => ({ heartbeat: undefined })],
]

/** A store that answers questions, and while it is full refuses to be told that a process lives. */
function refusing(tells: Tells) {
  const accept = (): void => {
    if (store.isFull) throw new Error('out of memory')
  }
  const change: Tells = (ledger) => {
    const heartbeat: LedgerStore['heartbeat'] = async (id, beat) => {
      accept()
      return (await ledger.heartbeat?.(id, beat)) ?? true
    }
    const report: LedgerStore['report'] = async (...given) => {
      accept()
      await ledger.report?.(...given)
    }
    return { ...tells({ ...ledger, heartbeat }), report }
  }
  const store = { isFull: false, change }
  return store
}

describe('who waits for an invalidation', () => {
  test('G3: hears of all as soon as they have asked', async () => {
    const { clock, connect } = world()
    const [one, two] = [open(connect().tier, clock), open(connect().tier, clock)]
    await readFor(one, clock, 500)
    await readFor(two, clock, 500)
    const receipt = await one.namespace('n3').delete('k')
    const began = clock.monotonic()
    expect(await settled(clock, receipt.acked({ timeout: 1000 }))).toEqual([])
    expect(clock.monotonic() - began).toBeLessThanOrEqual(230)
    expect(await heldBy(two, 'n3')).toBeUndefined()
  })

  test('G3: is not told that a process has applied it whose heart beats, and which stands still in this namespace', async () => {
    const { clock, processes, connect } = world()
    let isStuck = false
    const stuck = connect((ledger) => ({
      pull: (namespace, from) =>
        isStuck && namespace.includes('n7') ? new Promise(() => {}) : ledger.pull(namespace, from),
    }))
    const one = open(connect().tier, clock)
    const two = open(stuck.tier, clock)
    await readFor(one, clock, 500)
    const ids = [...processes.keys()]
    await readFor(two, clock, 500)
    const late = [...processes.keys()].filter((id) => !ids.includes(id))
    isStuck = true
    const receipt = await one.namespace('n7').delete('k')
    expect(await settled(clock, receipt.acked({ timeout: 200 }))).toEqual(late)
    expect(await settled(clock, (await one.namespace('n6').delete('k')).acked({ timeout: 1000 }))).toEqual([])
  })

  test('G3: nor one that has not read the namespace for seconds, and trusts it with the others', async () => {
    const { clock, connect } = world()
    const [one, two] = [open(connect().tier, clock), open(connect().tier, clock)]
    await readFor(one, clock, 500)
    await readFor(two, clock, 500)
    await readFor(two, clock, 8000, ['n0'])
    const receipt = await one.namespace('n5').delete('k')
    expect(await settled(clock, receipt.acked({ timeout: 1000 }))).toEqual([])
    expect(await heldBy(two, 'n5')).toBeUndefined()
  })

  test('G3: nor one that began to read this namespace a moment after it told of another', async () => {
    const { clock, connect } = world()
    const [one, two, third] = [open(connect().tier, clock), open(connect().tier, clock), open(connect().tier, clock)]
    await readFor(one, clock, 500, ['n3'])
    await readFor(two, clock, 500, ['n0'])
    await third.namespace('n0').delete('k')
    await readFor(two, clock, 150, ['n0'])
    expect(await two.namespace('n3').getOrSet('k', () => 'new')).toBe('old')
    await clock.run(5)
    const receipt = await one.namespace('n3').delete('k')
    expect(await settled(clock, receipt.acked({ timeout: 1000 }))).toEqual([])
    expect(await heldBy(two, 'n3')).toBeUndefined()
  })

  test.each(TOLD)(
    'G3: nor one whose %s the store refuses, while it answers all else: it trusts nothing, and says so',
    async (_, tells) => {
      const { clock, connect } = world()
      const full = refusing(tells)
      const [one, two] = [open(connect(tells).tier, clock), open(connect(full.change).tier, clock)]
      const said: string[] = []
      two.on('ledger', ({ state, namespace }) => said.push(`${state} ${namespace}`))
      two.on('warning', ({ message }) => said.push(message))
      await readFor(one, clock, 500, ['n3'])
      await readFor(two, clock, 700, ['n3'])
      expect(said).toEqual([])
      full.isFull = true
      for (let step = 0; step < 50; step++) {
        await readFor(two, clock, 100, ['n3'])
        const receipt = await one.namespace('n3').delete('k')
        const behind = await settled(clock, receipt.acked({ timeout: 1000 }))
        if (behind.length === 0) expect(await heldBy(two, 'n3'), `step ${step}`).toBeUndefined()
      }
      expect(said).toEqual([
        'down n3',
        'presence:n3: the shared ledger takes no heartbeat of this process (out of memory): memory is not trusted until it does',
      ])
      expect(two.namespace('n3').stats().ledger.isUp).toBe(false)
      said.length = 0
      full.isFull = false
      await readFor(two, clock, 1000, ['n3'])
      expect(said).toEqual(['up n3', 'presence:n3: the shared ledger answers again'])
      expect(two.namespace('n3').stats().ledger.isUp).toBe(true)
      expect(await heldBy(two, 'n3')).toBe('old')
      const receipt = await one.namespace('n3').delete('k')
      expect(await settled(clock, receipt.acked({ timeout: 1000 }))).toEqual([])
      expect(await heldBy(two, 'n3')).toBeUndefined()
    },
  )

  test.each(TOLD)('nothing is said of %s that were refused before the process was idle', async (_, tells) => {
    const { clock, connect } = world()
    const full = refusing(tells)
    const cache = open(connect(full.change).tier, clock)
    const said: string[] = []
    cache.on('warning', ({ message }) => said.push(message))
    await readFor(cache, clock, 1000, ['n3'])
    await clock.run(1200)
    full.isFull = true
    await clock.run(10_000)
    full.isFull = false
    await readFor(cache, clock, 1000, ['n3'])
    expect(said).toEqual([])
  })

  test('G3: nor one that slept for so long that it counted as ended', async () => {
    const { clock, processes, connect } = world()
    const [one, two] = [open(connect().tier, clock), open(connect().tier, clock)]
    await readFor(one, clock, 500, ['n3'])
    const ids = [...processes.keys()]
    await readFor(two, clock, 700, ['n3'])
    clock.suspend(10_000)
    for (const id of processes.keys()) if (!ids.includes(id)) processes.delete(id)
    expect(await heldBy(two, 'n3')).toBe('old')
    await clock.run(5)
    const receipt = await one.namespace('n3').delete('k')
    expect(await settled(clock, receipt.acked({ timeout: 1000 }))).toEqual([])
    expect(await heldBy(two, 'n3')).toBeUndefined()
  })

  test.each([
    ['the step itself', async () => {}],
    ['the question of another', async (third: Cache) => void (await third.namespace('n3').getOrSet('x', () => 1))],
  ])('G6: nor, where %s has begun an epoch, one that has not heard of it', async (_, before) => {
    const { clock, server, connect } = world()
    const [one, two, third] = [open(connect().tier, clock), open(connect().tier, clock), open(connect().tier, clock)]
    await readFor(one, clock, 500)
    await readFor(two, clock, 500)
    expect(await heldBy(two, 'n3')).toBe('old')
    server.loseRecord()
    await before(third)
    const receipt = await one.namespace('n3').delete('k')
    const acked = receipt.acked({ timeout: 1000 })
    expect(await settled(clock, acked)).toEqual([])
    expect(await heldBy(two, 'n3')).toBeUndefined()
  })
})

describe('a process that closes', () => {
  test('is not waited for from then on, and says so of all its namespaces in one heartbeat', async () => {
    const { clock, processes, connect } = world()
    const leaving = connect()
    const [one, two] = [open(connect().tier, clock), open(leaving.tier, clock)]
    await readFor(one, clock, 500)
    await readFor(two, clock, 500)
    leaving.beats.length = 0
    await Promise.all([two.close(), two.close()])
    await two.close()
    expect(leaving.beats.map(({ moved, left }) => [moved.length, left.length])).toEqual([[0, NAMES.length]])
    expect([...processes.values()].map(({ places }) => places.size)).toEqual([NAMES.length, 0])
    const receipt = await one.namespace('n3').delete('k')
    const began = clock.monotonic()
    expect(await settled(clock, receipt.acked({ timeout: 5000 }))).toEqual([])
    expect(clock.monotonic() - began, 'what it takes to tell of itself').toBeLessThanOrEqual(110)
  })

  test('says so of one namespace at once, and takes it back where that is opened anew', async () => {
    const { clock, processes, connect } = world()
    const leaving = connect()
    const cache = open(leaving.tier, clock)
    await readFor(cache, clock, 1500)
    await settled(clock, cache.namespace('n3').close())
    const [places] = [...processes.values()].map(({ places: held }) => held)
    expect(places?.has('presence:n3:')).toBe(false)
    expect(places?.size).toBe(NAMES.length - 1)
    const again = cache.namespace('n4').close()
    await cache.namespace('n4').getOrSet('k', () => 'new')
    await settled(clock, again)
    await clock.run(5)
    expect(places?.has('presence:n4:')).toBe(true)
  })

  test.each([
    ['hangs', () => new Promise<never>(() => {})],
    ['fails', () => Promise.reject(new Error('cut'))],
  ])(
    'G3: whose last heartbeat %s closes within its patience, and others wait until it has been silent',
    async (_, cut) => {
      const { clock, connect } = world()
      let isCut = false
      const cutOff = connect((ledger) => ({
        heartbeat: (id, beat) => (isCut ? cut() : (ledger.heartbeat?.(id, beat) ?? Promise.resolve(true))),
      }))
      const [one, two] = [open(connect().tier, clock), open(cutOff.tier, clock)]
      await readFor(one, clock, 500)
      await readFor(two, clock, 500)
      isCut = true
      const began = clock.monotonic()
      await settled(clock, two.close())
      expect(clock.monotonic() - began).toBeLessThanOrEqual(300)
      expect(await settled(clock, (await one.namespace('n3').delete('k')).acked({ timeout: 500 }))).toHaveLength(1)
      expect(await settled(clock, (await one.namespace('n3').delete('k')).acked({ timeout: 5000 }))).toEqual([])
    },
  )

  test('G3: trusts nothing once that is told, even if an answer is still on its way', async () => {
    const { clock, processes, connect } = world()
    const answers: (() => void)[] = []
    let isSlow = false
    const slow = connect((ledger) => ({
      pull: async (namespace, from) => {
        const answer = await ledger.pull(namespace, from)
        if (isSlow) await new Promise<void>((resolve) => answers.push(resolve))
        return answer
      },
    }))
    const [one, two] = [open(connect().tier, clock), open(slow.tier, clock)]
    await readFor(two, clock, 1500)
    isSlow = true
    await one.namespace('n3').delete('k')
    await clock.run(100)
    expect(answers).not.toEqual([])
    await settled(clock, two.close())
    const [, ...mine] = [...processes.values()].reverse()
    isSlow = false
    for (const answer of answers) answer()
    await clock.run(20)
    expect(mine.map(({ places }) => places.size)).toEqual([0])
  })

  test('G3: nor if it has not asked yet, because the outbox is still being read', async () => {
    const { clock, connect } = world()
    const { tier, beats } = connect()
    let readOutbox = (): void => {}
    const read = new Promise<void>((resolve) => (readOutbox = resolve))
    const ledger = new Ledger(
      {
        namespace: 'presence:n3:',
        store: tier.ledger,
        clock,
        compile: () => () => false,
        trustMs: 400,
        timeoutMs: () => 100,
        outbox: {
          add: async () => '',
          list: async () => {
            await read
            return []
          },
          remove: async () => {},
          close: async () => {},
        },
        nodeId: () => 'one',
        names: () => undefined,
      },
      { applied: () => {}, pushed: () => {}, lost: () => {}, reachable: () => {} },
    )
    const asked = ledger.ensure()
    await ledger.close()
    readOutbox()
    expect(await settled(clock, asked)).toBe(false)
    expect(ledger.trusted()).toBe(false)
    await clock.run(10)
    expect(beats).toEqual([])
  })

  test('G3: does not leave behind a heartbeat that is on its way', async () => {
    const { clock, processes, connect } = world()
    const held: (() => void)[] = []
    let isSlow = false
    const slow = connect((ledger) => ({
      heartbeat: async (id, beat) => {
        if (isSlow) await new Promise<void>((resolve) => held.push(resolve))
        return (await ledger.heartbeat?.(id, beat)) ?? true
      },
    }))
    const two = open(slow.tier, clock)
    await readFor(two, clock, 1500)
    isSlow = true
    await two.namespace('n3').delete('k')
    await readFor(two, clock, 100)
    expect(held).toHaveLength(1)
    const closed = two.close()
    await clock.run(10)
    isSlow = false
    held[0]?.()
    await settled(clock, closed)
    expect([...processes.values()].map(({ places }) => places.size)).toEqual([0])
  })

  test('does not keep those waiting who wait for an invalidation here', async () => {
    const { clock, connect } = world()
    const stuck = connect((ledger) => ({
      nodes: async (namespace) => [...((await ledger.nodes?.(namespace)) ?? []), { id: 'stuck', seq: 0, ageMs: 0 }],
    }))
    const cache = open(stuck.tier, clock)
    await readFor(cache, clock, 500)
    const acked = (await cache.namespace('n3').delete('k')).acked({ timeout: 60_000 })
    acked.catch(() => {})
    await clock.run(200)
    await settled(clock, cache.close())
    const began = clock.monotonic()
    await expect(settled(clock, acked)).rejects.toMatchObject({
      code: 'LEDGER_UNREACHABLE',
      message: expect.stringContaining('closed'),
    })
    expect(clock.monotonic() - began).toBeLessThan(50)
  })
})

test('thousands of namespaces that lose their trust at once leave together, and delay no other', async () => {
  const { clock, connect } = world()
  const { tier, beats } = connect()
  const presence = presenceOf(tier.ledger, () => 'many', clock) ?? expect.fail('it takes heartbeats')
  let isTrusted = true
  const members: Member[] = Array.from({ length: 20_000 }, (_, at) => ({
    namespace: `n${at}`,
    patienceMs: 100,
    get isTrusted() {
      return isTrusted
    },
  }))
  for (const member of members) presence.applied(member, 'epoch', 1)
  await clock.run(1100)
  isTrusted = false
  const began = performance.now()
  await clock.run(3000)
  expect(beats.flatMap(({ left }) => left)).toHaveLength(20_000)
  expect(performance.now() - began, 'in time').toBeLessThan(1000)
})

describe.each(TOLD)('a process of which the store is told by %s, and whose link flaps', (_, tells) => {
  test.each(Array.from({ length: 20 }, (__, at) => at + 1))(
    'G3 G4: trusts what it holds for 500 ms at most while nobody would wait for it (seed %i)',
    async (seed) => {
      const { next: random } = seededRandom(seed)
      const { clock, processes, connect } = world()
      const link = { isDown: false, isDeaf: false }
      const passing = <T>(isCut: boolean, act: () => Promise<T>): Promise<T> =>
        isCut ? Promise.reject(new Error('no answer')) : act()
      const { tier } = connect((ledger) => ({
        pull: (namespace, from) => passing(link.isDown, () => ledger.pull(namespace, from)),
        unmoved: (places) => passing(link.isDown, async () => (await ledger.unmoved?.(places)) ?? []),
        report: (...given) => passing(link.isDown || link.isDeaf, async () => ledger.report?.(...given)),
        heartbeat:
          tells(ledger).heartbeat &&
          ((id, beat) => passing(link.isDown || link.isDeaf, async () => (await ledger.heartbeat?.(id, beat)) ?? true)),
      }))
      const said: boolean[] = []
      const ledger = new Ledger(
        {
          ...{ namespace: 'presence:n3:', store: tier.ledger, clock, trustMs: 400, timeoutMs: () => 100 },
          ...{ compile: () => () => false, outbox: undefined, nodeId: () => 'one', names: () => undefined },
        },
        { applied: () => {}, pushed: () => {}, lost: () => {}, reachable: (isUp) => void said.push(isUp) },
      )
      let changesAt = 0
      let trustingMs = 0
      let longest = 0
      let unwaitedSince: number | undefined
      for (let at = 0; at < 60_000; at += 10) {
        if (at >= changesAt) {
          const kind = random()
          link.isDown = kind < 0.35
          link.isDeaf = kind < 0.75
          changesAt = at + 50 + Math.floor(random() ** 2 * 6000)
        }
        if (at % 50 === 0) void ledger.ensure()
        await clock.run(10)
        if (ledger.isTrusted) trustingMs += 10
        const now = clock.monotonic()
        const isWaitedFor = now - (processes.get('one')?.beatAt ?? -3000) < 3000
        if (!ledger.isTrusted || isWaitedFor) unwaitedSince = undefined
        else {
          unwaitedSince ??= now
          longest = Math.max(longest, now - unwaitedSince)
        }
      }
      await settled(clock, ledger.close())
      expect(longest).toBeLessThanOrEqual(500)
      expect(trustingMs).toBeGreaterThan(1000)
      for (const [index, isUp] of said.entries()) expect(isUp, 'down and up in turns').toBe(index % 2 === 1)
    },
  )
})
